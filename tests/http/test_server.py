"""The server's life: start, readiness, drain, and what it does with models that fail. Against real processes."""

import http.client
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_test.engine.process_runner import free_port
from tests.server import PATIENCE, Response, Server, plug, refused, serving, start, wait_for

ECHO = """
import os

def model_fn(model_dir):
    print("model loaded", flush=True)
    return "model"

def predict_fn(data, model):
    return data
"""


def test_model_is_loaded_once_for_all_processes(base: Path) -> None:
    with serving(base, plug(base, ECHO) | {"SERVE_WORKERS": "4"}) as server:
        assert server.invoke(b"1,2\n").body == b"1,2\n"
        assert server.log.count("model loaded") == 1


def test_H18_sigterm_lets_the_request_in_flight_finish_and_exits_0(base: Path) -> None:
    slow = ECHO.replace(
        "    return data", "    import time; print('predicting', flush=True); time.sleep(2); return data"
    )
    with serving(base, plug(base, slow)) as server:
        answers: list[Response] = []
        caller = threading.Thread(target=lambda: answers.append(server.invoke(b"1,2\n")))
        caller.start()
        server.wait_for_log("predicting")
        assert server.stop() == 0
        caller.join(PATIENCE)
        assert [answer.status for answer in answers] == [200]
        assert server.ping() == 0  # nobody listens any more


def test_sigterm_when_idle_exits_0(base: Path) -> None:
    with serving(base, plug(base, ECHO)) as server:
        assert server.stop() == 0


def test_H18_sigterm_while_the_model_loads_exits_0(base: Path) -> None:
    loading = ECHO.replace('    return "model"', "    import time; time.sleep(60)")
    server = start(base, plug(base, loading) | {"SAGEMAKER_BIND_TO_PORT": "0"})
    try:
        server.wait_for_log("model loaded")
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.process.wait()
        server.log_file.unlink()


def test_H06_killed_process_is_replaced_and_ping_recovers(base: Path) -> None:  # H-06
    pid = ECHO.replace("return data", "return [[os.getpid()]]")
    with serving(base, plug(base, pid)) as server:
        victim = int(server.invoke(b"1\n").body)
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: server.ping() == 200, "recovery", server)
        pids = {int(server.invoke(b"1\n").body) for _ in range(40)}
        assert victim not in pids


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "There is no model code"),
        ("def model_fn(model_dir):\n    raise OSError('disk gone')", "model_fn of .* failed: OSError: disk gone"),
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError: No module named 'nothing_of"),
        ("def predict_fn(data, model): ...", r"has no model_fn\(model_dir\)"),
        ("def model_fn(): ...", r"model_fn of .* takes \(\)"),
    ],
    ids=["no-plug", "model-fn-raises", "import-fails", "no-model-fn", "wrong-arity"],
)
def test_B11_unloadable_model_ends_the_process_with_its_reason(base: Path, code: str | None, reason: str) -> None:
    environment = plug(base, code) if code else {"TIFFIN_PLUG": str(base / "no-such-folder")}
    exit_code, log = refused(base, environment)
    assert exit_code == 1
    assert "listening" not in log
    assert re.search(reason, log), log


def test_no_artifact_ends_the_process_with_its_reason(base: Path) -> None:
    code, log = refused(base, {})
    assert code == 1
    assert "holds no colour.json: it is no artifact of the colour classifier; run train" in log


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SERVE_WORKERS", "two", "serve: SERVE_WORKERS='two' is not a whole number"),
        ("SAGEMAKER_BIND_TO_PORT", "80800", "serve: SAGEMAKER_BIND_TO_PORT='80800' is not between 0 and 65535"),
    ],
)
def test_bad_setting_stops_the_start(base: Path, variable: str, value: str, sentence: str) -> None:
    code, log = refused(base, plug(base, ECHO) | {variable: value})
    assert (code, log.strip()) == (1, sentence)


def test_port_taken_stops_the_start(base: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, log = refused(base, plug(base, ECHO) | {"SAGEMAKER_BIND_TO_PORT": str(port)})
    assert code == 1
    assert f"127.0.0.1 port {port} (SERVE_HOST, SAGEMAKER_BIND_TO_PORT) cannot be listened on: Address already" in log


@pytest.mark.parametrize(
    "failure", ["raise ValueError('/opt/secret/path')", "raise SystemExit(3)", "return len(data)", "return [[1]]"]
)
def test_H15_failing_model_is_a_500_without_a_traceback(base: Path, failure: str) -> None:
    """H-15, K-08: the caller reads a sentence; the log has the traceback, once, as one event."""
    with serving(base, plug(base, ECHO.replace("return data", failure))) as server:
        answer = server.invoke(b"1\n2\n")
        assert answer.status == 500
        document = json.loads(answer.body)
        assert document["error"] == "UserCodeError"
        assert not any(trace in answer.body.decode() for trace in ("Traceback", "secret", "File "))
        assert server.ping() == 200
        events = [line for line in server.log.splitlines() if document["request_id"] in line and "ERROR" in line]
        assert len(events) == 1
        assert "UserCodeError" in events[0] or "Traceback" in events[0]


def test_artifacts_own_code_wins_over_the_plug(base: Path) -> None:
    code = base / "model" / "code"
    code.mkdir()
    (code / "helper.py").write_text("SUFFIX = ' shipped'")
    (code / "inference.py").write_text(
        "import json\nfrom helper import SUFFIX\n"
        "def model_fn(model_dir): return SUFFIX\n"
        "def input_fn(body, content_type): return body.decode().strip()\n"
        "def predict_fn(data, model): return data + model\n"
        "def output_fn(prediction, accept): return json.dumps(prediction), 'application/json'\n"
    )
    with serving(base, plug(base, ECHO)) as server:
        answer = server.invoke(b"hello\n", "text/plain")
        assert (answer.status, answer.headers["content-type"], answer.body) == (
            200,
            "application/json",
            b'"hello shipped"',
        )
        assert f"model code: {code / 'inference.py'}" in server.log


class TestPayloads:
    def test_H10_limit_is_named_and_the_connection_lives(self, base: Path) -> None:  # H-10, H-17
        with serving(base, plug(base, ECHO) | {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "1"}) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
            headers = {"Content-Type": "text/csv"}
            for size, status in ((2**20, 200), (2**20 + 1, 413), (3 * 2**20, 413), (2, 200)):
                connection.request("POST", "/invocations", b"1" * (size - 1) + b"\n", headers)
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == status
                if status == 413:
                    assert json.loads(body)["message"] == (
                        f"the body has {size} bytes; this server takes at most 1 MiB (1048576 bytes), "
                        "set by SAGEMAKER_MAX_PAYLOAD_IN_MB"
                    )
            connection.close()

    def test_B03_chunked_body(self, base: Path) -> None:  # B-03
        with serving(base, plug(base, ECHO) | {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "1"}) as server:
            headers = {"Content-Type": "text/csv"}
            small = server.request("POST", "/invocations", iter([b"1,", b"2\n", b"3,4\n"]), headers)
            assert (small.status, small.body) == (200, b"1,2\n3,4\n")
            large = server.request("POST", "/invocations", iter([b"1" * 2**19] * 4), headers)
            assert large.status == 413
            assert "the body has more; this server takes at most 1 MiB" in json.loads(large.body)["message"]

    def test_B01_batch_takes_100_mib_by_default(self, base: Path) -> None:  # B-01, B-03
        body = b"1,2,3,4,5,6,7,8\n" * (30 * 2**16)  # 30 MiB
        with serving(base, plug(base, ECHO.replace("return data", "return [[len(data)]] * len(data)"))) as server:
            assert server.invoke(body).status == 413
        with serving(base, {"TIFFIN_PLUG": str(base.parent / "plug"), "SAGEMAKER_BATCH": "True"}) as server:
            assert server.invoke(body).status == 200

    def test_body_that_ends_early_is_not_predicted(self, base: Path) -> None:
        with serving(base, plug(base, ECHO)) as server, socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(
                b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 9\r\n\r\n1,2"
            )
            raw.shutdown(socket.SHUT_WR)
            raw.settimeout(PATIENCE)
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"the body ended after 3 of the 9 bytes that Content-Length promised" in answer

    def test_H17_error_body_stays_small(self, server: Server) -> None:  # H-17
        for body in (b"9" * 5000 + b",1,1\n", b'[{"' + b"x" * 5000 + b'":1}]'):
            answer = server.invoke(body, "application/json" if body.startswith(b"[") else "text/csv")
            assert answer.status == 400
            assert len(answer.body) <= 2048


class TestColours:
    def test_ten_thousand_rows_in_ten_thousand_lines_out(self, server: Server) -> None:
        rows = [(i % 256, (7 * i) % 256, (13 * i) % 256) for i in range(10_000)]
        body = "".join(f"{r},{g},{b}\r\n" for r, g, b in rows).encode()
        answer = server.invoke(body)
        assert answer.status == 200
        assert answer.body.count(b"\n") == 10_000
        one = server.invoke(body.split(b"\r\n")[4321])
        assert one.body.strip() == answer.body.splitlines()[4321]

    def test_probabilities_sum_to_one_and_name_the_label(self, server: Server) -> None:
        answer = server.invoke(
            b'{"instances":[{"r":73,"g":84,"b":116},{"r":200,"g":16,"b":46}]}',
            "application/json",
            X_Amzn_SageMaker_Custom_Attributes="probabilities=true",
        )
        for row in json.loads(answer.body)["predictions"]:
            label = row.pop("label")
            assert sum(row.values()) == pytest.approx(1)
            assert label == max(row, key=row.__getitem__)
            assert list(row) == sorted(row)

    def test_many_callers_each_get_their_own_answer(self, server: Server) -> None:
        colours = [(b"73,84,116", b"blue\n"), (b"200,16,46", b"red\n"), (b"255,214,10", b"yellow\n")] * 60
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda case: server.invoke(case[0]).body, colours))
        assert answers == [expected for _, expected in colours]


class TestLogs:
    def test_one_line_a_request_and_none_for_pings(self, server: Server) -> None:
        server.ping()
        answer = server.invoke(b"73,84,116\n1,2,3\n", X_Amzn_SageMaker_Inference_Id="order-18")
        assert answer.status == 200
        lines = server.wait_for_log("invocation .*").string.splitlines()
        assert sum("ping" in line for line in lines) == 0
        (line,) = [line for line in lines if "order-18" in line]
        assert "invocation order-18 status=200 rows=2 ms=" in line

    def test_json(self, base: Path) -> None:
        raising = ECHO.replace("return data", "raise ValueError('a\\nb')")
        with serving(base, plug(base, raising) | {"TIFFIN_LOG_FORMAT": "json"}) as server:
            server.invoke(b"1\n", X_Amzn_SageMaker_Inference_Id="order-18")
            server.wait_for_log('"status": 500')
            events = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
        failure = next(event for event in events if event["level"] == "error")
        assert "ValueError: a\nb" in failure["traceback"]
        (request,) = [event for event in events if event.get("request_id") == "order-18"]
        assert (request["status"], request["rows"]) == (500, None)

    def test_level(self, trained: Path) -> None:
        with serving(trained, {"SAGEMAKER_CONTAINER_LOG_LEVEL": "30"}, port=free_port()) as server:
            assert server.invoke(b"73,84,116\n").status == 200
            assert server.log == ""


class TestMetrics:
    def test_H24_plain_and_other_requests_of_every_process_are_counted(self, base: Path) -> None:
        with serving(base, plug(base, ECHO)) as server:
            for _ in range(20):
                server.invoke(b"1,2\n3,4\n")
            assert server.invoke(b"{", "application/json").status == 400
            page = server.request("GET", "/metrics")
        assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = page.body.decode()
        assert 'tiffin_invocations_total{status="2xx"} 20\n' in text
        assert 'tiffin_invocations_total{status="4xx"} 1\n' in text
        assert "tiffin_rows_total 40\n" in text
        assert "tiffin_ready 1\n" in text

    def test_plain_requests_of_the_loop_are_counted_too(self, trained: Path) -> None:
        with serving(trained) as server:
            for _ in range(20):
                server.invoke(b"1,2,3\n4,5,6\n")
            text = server.request("GET", "/metrics").body.decode()
        assert 'tiffin_invocations_total{status="2xx"} 20\n' in text
        assert "tiffin_rows_total 40\n" in text
        assert "tiffin_batch_requests_sum 20\n" in text


STREAM = """
import time

def model_fn(model_dir): return None

def transform_fn(model, body, content_type, accept, context):
    how = context.option("how")
    if how == "session":
        from datetime import datetime, UTC
        context.open_session("abc", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))
        context.set_custom_attributes("seen=" + str(context.session))
        return "ok", "text/plain"
    return parts(how), "text/plain"

def parts(how):
    if how == "first":
        raise ValueError("before the first part")
    yield "one,"
    yield b"two,"
    if how == "later":
        raise ValueError("after the first part")
    yield "three"
"""


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("stream") / "ml"
    (base / "model").mkdir(parents=True)
    with serving(base, plug(base, STREAM)) as server:
        yield server


class TestStreams:
    """H-22, H-23: what a handler may answer beyond one body."""

    def test_H22_parts_arrive_chunked(self, streaming: Server) -> None:
        answer = streaming.invoke(b"x", "text/plain")
        assert (answer.status, answer.body) == (200, b"one,two,three")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers

    def test_failure_before_the_first_part_is_an_ordinary_error(self, streaming: Server) -> None:
        answer = streaming.invoke(b"x", "text/plain", X_Amzn_SageMaker_Custom_Attributes="how=first")
        assert (answer.status, json.loads(answer.body)["error"]) == (500, "UserCodeError")

    def test_failure_after_it_cuts_the_answer_short(self, streaming: Server) -> None:
        with pytest.raises(http.client.IncompleteRead) as cut:
            streaming.invoke(b"x", "text/plain", X_Amzn_SageMaker_Custom_Attributes="how=later")
        assert cut.value.partial == b"one,two,"
        assert streaming.log.count("ValueError: after the first part") == 1
        assert streaming.ping() == 200

    def test_H23_session_is_opened_and_custom_attributes_replaced(self, streaming: Server) -> None:
        answer = streaming.invoke(
            b"x",
            "text/plain",
            X_Amzn_SageMaker_Custom_Attributes="how=session",
            X_Amzn_SageMaker_Session_Id="NEW_SESSION",
        )
        assert answer.headers["x-amzn-sagemaker-new-session-id"] == "abc; Expires=2030-01-02T03:04:05Z"
        assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "seen=NEW_SESSION"
