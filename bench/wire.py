"""What a peer is asked in: rows of R,G,B to a request, and its answer to labels."""

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

Rows = Sequence[Sequence[float]]
PATIENCE = 120.0
SIP, BETWEEN_SIPS = 64, 0.2  # bytes, seconds


@dataclass(frozen=True)
class Payload:
    path: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Wire:
    payload: Callable[[Rows], Payload]
    labels: Callable[[bytes], list[str]]


class Refused(Exception):
    """An answer that is not 200."""


def rows(count: int, seed: int = 0) -> Rows:
    bytes_ = random.Random(seed).randbytes(3 * count)  # noqa: S311  colours, not secrets
    return list(zip(bytes_[::3], bytes_[1::3], bytes_[2::3], strict=True))


def numbers(count: int, columns: int, seed: int = 0) -> Rows:
    chance = random.Random(seed)  # noqa: S311
    return [[round(chance.gauss(0, 1), 4) for _ in range(columns)] for _ in range(count)]


def _csv(rows: Rows) -> Payload:
    return Payload("/invocations", "text/csv", "".join([",".join(map(str, row)) + "\n" for row in rows]).encode())


def _v2(rows: Rows) -> Payload:
    flat = [value for row in rows for value in row]
    kind = "UINT8" if all(isinstance(value, int) for value in flat) else "FP64"
    document = {"inputs": [{"name": "rgb", "shape": [len(rows), len(rows[0])], "datatype": kind, "data": flat}]}
    return Payload("/v2/models/colour/infer", "application/json", json.dumps(document).encode())


def _rows_json(rows: Rows) -> Payload:
    return Payload("/invocations", "application/json", json.dumps({"rows": rows}).encode())


CSV = Wire(_csv, lambda body: body.decode().split())
V2 = Wire(_v2, lambda body: list(json.loads(body)["outputs"][0]["data"]))
ROWS_JSON = Wire(_rows_json, lambda body: list(json.loads(body)["labels"]))
LIST_JSON = Wire(_rows_json, lambda body: list(json.loads(body)))


class Caller:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, payload: Payload) -> bytes:
        try:
            self._connection.request("POST", payload.path, payload.body, {"Content-Type": payload.content_type})
            answer = self._connection.getresponse()
            body = answer.read()
        except http.client.HTTPException as error:  # a server that dies in its answer ends no run
            raise Refused(f"it broke off: {error!r}") from None
        if answer.status != http.client.OK:
            raise Refused(f"{answer.status}: {body[:300]!r}")
        return body

    def seconds(self, payload: Payload, at_least: int, budget: float) -> float:
        """The median time of an answer: asked `at_least` times, more while `budget` seconds are not spent."""
        times: list[float] = []
        end = time.monotonic() + budget
        while len(times) < at_least or (time.monotonic() < end and len(times) < 1000):  # noqa: PLR2004
            started = time.perf_counter()
            self.ask(payload)
            times.append(time.perf_counter() - started)
        return median(times)


@contextmanager
def slow_writers(port: int, payload: Payload, count: int) -> Iterator[None]:
    """Connections that have sent half a request, and send no more."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            connection.sendall(_head(payload) + payload.body[: len(payload.body) // 2])
        yield


@contextmanager
def slow_readers(port: int, payload: Payload, count: int) -> Iterator[None]:
    """Connections whose answers have begun, and are read a few bytes at a time."""
    stop = threading.Event()
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP)  # before it connects: so small a window
            connection.settimeout(PATIENCE)
            connection.connect(("127.0.0.1", port))
            connection.sendall(_head(payload) + payload.body)
            if b" 200 " not in connection.recv(SIP):
                raise Refused("a slow reader's answer does not begin with 200")
            connections.append(connection)

        def sip() -> None:
            while not stop.wait(BETWEEN_SIPS):
                for connection in connections:
                    connection.recv(SIP)

        thread = threading.Thread(target=sip)
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        yield


def _head(payload: Payload) -> bytes:
    return (
        f"POST {payload.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {payload.content_type}\r\n"
        f"Content-Length: {len(payload.body)}\r\n\r\n"
    ).encode()


def answers_200(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
