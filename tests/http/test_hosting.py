"""Lines of the hosting, batch and pipeline contract that no other file of this folder is about."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.caller import PING, Caller, callers, invocation, not_plain
from tests.server import Server, children, plug, serving

# Every row is answered by itself; `slow` for the first cell sleeps as many seconds as the second says.
PLUG = """
import time

def model_fn(model_dir): pass

def predict_fn(data, model):
    if data.rows[0][0] == "slow": time.sleep(float(data.rows[0][1]))
    return data
"""

RAW = "\ndef raw_fn(bodies, model): return [b'%d\\n' % len(body) for body in bodies]\n"


@pytest.mark.alone
def test_H02_connection_is_accepted_within_250_ms_while_everything_is_busy(base: Path) -> None:
    with serving(base, plug(base, PLUG)) as server, callers(server, 16) as busy:
        for caller in busy:
            caller.send(not_plain(b"slow,1\n"))
        took = []
        for _ in range(200):
            started = time.monotonic()
            Caller(server).close()
            took.append(time.monotonic() - started)
        assert max(took) < 0.25


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_H03_ping_is_200_and_empty_without_a_redirect(server: Server, method: str) -> None:
    answer = server.request(method, "/ping")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.alone
def test_H03_ping_takes_less_than_2_s_under_full_load(base: Path) -> None:
    with serving(base, plug(base, PLUG)) as server:

        def load() -> int:
            with callers(server, 1) as (caller,):
                until, answered = time.monotonic() + 3, 0
                while time.monotonic() < until:
                    answered += caller.send(not_plain(b"slow,0.01\n")).answer()[0] == 200
                return answered

        with ThreadPoolExecutor(16) as pool:
            running = [pool.submit(load) for _ in range(16)]
            slowest = 0.0
            while not all(future.done() for future in running):
                started = time.monotonic()
                assert server.ping() == 200
                slowest = max(slowest, time.monotonic() - started)
            assert all(future.result() > 10 for future in running)
        assert slowest < 2


def test_H07_ping_says_200_again_after_a_failed_invocation(base: Path) -> None:
    with serving(base, plug(base, PLUG.replace("return data", "raise ValueError"))) as server:
        assert server.invoke(b"1\n").status == 500
        assert server.ping() == 200


def test_H09_answer_and_stream_may_take_longer_than_the_time_out_of_a_silent_process(base: Path) -> None:
    code = PLUG + (
        "\ndef output_fn(prediction, accept):\n    for i in range(6):\n        time.sleep(0.5)\n        yield str(i)\n"
    )
    with serving(base, plug(base, code) | {"SERVE_WORKERS": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "1"}) as server:
        before = children(server)
        with ThreadPoolExecutor(4) as pool:  # as many as there are threads: each part is a sign of life
            answers = list(pool.map(lambda _: server.invoke(b"1\n"), range(4)))
        assert [answer.body for answer in answers] == [b"012345"] * 4
        assert server.invoke(b"slow,1.5\n").status == 200  # the other threads are free
        assert children(server) == before


def test_H10_limit_is_25_mib_by_default_and_the_message_names_it(base: Path) -> None:
    with serving(base, plug(base, PLUG + RAW)) as server:
        answer = server.invoke(b"1,2,3\n" * (26 * 2**20 // 6))
        assert answer.status == 413
        assert "at most 25 MiB (26214400 bytes), set by SAGEMAKER_MAX_PAYLOAD_IN_MB" in answer.body.decode()
        assert server.invoke(b"1,2,3\n" * (24 * 2**20 // 6)).status == 200


def test_H11_unknown_headers_change_nothing(server: Server) -> None:
    extra = {"X_Amzn_Trace_Id": "Root=1", "X_Forwarded_For": "10.0.0.1", "X_Unknown": "ä".encode().decode("latin-1")}
    assert server.invoke(b"73,84,116\n", **extra).body == server.invoke(b"73,84,116\n").body == b"blue\n"


def test_H12_every_header_of_the_platform_is_taken_and_attributes_come_back(server: Server) -> None:
    headers = {
        "X_Amzn_SageMaker_Custom_Attributes": "a" * 1024,
        "X_Amzn_SageMaker_Target_Model": "m/one.tar.gz",
        "X_Amzn_SageMaker_Target_Variant": "v",
        "X_Amzn_SageMaker_Target_Container_Hostname": "h",
        "X_Amzn_SageMaker_Inference_Id": "i" * 64,
        "X_Amzn_SageMaker_Inference_Component": "c",
        "X_Amzn_SageMaker_Session_Id": "NEW_SESSION",
        "X_Amzn_SageMaker_Enable_Explanations": "`true`",
        "X_Amzn_SageMaker_Prefix_Aware_Id": "p",
    }
    answer = server.invoke(b"73,84,116\n", **headers)
    assert (answer.status, answer.body) == (200, b"blue\n")
    assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "a" * 1024
    assert "x-amzn-sagemaker-new-session-id" not in answer.headers  # this model keeps none
    assert re.search(r"invocation i{64} status=200", server.log)
    assert "x-amzn-sagemaker-custom-attributes" not in server.invoke(b"73,84,116\n").headers


@pytest.mark.parametrize(
    "content_type", ["text/csv", "TEXT/CSV", "text/csv; charset=utf-8", 'Text/Csv;charset="UTF-8"']
)
def test_H13_P01_content_type_compares_without_case_and_parameters(server: Server, content_type: str) -> None:
    answer = server.invoke(b"73,84,116\n", content_type)
    assert (answer.body, answer.headers["content-type"]) == (b"blue\n", "text/csv")


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        (None, "text/csv"),
        ("*/*", "text/csv"),
        ("application/json", "application/json"),
        ("text/html, application/json;q=0.5", "application/json"),
        ("application/jsonlines;q=0.1, text/*", "text/csv"),
        ("text/html", None),
    ],
)
def test_H14_P01_the_answers_type_is_what_was_asked_and_what_is_told(
    server: Server, accept: str | None, told: str | None
) -> None:
    answer = server.invoke(b"73,84,116\n", **({"Accept": accept} if accept else {}))
    if told is None:
        assert answer.status == 406
        return
    assert answer.headers["content-type"] == told
    text = answer.body.decode().strip()
    assert (text if told == "text/csv" else json.loads(text)) in ("blue", ["blue"])


def test_H14_other_content_types_are_415(server: Server) -> None:
    assert server.invoke(b"<p>", "text/html").status == 415


def test_H17_an_error_is_answered_when_the_whole_request_has_come(server: Server) -> None:
    large = invocation(b"x" * 2**20).replace(b"text/csv", b"text/html")
    with callers(server, 1) as (caller,):
        status, headers, body = caller.send(large).answer()
        assert (status, int(headers["content-length"])) == (415, len(body))
        assert caller.send(PING).answer()[0] == 200


def test_B01_B02_batch_environment_and_execution_parameters(base: Path) -> None:
    environment = {
        "SAGEMAKER_BATCH": "True",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "2",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "3",
        "SERVE_WORKERS": "4",
    }
    with serving(base, plug(base, PLUG) | environment) as server:
        answer = server.request("GET", "/execution-parameters")
        parameters = {"MaxConcurrentTransforms": 4, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 2}
        assert json.loads(answer.body) == parameters
        assert server.invoke(b"1\n" * 2**20).status == 200
        assert server.invoke(b"1\n" * 2**20 + b"2\n").status == 413


def test_B03_batch_takes_what_its_limits_allow_chunked_or_not(base: Path) -> None:
    with serving(base, plug(base, PLUG + RAW) | {"SAGEMAKER_BATCH": "true"}) as server:
        block = b"1,2,3\n" * (2**20 // 6)
        for body in (block * 90, (block for _ in range(90))):
            assert server.request("POST", "/invocations", body, {"Content-Type": "text/csv"}).body == b"%d\n" % (
                len(block) * 90
            )


@pytest.mark.parametrize("rows", [1, 7, 5000])
def test_B04_one_record_many_or_a_whole_file_a_request(server: Server, rows: int) -> None:
    """SplitType and BatchStrategy decide how much comes; the rows' answers are the same."""
    assert server.invoke(b"73,84,116\n" * rows).body == b"blue\n" * rows
    assert server.invoke((b"73,84,116\n" * rows).rstrip(b"\n")).body == b"blue\n" * rows


def test_P04_default_accept_stands_in_for_a_missing_one(base: Path) -> None:
    accept = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/jsonlines"}
    with serving(base, plug(base, PLUG) | accept) as server:
        answer = server.invoke(b"1,2\n")
        assert (answer.body, answer.headers["content-type"]) == (b'["1","2"]\n', "application/jsonlines")
        assert server.invoke(b"1,2\n", Accept="text/csv").body == b"1,2\n"
