"""An endpoint of somebody else's servers: weights, updates under load, instances that end or fall silent."""

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_test.engine.endpoint import Endpoint, Unavailable, Variant
from local_test.engine.instance import NoContainer
from local_test.engine.process_runner import ProcessRunner
from local_test.engine.serving import NeverReady, ServingSpec
from tests.runs import PROGRAM
from tests.server import PATIENCE


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def endpoint(log: list[str]) -> Iterator[Endpoint]:
    made = Endpoint(ProcessRunner(), lambda variant, line: log.append(f"{variant}: {line}"), ping_every=0.2)
    yield made
    made.close()


def spec(
    folder: Path, says: str, does: str = "", hostname: str | None = None, start_timeout: float = 20
) -> ServingSpec:
    (folder / "model").mkdir(parents=True, exist_ok=True)
    environment = {"SAYS": says, "DOES": does}
    return ServingSpec(str(PROGRAM), folder, environment, hostname=hostname)


def variant(folder: Path, name: str, instances: int = 1, weight: float = 1.0, does: str = "") -> Variant:
    return Variant(name, (spec(folder, name, does),), instances, weight)


def said(endpoint: Endpoint, body: bytes = b"who") -> str:
    return endpoint.invoke(body, {})[1].body.decode()


@contextmanager
def asked_all_the_time(endpoint: Endpoint) -> Iterator[Counter[str]]:
    """By four callers; anything but an answer ends up in the counter by its error's name."""
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                answers[said(endpoint)] += 1
            except Exception as error:  # noqa: BLE001
                answers[type(error).__name__] += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def wait_until(look: object, what: str) -> None:
    assert callable(look)
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_variants_are_asked_by_their_weights(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.deploy(
        [variant(tmp_path, "a", weight=3), variant(tmp_path, "b", weight=1), variant(tmp_path, "c", weight=0)]
    )
    counted = Counter(said(endpoint) for _ in range(400))
    assert set(counted) == {"a", "b"}
    assert 0.6 < counted["a"] / 400 < 0.9
    assert endpoint.invoke(b"who", {}, variant="c")[0] == "c"  # TargetVariant
    endpoint.weigh({"a": 0, "c": 5, "b": 0})
    assert {said(endpoint) for _ in range(20)} == {"c"}
    with pytest.raises(Unavailable, match="there is no variant 'd'"):
        endpoint.invoke(b"who", {}, variant="d")


def test_an_update_loses_no_request(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.deploy([variant(tmp_path, "old")])
    with asked_all_the_time(endpoint) as answers:
        slow: list[str] = []
        waiting = threading.Thread(target=lambda: slow.append(said(endpoint, b"sleep")))
        waiting.start()
        endpoint.deploy([variant(tmp_path, "new", instances=2)])
        wait_until(lambda: answers["new"] > 20, "the new variant answers")
        waiting.join()
    assert set(answers) == {"old", "new"}
    assert slow == ["sleep"]  # two seconds, across the change
    assert endpoint.variants()[0][1] == 2


def test_an_update_that_fails_leaves_the_old_one_serving(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.deploy([variant(tmp_path, "old")])
    with asked_all_the_time(endpoint) as answers:
        with pytest.raises(NeverReady, match="ended with exit code 5"):
            endpoint.deploy([variant(tmp_path, "good"), variant(tmp_path, "bad", does="end")])
        wait_until(lambda: answers["old"] > 20, "the old variant answers")
    assert set(answers) == {"old"}


def fleet(folder: Path, says: str, instances: int = 2) -> list[Variant]:
    return [Variant("main", (spec(folder / says, says),), instances)]


def test_the_next_fleet_gets_its_share_of_the_requests(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.deploy(fleet(tmp_path, "old"))
    endpoint.stage(fleet(tmp_path, "new", 1))
    endpoint.stage(fleet(tmp_path, "new", 4))
    assert [count for _, count in endpoint.staged()] == [4]
    assert {said(endpoint) for _ in range(20)} == {"old"}
    endpoint.share(0.25)
    asked: Counter[tuple[str, str]] = Counter()
    for _ in range(400):
        with endpoint.chosen() as (_, instance):
            asked[instance.servers[0].spec.environment["SAYS"], instance.id] += 1
    counts = {says: [count for (each, _), count in asked.items() if each == says] for says in ("old", "new")}
    assert [len(counts["old"]), len(counts["new"])] == [2, 1]  # a quarter of four
    assert 0.15 < sum(counts["new"]) / 400 < 0.35
    endpoint.scale("main", 0)
    assert {said(endpoint) for _ in range(20)} == {"new"}  # there is nobody else
    endpoint.scale("main", 1)
    endpoint.share(1.0)
    assert {said(endpoint) for _ in range(20)} == {"new"}
    endpoint.finish()
    assert {said(endpoint) for _ in range(20)} == {"new"}
    assert ([count for _, count in endpoint.variants()], endpoint.staged()) == ([4], [])


def test_a_next_fleet_that_is_abandoned_answers_what_it_was_asked(
    endpoint: Endpoint, tmp_path: Path, log: list[str]
) -> None:
    endpoint.deploy(fleet(tmp_path, "old"))
    endpoint.stage(fleet(tmp_path, "new"))
    with asked_all_the_time(endpoint) as answers:
        endpoint.share(1.0)
        wait_until(lambda: answers["new"] > 20, "the next fleet answers")
        slow: list[str] = []
        waiting = threading.Thread(target=lambda: slow.append(said(endpoint, b"sleep")))
        waiting.start()
        wait_until(lambda: any("asked to sleep" in line for line in log), "a request under way")
        endpoint.abandon()
        waiting.join()
        known = answers["old"]
        wait_until(lambda: answers["old"] > known + 20, "the old fleet answers")
    assert set(answers) == {"old", "new"}
    assert slow == ["sleep"]
    assert {said(endpoint) for _ in range(20)} == {"old"}


def test_instances_are_added_and_taken_away_under_load(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.deploy([variant(tmp_path, "a")])
    with asked_all_the_time(endpoint) as answers:
        for count in (3, 1):
            endpoint.scale("a", count)
            assert endpoint.variants()[0][1] == count
    assert set(answers) == {"a"}


def test_H07_an_instance_that_ends_is_replaced(endpoint: Endpoint, tmp_path: Path, log: list[str]) -> None:
    endpoint.deploy([variant(tmp_path, "a", instances=2)])
    with endpoint.chosen() as (_, instance):
        pid = int(instance.servers[0].running.id)
    os.killpg(pid, signal.SIGKILL)
    wait_until(lambda: "a: an instance ended by itself; it is replaced" in log, "a line in the log")
    wait_until(lambda: endpoint.variants()[0][1] == 2, "a replacement")
    assert {said(endpoint) for _ in range(10)} == {"a"}


def test_H07_an_instance_that_falls_silent_is_replaced(endpoint: Endpoint, tmp_path: Path, log: list[str]) -> None:
    endpoint.deploy([variant(tmp_path, "a")])
    with endpoint.chosen() as (_, instance):
        pid = int(instance.servers[0].running.id)
    said(endpoint, b"silent")  # /ping says 503 from now on
    wait_until(lambda: "a: an instance did not answer 3 pings; it is replaced" in log, "a line in the log")
    wait_until(lambda: endpoint.variants()[0][1] == 1, "a replacement")
    with endpoint.chosen() as (_, instance):
        assert int(instance.servers[0].running.id) != pid
    assert said(endpoint) == "a"


def test_P01_containers_one_after_the_other(endpoint: Endpoint, tmp_path: Path) -> None:
    chain = tuple(spec(tmp_path, name, "append", name) for name in ("first", "second", "third"))
    endpoint.deploy([Variant("a", chain)])
    _, reply = endpoint.invoke(b"0", {"Content-Type": "text/csv", "Accept": "x/y"})
    assert (reply.body, reply.headers["content-type"]) == (
        b"0first(text/csv,-)second(text/csv,-)third(text/csv,x/y)",
        "text/csv",
    )
    _, alone = endpoint.invoke(b"0", {"Content-Type": "text/csv"}, container="second")  # M-14
    assert alone.body == b"0second(text/csv,-)"
    with pytest.raises(NoContainer, match="there is no container 'fourth'; there are first, second, third"):
        endpoint.invoke(b"0", {}, container="fourth")
    _, refused = endpoint.invoke(b"refuse", {"Content-Type": "text/csv"})
    assert (refused.status, refused.body) == (400, b"first refuses")


def test_those_that_are_preferred_are_asked_and_else_any(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.deploy([variant(tmp_path, "a", instances=2)])
    with endpoint.chosen() as (_, first):
        pass
    for _ in range(10):
        with endpoint.chosen(prefer=lambda instance: instance is first) as (_, chosen):
            assert chosen is first
    with endpoint.chosen(prefer=lambda instance: instance is first), endpoint.chosen() as (_, other):
        assert other is not first  # the least busy
    with endpoint.chosen(prefer=lambda _: False):
        pass


def test_lines_tell_their_variant_instance_and_container(endpoint: Endpoint, tmp_path: Path, log: list[str]) -> None:
    specs = (spec(tmp_path, "one", hostname="one"),)
    endpoint.deploy([Variant("a", specs), variant(tmp_path, "b")])
    wait_until(lambda: len(log) == 2, "a line of each")
    found = [re.fullmatch(r"(a/i-[0-9a-f]{17}/one|b/i-[0-9a-f]{17}): serving", line) for line in sorted(log)]
    assert all(found), log
