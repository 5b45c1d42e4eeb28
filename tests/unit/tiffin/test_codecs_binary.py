"""npy, npz, RecordIO, Parquet and Arrow streams. What each keeps of what is in tests/docs/test_formats.py."""

import random
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.server import ROOT
from tests.unit.tiffin import bodies
from tiffin import codecs, media
from tiffin.codecs import csv
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.media import MediaType
from tiffin.table import ArrayRows, Table

HOSTILE = bodies.hostile()


@pytest.mark.parametrize(
    ("kind", "body", "rows", "columns"),
    [
        (media.NPY, bodies.npy(np.array([1, 2])), [[1], [2]], None),
        (media.NPY, bodies.npy(np.array([[1.5, 2]])), [[1.5, 2.0]], None),
        (media.NPY, bodies.npy(np.array([[1, 2], [3, 4]], order="F")), [[1, 2], [3, 4]], None),
        (media.NPY, bodies.npy(np.array([[1, 2]], dtype=">i4")), [[1, 2]], None),
        (media.NPY, bodies.npy(np.array(["é", "하늘"])), [["é"], ["하늘"]], None),
        (media.NPY, bodies.npy(np.array(["é", "하늘"], dtype=">U2")), [["é"], ["하늘"]], None),
        (media.NPY, bodies.npy(np.array([True, False])), [[True], [False]], None),
        (media.NPY, bodies.npy(np.zeros((0, 3))), [], None),
        (media.NPY, bodies.npy_header('{"shape":(2,),"fortran_order":False,"descr":"|u1"}', b"\1\2"), [[1], [2]], None),
        (media.NPZ, bodies.packed({"arr_0.npy": bodies.npy(np.array([1, 2]))}), [[1], [2]], None),
        (media.NPZ, bodies.packed({"x.npy": bodies.FLOATS}), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], None),
        (media.NPZ, bodies.packed({"x.npy": bodies.npy(np.array([1, 2]))}), [[1], [2]], ("x",)),
        (
            media.NPZ,
            bodies.packed({"a.npy": bodies.npy(np.array(["x", "y"])), "b.npy": bodies.npy(np.array([1, 2]))}),
            [["x", 1], ["y", 2]],
            ("a", "b"),
        ),
        (media.RECORDIO, bodies.RECORDS_FLOAT32, [[1.5, -2.0], [0.25, 3.0]], None),
        (media.RECORDIO, bodies.RECORD_FLOAT64, [[0.1]], None),
        (media.RECORDIO, bodies.RECORD_INT32 * 2, [[1, -2, 300]] * 2, None),
        (media.RECORDIO, bodies.RECORDS_LABELLED, [[1.5], [2.5]], None),
        (media.PARQUET, bodies.parquet_file({"a": [1, None], "b": ["x", None]}), [[1, "x"], [None, None]], ("a", "b")),
        (media.PARQUET, bodies.parquet_file({"a": [1, 2], "b": [3, 4]}), [[1, 3], [2, 4]], ("a", "b")),
        (media.ARROW_STREAM, bodies.stream({"a": [True, None]}), [[True], [None]], ("a",)),
        (media.ARROW_STREAM, bodies.stream({"a": pa.array(["x", "x"]).dictionary_encode()}), [["x"]] * 2, ("a",)),
        (media.ARROW_STREAM, bodies.stream({"a": [1.5] * 5000}, "zstd"), [[1.5]] * 5000, ("a",)),
        (media.ARROW_STREAM, bodies.stream({"a": pa.array([], pa.int64())}), [], ("a",)),
    ],
)  # fmt: skip
def test_decode(kind: MediaType, body: bytes, rows: Any, columns: Any) -> None:
    table = codecs.decode(body, kind)
    assert (list(table.rows), table.columns) == (rows, columns)
    assert [[type(cell) for cell in row] for row in table.rows] == [[type(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_in_a_sentence_and_little_memory(name: str) -> None:
    """pyarrow's own memory is looked at in tests/http/test_formats.py."""
    kind, body, sentence = HOSTILE[name]
    tracemalloc.start()
    try:
        with pytest.raises(BadPayload) as raised:
            codecs.decode(body, kind)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20 + 2 * len(body)
    finally:
        tracemalloc.stop()
    assert sentence in str(raised.value)
    assert len(str(raised.value)) < 400


def test_K07_nothing_is_unpickled(tmp_path: Any) -> None:
    class Runs:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "it ran"), "w"))

    body = bodies.npy(np.array([Runs()], dtype=object), allow_pickle=True)
    for kind, sent in ((media.NPY, body), (media.NPZ, bodies.packed({"a.npy": body}))):
        with pytest.raises(BadPayload, match="pickle"):
            codecs.decode(sent, kind)
    assert list(tmp_path.iterdir()) == []


def test_K05_a_format_is_found_by_its_media_type_whatever_its_case_and_parameters() -> None:
    for name in ("application/x-npy", "Application/X-NPY; charset=utf-8", "application/npy"):
        assert codecs.decode(bodies.FLOATS, media.parse(name)).numbers().shape == (2, 3)
    for name in ("text/csv; charset=utf-8", "TEXT/CSV"):
        assert codecs.decode(b"1,2\n", media.parse(name)).numbers().tolist() == [[1, 2]]


def test_K06_text_in_csv_is_never_nan_and_one_row_keeps_its_shape() -> None:
    assert csv.decode("1,2,3\n").numbers().shape == (1, 3)
    for body in ("1,blue\n", "1,nan\n", "1,\n"):
        with pytest.raises(BadPayload, match="row 1, column '2'"):
            csv.decode(body).numbers()


def test_K06_a_header_is_no_row_of_nans() -> None:
    with pytest.raises(BadPayload, match=r"'R' is not a number; if row 1 is a header, say so.*header=present"):
        csv.decode("R,G\n1,2\n").numbers()


@pytest.mark.parametrize(
    ("table", "body"),
    [
        (Table(ArrayRows(np.array([[1.5, -2], [0.25, 3]], dtype=np.float32))), bodies.RECORDS_FLOAT32),
        (Table([[0.1]]), bodies.RECORD_FLOAT64),
        (Table([[1, -2, 300]]), bodies.RECORD_INT32),
        (Table([[0.5]], ("score",)), bodies.RECORD_NAMED),
    ],
)
def test_records_are_written_as_aws_writes_them(table: Table, body: bytes) -> None:
    assert codecs.encode(table, media.RECORDIO) == body


@pytest.mark.parametrize(
    ("table", "kind", "sentence"),
    [
        (Table([["blue", 1]]), media.NPY, "npy holds one type of value, and the answer has text and integers"),
        (Table([[2**70]]), media.NPY, "more than 64 bits"),
        (Table([[2**60], [0.5]]), media.NPY, "integers beyond 2^53 are no floats"),
        (Table([["a\0"]]), media.NPY, "drops the NUL"),
        (Table([["x" * 10**6]] + [["y"]] * 1000), media.NPY, "one text of 1000000 characters"),
        (Table([["blue"]]), media.RECORDIO, "a record holds numbers, and the answer has text"),
        (Table([[2**31]]), media.RECORDIO, "integers of 32 bits only"),
        (Table([["a"], [1]]), media.PARQUET, "a column holds one type of value"),
        (Table([[1, 2]], ("a", "a")), media.ARROW_STREAM, "two columns of one name"),
        (Table([[1, 2]], ("a", "a")), media.NPZ, "cannot be names of arrays"),
    ],
)
def test_what_does_not_fit_is_refused(table: Table, kind: MediaType, sentence: str) -> None:
    with pytest.raises(NotAcceptable, match=sentence.replace("^", r"\^")):
        codecs.encode(table, kind)


def test_one_long_text_in_many_rows_of_parquet_is_one_text() -> None:
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 10**6]))
    table = codecs.decode(bodies.parquet_file({"a": many}), media.PARQUET)
    assert len({id(row[0]) for row in table.rows}) == 1


def test_three_dimensions_are_for_who_asks_for_the_array() -> None:
    table = codecs.decode(bodies.npy(np.zeros((2, 4, 3))), media.NPY)
    assert table.array is not None
    assert (len(table), table.array.shape) == (2, (2, 4, 3))
    for ask in (table.numbers, lambda: table.select(["a"])):
        with pytest.raises(BadPayload, match=r"has 3 dimensions, \(2, 4, 3\), where rows of cells are needed"):
            ask()


def test_numbers_of_an_array_name_the_cell() -> None:
    table = codecs.decode(bodies.npy(np.array([[1, 2], [3, np.nan]])), media.NPY)
    with pytest.raises(BadPayload, match="row 2, column '2': nan is not a finite number"):
        table.numbers()
    assert table.select(["a", "b"]).select(["b", "a"]).rows[0] == [2.0, 1.0]


def test_numbers_are_the_callers_own() -> None:
    table = codecs.decode(bodies.FLOATS, media.NPY)
    table.numbers()[0, 0] = 7
    assert table.numbers()[0, 0] == 0


SEEDS = {
    media.NPY: bodies.FLOATS,
    media.NPZ: bodies.packed({"a.npy": bodies.TWO, "b.npy": bodies.npy(np.array(["x", "y"]))}),
    media.RECORDIO: bodies.RECORDS_LABELLED + bodies.RECORDS_FLOAT32,
    media.PARQUET: bodies.parquet_file({"a": [1, 2, 3], "b": ["x", "y", None]}),
    media.ARROW_STREAM: bodies.stream({"a": [1, 2, 3], "b": ["x", "y", None]}, "zstd"),
}


@pytest.mark.parametrize("kind", SEEDS, ids=str)
def test_damaged_bodies_are_tables_or_bad_payloads(kind: MediaType) -> None:
    chance = random.Random(7)  # noqa: S311
    for turn in range(1500):
        damaged = bytearray(SEEDS[kind])
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if turn % 5 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        with suppress(BadPayload):
            table = codecs.decode(bytes(damaged), kind)
            assert all(len(row) == table.width for row in table.rows)


@pytest.mark.parametrize("kind", [*codecs.FORMATS, MediaType("application", "vnd.apache.parquet")], ids=str)
def test_an_empty_body_is_no_table(kind: MediaType) -> None:
    with pytest.raises(BadPayload, match="the body is empty; send at least one row"):
        codecs.decode(b"", kind)


WITHOUT_PYARROW = """
import sys
from importlib import machinery
finder = machinery.PathFinder.find_spec
machinery.PathFinder.find_spec = classmethod(lambda c, name, *a: None if name == "pyarrow" else finder(name, *a))
from tiffin import codecs, media
from tiffin.errors import PublicError
for ask in (lambda: codecs.decode(b"x", media.PARQUET), lambda: codecs.negotiate("application/x-parquet", media.CSV)):
    try:
        ask()
    except PublicError as error:
        print(error.status, error)
"""


def test_without_pyarrow_its_formats_are_not_offered() -> None:
    environ = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    code = WITHOUT_PYARROW
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    offered = "text/csv, application/json, application/jsonlines, application/x-npy, application/x-npz, "
    offered += "application/x-recordio-protobuf"
    assert done.stdout.splitlines() == [
        "415 application/x-parquet needs pyarrow, which is not installed here: build the image with EXTRAS=arrow, or "
        f"pip install pyarrow; or send one of {offered}",
        f"406 cannot answer 'application/x-parquet'; can answer {offered}",
    ]


def test_the_server_starts_without_pyarrow() -> None:
    environ = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    code = "import sys, serve.server; from tiffin import codecs; codecs.offered(); print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
