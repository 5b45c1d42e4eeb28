"""The front's side: questions to the keeper, and a model in another process as a Predictor.

An invocation goes straight to the model's socket; the keeper is asked only when nobody listens there, or when the
process ends with the invocation in it.
"""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serve.models import frames
from serve.models.faults import as_error, fault, raise_fault
from serve.models.frames import Fields
from serve.models.keeper import address_of, own_address
from tiffin import limits
from tiffin.context import Context
from tiffin.errors import NotReady, OutOfMemory, PublicError, UserCodeError
from tiffin.predictor import Raw, Reply
from tiffin.stream import Converse
from tiffin.table import shortened

_END_IS_SEEN = 10 * limits.SECONDS  # a process that broke off has ended by then, with all that it started
_PAUSE = 0.01 * limits.SECONDS


@dataclass(frozen=True)
class Link:
    """To the keeper, from any process and thread of the front."""

    folder: Path
    lifeline: socket.socket

    def is_up(self) -> bool:
        """Whether the keeper lives: its end of the lifeline is open."""
        try:
            return bool(self.lifeline.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def ask(self, fields: Fields, timeout: float | None = None) -> Fields:
        """Raises the PublicError that the keeper answers with; NotReady when it is gone, TimeoutError."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout)
            try:
                sock.connect(own_address(self.folder))
                frames.send(sock, fields)
                answer, _ = frames.receive(sock)
            except TimeoutError:
                raise
            except OSError:
                raise NotReady("the process that keeps the models is gone or overloaded") from None
        raise_fault(answer)
        return answer


class RemoteModel:
    """`timeout` in seconds: of a wait in the model's queue, and then of its answer, or of one part of it."""

    raw: Raw | None = None
    converse: Converse | None = None

    def __init__(self, name: str, link: Link, timeout: float, request_id: str) -> None:
        self._name, self._link, self._timeout, self._request_id = name, link, timeout, request_id

    def warm_up(self) -> None:
        """Its own process has done that."""

    def predict(self, body: bytes, content_type: str | None, accept: str | None, context: Context) -> Reply:  # noqa: ARG002  among the headers
        """Raises PublicError; another OSError only while an answer streams."""
        asked = {"accept": accept, "headers": dict(context.headers), "request_id": self._request_id}
        deadline = time.monotonic() + self._timeout
        while True:
            sock = self._connected(deadline)
            try:
                pid = self._hand_over(sock, asked, body)
                if pid:
                    return self._reply(sock, pid, context)
            except BaseException:
                sock.close()
                raise
            sock.close()  # its process ended before it took this one: another will

    def _connected(self, deadline: float) -> socket.socket:
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(self._timeout)
            try:
                sock.connect(address_of(self._link.folder, self._name))
            except (FileNotFoundError, ConnectionRefusedError):
                sock.close()
            except OSError:  # its backlog is full
                sock.close()
                raise self._too_many() from None
            else:
                return sock
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._too_many()
            try:
                self._link.ask({"ask": "wake", "name": self._name}, left)
            except TimeoutError:
                raise NotReady(f"model {self._shown} is still being loaded again; try again in a second") from None
            time.sleep(_PAUSE)  # where a process is ending just now

    def _hand_over(self, sock: socket.socket, asked: Fields, body: bytes) -> int:
        """The id of the process that has it now; 0 where it ended before it took it."""
        try:
            frames.send(sock, asked, body)
        except TimeoutError:
            raise self._too_many() from None
        except OSError:  # the word that it was taken may have come before the end
            pass
        try:
            return int(frames.receive(sock)[0]["taken"])
        except TimeoutError:
            raise self._too_many() from None
        except OSError:
            return 0

    def _reply(self, sock: socket.socket, pid: int, context: Context) -> Reply:
        try:
            fields, body = frames.receive(sock)
        except TimeoutError:
            raise self._ended(pid, "kill") from None
        except OSError:
            raise self._ended(pid, "ended") from None
        raise_fault(fields)
        context.answer.update(fields["answer"])
        if fields["parts"]:
            return Reply(b"", fields["content_type"], fields["rows"], _Parts(sock))
        sock.close()
        return Reply(body, fields["content_type"], fields["rows"], problem=fields["problem"])

    def _ended(self, pid: int, ask: str) -> PublicError:
        """The keeper has logged it: there is no traceback to log once more."""
        return as_error(fault(self._end_of(pid, ask)))

    def _end_of(self, pid: int, ask: str) -> PublicError:
        try:
            how = self._link.ask({"ask": ask, "name": self._name, "pid": pid}, _END_IS_SEEN)["how"]
        except (TimeoutError, NotReady):
            how = "its end was not seen"
        match how:
            case "memory":
                return OutOfMemory(f"model {self._shown} needed more memory than is left, and was ended")
            case "unloaded":
                return NotReady(f"model {self._shown} was unloaded before it had answered")
            case "timeout":
                return UserCodeError(f"model {self._shown} did not answer within {self._timeout:g} s, and was ended")
            case _:
                return UserCodeError(f"the process of model {self._shown} died ({how}); it is started again when asked")

    def _too_many(self) -> NotReady:
        return NotReady(f"too many requests wait for model {self._shown}; try again in a second")

    @property
    def _shown(self) -> str:
        return shortened(self._name)


class _Parts(Iterator[bytes]):
    """Of a streamed answer (H-22). An OSError breaks it off, as the model did."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __next__(self) -> bytes:
        fields, part = frames.receive(self._sock)
        raise_fault(fields)
        if fields["part"]:
            return part
        self.close()
        raise StopIteration

    def close(self) -> None:
        self._sock.close()
