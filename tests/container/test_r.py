"""R in the image whose tag ends in -r: what a caller sees."""

import functools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from local_test.engine.tree import Tree
from model import colour
from tests.container.conftest import LABEL, STOCK, ContainerServer, docker
from tests.rimage import CASES, COLOURS, IMAGE, PLUG, container, processes, refused, rscript
from tests.server import Response

pytestmark = pytest.mark.container

TIMEOUT = 4


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("r")
    rscript(folder, "artifacts.R", "/colours.csv", "/data")
    return folder


@pytest.fixture(scope="module")
def behaviours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerServer]:
    """One process of a model.R in the artifact, as any user, on a root that cannot be written."""
    code = tmp_path_factory.mktemp("behaviours") / "model" / "code"
    code.mkdir(parents=True)
    (code / "model.R").write_text((CASES / "behaviours.R").read_text())
    for folder in (code, code.parent, code.parent.parent):
        folder.chmod(0o755)
    (code / "model.R").chmod(0o644)
    settings = ("--env", "SERVE_WORKERS=1", "--env", f"SAGEMAKER_MODEL_SERVER_TIMEOUT={TIMEOUT}")
    closed = ("--read-only", "--tmpfs", "/tmp", "--user", "12345:54321")  # noqa: S108
    with container("--volume", f"{code.parent}:/opt/ml/model:ro", *settings, *closed) as server:
        yield server


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """docs/07-r.md from an empty folder: the tree of the R colour classifier, trained."""
    base = tmp_path_factory.mktemp("trained") / "ml"
    tree = Tree.build(base, {"color_space": "lab", "minbucket": "5"}, {"train": COLOURS})
    mounts = ("--volume", f"{tree.paths.base}:/opt/ml", "--volume", f"{PLUG}:/opt/program/model:ro")
    done = docker("run", "--rm", "--label", LABEL, *mounts, IMAGE, "train")
    found = re.search(r"^validation_accuracy=([0-9.]+);$", done.stdout, re.MULTILINE)  # T-40
    assert found
    assert float(found[1]) > 0.7
    return base


def grid() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    steps = np.arange(32) * 8 + 4
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    return np.stack([red.ravel(), green.ravel(), blue.ravel()], axis=1)


def as_csv(rows: "np.ndarray[tuple[int, int], np.dtype[np.int64]]") -> bytes:
    return "".join(f"{r},{g},{b}\n" for r, g, b in rows.tolist()).encode()


def ask(server: ContainerServer, text: str, x: str = "1", g: str = "a", ok: str = "true") -> Response:
    return server.invoke(f"{x},{g},{text},{ok}\n".encode())


# Parity


def test_a_trained_colour_plug_answers_as_plain_r_does_over_the_whole_grid(trained: Path) -> None:
    rscript(trained / "model", "expected.R", "/data/colours.rds", "/data/expected.csv")
    expected = [line.split(",") for line in (trained / "model" / "expected.csv").read_text().splitlines()]
    mounts = ("--volume", f"{trained}:/opt/ml:ro", "--volume", f"{PLUG}:/opt/program/model:ro")
    with container(*mounts) as server:
        answer = server.invoke(as_csv(grid()))
        one = server.invoke(b'{"b": 0, "g": 0, "r": 255}', "application/json")
        header = server.invoke(b"B,R,G\n0,255,0\n", "text/csv; header=present")
        above = server.invoke(b"1,2,3\n1,2,300\n")
        missing = server.invoke(b"1,2,\n")
    assert answer.status == 200, answer.body
    assert [[row[0], row[1], row[2]] for row in expected] == [[str(v) for v in row] for row in grid().tolist()]
    assert answer.body.decode().splitlines() == [row[6] for row in expected]
    assert (one.status, json.loads(one.body)) == (200, "red")
    assert header.body == b"red\n"
    assert (above.status, json.loads(above.body)["row"], json.loads(above.body)["column"]) == (400, 2, "B")
    assert missing.status == 400
    lab = np.array([[float(value) for value in row[3:6]] for row in expected])
    assert np.abs(lab - colour.to_features(grid(), "lab")).max() < 1e-9


def test_a_bare_rpart_answers_as_plain_r_does_over_the_whole_grid(artifacts: Path) -> None:
    folder = artifacts / "rpart" / "model"
    rscript(folder, "expected.R", "/data/model.rds", "/data/expected.csv")
    expected = [line.rpartition(",")[2] for line in (folder / "expected.csv").read_text().splitlines()]
    (folder / "expected.csv").unlink()
    with container("--volume", f"{folder}:/opt/ml/model:ro") as server:
        whole = server.invoke(as_csv(grid())).body.decode().splitlines()
        rows = grid()[::331]
        single = [server.invoke(as_csv(row[np.newaxis])).body.decode().strip() for row in rows]
    assert whole == expected
    assert single == expected[::331]


# A saved model without code


@pytest.fixture(scope="module")
def served(artifacts: Path) -> Iterator[Callable[[str], ContainerServer]]:
    """A container for each artifact that is asked for."""
    with ExitStack() as stack:

        @functools.cache
        def get(name: str) -> ContainerServer:
            return stack.enter_context(container("--volume", f"{artifacts / name / 'model'}:/opt/ml/model:ro"))

        yield get


@pytest.mark.parametrize(
    ("name", "body", "content_type", "answer"),
    [
        ("lm", b"3,100\n2,150\n", "text/csv", [21.9785, 23.7583]),
        ("glm", b"3\n2\n", "text/csv", [0.4921, 0.9819]),
        ("factors", b"setosa,1\nversicolor,2\n", "text/csv", [5.6973, 6.5540]),
        ("factors", b"Petal.Width,Species\n1,setosa\n", "text/csv; header=present", [5.6973]),
        ("factors", b'[{"petal.width": 1, "species": "setosa"}]', "application/json", [5.6973]),
        ("factors", b"setosa,\n", "text/csv", [None]),
        ("factors", b'[["setosa", null]]', "application/json", [None]),
        ("rdata", b"3\n", "text/csv", [21.2517]),
    ],
)
def test_saved_models_serve_without_code(
    served: Callable[[str], ContainerServer], name: str, body: bytes, content_type: str, answer: list[float | None]
) -> None:
    reply = served(name).invoke(body, content_type, Accept="application/json")
    assert reply.status == 200, reply.body
    assert json.loads(reply.body) == [None if value is None else pytest.approx(value, abs=1e-3) for value in answer]


def test_an_unknown_level_is_named_with_those_there_are(served: Callable[[str], ContainerServer]) -> None:
    reply = served("factors").invoke(b"setosa,1\nrose,1\n")
    document = json.loads(reply.body)
    assert (reply.status, document["row"], document["column"]) == (400, 2, "Species")
    assert "'rose' is none of setosa, versicolor, virginica" in document["message"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing", "model.rds holds a model of class 'randomForest.formula', which needs the R package randomForest;"),
        ("none", "model.rds holds a model of class 'mine', which needs the R package mine"),
        ("nothing", "model.rds holds an object of class 'numeric', and R knows no predict() for that"),
    ],
)
def test_what_cannot_predict_is_said_at_the_start(artifacts: Path, name: str, sentence: str) -> None:
    assert sentence in refused("--volume", f"{artifacts / name / 'model'}:/opt/ml/model:ro")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("predict_fn <- function(data) 1", "predict_fn takes 1 arguments; it is called with 2"),
        ("predict_fn <- 3", "predict_fn is numeric, not a function"),
        ("stream_fn <- function(stream, model) 1", "stream_fn is for Python's inference.py"),
        ("predict_fn <- function(data, model) (", "model.R failed while it was loaded: R: "),
        ("library(tree)", "there is no package called"),
        ("predict_fn <- function(data, model) 1", "the artifact holds no model.rds or model.RData to read"),
        ('model_fn <- function(model_dir) stop("no file")', "no file (in model_fn(model_dir))"),
        ("model_fn <- function(model_dir) 3", "holds an object of class 'numeric', and R knows no predict() for that"),
        (
            'model_fn <- function(d) 3; predict_fn <- function(a, b) 1; COLUMNS <- list(x = "float")',
            "COLUMNS$x is 'float'",
        ),
    ],
)
def test_code_that_cannot_work_is_said_at_the_start(tmp_path: Path, code: str, sentence: str) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "model.R").write_text(code)
    assert sentence in refused("--volume", f"{tmp_path}:/opt/ml/model:ro")


def test_a_file_that_is_no_rds_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "model.rds").write_bytes(b"no R")
    assert "model.rds cannot be read: " in refused("--volume", f"{tmp_path}:/opt/ml/model:ro")


def test_the_stock_image_says_which_image_has_r(artifacts: Path) -> None:
    mount = ("--volume", f"{artifacts / 'lm' / 'model'}:/opt/ml/model:ro")
    done = docker("run", "--rm", "--label", LABEL, *mount, STOCK, "serve", check=False)
    assert done.returncode == 1
    assert "there is no R here; serve it with the image whose tag ends in -r" in done.stdout + done.stderr


# What may go wrong in R code


def test_types_missing_values_and_hangul_go_both_ways(behaviours: ContainerServer) -> None:
    rows = '[[1.5, "나", "한글", null], [null, "a", "frame", true]]'.encode()
    reply = behaviours.invoke(rows, "application/json")
    assert json.loads(reply.body) == [
        {"x": 1.5, "g": "나", "s": "한글", "ok": None},
        {"x": None, "g": "a", "s": "frame", "ok": True},
    ]
    assert ask(behaviours, "frame", x="", g="나", ok="").body == ",나,frame,\n".encode()
    assert ask(behaviours, "classes").body == b"numeric factor character logical\n"


@pytest.mark.parametrize("text", ["stop", "quit", "deep", "list"])
def test_an_error_in_r_is_told_without_path_or_traceback(behaviours: ContainerServer, text: str) -> None:
    reply = ask(behaviours, text)
    assert (reply.status, json.loads(reply.body)["error"]) == (500, "UserCodeError")
    assert json.loads(reply.body)["message"] == "the model failed on this request; the container's log says why"
    assert ask(behaviours, "fine").body == b"2.0\n"


def test_the_log_has_the_error_with_its_call(behaviours: ContainerServer) -> None:
    ask(behaviours, "stop")
    assert "boom in /secret/path (in predict_fn(data, kept$model))" in behaviours.log


def test_a_bad_payload_that_r_signals_is_answered_with_its_place(behaviours: ContainerServer) -> None:
    reply = behaviours.invoke(b"1,a,x,\n1,a,bad,\n")
    document = json.loads(reply.body)
    assert (reply.status, document["row"], document["column"]) == (400, 2, "s")
    assert document["message"] == "row 2, column 's': is bad"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,a,b,", "row 1, column 'x': 'x' is not a number"),
        ("nan,a,b,", "row 1, column 'x': 'nan' is not a number"),
        ("1,c,b,", "row 1, column 'g': 'c' is none of a, 나"),
        ("1,a,b,7", "row 1, column 'ok': '7' is neither true nor false"),
        ("1,a,b", "row 1: has 3 columns, not 4: x,g,s,ok"),
        ("1,a,b\0c,", "row 1, column 's': 'b\\x00c' has a character that R's text cannot hold"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(behaviours: ContainerServer, line: str, message: str) -> None:
    reply = behaviours.invoke(f"{line}\n".encode())
    assert (reply.status, json.loads(reply.body)["message"]) == (400, message)


def test_warnings_and_messages_reach_the_log_and_readline_answers_nothing(behaviours: ContainerServer) -> None:
    assert ask(behaviours, "warn").body == b"2.0\n"
    assert ask(behaviours, "read").body == b"[]\n"
    for line in ("WARNING tiffin.rlang: R: careful$", "WARNING tiffin.rlang: R: note$", "^printed$"):
        behaviours.wait_for_log(f"(?m){line}")


@pytest.mark.alone
def test_an_endless_loop_is_ended_and_the_process_stays(behaviours: ContainerServer) -> None:
    before = processes(behaviours)
    started = time.monotonic()
    reply = ask(behaviours, "loop")
    assert time.monotonic() - started < TIMEOUT + 1
    assert (reply.status, json.loads(reply.body)["message"]) == (
        500,
        f"the model took longer than {TIMEOUT} s for this request, and was stopped",
    )
    assert ask(behaviours, "fine").body == b"2.0\n"
    assert processes(behaviours) == before


@pytest.mark.alone
def test_pings_are_answered_while_r_computes(behaviours: ContainerServer) -> None:
    took: list[float] = []
    slow = threading.Thread(target=ask, args=(behaviours, "slow"))
    slow.start()
    while slow.is_alive():
        started = time.perf_counter()
        assert behaviours.ping() == 200
        took.append(time.perf_counter() - started)
        time.sleep(0.005)
    slow.join()
    p99 = sorted(took)[int(len(took) * 0.99)]
    print(f"/ping while R computes: {len(took)} pings, p99 {p99 * 1000:.1f} ms")
    assert len(took) > 100
    assert p99 < 0.05  # on a machine that runs other things too; the bench has the figure


def test_calls_on_all_threads_at_once_do_not_crash_r(behaviours: ContainerServer) -> None:
    before, wrong = processes(behaviours), []

    def hammer(number: int) -> None:
        for index in range(500):
            x, text = number * 1000 + index, ("fine", "stop", "frame", "warn")[index % 4]
            reply = ask(behaviours, text, x=str(x))
            expected = {"stop": 500}.get(text, 200)
            value = {"frame": f"{x}.0,a,frame,true\n".encode(), "stop": None}.get(text, f"{2 * x}.0\n".encode())
            if reply.status != expected or (value is not None and reply.body != value):
                wrong.append((text, reply))

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert processes(behaviours) == before


BODIES = """
model_fn <- function(model_dir) 2
input_fn <- function(body, content_type) if (is.raw(body)) as.integer(body) else as.numeric(strsplit(body, ",")[[1]])
predict_fn <- function(data, model) data * model
output_fn <- function(prediction, accept) {
  if (accept == "image/png") return(list(as.raw(prediction), accept))
  list(paste0("<", paste(prediction, collapse = ";"), ">\ud55c"), "text/plain")
}
"""


def test_functions_of_r_read_and_write_bodies_themselves(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "model.R").write_text(BODIES, encoding="utf-8")
    with container("--volume", f"{tmp_path}:/opt/ml/model:ro") as server:
        text = server.invoke(b"1,2")
        octets = server.invoke(b"\0\x01\x7f", "application/x-own", Accept="image/png")
        nul = server.invoke(b"1\0,2")
    assert (text.status, text.body.decode()) == (200, "<2;4>\ud55c")
    assert (octets.body, octets.headers["content-type"]) == (b"\0\x02\xfe", "image/png")
    assert (nul.status, json.loads(nul.body)["message"]) == (
        400,
        "the body has a NUL character, which R's text cannot hold",
    )


LOCKED = """
library(compiler)
lockBinding("COLUMNS", globalenv())
predict_fn <- cmpfun(function(data, model) data$x * model)
model_fn <- function(model_dir) 2
for (name in c("predict_fn", "model_fn")) lockBinding(name, globalenv())
"""


def test_locked_functions_and_a_compiler_in_use_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "model.R").write_text(f'COLUMNS <- list(x = "numeric")\n{LOCKED}')
    with container("--volume", f"{tmp_path}:/opt/ml/model:ro") as server:
        assert server.invoke(b"21\n").body == b"42.0\n"
