"""Hosts that exchange documents: here threads, each of an address of its own on loopback."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from examples.tabular import together as module
from examples.tabular.together import Together, together
from local_test.engine.process_runner import free_port
from tiffin.errors import BadJob

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


@pytest.fixture(autouse=True)
def port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORT", free_port())


def on_each(
    what: Callable[[Together, str], Any], hosts: tuple[str, ...] = HOSTS, late: str = "", patience: float = 10
) -> dict[str, Any]:
    """What each host's turn returned, or the sentence it failed with."""
    found: dict[str, Any] = {}

    def run(host: str) -> None:
        if host == late:
            time.sleep(0.3)
        try:
            with together(HOSTS, host, patience) as group:
                found[host] = what(group, host)
        except BadJob as error:
            found[host] = str(error)

    threads = [threading.Thread(target=run, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return found


def test_each_host_gets_the_documents_of_all_in_their_order() -> None:
    def turn(group: Together, host: str) -> Any:
        return [group.exchange({"host": host, "n": (1, 2)}), group.exchange(None), group.is_leader]

    whole = [{"host": host, "n": [1, 2]} for host in HOSTS]
    found = on_each(turn)
    assert [found[host] for host in HOSTS] == [
        [whole, [None] * 3, True],
        [whole, [None] * 3, False],
        [whole, [None] * 3, False],
    ]


def test_large_documents_arrive_whole() -> None:
    found = on_each(lambda group, host: [len(text) for text in group.exchange(host * 300_000)])
    assert [found[host] for host in HOSTS] == [[2_700_000] * 3] * 3


@pytest.mark.parametrize("late", HOSTS)
def test_T06_a_host_that_comes_late_is_waited_for(late: str) -> None:
    found = on_each(lambda group, _: group.exchange(1), late=late)
    assert list(found.values()) == [[1, 1, 1]] * 3


@pytest.mark.parametrize("bad", HOSTS)
def test_what_fails_on_one_host_ends_all_with_its_sentence(bad: str) -> None:
    def turn(group: Together, host: str) -> Any:
        with group.telling():
            if host == bad:
                raise BadJob("train/a.csv, line 2: wrong")
        return group.exchange(1)

    found = on_each(turn)
    assert found[bad] == "train/a.csv, line 2: wrong"
    assert {found[host] for host in HOSTS if host != bad} == {f"{bad}: train/a.csv, line 2: wrong"}


def test_a_host_that_is_gone_is_named() -> None:
    def turn(group: Together, host: str) -> Any:
        if host == HOSTS[2]:
            return "gone"
        return group.exchange(1)

    found = on_each(turn)
    assert found[HOSTS[0]] == "127.0.0.3: 127.0.0.3 is gone: it ended before the others"
    assert found[HOSTS[1]] == found[HOSTS[0]]


def test_hosts_that_never_come_are_named() -> None:
    found = on_each(lambda group, _: group.exchange(1), hosts=HOSTS[:1], patience=0.3)
    assert found == {HOSTS[0]: "these hosts have not come: 127.0.0.2, 127.0.0.3"}
    found = on_each(lambda group, _: group.exchange(1), hosts=HOSTS[1:2], patience=0.3)
    assert found[HOSTS[1]].startswith("127.0.0.1 cannot be reached on port ")
