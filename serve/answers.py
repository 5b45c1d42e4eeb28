"""The answers that the worker's loop writes itself, as bytes."""

import time
from email.utils import formatdate

_OK = b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: %s\r\nConnection: %s\r\n"
PING = _OK + b"Content-Length: 0\r\n\r\n"
CSV = _OK + b"Content-Type: text/csv\r\nContent-Length: "
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: gunicorn\r\nDate: %b\r\nConnection: %b\r\nRetry-After: 1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
_BUSY_BODY = b'{"error": "NotReady", "message": "%b", "request_id": "%b"}\n'
BUSY = "too many requests wait for the model; try again in a second"


class Answers:
    def __init__(self) -> None:
        self._date_at, self._date = 0, b""

    def ping(self, alive: bool) -> bytes:
        return PING % self._common(alive)

    def csv(self, alive: bool) -> bytes:
        """Up to the value of Content-Length."""
        return CSV % self._common(alive)

    def busy(self, alive: bool, request_id: str) -> bytes:
        body = _BUSY_BODY % (BUSY.encode(), request_id.encode())
        return _BUSY % (*self._common(alive), len(body), body)

    def _common(self, alive: bool) -> tuple[bytes, bytes]:
        """Date and Connection: a server that stops keeps none."""
        now = int(time.time())
        if now != self._date_at:
            self._date_at, self._date = now, formatdate(now, usegmt=True).encode()
        return self._date, b"keep-alive" if alive else b"close"
