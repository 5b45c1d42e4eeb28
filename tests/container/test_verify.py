"""The judge, over a shelf of broken images, and over ours."""

import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from local_test.verify import probe
from local_test.verify.judge import judge
from local_test.verify.payload import Payload
from local_test.verify.probe import LABEL
from local_test.verify.subject import Subject
from local_test.verify.verdict import Judgement, Status
from tests import judged as judged_images
from tests.container.conftest import COLOUR, STOCK
from tests.judged import expect
from tests.server import PATIENCE, ROOT

pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]  # the first time, images are built

SHELF = ROOT / "local_test" / "cases"
BASE = "well-behaved"
CASES = sorted(case.parent.name for case in SHELF.glob("*/case.toml"))
IMPATIENT = 6.0  # seconds for a server of the shelf to be ready
AT_A_TIME = 4  # judgements, none of which is about load
ALONE = (BASE, "one-at-a-time")  # these are
TOGETHER = [name for name in CASES if name not in ALONE]
HEALTHY = 300.0  # seconds: on a machine that others use too; what it took is printed
NO_CHANNEL = "give --channel NAME=PATH"


@pytest.fixture(scope="module")
def shelf(client: Any) -> Mapping[str, str]:
    """Case -> its image."""
    base = judged_images.build(client, SHELF / BASE)
    with ThreadPoolExecutor(2) as pool:
        built = pool.map(lambda name: base if name == BASE else judged_images.build(client, SHELF / name, base), CASES)
        return dict(zip(CASES, built, strict=True))


@pytest.fixture(scope="module")
def index(client: Any, shelf: Mapping[str, str]) -> Iterator[str]:
    """The address of something to reach, that is not there without a network."""
    command = ["python3", "-m", "http.server", "8000"]
    labels = {judged_images.LABEL: "index"}
    container = client.containers.run(shelf[BASE], command, detach=True, labels=labels, init=True)
    try:
        container.reload()
        yield container.attrs["NetworkSettings"]["IPAddress"]
    finally:
        container.remove(force=True)


@pytest.fixture(scope="module")
def here() -> Iterator[str]:
    """A port of this machine's, that takes connections at every address of it."""
    with socket.create_server(("0.0.0.0", 0), backlog=128) as listener:  # noqa: S104
        yield str(listener.getsockname()[1])


@pytest.fixture(scope="module")
def there(index: str, here: str) -> Mapping[str, str]:
    return {"INDEX": index, "HERE": here}


@pytest.fixture(scope="module")
def judged(shelf: Mapping[str, str], there: Mapping[str, str]) -> Mapping[str, Judgement]:
    """Those of TOGETHER: most of a judgement is waiting."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = pool.map(lambda name: _judge_case(name, shelf[name], there), TOGETHER)
        return dict(zip(TOGETHER, found, strict=True))


def _case(name: str) -> Mapping[str, Any]:
    return tomllib.loads((SHELF / name / "case.toml").read_text(encoding="utf-8"))


def _judge_case(name: str, image: str, there: Mapping[str, str], window: float = IMPATIENT) -> Judgement:
    """`there`: what an image may want to reach, by the variable that tells it."""
    case, given = _case(name), SHELF / "given"
    channels = {"channel": "train", "validation": "validation"}
    subject = Subject(
        image,
        Payload((given / "payload.csv").read_bytes(), "text/csv") if "payload" in case["given"] else None,
        {name: given / "train.csv" for what, name in channels.items() if what in case["given"]},
        case.get("hyperparameters", {}),
        given / "model" if "model" in case["given"] else None,
        {variable: where for variable, where in there.items() if variable.lower() in case["given"]},
        pipes=case.get("pipes", ()),
        metrics=case.get("metrics", {}),
        start_window=window,
    )
    return judge(subject, lambda _: None, case.get("only", ()))


def _expect_case(name: str, judgement: Judgement) -> None:
    case = _case(name)
    expect(judgement, case)
    asked = set(case.get("fail", ())) | set(case.get("warn", ()))
    passed = {verdict.id for verdict in judgement.verdicts if verdict.status is Status.PASS}
    assert asked or "M-05" in passed, "the well-behaved one was judged on all"
    assert judgement.exit_status == (1 if case.get("fail") else 0)
    said = [verdict.seen for verdict in judgement.verdicts if verdict.status in (Status.FAIL, Status.WARN)]
    assert "says" not in case or any(case["says"] in seen for seen in said), said


@pytest.mark.parametrize("name", TOGETHER)
def test_a_case_of_the_shelf_fails_where_it_should_and_nowhere_else(name: str, judged: Mapping[str, Judgement]) -> None:
    _expect_case(name, judged[name])


@pytest.mark.alone
@pytest.mark.parametrize("name", ALONE)
def test_a_case_about_load_does_too(name: str, shelf: Mapping[str, str], there: Mapping[str, str]) -> None:
    _expect_case(name, _judge_case(name, shelf[name], there))


def test_who_may_not_enter_a_network_isolates_as_docker_does_and_says_so(
    shelf: Mapping[str, str], there: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "can_enter", lambda: False)
    judgement = _judge_case("calls-this-machine", shelf["calls-this-machine"], there)
    expect(judgement, {})
    said = next(verdict.seen for verdict in judgement.verdicts if verdict.id == "T-15" and verdict.seen != NO_CHANNEL)
    assert "this machine's own addresses it could reach, as only root may enter" in said


@pytest.mark.parametrize("name", ["other-port", "loopback"])
def test_a_server_that_answers_elsewhere_is_not_waited_for_to_the_end_of_the_window(  # H-01
    name: str, shelf: Mapping[str, str], there: Mapping[str, str]
) -> None:
    window = 120.0
    judgement = _judge_case(name, shelf[name], there, window)
    _expect_case(name, judgement)
    assert judgement.seconds < window / 2


@pytest.mark.alone
def test_our_image_passes_all_that_applies_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    subject = Subject(
        COLOUR,
        Payload((ROOT / "local_test" / "payloads" / "colours.csv").read_bytes(), "text/csv"),
        {"train": ROOT / "model" / "data" / "colours.csv"},
        {"algorithm": "tree", "max_leaf_nodes": "60"},
        pipes=["train"],
        metrics={"accuracy": r"test_accuracy=([\d.]+)"},
    )
    judgement = judge(subject, lambda _: None)
    with capsys.disabled():
        print(f"\nverify {COLOUR}: {judgement.seconds:.0f} s")
    expect(judgement, {})
    assert len(judgement.ids(Status.PASS)) > 70
    assert {"C-15", "T-04", "T-10", "T-40", "M-13", "M-15"} <= set(judgement.ids(Status.PASS))
    assert not set(judgement.ids(Status.PASS)) & {"W-01", "W-02"}  # the image can stream, and this plug does not
    assert judgement.seconds < HEALTHY


STREAMS = """
def model_fn(model_dir):
    return None


def predict_fn(table, model):
    return [sum(row) for row in table.numbers()]


def stream_fn(stream, model):
    for message in stream:
        yield message
"""


def test_our_image_with_a_model_that_streams_passes_what_its_label_claims(tmp_path: Path) -> None:  # W-01 … W-04
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(STREAMS)
    judgement = judge(
        Subject(STOCK, Payload(b"1,2\n3,4\n", "text/csv"), model=tmp_path, message=Payload("münch".encode(), "")),
        lambda _: None,
        ["W-01", "W-02", "W-03", "W-04", "H-09"],
    )
    expect(judgement, {})
    assert {"W-01", "W-02", "W-03", "W-04"} <= set(judgement.ids(Status.PASS)), judgement.verdicts


@pytest.mark.registry
def test_an_oci_manifest_in_the_registry_fails(registry: str, client: Any, shelf: Mapping[str, str]) -> None:  # C-12
    name = f"{registry}/judged"
    client.images.get(shelf[BASE]).tag(name, "docker")
    try:
        client.images.push(name, "docker")
        _put_as_oci(registry)
        for tag, status in (("docker", Status.PASS), ("oci", Status.FAIL)):
            client.images.remove(f"{name}:docker") if tag == "oci" else None
            client.images.pull(name, tag)
            verdict = judge(Subject(f"{name}:{tag}"), lambda _: None, ["C-12"]).verdicts[0]
            assert (verdict.id, verdict.status) == ("C-12", status), verdict.seen
    finally:
        for tag in ("docker", "oci"):
            with suppress(Exception):
                client.images.remove(f"{name}:{tag}")


def _put_as_oci(registry: str) -> None:
    """The same layers under OCI's media types, as today's buildx pushes them."""
    docker, oci = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"
    address = f"http://{registry}/v2/judged/manifests"
    with urllib.request.urlopen(urllib.request.Request(f"{address}/docker", headers={"Accept": docker})) as answer:
        manifest = json.loads(answer.read())
    manifest["mediaType"] = oci
    manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    for layer in manifest["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
    put = urllib.request.Request(f"{address}/oci", json.dumps(manifest).encode(), {"Content-Type": oci}, method="PUT")
    urllib.request.urlopen(put).close()


def test_the_command_prints_and_writes_what_it_saw(tmp_path: Path, shelf: Mapping[str, str]) -> None:
    files = {name: tmp_path / f"verdicts.{name}" for name in ("json", "junit")}
    line = [sys.executable, "-m", "local_test", "verify", shelf["tini"], "--only", "C-03,C-04"]
    line += [f"--{name}={file}" for name, file in files.items()]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert done.returncode == 1, done.stderr
    assert "fail C-04 no init as the entry point: the entry point is /usr/bin/tini" in done.stdout
    assert "mend: Leave tini out" in done.stdout
    assert done.stderr.startswith("pass  C-03")  # as it went
    document = json.loads(files["json"].read_text())
    said = sorted((one["id"], one["status"]) for one in document["verdicts"])
    assert said == [("C-03", "pass"), ("C-04", "fail"), ("C-04", "n/a")]  # without a model no server is to be asked
    assert 'failures="1"' in files["junit"].read_text()


def test_an_image_that_is_not_there_is_not_judged() -> None:
    line = [sys.executable, "-m", "local_test", "verify", "tiffin-judged:nobody-made-it"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "verify: the Docker engine here has no image tiffin-judged:nobody-made-it; build or pull it first\n"
    )


@pytest.mark.alone
def test_nothing_of_a_judge_that_was_killed_is_left_after_the_next(shelf: Mapping[str, str], client: Any) -> None:
    command = ["verify", shelf["lingers"], "--payload", "given/payload.csv", "--model", "given/model", "--only", "H-18"]
    line = [sys.executable, "-m", "local_test", *command]
    judging = subprocess.Popen(line, cwd=SHELF, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    mark = f"{LABEL}={judging.pid}"

    def left() -> list[str]:
        listed = client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
        return [one.id for one in listed if f"{LABEL}={one.labels[LABEL]}".startswith(mark)]

    deadline = time.monotonic() + PATIENCE
    while not left():
        assert time.monotonic() < deadline, "the judge started no container"
        time.sleep(0.02)
    judging.kill()
    judging.wait(30)
    assert left()
    judge(Subject(shelf[BASE]), lambda _: None, ["C-13"])
    assert left() == []
