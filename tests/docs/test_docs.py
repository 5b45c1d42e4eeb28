"""The documentation says what the code does."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from local_test.api.enforced import PREFIX, Enforced
from tests.server import ROOT
from tiffin import __version__, errors
from tiffin.__main__ import COMMANDS
from tiffin.settings import VARIABLES

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("model/**/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
]
CONTRACT_ID = re.compile(r"\b[CTHMBSAPKDWQ]-\d\d\b")


def rows(page: Path) -> list[list[str]]:
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_settings_page_is_the_list_of_variables() -> None:
    listed = {tuple(re.findall(r"`([A-Z_]+)`", row[0])): row[1] for row in rows(ROOT / "docs" / "03-settings.md")[1:]}
    assert listed == {variable.names: variable.meaning for variable in VARIABLES}


def test_limits_of_the_local_api_are_listed() -> None:
    listed = [row[0] for row in rows(ROOT / "docs" / "14-local-endpoints.md") if row[0].startswith("TIFFIN_LOCAL_")]
    assert sorted(listed) == sorted(f"{PREFIX}{field.name.upper()}" for field in fields(Enforced))


def test_errors_page_has_every_error_with_its_status() -> None:
    table = rows(ROOT / "docs" / "04-errors.md")
    listed = {row[1].strip("`"): row[0] for row in table if re.fullmatch(r"\d{3}", row[0])}
    for error in errors.PublicError.__subclasses__():
        assert listed[error.__name__] == str(error.status)
    page = (ROOT / "docs" / "04-errors.md").read_text()
    for fatal in (errors.SettingsError, errors.NoModel, errors.BadJob):
        assert f"`{fatal.__name__}`" in page


def test_every_contract_id_of_the_code_is_explained() -> None:
    explained = {row[0] for row in rows(ROOT / "docs" / "02-contract.md")}
    cited: dict[str, Path] = {}
    for folder in (
        "tiffin",
        "serve",
        "train",
        "model",
        "examples",
        "local_test",
        "deploy",
        "container",
        "tests",
        "docs",
    ):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in {".py", ".sh", ".md", ""} and file.is_file() and "__pycache__" not in file.parts:
                cited |= dict.fromkeys(CONTRACT_ID.findall(file.read_text(errors="ignore")), file)
    assert {found: str(file) for found, file in cited.items() if found not in explained} == {}


def test_no_contract_id_has_two_lines() -> None:
    explained = [row[0] for row in rows(ROOT / "docs" / "02-contract.md") if CONTRACT_ID.fullmatch(row[0])]
    assert [each for each in set(explained) if explained.count(each) > 1] == []


def test_every_line_of_hosting_has_a_test_named_after_it() -> None:
    named = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"def test((?:_[A-Z]\d\d)+)_", file.read_text(encoding="utf-8")):
            named |= {f"{found[0]}-{found[1:]}" for found in name.split("_")[1:]}
    explained = {row[0] for row in rows(ROOT / "docs" / "02-contract.md") if re.fullmatch(r"[HWMP]-\d\d", row[0])}
    wanted = explained | {"B-01", "B-02", "B-03", "B-04", "B-05", "B-07", "B-11", "S-05", "S-06"}
    assert wanted - named == {"M-12"}  # on GPUs, and no more than a remark


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_make_targets_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), target
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    assert set(re.findall(r"\bmake ([a-z]+)", code)) <= targets


def test_images_are_named_by_this_version() -> None:
    for page in PAGES:
        assert set(re.findall(r"tiffin:(\d[\d.]*\d)", page.read_text(encoding="utf-8"))) <= {__version__}


def test_python_blocks_compile() -> None:
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            compile(block, str(page), "exec")


def test_every_command_of_the_dispatcher_is_a_module() -> None:
    for module, _ in COMMANDS.values():
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_every_case_and_decision_is_numbered_once() -> None:
    numbers = [file.name[:3] for file in (ROOT / "docs" / "decisions").glob("*.md")]
    assert sorted(numbers) == [f"{n:03}" for n in range(1, len(numbers) + 1)]


def test_judged_images_fail_where_their_tables_say() -> None:
    page = rows(ROOT / "docs" / "12-verify.md")
    listed = [[cell.split(", ") for cell in row[1:]] for row in page if len(row) == 3 and re.match(r"[HT]-", row[1])]
    tables = [tomllib.loads(file.read_text()) for file in (ROOT / "tests" / "images").glob("*/verdict.toml")]
    assert sorted(listed) == sorted([table["fail"], table["warn"]] for table in tables)


def test_hyperparameters_of_the_classifier_are_documented() -> None:
    import dataclasses

    from model.training import Hyperparameters

    listed = {row[0].strip("`") for row in rows(ROOT / "model" / "README.md")}
    assert {field.name for field in dataclasses.fields(Hyperparameters)} <= listed
