import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tiffin import logs
from tiffin.settings import Settings

log = logging.getLogger("tests.logs")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def configured(stream: io.StringIO | None = None, **settings: Any) -> io.StringIO:
    stream = io.StringIO() if stream is None else stream
    logs.configure(Settings(**settings), stream)
    return stream


def fail() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("it failed\r\nbadly")


def test_an_event_is_one_line_away_from_a_terminal() -> None:
    stream = configured()
    fail()
    (line,) = stream.getvalue().splitlines()
    assert r" ERROR tests.logs: it failed\r\nbadly\nTraceback (most recent call last):\n" in line
    assert line.endswith(r"ValueError: first\nsecond")


def test_a_terminal_sees_lines() -> None:
    stream = configured(Terminal())
    fail()
    assert stream.getvalue().endswith("\nValueError: first\nsecond\n")


def test_json() -> None:
    stream = configured(log_format="json")
    log.warning("%d rows\nof 하늘", 3, extra={"rows": 3, "place": {"a": 1}, "kind": ValueError})
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "level": "warning",
        "logger": "tests.logs",
        "message": "3 rows\nof 하늘",
        "rows": 3,
        "place": {"a": 1},
        "kind": "<class 'ValueError'>",
    }
    assert "하늘" in line


def test_json_keeps_a_traceback_with_its_event() -> None:
    stream = configured(log_format="json")
    fail()
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["traceback"].endswith("ValueError: first\nsecond")


def test_an_extra_cannot_pass_for_the_events_own() -> None:
    stream = configured(log_format="json")
    log.warning("words", extra={"level": "debug", "logger": "other", "time": "yesterday", "mine": 1})
    event = json.loads(stream.getvalue())
    assert (event["level"], event["logger"], event["mine"]) == ("warning", "tests.logs", 1)
    assert event["time"] != "yesterday"


@pytest.mark.parametrize(("level", "seen"), [(0, "diwe"), (logging.INFO, "iwe"), (40, "e"), (50, "")])
def test_level(level: int, seen: str) -> None:
    stream = configured(log_level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(name)
    assert "".join(line.rpartition(" ")[2][0] for line in stream.getvalue().splitlines()) == seen


def test_configured_twice_logs_once() -> None:
    configured()
    stream = configured()
    log.warning("once")
    assert stream.getvalue().count("once") == 1


def test_warnings_are_events() -> None:
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "WARNING py.warnings: " in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings())
    log.warning("words")
    out, err = capsys.readouterr()
    assert (out, err.endswith("WARNING tests.logs: words\n")) == ("", True)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_line_says_which_model(log_format: str) -> None:
    stream = io.StringIO()
    logs.configure(Settings(log_format=log_format), stream, "'100% mine'")
    logging.getLogger("x").warning("%s", "hello")
    line = stream.getvalue()
    if log_format == "json":
        assert json.loads(line)["model"] == "'100% mine'"
    else:
        assert line.endswith(" WARNING x: model '100% mine': hello\n")
