import os
import signal
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from local_test.transform.job import TransformJob
from local_test.transform.lane import Progress
from local_test.transform.run import Outcome, run
from tests.unit.local_test.transform.container import HangUp, Request, telling

SINGLE = TransformJob(content_type="text/csv", split_type="Line", batch_strategy="SingleRecord")
PATIENCE = 10


def one_by_one(**given: object) -> TransformJob:
    return TransformJob(
        content_type="text/csv",
        split_type="Line",
        batch_strategy="SingleRecord",
        **given,  # type: ignore[arg-type]
    )


def echo(request: Request) -> tuple[int, bytes]:
    return 200, request.body


def files(folder: Path, *contents: bytes) -> list[tuple[Path, Path]]:
    pairs = []
    for number, content in enumerate(contents, 1):
        source = folder / f"{number}.csv"
        source.write_bytes(content)
        pairs.append((source, folder / "out" / f"{number}.csv.out"))
    return pairs


def written(pairs: Sequence[tuple[Path, Path]]) -> list[bytes | None]:
    return [target.read_bytes() if target.exists() else None for _, target in pairs]


def left_over(folder: Path) -> list[str]:
    return [path.name for path in (folder / "out").iterdir() if path.suffix != ".out"]


def errors(outcome: Outcome) -> list[str]:
    return [result.error for result in outcome.files]


def test_keeps_the_order_whatever_answer_comes_first(tmp_path: Path) -> None:  # B-06
    """The first request is answered when the third is there: so they were under way together."""
    third = threading.Event()

    def answer(request: Request) -> tuple[int, bytes]:
        if request.body == b"0\n":
            assert third.wait(PATIENCE)
        if request.body == b"2\n":
            third.set()
        return 200, request.body

    lines = b"".join(b"%d\n" % number for number in range(200))
    pairs = files(tmp_path, lines)
    with telling(answer) as container:
        outcome = run(one_by_one(max_concurrent_transforms=3), pairs, [container.url])
    assert outcome.status == "Completed"
    assert written(pairs) == [lines]
    assert outcome.files[0].requests == 200


@pytest.mark.parametrize("most", [1, 4])
def test_no_more_than_max_concurrent_transforms_are_under_way(tmp_path: Path, most: int) -> None:  # B-03
    lock, now, seen = threading.Lock(), [0], [0]
    full = threading.Barrier(most)

    def answer(request: Request) -> tuple[int, bytes]:
        with lock:
            now[0] += 1
            seen[0] = max(seen[0], now[0])
        if request.number <= most:
            full.wait(PATIENCE)
        with lock:
            now[0] -= 1
        return 200, request.body

    pairs = files(tmp_path, *[b"%d\n" % number for number in range(3 * most)] * 3)
    with telling(answer) as container:
        run(one_by_one(max_concurrent_transforms=most), pairs, [container.url])
        assert container.connections <= most + 1  # kept; one more asked for /execution-parameters
    assert seen[0] == most
    assert written(pairs) == [source.read_bytes() for source, _ in pairs]


def test_B07_a_file_that_fails_leaves_nothing_and_the_others_are_written(tmp_path: Path) -> None:
    def answer(request: Request) -> tuple[int, bytes]:
        return (400, b"cannot take it") if request.body == b"bad\n" else (200, request.body)

    pairs = files(tmp_path, b"1\n2\n", b"3\n4\nbad\n5\n", b"6\n", b"bad\n", b"7\n")
    pairs[1][1].parent.mkdir()
    pairs[1][1].write_bytes(b"of a job before")
    with telling(answer) as container:
        outcome = run(one_by_one(max_concurrent_transforms=4), pairs, [container.url])
    assert outcome.status == "Failed"
    assert outcome.failure_reason == (
        "ClientError: 2.csv: record 3: the container answered 400: cannot take it (1 more of 5 files failed)"
    )
    assert written(pairs) == [b"1\n2\n", None, b"6\n", None, b"7\n"]
    assert left_over(tmp_path) == []
    assert [bool(error) for error in errors(outcome)] == [False, True, False, True, False]


def test_a_failed_file_is_left_at_once(tmp_path: Path) -> None:
    pairs = files(tmp_path, b"x\n" * 1000, b"y\n")
    with telling(lambda request: (400, b"") if request.body == b"x\n" else (200, b"z")) as container:
        run(one_by_one(max_concurrent_transforms=2), pairs, [container.url])
        assert len(container.requests) <= 2 * 2 + 1 + 1
    assert written(pairs) == [None, b"z"]


def test_the_reason_has_1024_characters_at_most(tmp_path: Path) -> None:
    pairs = files(tmp_path, b"1\n", b"2\n")
    name = tmp_path / ("x" * 250)
    pairs[0][0].rename(name)
    pairs[0] = (name, pairs[0][1])
    with telling(lambda _: (400, b"y" * 5000)) as container:
        outcome = run(SINGLE, pairs, [container.url])
    assert len(outcome.failure_reason) <= 1024
    assert outcome.failure_reason.endswith("(1 more of 2 files failed)")


def test_B08_tries_again_when_the_container_hangs_up(tmp_path: Path) -> None:
    def answer(request: Request) -> tuple[int, bytes]:
        if request.number in (2, 3):
            raise HangUp
        return 200, request.body

    pairs = files(tmp_path, b"1\n2\n3\n")
    with telling(answer) as container:
        outcome = run(one_by_one(max_concurrent_transforms=1), pairs, [container.url])
    assert (outcome.status, written(pairs)) == ("Completed", [b"1\n2\n3\n"])


def test_B08_a_timeout_is_tried_again_and_then_fails(tmp_path: Path) -> None:
    over = threading.Event()

    def answer(request: Request) -> tuple[int, bytes]:
        over.wait(PATIENCE)
        return 200, b"late"

    pairs = files(tmp_path, b"1\n")
    job = one_by_one(invocations_timeout=1, invocations_max_retries=1)
    with telling(answer) as container:
        outcome = run(job, pairs, [container.url])
        assert len(container.requests) == 2
        over.set()
    assert outcome.failure_reason == (
        "AlgorithmError: 1.csv: record 1: no answer within 1 s (InvocationsTimeoutInSeconds), after 2 attempts"
    )


def test_a_container_that_dies_is_not_asked_for_every_file(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        pairs = files(tmp_path, *[b"1\n"] * 20)
        outcome = run(one_by_one(invocations_max_retries=1), pairs, [url])
    assert outcome.status == "Failed"
    assert "record 1: the connection to the container broke" in errors(outcome)[0]
    assert "not tried any more" in errors(outcome)[-1]
    assert left_over(tmp_path) == []


def test_B10_files_are_spread_over_instances_and_none_over_two(tmp_path: Path) -> None:
    pairs = files(tmp_path, *[b"%d\n" % number * 5 for number in range(10)])
    with telling(echo) as first, telling(echo) as second:
        outcome = run(SINGLE, pairs, [first.url, second.url])
        bodies = [{request.body for request in container.requests} for container in (first, second)]
    assert outcome.status == "Completed"
    assert written(pairs) == [source.read_bytes() for source, _ in pairs]
    assert [len(found) for found in bodies] == [5, 5]
    assert bodies[0] & bodies[1] == set()
    assert [result.source for result in outcome.files] == [source for source, _ in pairs]


def test_stop_ends_it(tmp_path: Path) -> None:
    stop = threading.Event()

    def answer(request: Request) -> tuple[int, bytes]:
        if request.number == 3:
            stop.set()
        return 200, request.body

    pairs = files(tmp_path, b"1\n", b"2\n" * 1000, b"3\n")
    with telling(answer) as container:
        outcome = run(one_by_one(max_concurrent_transforms=1), pairs, [container.url], stop=stop)
        assert len(container.requests) < 10
    assert (outcome.status, outcome.failure_reason) == ("Stopped", "")
    assert errors(outcome)[1:] == ["the job was stopped"] * 2
    assert written(pairs)[1:] == [None, None]
    assert left_over(tmp_path) == []


def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    def answer(request: Request) -> tuple[int, bytes]:
        if request.number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return 200, request.body

    pairs = files(tmp_path, b"1\n" * 100_000)
    with telling(answer) as container:
        with pytest.raises(KeyboardInterrupt):
            run(one_by_one(max_concurrent_transforms=1), pairs, [container.url])
        assert len(container.requests) < 50_000
    assert list((tmp_path / "out").iterdir()) == []


def test_a_slow_answer_holds_up_no_other_until_twice_as_many_wait(tmp_path: Path) -> None:
    """One file a request, so that files' ends are counted for nothing."""
    fourth = threading.Event()

    def answer(request: Request) -> tuple[int, bytes]:
        if request.body == b"0\n":
            assert fourth.wait(PATIENCE)
        if request.body == b"3\n":
            fourth.set()
        return 200, request.body

    pairs = files(tmp_path, *[b"%d\n" % number for number in range(8)])
    with telling(answer) as container:
        outcome = run(one_by_one(max_concurrent_transforms=2), pairs, [container.url])
    assert outcome.status == "Completed"


def test_says_how_far_it_is(tmp_path: Path) -> None:
    pairs = files(tmp_path, b"1\n2\n", b"3\n")
    seen: list[Progress] = []
    with telling(echo) as container:
        run(SINGLE, pairs, [container.url], progress=seen.append)
    first, second = (source for source, _ in pairs)
    assert seen == [Progress(first, 1, 1), Progress(first, 2, 2), Progress(second, 1, 1)]


def test_what_came_before_a_bad_record_is_asked_and_the_file_fails(tmp_path: Path) -> None:
    pairs = files(tmp_path, b"ok\n" + b"x" * 1_100_000 + b"\nok\n", b"ok\n")
    with telling(echo) as container:
        outcome = run(one_by_one(max_payload_in_mb=1), pairs, [container.url])
    assert outcome.failure_reason == "ClientError: 1.csv: record 2 is larger than MaxPayloadInMB, 1 MB"
    assert written(pairs) == [None, b"ok\n"]


def test_files_that_are_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    pairs = files(tmp_path, b"1\n", b"2\n", b"3\n")
    pairs[0][0].unlink()
    (tmp_path / "file").touch()
    pairs[1] = (pairs[1][0], tmp_path / "file" / "2.csv.out")
    with telling(echo) as container:
        outcome = run(SINGLE, pairs, [container.url])
    assert "cannot be read" in errors(outcome)[0]
    assert "output cannot be written" in errors(outcome)[1]
    assert written(pairs[2:]) == [b"3\n"]


def test_B03_a_body_of_unknown_length_is_chunked(tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    pairs = files(tmp_path, b"")
    os.truncate(pairs[0][0], size)
    job = TransformJob(content_type="application/octet-stream", max_payload_in_mb=0)
    with telling(lambda request: (200, b"%d" % len(request.body))) as container:
        outcome = run(job, pairs, [container.url])
        (request,) = container.requests
    assert outcome.status == "Completed"
    assert written(pairs) == [b"%d" % size]
    assert request.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "https://127.0.0.1", "http://", "http://127.0.0.1:1/invocations"])
def test_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a container"):
        run(SINGLE, files(tmp_path, b"1\n"), [url])


def test_a_failed_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    pipe, target = tmp_path / "input", tmp_path / "out" / "input.out"
    os.mkfifo(pipe)
    broken = threading.Event()

    def feed() -> None:
        with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as end:
            for _ in range(10_000):
                end.write(b"x\n" * 1000)
            return
        broken.set()

    feeder = threading.Thread(target=feed)
    feeder.start()
    with telling(lambda _: (400, b"")) as container:
        outcome = run(TransformJob(split_type="Line", batch_strategy="SingleRecord"), [(pipe, target)], [container.url])
    feeder.join(PATIENCE)
    assert outcome.status == "Failed"
    assert broken.is_set()


def test_nothing_is_to_be_seen_before_a_file_is_whole(tmp_path: Path) -> None:  # B-07
    pairs = files(tmp_path, b"1\n2\n3\n")
    seen: list[bool] = []
    with telling(echo) as container:
        run(SINGLE, pairs, [container.url], progress=lambda _: seen.append(pairs[0][1].exists()))
    assert seen == [False] * 3
    assert written(pairs) == [b"1\n2\n3\n"]


def test_a_join_keeps_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    pairs = files(tmp_path, b"caf\xe9,1\n")
    job = TransformJob(
        content_type="text/csv",
        accept="text/csv",
        split_type="Line",
        assemble_with="Line",
        join_source="Input",
        input_filter="$[0]",
    )
    with telling(echo) as container:
        assert run(job, pairs, [container.url]).failure_reason == ""
    assert written(pairs) == [b"caf\xe9,1,caf\xe9\n"]
