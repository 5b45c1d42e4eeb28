"""Multi-model endpoints as the platform and a caller see them (M-01 … M-15). Against one real server."""

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from local_test.engine.process_runner import free_port
from tests.models import Many, error, many_models, message
from tests.server import PATIENCE, Response, wait_for


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    """No test may stop it, or leave a model in it."""
    with many_models(tmp_path_factory.mktemp("many") / "ml") as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "many" in request.fixturenames:
        running: Many = request.getfixturevalue("many")
        for name in running.names():
            assert running.unload(name).status == 200
        assert running.names() == []


def test_M01_starts_without_a_model_and_is_ready(tmp_path: Path) -> None:
    with many_models(tmp_path / "ml", {"SAGEMAKER_MULTI_MODEL": "True", "TIFFIN_PLUG": "/nowhere"}) as fresh:
        assert fresh.server.ping() == 200
        assert json.loads(fresh.server.request("GET", "/models").body) == {"models": []}
        answer = fresh.server.invoke(b"1,2\n")
        assert error(answer) == (404, "NotFound")
        assert "/models" in message(answer)


def test_M02_a_model_that_is_loaded_is_servable_at_once(many: Many) -> None:
    url = many.write("a")
    assert json.loads(many.load("a", url).body) == {"modelName": "a", "modelUrl": url}
    assert (many.invoke("a").status, many.invoke("a").body) == (200, b"1,2\n")
    assert error(many.load("a", url)) == (409, "ModelAlreadyLoaded")
    assert many.invoke("a").status == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", 'the body is not JSON; right is {"model_name": "…", "url": "…"}'),
        (b"\xff", 'the body is not JSON; right is {"model_name": "…", "url": "…"}'),
        (b"[" * 100_000, 'the body is not JSON; right is {"model_name": "…", "url": "…"}'),
        (b"[1]", 'the body is not a JSON object; right is {"model_name": "…", "url": "…"}'),
        (b"{}", "model_name is missing; it must be a text of one character or more"),
        (b'{"model_name": ""}', "model_name is ''; it must be a text of one character or more"),
        (b'{"model_name": 5}', "model_name is 5; it must be a text of one character or more"),
        (b'{"model_name": "m"}', "url is missing; it must be a text of one character or more"),
        (b'{"model_name": "m", "url": ["/"]}', "url is ['/']; it must be a text of one character or more"),
        (b'{"model_name": "\\ud800", "url": "/"}', r"model_name '\ud800' is no text: it has half of a surrogate pair"),
        (b'{"model_name": "%b", "url": "/"}' % (b"m" * 1025), "model_name has 1025 bytes; 1024 is the most"),
    ],
)
def test_M02_a_load_that_says_nonsense_is_told_so(many: Many, body: bytes, sentence: str) -> None:
    answer = many.post(body)
    assert (error(answer), message(answer)) == ((400, "BadPayload"), sentence)


@pytest.mark.parametrize(
    "url", ["/", "{models}", "{models}/..", "{models}/none", "{models}/../elsewhere", "{models}/link", "{models}/file"]
)
@pytest.mark.parametrize("end", ["", "/", "/."])
def test_M02_url_is_a_folder_below_models_and_nothing_else(many: Many, url: str, end: str) -> None:
    models = many.base / "models"
    (many.base / "elsewhere").mkdir(exist_ok=True)
    (models / "file").touch()
    (models / "loop").unlink(missing_ok=True)
    (models / "link").unlink(missing_ok=True)
    (models / "link").symlink_to(many.base / "elsewhere")
    answer = many.load("m", url.replace("{models}", str(models)) + end)
    assert error(answer) == (400, "BadPayload")
    assert f"it must be an existing folder below {models}" in message(answer)


@pytest.mark.parametrize("url", ["models/a/model", "\0", "/opt/\udcff", "x" * 5000, "~"])
def test_M02_url_that_is_no_path(many: Many, url: str) -> None:
    assert error(many.load("m", url)) == (400, "BadPayload")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (
            "def model_fn(model_dir): raise OSError('no weights')",
            "model_fn of code/inference.py failed: OSError: no we",
        ),
        (
            "import nothing_of_that_name",
            "code/inference.py cannot be imported: ModuleNotFoundError: No module named 'n",
        ),
        ("def predict_fn(data, model): ...", "code/inference.py has no model_fn(model_dir)"),
        ("import sys; sys.exit(3)", "code/inference.py called sys.exit(3) while it was loaded"),
        ("import os; os._exit(3)", "its process died (exit code 3)"),
        ("import os; os.kill(os.getpid(), 11)", "its process died (SIGSEGV)"),
        ("def model_fn(model_dir): raise OSError('x' * 100_000)", "OSError: xxxx"),
    ],
    ids=["model-fn-raises", "import-fails", "no-model-fn", "sys-exit", "os-exit", "segfault", "long"],
)
def test_M02_a_model_that_cannot_be_loaded_says_why_and_leaves_nothing(many: Many, code: str, sentence: str) -> None:
    before = many.processes()
    answer = many.load("bad", many.write("bad", code))
    assert error(answer) == (400, "ModelNotLoadable")
    assert message(answer).startswith("model 'bad' cannot be loaded: ")
    assert sentence in message(answer)
    assert str(many.base) not in message(answer)
    assert len(answer.body) <= 2048
    assert many.processes() == before
    assert many.names() == []
    assert many.get("bad").status == many.unload("bad").status == many.invoke("bad").status == 404


def test_M02_of_loads_at_one_time_one_wins(many: Many) -> None:
    code = (
        "import time\ntime.sleep(0.5)\n" + "def model_fn(model_dir): return 1\ndef predict_fn(data, model): return data"
    )
    url = many.write("slow", code)
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: many.load("slow", url).status, range(8)))
    assert statuses == [200] + [409] * 7
    assert many.names() == ["slow"]


def test_M02_of_loads_at_one_time_that_fail_all_hear_why(many: Many) -> None:
    url = many.write("slow", "import time\ntime.sleep(0.5)\nraise OSError('gone')")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: many.load("slow", url), range(4)))
    assert {error(answer) for answer in answers} <= {(400, "ModelNotLoadable")}
    assert many.names() == []


def test_M03_lists_page_by_page(many: Many) -> None:
    url = many.write("one")
    names = sorted(f"model {number} é" for number in range(103))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda name: many.load(name, url).status, names)) == {200}
    first = json.loads(many.server.request("GET", "/models").body)
    assert [model["modelName"] for model in first["models"]] == names[:100]
    assert first["models"][0] == {"modelName": names[0], "modelUrl": url}
    last = json.loads(many.server.request("GET", f"/models?next_page_token={first['nextPageToken']}").body)
    assert [model["modelName"] for model in last["models"]] == names[100:]
    assert "nextPageToken" not in last
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda name: many.unload(name).status, names)) == {200}


@pytest.mark.parametrize("token", ["x", "%C3%A9", "////", "a" * 100])
def test_M03_a_page_token_that_is_none_of_ours(many: Many, token: str) -> None:
    many.bring("m")
    answer = many.server.request("GET", f"/models?next_page_token={token}")
    assert error(answer) == (400, "BadPayload")


def test_M04_describes_one_or_404(many: Many) -> None:
    many.bring("m")
    document = json.loads(many.get("m").body)
    assert document == {"modelName": "m", "modelUrl": str(many.base / "models" / "m" / "model")}
    assert error(many.get("n")) == (404, "ModelNotLoaded")


def test_M06_an_invocation_is_one_as_any_other(many: Many) -> None:
    many.bring("m")
    answer = many.invoke("m", b"[[1, 2]]", "application/json", Accept="text/csv")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"1,2\n", "text/csv")
    answer = many.invoke("m", X_Amzn_SageMaker_Custom_Attributes="a=1", X_Amzn_SageMaker_Target_Model="x/y.tar.gz")
    assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "a=1"
    assert error(many.invoke("m", content_type="image/png")) == (415, "UnsupportedMediaType")
    assert error(many.invoke("m", Accept="image/png")) == (406, "NotAcceptable")
    assert error(many.invoke("other")) == (404, "ModelNotLoaded")
    assert error(many.server.request("GET", "/models/m/invoke")) == (404, "ModelNotLoaded")
    assert error(many.server.request("POST", "/models/m", b"")) == (405, "MethodNotAllowed")
    line = many.server.wait_for_log("invocation [^ ]+ status=200 .*model='m'")[0]
    assert "rows=1" in line


ERRORS = """
from tiffin.errors import BadPayload, PublicError

class Teapot(PublicError):
    status = 418

def model_fn(model_dir): return 1

def transform_fn(model, body, content_type, accept, context):
    match body.strip():
        case "bad": raise BadPayload("too hot", row=2, column="G")
        case "own": raise Teapot("short and stout")
        case "memory": raise MemoryError
        case "defect": return 1 / 0
        case "session": context.set_custom_attributes("b=2"); context.close_session("s1")
        case "option": return context.option("colour"), "text/plain"
        case "stream": return iter(["one,", b"two"]), "text/plain"
        case "broken": return (1 / 0 if n else "one," for n in range(2)), "text/plain"
    return body, content_type
"""


@pytest.mark.parametrize(
    ("body", "status", "name", "words"),
    [
        (b"bad", 400, "BadPayload", "row 2, column 'G': too hot"),
        (b"own", 418, "Teapot", "short and stout"),
        (b"memory", 507, "OutOfMemory", "there is not enough memory for this request; send fewer rows at a time"),
        (b"defect", 500, "UserCodeError", "the model failed on this request; the container's log says why"),
    ],
)
def test_M06_a_models_errors_are_its_callers(many: Many, body: bytes, status: int, name: str, words: str) -> None:
    many.bring("errors", ERRORS)
    answer = many.invoke("errors", body, X_Amzn_SageMaker_Inference_Id="mine")
    document = json.loads(answer.body)
    assert (answer.status, document["error"], document["message"]) == (status, name, words)
    assert (document.get("row"), document.get("column")) == ((2, "G") if body == b"bad" else (None, None))
    assert document["request_id"] == "mine"
    if body == b"defect":
        many.server.wait_for_log("model 'errors': request mine: .*ZeroDivisionError")


def test_M06_headers_options_and_streams_pass_through(many: Many) -> None:
    many.bring("m", ERRORS)
    headers = many.invoke("m", b"session").headers
    assert headers["x-amzn-sagemaker-custom-attributes"] == "b=2"
    assert headers["x-amzn-sagemaker-closed-session-id"] == "s1"
    assert many.invoke("m", b"option", X_Amzn_SageMaker_Custom_Attributes="colour=red").body == b"red"
    streamed = many.invoke("m", b"stream")
    assert (streamed.body, streamed.headers["transfer-encoding"]) == (b"one,two", "chunked")
    with pytest.raises(http.client.IncompleteRead):  # H-22
        many.invoke("m", b"broken")
    large = b"x" * 20_000_000
    assert many.invoke("m", large, "application/octet-stream").body == large
    assert many.invoke("m", large + large).status == 413  # H-10


NAMES = [
    *("invoke", "models", "a/b", "/", "//", "/invoke", "a/invoke", "a%2Fb", "%", "%zz", "..", ".", "../../etc/passwd"),
    *("ö 漢字 🍱", "a b", "a+b", "a?b=c", "a#b", "a\nb", "\0", "\r\nX: y", "'\"\\", "<script>", "x" * 1024, "🍱" * 256),
]


@pytest.mark.parametrize("name", NAMES, ids=[f"{name[:20]!r}" for name in NAMES])
def test_M07_any_text_is_a_name(many: Many, name: str) -> None:
    url = many.write("hostile")
    assert json.loads(many.load(name, url).body)["modelName"] == name
    assert many.names() == [name]
    assert json.loads(many.get(name).body)["modelName"] == name
    assert many.invoke(name).body == b"1,2\n"
    assert many.load(name, url).status == 409
    assert many.unload(name).status == 200
    assert many.get(name).status == many.invoke(name).status == many.unload(name).status == 404


@pytest.mark.parametrize(
    "path", ["/models/", "/models//", "/models/%FF", "/models/%ED%A0%80", "/models/..", "/models/%00"]
)
def test_M07_a_path_that_names_no_model(many: Many, path: str) -> None:
    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/invoke")):
        assert error(many.server.request(method, path + end)) == (404, "ModelNotLoaded")


def test_M07_slashes_need_no_escape(many: Many) -> None:
    assert many.load("team/model.tar.gz", many.write("plain")).status == 200
    answer = many.server.request("POST", "/models/team/model.tar.gz/invoke", b"1\n", {"Content-Type": "text/csv"})
    assert (answer.status, answer.body) == (200, b"1\n")


def test_M08_model_fn_gets_the_models_own_folder(many: Many) -> None:
    code = "from pathlib import Path\ndef model_fn(model_dir): return Path(model_dir, 'weights').read_text()\n"
    code += "def predict_fn(data, model): return [model]\n"
    assert many.load("m", many.write("m", code, {"weights": "41"})).status == 200
    assert many.invoke("m").body == b"41\n"


def test_M13_modules_of_two_models_do_not_meet(many: Many) -> None:
    code = "import part\ndef model_fn(model_dir): return 1\ndef predict_fn(data, model): return [part.NAME]\n"
    for name in ("one", "two"):
        url = many.write(name, code, {"code/part.py": f"import sys; NAME = '{name}'; sys.modules['json'] = None"})
        assert many.load(name, url).status == 200
    assert [many.invoke(name).body for name in ("one", "two", "one")] == [b"one\n", b"two\n", b"one\n"]


def test_M11_a_model_that_loads_is_not_there_yet(many: Many) -> None:
    url = many.write(
        "slow", "import time\ndef model_fn(model_dir): print('begun', flush=True); time.sleep(1)\n" + PREDICT
    )
    answers: list[Response] = []
    caller = threading.Thread(target=lambda: answers.append(many.load("slow", url)))
    caller.start()
    many.server.wait_for_log("begun")
    assert error(many.invoke("slow")) == (404, "ModelNotLoaded")
    assert error(many.get("slow")) == (404, "ModelNotLoaded")
    assert many.names() == []
    caller.join(PATIENCE)
    assert answers[0].status == 200
    wait_for(lambda: many.invoke("slow").status == 200, "answer", many.server)


PREDICT = "def predict_fn(data, model): return data\n"


def test_M14_one_port_which_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    port = free_port()
    with many_models(tmp_path / "ml", {"SAGEMAKER_BIND_TO_PORT": str(port)}) as running:
        assert running.server.port == port
        running.bring("m")
        inodes = set()
        for pid in [running.server.process.pid, *running.processes()]:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):  # a connection that has ended meanwhile
                    inodes.add(str(link.readlink()).removeprefix("socket:[").rstrip("]"))
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in inodes}
        assert listening == {port}  # P-03


def test_H24_metrics_count_models(many: Many) -> None:
    many.bring("m")
    many.invoke("m")
    lines = many.server.request("GET", "/metrics").body.decode().splitlines()
    assert "tiffin_models_loaded 1" in lines
    assert any(line.startswith("tiffin_model_loads_total ") for line in lines)
