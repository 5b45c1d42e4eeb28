"""Requests to one container, over a connection for each thread, tried again where that can help.

Tried again (B-08): a connection that breaks, a timeout, 5xx, 408 and 429. Another 4xx is the container's verdict on
these very bytes, and is final. AWS says no more than "when invocation requests are failing".
"""

import json
import threading

from local_test.wire import Address, Body, Connection, Reply
from tiffin import limits

_PAUSE = 0.1 * limits.SECONDS  # before the second attempt; doubled for each further one
_PASSING = frozenset({408, 429})
_MESSAGE = 500  # characters of the container's answer that an error shows
_ASK_TIMEOUT = 10 * limits.SECONDS


class InvocationFailed(Exception):
    """After all attempts. `is_refusal`: the container said 4xx. `is_gone`: nobody listens there."""

    def __init__(self, text: str, *, is_refusal: bool = False, is_gone: bool = False) -> None:
        super().__init__(text)
        self.is_refusal, self.is_gone = is_refusal, is_gone


class Stopped(Exception):
    """The job was stopped before the request had its answer."""


class Container:
    """A running container."""

    def __init__(self, address: Address, timeout: float, retries: int, stop: threading.Event) -> None:
        self._address = address
        self._timeout, self._retries, self._stop = timeout, retries, stop
        self._own = threading.local()
        self._all: list[Connection] = []

    def execution_parameters(self) -> Reply:
        """B-02. Status 0 where nobody answers: the first invocation will say so better."""
        try:
            return self._connection().request("GET /execution-parameters", b"", None, _ASK_TIMEOUT)
        except OSError:
            return Reply(0, {}, b"")

    def invoke(self, body: Body, headers: bytes) -> bytes:
        """The body of the 2xx answer. `headers`: each with its line end. Raises InvocationFailed, or Stopped."""
        why, is_gone = "", False
        for attempt in range(self._retries + 1):
            if self._stop.wait(_PAUSE * 2 ** (attempt - 1)) if attempt else self._stop.is_set():
                raise Stopped
            try:
                answer = self._connection().request("POST /invocations", headers, body, self._timeout)
            except TimeoutError:
                why = f"no answer within {self._timeout:g} s (InvocationsTimeoutInSeconds)"
            except OSError as error:
                why = f"the connection to the container broke ({error or type(error).__name__})"
                is_gone = isinstance(error, ConnectionRefusedError)
            else:
                if 200 <= answer.status < 300:  # noqa: PLR2004
                    return answer.body
                why = f"the container answered {answer.status}: {_message(answer.body)}"
                if answer.status < 500 and answer.status not in _PASSING:  # noqa: PLR2004
                    raise InvocationFailed(why, is_refusal=True)
        if self._stop.is_set():
            raise Stopped
        attempts = f", after {self._retries + 1} attempts" if self._retries else ""
        raise InvocationFailed(f"{why}{attempts}", is_gone=is_gone)

    def close(self) -> None:
        for connection in self._all:
            connection.close()

    def _connection(self) -> Connection:
        found: Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = Connection(self._address)
            self._all.append(found)
        return found


def _message(body: bytes) -> str:
    """The sentence of a JSON error, or the text as it came."""
    text = body[: limits.ERROR_BODY].decode(errors="replace").strip()
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        text = document["message"]
    return (text[:_MESSAGE] + " …" if len(text) > _MESSAGE else text) or "no message"
