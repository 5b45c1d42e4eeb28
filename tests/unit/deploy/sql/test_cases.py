"""tests/cases/deploy_sql: what is asked, and each file that comes out, to the letter."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.commands.sql import PARTS
from tests.server import ROOT

CASES = sorted((ROOT / "tests" / "cases" / "deploy_sql").iterdir())


def arguments(case: Path) -> list[str]:
    return shlex.split((case / "arguments").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda folder: folder.name)
def test_case(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", *arguments(case), "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "out" / name) for name in PARTS.values()]
    expected = {file.name: file.read_text(encoding="utf-8") for file in case.iterdir() if file.name != "arguments"}
    found = {name: (tmp_path / "out" / name).read_text(encoding="utf-8") for name in expected}
    assert found == expected


@pytest.mark.parametrize("case", CASES, ids=lambda folder: folder.name)
def test_a_client_that_cuts_at_semicolons_cuts_no_comment(case: Path) -> None:
    lines = (case / "function.sql").read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("--")]
    assert comments
    assert [line for line in comments if ";" in line] == []


@pytest.mark.parametrize("part", PARTS)
def test_a_part_to_stdout(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[0].with_name("redshift")
    assert main(["sql", *arguments(case), "--part", part]) == 0
    assert capsys.readouterr().out == (case / PARTS[part]).read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda folder: folder.name)
def test_every_script_is_one_of_posix(case: Path) -> None:
    scripts = list(case.glob("setup.sh"))
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert text.startswith("#!/bin/sh\n")
        assert "\nset -eu\n" in text
        for shell in (["dash", "-n"], ["bash", "--posix", "-n"]):
            done = subprocess.run([*shell, script], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")


def test_every_template_is_to_cloudformations_schema() -> None:
    """By cfn-lint, with the schemas of CloudFormation's own registry."""
    templates = [file for case in CASES for file in case.glob("template.yaml")]
    assert len(templates) >= 4
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--include-checks", "I", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_documentation_shows_what_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "17-sql-in-aws.md").read_text(encoding="utf-8")
    asked, shown = (page.split(f"```{language}\n", 1)[1].split("```", 1)[0] for language in ("sh", "sql"))
    python, module, deploy, command, *arguments = shlex.split(asked.replace("\\\n", ""))
    assert (python, module, deploy, command) == ("python", "-m", "deploy", "sql")
    assert main(["sql", *arguments]) == 0
    assert capsys.readouterr().out == shown
