"""The judge, over images that nobody here wrote: each has a table of what it has to find."""

import tomllib
from collections.abc import Collection
from typing import Any

import pytest

from local_test.verify.checks import load
from local_test.verify.judge import checked, judge
from local_test.verify.payload import Payload
from local_test.verify.subject import Subject
from tests import judged
from tests.server import ROOT

pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]  # the first time, images are built

IMAGES = ROOT / "tests" / "images"
NAMES = sorted(table.parent.name for table in IMAGES.glob("*/verdict.toml"))
UNDER_LOAD = {check.id for check in load.CHECKS}


def _judge(client: Any, name: str, asked: Collection[str]) -> None:
    folder = IMAGES / name
    table = tomllib.loads((folder / "verdict.toml").read_text(encoding="utf-8"))
    given = table["given"]
    subject = Subject(
        judged.build(client, folder),
        Payload((folder / "payload.csv").read_bytes(), "text/csv"),
        {channel: folder / file for channel, file in given.get("channels", {}).items()},
        given.get("hyperparameters", {}),
        folder / given["model"] if "model" in given else None,
    )
    expected = {status: [each for each in table[status] if each in asked] for status in ("fail", "warn")}
    judged.expect(judge(subject, lambda _: None, sorted(asked)), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_image_is_judged_as_its_table_says(name: str, client: Any) -> None:
    _judge(client, name, checked() - UNDER_LOAD)


@pytest.mark.alone
@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_image_under_load_is_judged_so_too(name: str, client: Any) -> None:  # H-02, H-08
    _judge(client, name, UNDER_LOAD)
