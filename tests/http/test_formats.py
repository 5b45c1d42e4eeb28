"""Binary formats, bodies that pass through, headers and bad rows, as a caller of a real server meets them."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.server import Server, serving
from tests.unit.tiffin import bodies
from tiffin import codecs, media
from tiffin.media import MediaType
from tiffin.table import ArrayRows, Table

PLUG = """
PASS_THROUGH = ("application/x-image", "image/png")

class Sum:
    feature_names_in_ = ["r", "g"]

    def predict(self, rows):
        return rows[:, 0] * 10 + rows[:, 1]

def model_fn(model_dir):
    return Sum()

def predict_fn(data, model):
    if isinstance(data, bytes):
        return data[::-1] if data.startswith(b"PNG") else [len(data)]
    if data.array is not None and data.array.ndim == 3:
        return data.array.sum(axis=(1, 2))
    return model.predict(data.select(model.feature_names_in_).numbers())
"""
HOSTILE = bodies.hostile()
FLOATS = Table(ArrayRows(np.array([[1.5, 2], [3, 4]])))
ANSWER = [17.0, 34.0]
BINARY = [kind for kind in codecs.FORMATS if kind not in (media.CSV, media.JSON, media.JSON_LINES)]


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("formats")
    (folder / "ml" / "model").mkdir(parents=True)
    (folder / "sum").mkdir()
    (folder / "sum" / "inference.py").write_text(PLUG)
    with serving(folder / "ml", {"TIFFIN_PLUG": str(folder / "sum"), "SERVE_WORKERS": "1"}) as running:
        yield running


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same model by its own `predict`, so that the short way is there too; bad rows get a placeholder."""
    folder = tmp_path_factory.mktemp("estimator")
    (folder / "ml" / "model").mkdir(parents=True)
    (folder / "sum").mkdir()
    (folder / "sum" / "inference.py").write_text(PLUG.partition("def predict_fn")[0])
    environment = {"TIFFIN_PLUG": str(folder / "sum"), "SERVE_WORKERS": "1", "TIFFIN_BAD_ROWS": "placeholder"}
    with serving(folder / "ml", environment) as running:
        yield running


def read(body: bytes, content_type: str) -> list[float]:
    """By the formats' own libraries."""
    match content_type:
        case "application/x-npy":
            found = np.load(io.BytesIO(body))
        case "application/x-npz":
            found = np.load(io.BytesIO(body))["arr_0"]
        case "application/x-parquet":
            found = parquet.read_table(io.BytesIO(body)).column(0).to_numpy()
        case "application/vnd.apache.arrow.stream":
            found = pa.ipc.open_stream(body).read_all().column(0).to_numpy()
        case _:
            found = np.array([row[0] for row in codecs.decode(body, media.parse(content_type)).rows])
    numbers: list[float] = found.tolist()
    return numbers


@pytest.mark.parametrize("kind", BINARY, ids=str)
def test_each_binary_format_in_and_out(plugged: Server, kind: MediaType) -> None:
    body = codecs.encode(FLOATS, kind)
    answer = plugged.invoke(body, str(kind))
    assert (answer.status, answer.headers["content-type"]) == (200, str(kind)), answer.body
    assert read(answer.body, str(kind)) == ANSWER
    assert plugged.invoke(body, str(kind), Accept="text/csv").body == b"17.0\n34.0\n"
    answer = plugged.invoke(b"1.5,2\n3,4\n", Accept=str(kind))
    assert read(answer.body, answer.headers["content-type"]) == ANSWER


def test_columns_of_parquet_are_taken_by_name(plugged: Server) -> None:
    body = bodies.parquet_file({"g": [2, 4], "note": ["a", "b"], "R": [1, 3]})
    assert plugged.invoke(body, "application/vnd.apache.parquet", Accept="text/csv").body == b"12.0\n34.0\n"


def test_three_dimensions_reach_a_handler_that_takes_the_array(plugged: Server, estimator: Server) -> None:
    body = bodies.npy(np.ones((2, 4, 3)))
    assert plugged.invoke(body, "application/x-npy", Accept="application/json").body == b"[12.0,12.0]\n"
    refused = estimator.invoke(body, "application/x-npy")
    assert refused.status == 400
    assert b"the array has 3 dimensions, (2, 4, 3), where rows of cells are needed" in refused.body


@pytest.mark.parametrize(
    ("sent", "status", "answered", "answer"),
    [
        (("image/png", "image/png", b"PNG\x00\xff"), 200, "image/png", b"\xff\x00GNP"),
        (("image/png", "*/*", b"PNG\x00\xff"), 200, "image/png", b"\xff\x00GNP"),
        (("application/x-image", "image/*", b"PNG"), 200, "image/png", b"GNP"),
        (("Image/PNG; a=b", "*/*", b"\xff\xd8"), 200, "application/json", b"[2]\n"),
        (("image/png", "text/csv", b"\xff\xd8"), 200, "text/csv", b"2\n"),
        (
            ("image/png", "text/csv", b"PNG"),
            406,
            "application/json",
            b"cannot answer 'text/csv' with bytes; can",
        ),
        (
            ("image/png", "image/png", b"\xff"),
            406,
            "application/json",
            b"cannot answer 'image/png' with rows; can answer",
        ),
        (("image/png", "audio/wav", b"PNG"), 406, "application/json", b"application/x-image, image/png"),
        (("image/jpeg", "*/*", b"\xff"), 415, "application/json", b"application/x-image, image/png"),
        (("text/csv", "*/*", b"1,2\n"), 200, "text/csv", b"12.0\n"),
    ],
)
def test_pass_through(plugged: Server, sent: tuple[str, str, bytes], status: int, answered: str, answer: bytes) -> None:
    content_type, accept, body = sent
    got = plugged.invoke(body, content_type, Accept=accept)
    assert (got.status, got.headers["content-type"]) == (status, answered), got.body
    assert got.body == answer if status == 200 else answer in got.body


def high_water(server: Server) -> int:
    """The most memory, in MiB, that any of the server's processes has had."""
    pids = [server.process.pid]
    for pid in pids:
        pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return max(int(re.findall(r"VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) for pid in pids) // 1024


def test_hostile_bodies_are_400_with_a_sentence_and_cost_no_memory(plugged: Server) -> None:
    plugged.invoke(codecs.encode(FLOATS, media.PARQUET), "application/x-parquet")  # pyarrow is there from now on
    before = high_water(plugged)
    for name, (kind, body, sentence) in HOSTILE.items():
        answer = plugged.invoke(body, str(kind))
        assert answer.status == 400, name
        assert sentence in json.loads(answer.body)["message"], name
    assert high_water(plugged) - before < 64
    assert plugged.invoke(b"1,2\n").body == b"12.0\n"


@pytest.mark.parametrize("server_name", ["plugged", "estimator"])
def test_a_declared_header_maps_columns_by_name(server_name: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(server_name)
    body = b"note,g,R\nx,2,1\ny,4,3\n"
    assert server.invoke(body, "text/csv; header=present").body == b"12.0\n34.0\n"
    assert server.invoke(b"1,2\n", "text/csv; header=absent").body == b"12.0\n"
    assert server.invoke(b"1,2\n", "text/csv; header=maybe").status == 415


def test_B05_each_mini_batch_of_a_file_with_a_header_is_told_by_itself(plugged: Server) -> None:
    """`SplitType: Line` puts the header into the first mini-batch only."""
    first, second = b"R,G\n1,2\n", b"3,4\n5,6\n"
    declared = [plugged.invoke(body, "text/csv; header=present") for body in (first, second)]
    assert [answer.status for answer in declared] == [200, 400]
    assert b"the header has a number, '3', where names are; is it a row of data?" in declared[1].body
    undeclared = [plugged.invoke(body, "text/csv") for body in (first, second)]
    assert [answer.status for answer in undeclared] == [400, 200]
    assert b"if row 1 is a header, say so: Content-Type: text/csv; header=present" in undeclared[0].body
    alone = plugged.invoke(b"R,G\n", "text/csv; header=present")  # BatchStrategy: SingleRecord
    assert (alone.status, b"a header without rows" in alone.body) == (400, True)


BAD = b"1,2\n1,x\n3,4\n5\n,\n"


@pytest.mark.parametrize(
    ("content_type", "accept", "body", "answer"),
    [
        ("text/csv", "text/csv", BAD, b"12.0\nERROR\n34.0\nERROR\nERROR\n"),
        ("text/csv", "text/csv;bad-rows=null", BAD, b'12.0\n""\n34.0\n""\n""\n'),
        ("text/csv", "application/json;bad-rows=null", BAD, b"[12.0,null,34.0,null,null]\n"),
        ("text/csv; header=present", "text/csv", b"g,r\n" + BAD, b"21.0\nERROR\n43.0\nERROR\nERROR\n"),
        ("application/jsonlines", "*/*", b'[1,2]\n{"\n[3,4]\n[5]\n', b'12.0\n"ERROR"\n34.0\n"ERROR"\n'),
        ("application/json", "*/*", b'{"instances":[[1,2],[null,2]]}', b'{"predictions":[12.0,"ERROR"]}\n'),
        ("text/csv", "text/csv", b"a,b\nc,d\n", b"ERROR\nERROR\n"),
    ],
)
def test_B07_a_bad_row_costs_its_own_answer_only(
    estimator: Server, content_type: str, accept: str, body: bytes, answer: bytes
) -> None:
    got = estimator.invoke(body, content_type, Accept=accept)
    assert (got.status, got.body) == (200, answer)


def test_B07_the_log_says_how_many_and_why_the_first(estimator: Server) -> None:
    estimator.invoke(b"1,2\n1,oops\n3\n", X_Amzn_SageMaker_Inference_Id="b07")
    estimator.wait_for_log(
        r"invocation b07 status=200 rows=3 ms=[\d.]+ 2 bad rows of 3, the first: row 2, column '2': 'oops' is not a num"
    )


@pytest.mark.parametrize(
    ("body", "attributes", "status", "sentence"),
    [
        (BAD, "bad-rows=fail", 400, b"row 4: has 1 column where row 1 has 2"),
        (BAD, "bad-rows=skip", 400, b"the option bad-rows='skip' is none of fail, placeholder, null"),
        (b'1,2\n"1,2\n', "bad-rows=null", 400, b"a quote is opened and never closed"),
        (b"", "bad-rows=null", 400, b"the body is empty"),
    ],
)
def test_B07_what_fails_all_the_same(
    estimator: Server, body: bytes, attributes: str, status: int, sentence: bytes
) -> None:
    got = estimator.invoke(body, X_Amzn_SageMaker_Custom_Attributes=attributes)
    assert (got.status, sentence in got.body) == (status, True), got.body


def test_B07_a_placeholder_that_the_format_cannot_hold_is_406(estimator: Server) -> None:
    got = estimator.invoke(BAD, Accept="application/x-npy")
    assert (got.status, b"the answer has text and decimals" in got.body) == (406, True)
    got = estimator.invoke(BAD, Accept="application/x-npy;bad-rows=null")
    assert np.isnan(np.load(io.BytesIO(got.body))).tolist() == [False, True, False, True, True]
