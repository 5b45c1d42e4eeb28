"""The lines of the loop are those that logging would write."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from serve import access
from serve.access import AccessLog
from tiffin import logs
from tiffin.settings import Settings


@pytest.fixture(autouse=True)
def _root_logger_as_it_was() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(False)


def written(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """Lines of the loop, and of logging, of the same two invocations."""
    settings = Settings.from_environ(environ)
    ours = AccessLog(settings)
    ours.plain(1, 0.00126)
    ours.plain(250, 1.0)
    ours.flush()
    ours.flush()
    stream = io.StringIO()
    logs.configure(settings, stream)
    access.record("0123456789ab00000000", 200, 1, 1.3)
    access.record("0123456789ab00000001", 200, 250, 1000.0)
    return capfd.readouterr().err.splitlines(), stream.getvalue().splitlines()


def masked(line: str) -> str:
    line = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[,.]\d{3}", "NOW", line)
    return re.sub(r"[0-9a-f]{12}(?=0000000\d)", "PREFIX", line)


@pytest.mark.parametrize("environ", [{}, {"TIFFIN_LOG_FORMAT": "json"}], ids=["text", "json"])
def test_same_as_logging(environ: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    ours, loggings = written(environ, capfd)
    assert len(ours) == 2
    assert list(map(masked, ours)) == list(map(masked, loggings))
    assert "NOW" in masked(ours[0])
    if environ:
        assert json.loads(ours[1])["rows"] == 250


def test_silent_above_info(capfd: pytest.CaptureFixture[str]) -> None:
    assert written({"SAGEMAKER_CONTAINER_LOG_LEVEL": "30"}, capfd) == ([], [])


def test_request_ids_differ(capfd: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(Settings.from_environ({}))
    for _ in range(50):
        log.plain(1, 0.1)
    log.flush()
    AccessLog(Settings.from_environ({})).flush()
    found = re.findall(r"invocation ([0-9a-f]{20}) status=200", capfd.readouterr().err)
    assert len(set(found)) == 50


def test_goes_on_when_nobody_reads_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_descriptor: int, _text: bytes) -> int:
        raise BrokenPipeError

    log = AccessLog(Settings.from_environ({}))
    monkeypatch.setattr("serve.access.os.write", gone)
    for _ in range(2):
        log.plain(1, 0.1)
        log.flush()
