import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from model.data import make_colours

DATA = Path(make_colours.__file__).parent
Row = tuple[str, ...]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with (DATA / "colours.csv").open(encoding="utf-8", newline="") as file:
        header, *body = (tuple(row) for row in csv.reader(file))
    assert header == make_colours.HEADER
    return body


def test_xkcd_and_css_rows_are_what_the_script_makes(rows: list[Row]) -> None:
    made = make_colours.once([*make_colours.xkcd(), *make_colours.css()])
    expected = [tuple(map(str, colour.row())) for colour in made]
    assert [row for row in rows if row[-1] in ("xkcd", "css")] == expected


def test_writing_the_rows_again_gives_the_same_bytes(rows: list[Row], tmp_path: Path) -> None:
    colours = [make_colours.Colour(row[0], row[1], row[5], row[6]) for row in rows]
    make_colours.write(colours, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (DATA / "colours.csv").read_bytes()


def test_every_row_obeys_the_rule(rows: list[Row]) -> None:
    for name, col, red, green, blue, label, source in rows:
        assert make_colours.label_of(name, spaced=source != "css") == label, name
        assert col == f"#{int(red):02x}{int(green):02x}{int(blue):02x}", name


def test_no_colour_twice_under_one_name(rows: list[Row]) -> None:
    keys = Counter((re.sub(r"[\W_]", "", row[0].lower()).replace("grey", "gray"), row[1]) for row in rows)
    assert [key for key, count in keys.items() if count > 1] == []


def test_labels_and_sources(rows: list[Row]) -> None:
    assert {row[5] for row in rows} == set(make_colours.LABELS)
    assert len(make_colours.LABELS) == 10
    assert list(dict.fromkeys(row[6] for row in rows)) == ["xkcd", "css", "color-name-list"]


def test_the_readme_counts_are_the_files(rows: list[Row]) -> None:
    counts = Counter((row[5], row[6]) for row in rows)
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for label in make_colours.LABELS:
        cells = [counts[label, source] for source in ("xkcd", "css", "color-name-list")]
        assert f"| {label} | {' | '.join(map(str, cells))} | {sum(cells)} |" in readme
    assert readme.startswith(f"# colours.csv\n\n{len(rows):,} named colours")


@pytest.mark.parametrize(
    ("name", "spaced", "label"),
    [
        ("Dark Olive Green", True, "green"),
        ("blue/grey", True, "gray"),
        ("Red-Orange", True, "orange"),
        ("royal purple", True, "violet"),
        ("Infrared", True, None),
        ("Blue Lagoon", True, None),
        ("42", True, None),
        ("mediumvioletred", False, "red"),
        ("blueviolet", False, "violet"),
        ("rebeccapurple", False, "violet"),
        ("darkslategrey", False, "gray"),
        ("teal", False, None),
    ],
)
def test_label_of_a_name(name: str, spaced: bool, label: str | None) -> None:
    assert make_colours.label_of(name, spaced=spaced) == label


def test_a_name_list_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "colornames.csv"
    path.write_text("hex,name\n#000000,Black\n", encoding="utf-8")
    with pytest.raises(ValueError, match="does not start with the columns name,hex"):
        list(make_colours.color_name_list(path))
