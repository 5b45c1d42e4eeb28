"""One line an invocation: the same from the loop, which writes them in batches, and from Flask."""

import itertools
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from serve.answers import BUSY
from tiffin.settings import Settings
from tiffin.table import shortened

log = logging.getLogger(__name__)


def record(request_id: str, status: int, rows: int | None, milliseconds: float, problem: str = "", **more: str) -> None:
    """Through the log, as every other event. `more` are fields that not every line has."""
    event = {"request_id": request_id, "status": status, "rows": rows, "ms": milliseconds, **more}
    message = _message(request_id, status, rows, milliseconds, problem)
    for name, value in more.items():
        message += f" {name}={shortened(value)}"
    log.info("%s", message, extra=event)


def _message(request_id: str, status: int, rows: int | None, milliseconds: float, problem: str = "") -> str:
    shown = "-" if rows is None else rows
    return f"invocation {request_id} status={status} rows={shown} ms={milliseconds:.1f}{problem and ' '}{problem}"


class AccessLog:
    """Lines of answered plain invocations, written together: at the loop's rate a call of `logging` for each costs
    more than the prediction. The lines are those that `record` would write."""

    def __init__(self, settings: Settings) -> None:
        self._wanted = settings.log_level <= logging.INFO
        self._json = settings.log_format == "json"
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count()
        self._entries: list[tuple[int, float]] = []
        self._refused: list[str] = []

    def plain(self, rows: int, took: float) -> None:
        if self._wanted:
            self._entries.append((rows, took))

    def refused(self) -> str:
        """The id of an invocation for which there is no room."""
        request_id = f"{self._prefix}{next(self._numbers):08x}"
        if self._wanted:
            self._refused.append(request_id)
        return request_id

    def flush(self) -> None:
        if self._refused:
            refused, self._refused = self._refused, []
            for request_id in refused:
                record(request_id, 503, None, 0.0, BUSY)
        if not self._entries:
            return
        entries, self._entries = self._entries, []
        lines = self._json_lines if self._json else self._text_lines
        text = "".join(lines(time.time(), zip(self._numbers, entries)))  # noqa: B905  the numbers do not end
        try:
            os.write(2, text.encode())
        except OSError:  # whoever read the log has gone; the server goes on
            self._wanted = False

    def _text_lines(self, now: float, entries: Iterable[tuple[int, tuple[int, float]]]) -> Iterator[str]:
        stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))},{int(now * 1000) % 1000:03d}"
        start = f"{stamp} INFO {__name__}: invocation {self._prefix}"
        return (f"{start}{n:08x} status=200 rows={rows} ms={took * 1000:.1f}\n" for n, (rows, took) in entries)

    def _json_lines(self, now: float, entries: Iterable[tuple[int, tuple[int, float]]]) -> Iterator[str]:
        stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        for number, (rows, took) in entries:
            request_id, milliseconds = f"{self._prefix}{number:08x}", round(took * 1000, 1)
            event = {
                "time": stamp,
                "level": "info",
                "logger": __name__,
                "message": _message(request_id, 200, rows, milliseconds),
                "request_id": request_id,
                "status": 200,
                "rows": rows,
                "ms": milliseconds,
            }
            yield json.dumps(event) + "\n"
