"""A model's own process: it loads one model, answers its invocations on a unix socket, and ends.

Rules:
- The keeper forks it and waits for it. It is the leader of a process group, so that what user code starts ends with it.
- It reports once over `control`, loaded or why not; a process that ends without a report has died while loading.
- The end of `control`, by the keeper's will or its death, means: take no more, finish what was taken, end.
- An invocation is a connection. `taken` is said before the model sees it: until then a caller may ask again elsewhere.
- `SERVE_THREADS` invocations are answered at a time and `BACKLOG` wait, for all front processes together; the kernel
  refuses one more, which the front answers with 503. So a slow model holds only so many threads of the front.
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from serve.models import frames
from serve.models.faults import fault
from tiffin import loader, logs, shortway
from tiffin.context import Context
from tiffin.errors import OutOfMemory, PublicError, TiffinError
from tiffin.predictor import Predictor, Reply
from tiffin.settings import Settings
from tiffin.table import shortened

log = logging.getLogger(__name__)

BACKLOG = 16
_REASON = 1000  # characters of why a model cannot be loaded
_FIRST_TO_GO = "1000"  # of oom_score_adj: the kernel takes a model before the keeper, and before the front


def run(settings: Settings, name: str, address: str, control: socket.socket) -> None:
    """The whole life of the process; does not return."""
    code = 1
    try:
        _become_a_process_of_its_own()
        logs.configure(settings, model=shortened(name))
        predictor = _load(settings, control)
        if predictor is not None:
            _serve(predictor, settings, address, control)
            code = 0
    except BaseException:  # nothing may run on into the keeper's own frames below this one
        log.exception("a defect in the model's process")
    finally:
        if "tiffin.rlang" in sys.modules:  # it was an R model's
            from tiffin import rlang

            with suppress(Exception):
                rlang.end()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):  # whoever read it has gone, or user code closed it
                continue
        os._exit(code)


def _become_a_process_of_its_own() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    try:
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    except OSError:  # not Linux's, or not ours to write
        log.debug("oom_score_adj cannot be written")


def _load(settings: Settings, control: socket.socket) -> Predictor | None:
    try:
        predictor = loader.load_predictor(settings)
        predictor.warm_up()
    except (TiffinError, MemoryError) as error:
        log.error("cannot be loaded: %s", error, exc_info=error.__cause__)
        memory = isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError)
        frames.send(
            control,
            {"error": "memory" if memory else "code", "message": _without_paths(str(error), settings)[:_REASON]},
        )
        return None
    return predictor


def _without_paths(message: str, settings: Settings) -> str:
    """No path reaches a caller; what follows the model's folder is the model's own and tells where to look."""
    for folder in (settings.paths.model, settings.plug):
        message = message.replace(f"{folder}/", "").replace(str(folder), "the model")
    return message


def _serve(predictor: Predictor, settings: Settings, address: str, control: socket.socket) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(BACKLOG)
    threads = [
        threading.Thread(target=_answer_all, args=(listener, predictor, settings), name=f"model-{number}")
        for number in range(settings.threads)
    ]
    for thread in threads:
        thread.start()
    frames.send(control, {"loaded": True})
    try:
        control.recv(1)
    except OSError:  # the keeper was killed
        log.warning("the keeper has gone")
    listener.shutdown(socket.SHUT_RDWR)  # what was already in the backlog is still taken
    for thread in threads:
        thread.join()


def _answer_all(listener: socket.socket, predictor: Predictor, settings: Settings) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # shut down, and the backlog is empty
            return
        with connection:
            try:
                connection.settimeout(settings.timeout)
                _answer(connection, predictor, settings)
            except OSError as error:  # whoever asked has gone
                log.debug("an invocation's caller has gone: %s", error)
            except Exception as error:  # noqa: BLE001  ours, and its caller waits
                _confess(connection, error)


def _confess(connection: socket.socket, error: BaseException) -> None:
    """What failed was no user code: it came while a body was read or an answer written."""
    if isinstance(error, MemoryError):
        answer = fault(OutOfMemory.of_a_request())
    else:
        log.error("a defect in the model's process", exc_info=error)
        answer = fault(PublicError("the server failed on this request; the container's log says why"))
        answer["error"] = "InternalError"
    with suppress(OSError):
        frames.send(connection, answer)


def _answer(connection: socket.socket, predictor: Predictor, settings: Settings) -> None:
    frames.send(connection, {"taken": os.getpid()})
    asked, body = frames.receive(connection)
    headers, request_id = asked["headers"], asked["request_id"]
    context = Context(settings, headers)
    try:
        reply = shortway.answer(predictor, body, context)
        if reply is None:
            reply = predictor.predict(body, headers.get("content-type"), asked["accept"], context)
    except PublicError as error:
        if error.__cause__ is not None:
            log.error("request %s: %s", request_id, error, exc_info=error.__cause__)
        frames.send(connection, fault(error))
        return
    fields = {
        "content_type": reply.content_type,
        "rows": reply.rows,
        "problem": reply.problem,
        "answer": context.answer,
        "parts": reply.parts is not None,
    }
    frames.send(connection, fields, reply.body)
    if reply.parts is not None:
        _stream(connection, reply, request_id)


def _stream(connection: socket.socket, reply: Reply, request_id: str) -> None:
    """H-22: without the last frame the front breaks the answer off, too."""
    parts: Iterator[bytes] = reply.parts or iter(())
    try:
        while True:
            try:
                part = next(parts, None)
            except (Exception, SystemExit):
                log.exception("request %s: the model failed after its answer had begun", request_id)
                return
            frames.send(connection, {"part": part is not None}, part or b"")
            if part is None:
                return
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
