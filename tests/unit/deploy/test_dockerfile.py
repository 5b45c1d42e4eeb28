"""What `build` reads in a Dockerfile, and what it writes into one."""

import pytest

from deploy import dockerfile

CONTINUED = """\
# syntax=docker/dockerfile:1
FROM debian AS one
RUN apt-get update \\
 # not an instruction: RUN false
 && echo COPY . /
copy --chown=0 a b.csv /x/
FROM one
RUN <<END
COPY inside /
END
ADD ["c d", "https://there/e", "/x/"]
COPY --from=one /opt /opt
"""


def test_instructions_are_found_over_lines_and_heredocs() -> None:
    assert [each.keyword for each in dockerfile.instructions(CONTINUED)] == [
        *("FROM", "RUN", "COPY", "FROM", "RUN", "ADD", "COPY")
    ]
    assert dockerfile.instructions(CONTINUED)[1].rest == "apt-get update && echo COPY . /"
    assert dockerfile.copied(CONTINUED) == ["a", "b.csv", "c d"]


def test_the_escape_directive_is_honoured() -> None:
    text = "# escape=`\nFROM a\nRUN one `\n  two\nRUN three \\\nENV A=1\n"
    assert [each.keyword for each in dockerfile.instructions(text)] == ["FROM", "RUN", "RUN", "ENV"]


def test_a_shift_of_a_shell_is_no_heredoc() -> None:
    assert [each.keyword for each in dockerfile.instructions("FROM a\nRUN x <<X\nUSER b\n")] == ["FROM", "RUN", "USER"]


def test_each_run_gets_the_secrets_and_the_variables_that_name_them() -> None:
    text = 'FROM a AS b\n  run pip install \\\n  x\nFROM b\nRUN ["true"]\n'
    mounts = "--mount=type=secret,id=pip.conf,mode=0444 --mount=type=secret,id=own,mode=0444"
    names = "ARG PIP_CONFIG_FILE=/run/secrets/pip.conf"
    assert dockerfile.with_secrets(text, ["pip.conf", "own"]) == (
        f'FROM a AS b\n{names}\n  run {mounts} pip install \\\n  x\nFROM b\n{names}\nRUN {mounts} ["true"]\n'
    )
    assert not dockerfile.mounts_secrets(text)
    assert dockerfile.mounts_secrets("FROM a\nRUN --network=none --mount=type=secret,id=x cat\n")


@pytest.mark.parametrize(
    ("source", "path", "is_taken"),
    [
        (".", ".env", True),
        ("./", "a/.env", True),
        ("model", ".env", False),
        ("model/", "model/a/.env", True),
        ("*.pem", "key.pem", True),
        ("*.pem", "a/key.pem", False),
        ("$WHAT", ".env", True),
        ("mod*", "model/.env", True),
    ],
)
def test_what_a_copy_takes(source: str, path: str, is_taken: bool) -> None:
    assert dockerfile.covers(source, path) is is_taken
