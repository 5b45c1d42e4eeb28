"""docs/16-deploy.md says what `deploy` takes and does."""

import re
from dataclasses import fields

from deploy.__main__ import COMMANDS
from deploy.sections import SECTIONS
from tests.docs.test_docs import rows
from tests.server import ROOT

PAGE = ROOT / "docs" / "16-deploy.md"


def test_every_setting_is_listed_in_its_table_with_its_meaning() -> None:
    parts = re.split(r"^\*\*\[(\w+)\]\*\*$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    listed = {
        table: dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ((?:[^|]|\\\|)+) \|$", text, re.MULTILINE))
        for table, text in zip(parts[::2], parts[1::2], strict=True)
    }
    wanted = {table: {one.name: one.metadata["help"] for one in fields(section)} for table, section in SECTIONS.items()}
    assert {table: list(keys) for table, keys in listed.items()} == {
        table: list(keys) for table, keys in wanted.items()
    }
    for table, keys in wanted.items():
        for key, meaning in keys.items():
            assert listed[table][key].startswith(meaning), key


def test_every_command_is_listed() -> None:
    listed = [row[0].strip("`") for row in rows(PAGE) if re.fullmatch(r"`[a-z]+`", row[0])]
    assert listed[: len(COMMANDS)] == list(COMMANDS)
