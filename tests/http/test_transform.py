"""Batch transform by the real server: what comes out is what /invocations answers."""

import argparse
import json
import os
import random
import re
import signal
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from local_test.commands import options as shared
from local_test.transform import command
from local_test.transform.job import TransformJob
from local_test.transform.lane import Progress
from local_test.transform.parameters import environment
from local_test.transform.run import run
from tests.server import PATIENCE, Server, children, serving
from tests.unit.local_test.harness import harness
from tiffin.codecs import recordio
from tiffin.table import ArrayRows, Table

ROWS = 100_000


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("colours") / "colours.csv"
    numbers = random.Random(7).choices(range(256), k=3 * ROWS)  # noqa: S311
    file.write_text("".join(f"{r},{g},{b}\n" for r, g, b in zip(*[iter(numbers)] * 3, strict=True)))
    return file


@pytest.fixture(scope="module")
def labels(server: Server, colours: Path) -> bytes:
    answer = server.invoke(colours.read_bytes(), Accept="text/csv")
    assert answer.status == 200
    return answer.body


def url(server: Server) -> str:
    return f"http://{server.host}:{server.port}"


def lines_of_csv(**given: object) -> TransformJob:
    return TransformJob(content_type="text/csv", accept="text/csv", split_type="Line", **given)  # type: ignore[arg-type]


def test_B04_many_mini_batches_give_what_one_request_gives(
    server: Server, colours: Path, labels: bytes, tmp_path: Path
) -> None:
    target = tmp_path / "colours.csv.out"
    said: list[str] = []
    outcome = run(lines_of_csv(max_payload_in_mb=1), [(colours, target)], [url(server)], say=said.append)
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    assert outcome.files[0].requests == -(-colours.stat().st_size // 2**20)
    assert target.read_bytes() == labels
    assert said == ["MaxConcurrentTransforms=2, MaxPayloadInMB=1, BatchStrategy=MULTI_RECORD"]  # the server's two, B-02


def test_B04_a_record_a_request_gives_the_same(server: Server, colours: Path, labels: bytes, tmp_path: Path) -> None:
    rows = 2000
    source, target = tmp_path / "some.csv", tmp_path / "some.csv.out"
    source.write_bytes(b"".join(colours.read_bytes().splitlines(keepends=True)[:rows]))
    outcome = run(lines_of_csv(batch_strategy="SingleRecord"), [(source, target)], [url(server)])
    assert outcome.files[0].requests == rows
    assert target.read_bytes() == b"".join(labels.splitlines(keepends=True)[:rows])


@pytest.mark.alone
def test_a_million_rows_take_less_than_five_seconds(
    server: Server, colours: Path, labels: bytes, tmp_path: Path
) -> None:
    source, target = tmp_path / "million.csv", tmp_path / "million.csv.out"
    source.write_bytes(colours.read_bytes() * 10)
    started = time.monotonic()
    outcome = run(lines_of_csv(), [(source, target)], [url(server)])
    assert time.monotonic() - started < 5  # measured: 0.4
    assert outcome.status == "Completed"
    assert target.read_bytes() == labels * 10


def test_B04_recordio_frames_are_packed(server: Server, tmp_path: Path) -> None:
    rows = np.random.default_rng(3).integers(0, 256, (40_000, 3)).astype(np.float32)
    body = recordio.encode(Table(ArrayRows(rows)))
    source, target = tmp_path / "colours.rec", tmp_path / "colours.rec.out"
    source.write_bytes(body)
    kind = "application/x-recordio-protobuf"
    job = TransformJob(content_type=kind, accept="text/csv", split_type="RecordIO", max_payload_in_mb=1)
    outcome = run(job, [(source, target)], [url(server)])
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    assert outcome.files[0].requests > 1
    assert target.read_bytes() == server.invoke(body, kind, Accept="text/csv").body


def test_B03_a_body_of_unknown_length(server: Server, colours: Path, labels: bytes, tmp_path: Path) -> None:
    target = tmp_path / "colours.csv.out"
    outcome = run(lines_of_csv(max_payload_in_mb=0), [(colours, target)], [url(server)])
    assert (outcome.status, outcome.files[0].requests) == ("Completed", 1)
    assert target.read_bytes() == labels


def test_B09_ids_are_kept_from_the_model_and_beside_its_answers(
    server: Server, colours: Path, labels: bytes, tmp_path: Path
) -> None:
    source, target = tmp_path / "ids.csv", tmp_path / "ids.csv.out"
    rows = colours.read_text().splitlines()
    source.write_text("".join(f'"id, {number}",{row}\n' for number, row in enumerate(rows)))
    job = lines_of_csv(
        assemble_with="Line",
        max_payload_in_mb=1,
        input_filter="$[1:]",
        join_source="Input",
        output_filter="$[0,-1]",
    )
    outcome = run(job, [(source, target)], [url(server)])
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    names = labels.decode().splitlines()
    assert target.read_text().splitlines() == [f'"id, {number}",{name}' for number, name in enumerate(names)]


def test_B09_json_lines_are_joined(server: Server, tmp_path: Path) -> None:
    source, target = tmp_path / "c.jsonl", tmp_path / "c.jsonl.out"
    source.write_text('{"id": 1, "c": {"r": 73, "g": 84, "b": 116}}\n{"id": 2, "c": {"r": 200, "g": 16, "b": 46}}\n')
    kind = "application/jsonlines"
    job = TransformJob(
        content_type=kind,
        accept=kind,
        split_type="Line",
        assemble_with="Line",
        input_filter="$.c",
        join_source="Input",
        output_filter="$['id','SageMakerOutput']",
    )
    assert run(job, [(source, target)], [url(server)]).failure_reason == ""
    assert [json.loads(line) for line in target.read_text().splitlines()] == [
        {"id": 1, "SageMakerOutput": "blue"},
        {"id": 2, "SageMakerOutput": "red"},
    ]


def test_B05_B07_a_bad_row_and_a_header_fail_their_files_and_are_named(server: Server, tmp_path: Path) -> None:
    header, bad, good = (tmp_path / f"{name}.csv" for name in ("header", "bad", "good"))
    header.write_text("r,g,b\n1,2,3\n")
    bad.write_text("1,2,3\n73,300,116\n")
    good.write_text("73,84,116\n")
    pairs = [(file, tmp_path / "out" / f"{file.name}.out") for file in (header, bad, good)]
    said: list[str] = []
    outcome = run(lines_of_csv(), pairs, [url(server)], say=said.append)
    assert outcome.status == "Failed"
    assert outcome.failure_reason.startswith(
        "ClientError: header.csv: records 1 to 2: the container answered 400: row 1"
    )
    assert outcome.files[1].error == (
        "records 1 to 2: the container answered 400: row 2, column 'G': 300 is not between 0 and 255"
    )
    assert [target.exists() for _, target in pairs] == [False, False, True]
    assert pairs[2][1].read_text() == "blue\n"
    assert [line for line in said if "looks like a header" in line]


def test_B10_two_instances(server: Server, trained: Path, colours: Path, labels: bytes, tmp_path: Path) -> None:
    pairs = []
    for number in range(4):
        (tmp_path / f"{number}.csv").write_bytes(colours.read_bytes())
        pairs.append((tmp_path / f"{number}.csv", tmp_path / "out" / f"{number}.csv.out"))
    with serving(trained, environment(lines_of_csv())) as other:
        outcome = run(lines_of_csv(), pairs, [url(server), url(other)])
        other.stop()  # its log is whole then
        assert other.log.count(" invocation ") == 2
    assert outcome.status == "Completed"
    assert [target.read_bytes() for _, target in pairs] == [labels] * 4


def test_B07_a_server_that_dies_in_the_middle(trained: Path, colours: Path, tmp_path: Path) -> None:
    pairs = [(colours, tmp_path / f"{number}.out") for number in range(50)]
    with serving(trained) as server:
        processes = {server.process.pid, *children(server, 2)}

        def kill(_: Progress) -> None:
            while processes:
                os.kill(processes.pop(), signal.SIGKILL)

        outcome = run(lines_of_csv(invocations_max_retries=1), pairs, [url(server)], progress=kill)
    assert outcome.status == "Failed"
    assert "the connection to the container broke" in outcome.failure_reason
    assert sorted(tmp_path.iterdir()) == sorted(result.target for result in outcome.files if result.is_done)


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers(), [shared.tree(), shared.container()])
    return parser.parse_args(["transform", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_text("73,84,116\n")
    (tmp_path / "in" / "deep" / "b.csv").write_text("200,16,46\n")
    return tmp_path


def test_the_command_asks_a_running_server(server: Server, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "out"
    code = command.run(options(str(folder / "in"), "--split-type", "Line", "--output", str(out), "--url", url(server)))
    assert (code, (out / "a.csv.out").read_text(), (out / "deep" / "b.csv.out").read_text()) == (0, "blue\n", "red\n")
    assert "Completed" in capsys.readouterr().out


def test_the_command_starts_servers_and_ends_them(trained: Path, folder: Path) -> None:
    """As a process of its own, so that what it leaves open is its own too."""
    done = harness(
        *("transform", str(folder / "in"), "--output", str(folder / "out"), "--base-dir", str(trained), "--no-docker"),
        *("--content-type", "text/csv", "--instance-count", "2"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "out" / "a.csv.out").read_text() == "blue\n"
    assert done.stdout.count("listening on") == 2
    ports = re.findall(r"listening on 127.0.0.1:(\d+)", done.stdout)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), PATIENCE)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.csv"], "there is no missing.csv"),
        (["in", "--max-payload-in-mb", "101"], "MaxPayloadInMB=101"),
        (["in", "--join-source", "Input", "--split-type", "Line"], "Accept to be ContentType"),
        (["in/a.csv", "in/deep/../a.csv"], "two of the files would both be written"),
    ],
)
def test_the_command_refuses(
    folder: Path,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert command.run(options(*arguments, "--url", "http://127.0.0.1:1")) == 2
    assert sentence in capsys.readouterr().out


def test_the_command_says_what_failed(server: Server, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in" / "a.csv").write_text("x,y,z\n")
    given = options(*(str(folder / "in"), "--url", url(server), "--output", str(folder / "out")))
    assert command.run(given) == 1
    said = capsys.readouterr().out
    assert "Failed" in said
    assert "ClientError: a.csv: the whole file: the container answered 400" in said
