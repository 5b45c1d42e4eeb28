from pathlib import Path

import pytest

from local_test import terminal
from local_test.commands import serve


@pytest.mark.parametrize(
    ("row", "colour"),
    [
        ("73,84,116", (73, 84, 116)),
        (" 0 , 0,255 ", (0, 0, 255)),
        ("#495474", (73, 84, 116)),
        ("495474", (73, 84, 116)),
        ("300,0,0", None),
        ("1,2", None),
        ("blue", None),
        ("", None),
    ],
)
def test_colour_of_a_row(row: str, colour: tuple[int, int, int] | None) -> None:
    assert terminal.rgb_of(row) == colour


@pytest.mark.parametrize(
    ("environment", "shown"),
    [({}, "#495474"), ({"FORCE_COLOR": "1"}, "\033[48;2;73;84;116m      \033[0m"), ({"FORCE_COLOR": "0"}, "#495474")],
)
def test_swatch_is_text_where_nobody_looks(
    environment: dict[str, str], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.swatch(73, 84, 116) == shown


@pytest.mark.parametrize(
    ("folders", "command"), [(["local_test"], "make predict"), (["model"], "tiffin local predict FILE")]
)
def test_what_to_try_next_is_there_to_be_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: list[str], command: str
) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert serve.how_to_ask() == command
