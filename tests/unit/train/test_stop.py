"""T-35: the first signal raises Stopped, once, and never while the artifact is published."""

import os
import signal

import pytest

from tiffin.errors import Stopped
from train.stop import StopSignals


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_raises_stopped(number: signal.Signals) -> None:
    with pytest.raises(Stopped, match=number.name), StopSignals().raised():
        send(number)


def test_later_ones_do_nothing() -> None:
    finished = False
    with StopSignals().raised():
        try:
            send(signal.SIGTERM)
        except Stopped:
            send(signal.SIGTERM)
            send(signal.SIGINT)
            finished = True
    assert finished


def test_nothing_is_raised_after_hold() -> None:
    signals = StopSignals()
    with signals.raised():
        signals.hold()
        send(signal.SIGTERM)


def test_after_forward_the_first_is_handed_on() -> None:
    signals, seen = StopSignals(), list[str]()
    with signals.raised():
        signals.forward(lambda: seen.append("handed on"))
        assert not signals.seen
        send(signal.SIGINT)
        send(signal.SIGTERM)
    assert seen == ["handed on"]
    assert signals.seen


def test_one_that_was_held_is_handed_on_at_once() -> None:
    signals, seen = StopSignals(), list[str]()
    with signals.raised():
        signals.hold()
        send(signal.SIGTERM)
        signals.forward(lambda: seen.append("handed on"))
    assert seen == ["handed on"]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(Stopped), StopSignals().raised():
        send(signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_no_except_exception_swallows_it() -> None:
    assert not issubclass(Stopped, Exception)
