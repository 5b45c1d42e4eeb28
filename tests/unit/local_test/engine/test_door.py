"""Into a network, by a process that may end meanwhile: the engine hears of that a moment later."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from local_test.engine import door


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen(["true"])
    child.wait(10)
    return child.pid


def _said(*pids: int) -> Iterator[int]:
    yield from pids


def test_a_process_that_has_ended_is_none_though_the_engine_hears_of_it_later(gone: int) -> None:
    said = _said(gone, gone, 0)
    assert door.opened(gone, lambda: next(said)) is None


def test_a_container_that_has_ended_already_is_none() -> None:
    assert door.opened(0, lambda: 0) is None


def test_a_process_that_cannot_be_entered_is_an_error(gone: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_LAG", 0.1)
    with pytest.raises(OSError, match=str(gone)):
        door.opened(gone, lambda: gone)


@pytest.mark.skipif(not door.can_enter(), reason="only root enters a network")
def test_of_a_process_number_that_is_anothers_by_now_no_door_is_left() -> None:
    assert door.opened(os.getpid(), lambda: 0) is None
