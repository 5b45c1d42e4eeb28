"""Training files as people bring them. What is refused, and how it is said: tests/cases/train."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import dataset
from model.dataset import Dataset
from tiffin.errors import BadJob
from tiffin.job import Channel

FULL = "NAME,COL,R,G,B,LABEL,SOURCE\nruby,#c80a0b,200,10,11,red,PRODUCT\nsky,#0a14c8,10,20,200,blue,REFERENCE\n"
RGB = [[200, 10, 11], [10, 20, 200]]
LABELS = ["red", "blue"]


def read(folder: Path, content_type: str | None = None, **files: str | bytes) -> Dataset:
    """The data set of a channel with these files, `__` in a name for a slash and `_` for the dot."""
    for name, content in files.items():
        file = folder / "train" / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return dataset.read(Channel("train", folder / "train", content_type=content_type))


# R: write.csv(d, "a.csv"), and the same with quote = FALSE
FROM_R = '"","NAME","R","G","B","LABEL"\n"1","ruby",200,10,11,"red"\n"2","sky",10,20,200,"blue"\n'


@pytest.mark.parametrize(
    ("content", "names"),
    [
        pytest.param(FULL, ("ruby", "sky"), id="the-hands-ons-columns"),
        pytest.param("R,G,B,LABEL\n200,10,11,red\n10,20,200,blue\n", ("#c80a0b", "#0a14c8"), id="only-what-is-needed"),
        pytest.param(FROM_R, ("ruby", "sky"), id="row-numbers-of-r-in-front"),
        pytest.param(FROM_R.replace('"', ""), ("ruby", "sky"), id="row-numbers-of-r-unquoted"),
        pytest.param(FULL.lower(), ("ruby", "sky"), id="lower-case-header"),
        pytest.param(FULL.replace("\n", "\r\n"), ("ruby", "sky"), id="crlf"),
        pytest.param(FULL.replace("\n", "\r"), ("ruby", "sky"), id="cr-of-old-macs"),
        pytest.param("\ufeff" + FULL, ("ruby", "sky"), id="byte-order-mark"),
        pytest.param(FULL.rstrip("\n"), ("ruby", "sky"), id="no-newline-at-the-end"),
        pytest.param("\n" + FULL.replace("\n", "\n\n"), ("ruby", "sky"), id="blank-lines"),
        pytest.param(FULL.replace(",", " , "), ("ruby", "sky"), id="spaces-around"),
        pytest.param(FULL.replace("ruby", '"ruby, ""dark""\nred"'), ('ruby, "dark"\nred', "sky"), id="quoted-name"),
        pytest.param(FULL.replace("ruby", "Zürich 빨강"), ("Zürich 빨강", "sky"), id="utf-8-names"),
        pytest.param(FULL.replace("ruby", ""), ("#c80a0b", "sky"), id="a-nameless-colour"),
        pytest.param("LABEL,B,G,R\nred,11,10,200\nblue,200,20,10\n", ("#c80a0b", "#0a14c8"), id="columns-in-any-order"),
    ],
)
def test_read(content: str, names: tuple[str, ...], tmp_path: Path) -> None:
    data = read(tmp_path, a_csv=content)
    assert data.rgb.tolist() == RGB
    assert [label.lower() for label in data.labels] == LABELS
    assert data.names == names


def test_several_files_in_order_with_those_of_subfolders(tmp_path: Path) -> None:
    data = read(tmp_path, b_CSV="R,G,B,LABEL\n2,2,2,black\n", a_csv="LABEL,R,G,B\nblack,1,1,1\n", c__a_csv=FULL)
    assert data.rgb[:, 0].tolist() == [1, 2, 200, 10]


def test_what_tools_leave_is_no_data(tmp_path: Path) -> None:
    left = {"_.ipynb_checkpoints/a-checkpoint.csv", "_SUCCESS", "_temporary/b.csv", ".a.csv"}
    for name in left:
        file = tmp_path / "train" / name.removeprefix("_" if name.startswith("_.") else "")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("not to be read")
    assert len(read(tmp_path, a_csv=FULL)) == 2


def test_files_of_any_name_where_the_channel_says_csv(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "part-00000").write_text(FULL)
    assert len(read(tmp_path, content_type="text/csv")) == 2
    with pytest.raises(BadJob, match=r"channel 'train' holds no \.csv file, only part-00000$"):
        read(tmp_path)


def test_many_files_of_other_kinds_are_not_all_listed(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=r"only a0\.png, a1\.png, a2\.png, a3\.png, a4\.png, …$"):
        read(tmp_path, **{f"a{n}_png": "" for n in range(7)})


def test_the_line_of_a_byte_that_is_not_utf8_is_named_in_a_large_file(tmp_path: Path) -> None:
    rows = FULL.encode() + b"sky,,1,2,3,blue,x\n" * 5000
    with pytest.raises(BadJob, match=r"^train/a\.csv, line 5004: not UTF-8 text; save"):
        read(tmp_path, a_csv=rows + b"Z\xfcrich,,1,2,3,blue,x\n" + rows)


def test_decimals_and_bounds(tmp_path: Path) -> None:
    data = read(tmp_path, a_csv="R,G,B,LABEL\n0,255,127.5,x\n1e2,+3,007,y\n")
    assert data.rgb.tolist() == [[0, 255, 127.5], [100, 3, 7]]
    assert data.names == ("#00ff80", "#640307")


cell = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20)
row = st.tuples(
    cell, *[st.integers(0, 255)] * 3, cell.filter(lambda t: t.strip().lower() not in ("", "na", "nan", "null"))
)


@given(st.lists(row, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_whatever_the_csv_module_writes_is_read_back(rows: list[tuple[str, int, int, int, str]], ending: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ending)
    writer.writerow(["NAME", "R", "G", "B", "LABEL"])
    writer.writerows(rows)
    found = list(dataset._rows("a.csv", io.BytesIO(text.getvalue().encode())))
    assert [(values, label) for values, label, _ in found] == [(r[1:4], r[4].strip()) for r in rows]


def test_a_part_keeps_rows_together() -> None:
    data = Dataset(np.array(RGB, dtype=np.float64), np.array(LABELS), ("ruby", "sky"))
    part = data.part(np.array([1]))
    assert (part.rgb.tolist(), part.labels.tolist(), part.names) == ([RGB[1]], ["blue"], ("sky",))
    assert data.counts() == {"blue": 1, "red": 1}


def test_values_of_another_scale_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path, a_csv="R,G,B,LABEL\n0.1,0.2,0.9,blue\n1,0,0,red\n")
    assert "no value is above 1, and R, G and B are read as 0 to 255" in caplog.text
