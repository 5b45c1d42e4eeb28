"""Pure parts of `build`."""

import pytest

from deploy import builders, engine, filling

GIB = 2**30


def test_the_largest_folder_is_opened_until_it_is_its_own_files() -> None:
    sizes = {
        "/": 10 * GIB,
        "/opt": 8 * GIB,
        "/opt/venv": 8 * GIB,
        "/opt/venv/torch": 5 * GIB,
        "/opt/venv/torch/lib": GIB,
        "/opt/venv/scipy": 3 * GIB,
        "/usr": 2 * GIB,
        "/etc": 4096,
    }
    assert filling.divided(sizes, 4) == [
        (5 * GIB, "/opt/venv/torch"),
        (3 * GIB, "/opt/venv/scipy"),
        (2 * GIB, "/usr"),
    ]
    assert filling.divided({"/": 10 * GIB, "/usr": 6 * GIB}, 4) == [(6 * GIB, "/usr"), (4 * GIB, "files in /")]
    assert filling.divided({}, 4) == []


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("write /opt/a: no space left on device", "docker builder prune"),
        ("SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "ca.pem=FILE"),
        ("Temporary failure resolving 'packages.example'", "HTTPS_PROXY"),
        ('Get "https://registry.example/v2/": no such host', "container/build.sh"),
        ("the --mount option requires BuildKit", "buildx"),
    ],
)
def test_a_failed_build_names_the_fix(said: str, hint: str) -> None:
    error = engine.failed("the build failed", "exit code: 1", (said,), builders.HINTS)
    assert f"\n  {said}\n" in str(error)
    assert hint in str(error).rpartition("\n")[2]


def test_proxies_of_the_shell_and_nothing_else_of_it() -> None:
    environ = {"HTTPS_PROXY": "http://p:1", "no_proxy": "here", "http_proxy": "", "AWS_SECRET_ACCESS_KEY": "x"}
    assert builders.proxies(environ) == {"HTTPS_PROXY": "http://p:1", "no_proxy": "here"}
