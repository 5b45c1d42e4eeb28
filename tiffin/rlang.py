"""R inside this process: start it, call it, convert. The only module that knows rpy2.

Rules:
- R is started once, on the main thread, before the server's processes are forked; they share its pages and its folder
  for temporary files, which only the process that started R removes.
- R is one thread's at a time, and the GIL is released while it computes: everything that touches R, conversions and the
  freeing of R's objects included, happens while `_lock` is held. So no R object leaves this module; what belongs to a
  user stays in R (rlang.R, `kept`), known by name here.
- R's errors do not unwind through Python: rlang.R's `guarded` returns them.
- R's check of its C stack knows one thread only, so it is told which one calls (`_Stacks`): endless recursion is then
  an error of R's and no crash.
- Every call has a time limit, after which R raises an error by itself. Who waits for R waits no longer than that.
"""

import atexit
import contextlib
import ctypes
import functools
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tiffin.errors import BadJob, BadPayload, NoModel, NotReady, TiffinError, UserCodeError

log = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("rlang.R")
NO_LIMIT = float("inf")
_STACK = 32 * 2**20  # bytes
_SMALL = ("--min-nsize=160k", "--min-vsize=2M")  # R's heap grows from there; R's own 64 MB would be filled with garbage
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # of glibc's malloc.h

# What R keeps for a missing number, text's code or logical.
NA_DOUBLE = np.array([0x7FF00000000007A2], np.uint64).view(np.float64)[0]
NA_INTEGER = -(2**31)


class RError(TiffinError):
    """R's own error in the user's code: for the log, with R's calls as a note."""


class Busy(Exception):
    """R computes for somebody else, and the caller did not want to wait."""


class Interrupted(Exception):
    """A signal ended R's computation, and the R code did not catch the interrupt."""


@functools.cache
def start() -> "R":
    """R, started at the first call; raises NoModel where it is not there."""
    return R()


def end() -> None:
    """Where R was started, remove its folder for temporary files: for a process that ends without Python's own end."""
    if start.cache_info().currsize:
        start().end()


class R:
    def __init__(self) -> None:
        os.environ.setdefault("RPY2_CFFI_MODE", "ABI")  # what the image has; else rpy2 prints that it looks for another
        logging.getLogger("rpy2").setLevel(logging.WARNING)  # it tells each step of its start
        try:
            with tempfile.TemporaryDirectory(prefix="tiffin-r-"):
                pass  # without such a folder R would end the process
        except OSError as error:
            raise NoModel(f"R needs a folder for temporary files that can be written, such as /tmp: {error}") from error
        try:
            from rpy2 import rinterface
            from rpy2.rinterface_lib import callbacks, embedded, openrlib
        except Exception as error:  # rpy2 raises what it likes where there is no R
            raise NoModel(
                "this is an R model, and there is no R here; serve it with the image whose tag ends in -r "
                f"({type(error).__name__}: {error})"
            ) from error
        self._rinterface, self._rlib = rinterface, openrlib.rlib
        self._lock = threading.RLock()
        embedded.set_initoptions(("rpy2", "--quiet", "--vanilla", "--no-save", *_SMALL))
        callbacks.consoleread = lambda _prompt: ""
        callbacks.consolewrite_print = _printed
        callbacks.consolewrite_warnerror = _warned
        callbacks.showmessage = _warned
        _give_memory_back()
        with _signal_kept(signal.SIGINT), _locale_kept(), _collected_often():
            rinterface.initr(interactive=False)
        self._stacks = _Stacks(f"{openrlib.R_HOME}/lib/libR.so")
        # The process that started R removes its folder; one that was forked must not (its siblings use it).
        os.register_at_fork(after_in_child=lambda: atexit.unregister(rinterface.endr))
        tiffin = rinterface.baseenv["new.env"](parent=rinterface.globalenv)
        rinterface.baseenv["sys.source"](rinterface.StrSexpVector([str(SOURCE)]), tiffin)
        self._guarded = tiffin["guarded"]  # kept for as long as the process lives

    def call(self, function: str, *arguments: Any, limit: float = NO_LIMIT, wait: bool = True) -> Any:
        """What rlang.R's `function` returns, as Python's own and numpy's.

        `limit` in seconds, waiting included. Raises PublicError, NoModel, BadJob or RError as the R code meant it;
        Busy where it may not `wait`; Interrupted.
        """
        until = time.monotonic() + limit
        if not wait and not self._lock.acquire(blocking=False):
            raise Busy
        if wait and not self._lock.acquire(timeout=-1 if limit == NO_LIMIT else limit):
            raise NotReady(f"R was busy with other requests for {limit:.0f} s; try again later")
        try:
            left = until - time.monotonic() if limit != NO_LIMIT else NO_LIMIT
            value, said, failure = self._call(function, max(left, 0.001), arguments)
        finally:
            self._lock.release()
        for text in said or ():
            log.warning("R: %s", text)
        if failure is not None:
            raise _error(failure, limit)
        return value

    def _call(self, function: str, limit: float, arguments: tuple[Any, ...]) -> list[Any]:
        result = None
        self._stacks.of_this_thread()
        try:
            result = self._guarded(self._to_r(function), self._to_r(limit), self._to_r(list(arguments)))
            found: list[Any] = self._from_r(result)
            return found
        except Exception as error:  # noqa: BLE001  rpy2's
            problem = f"R: {type(error).__name__}: {error}"
        result = None  # and no traceback that would hold R's objects beyond the lock
        raise RError(problem)

    def end(self) -> None:
        if self._lock.acquire(timeout=1):  # else it computes, and is not to be waited for
            self._rinterface.endr(0)
            self._lock.release()

    def interrupt(self) -> None:
        """R ends what it computes, at its next opportunity. For another thread than the one that waits for R."""
        self._rlib.R_interrupts_pending = 1

    @contextmanager
    def interrupted_by_signals(self, *numbers: signal.Signals) -> Iterator[list[int]]:
        """On the main thread: the signals become R's interrupts, which R code may catch; those that came are yielded.

        Python's handlers would wait for R to return. The kernel's byte on the wake-up socket does not.
        """
        arrived: list[int] = []
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)

        def watch() -> None:
            while data := ours.recv(64):
                if set(data) & set(numbers):
                    arrived.extend(data)
                    self.interrupt()

        previous = {number: signal.signal(number, lambda *_: None) for number in numbers}
        before = signal.set_wakeup_fd(theirs.fileno())
        thread = threading.Thread(target=watch, name="r-signals", daemon=True)
        thread.start()
        try:
            yield arrived
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in previous.items():
                signal.signal(number, handler)
            theirs.close()
            thread.join()
            ours.close()

    # Conversions; the lock is held

    def _to_r(self, value: Any) -> Any:
        """A tuple is a vector of texts, any other sequence a list."""
        rinterface = self._rinterface
        if isinstance(value, np.ndarray):
            kind = rinterface.FloatSexpVector if value.dtype == np.float64 else rinterface.IntSexpVector
            return kind.from_memoryview(np.ascontiguousarray(value).data)
        if value is None:
            return rinterface.NULL
        if isinstance(value, Mapping):
            named = rinterface.ListSexpVector([self._to_r(part) for part in value.values()])
            named.do_slot_assign("names", rinterface.StrSexpVector([str(name) for name in value]))
            return named
        if isinstance(value, tuple):
            return rinterface.StrSexpVector(value)
        if isinstance(value, str | bool | int | float):
            return self._single(value)
        return rinterface.ListSexpVector([self._to_r(part) for part in value])

    def _single(self, value: str | bool | int | float) -> Any:
        rinterface = self._rinterface
        if isinstance(value, str):
            return rinterface.StrSexpVector([value])
        if isinstance(value, bool):
            return rinterface.BoolSexpVector([value])
        if isinstance(value, int) and abs(value) < 2**31:
            return rinterface.IntSexpVector([value])
        return rinterface.FloatSexpVector([float(value)])

    def _from_r(self, value: Any) -> Any:
        rinterface = self._rinterface
        if isinstance(value, rinterface.ListSexpVector):
            return [self._from_r(value[index]) for index in range(len(value))]
        if isinstance(value, rinterface.StrSexpVector):
            return [None if text is rinterface.NA_Character else text for text in value]
        if isinstance(value, rinterface.BoolSexpVector):
            return [bool(truth) for truth in value]
        if isinstance(value, rinterface.FloatSexpVector | rinterface.IntSexpVector):
            kind = np.float64 if isinstance(value, rinterface.FloatSexpVector) else np.int32
            return np.array(value.memoryview(), kind) if len(value) else np.empty(0, kind)
        if value is rinterface.NULL or value.typeof == rinterface.RTYPES.NILSXP:
            return None
        raise TypeError(f"R returned {type(value).__name__}")


class _Stacks:
    """Where the C stack of the calling thread is, for R to see that it runs out."""

    def __init__(self, library: str) -> None:
        found = ctypes.CDLL(library)
        self._start = ctypes.c_size_t.in_dll(found, "R_CStackStart")
        self._limit = ctypes.c_size_t.in_dll(found, "R_CStackLimit")
        self._known = threading.local()
        threading.stack_size(_STACK)  # of threads that are yet to be started; memory only where it is used
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        if 0 <= soft < _STACK:
            resource.setrlimit(resource.RLIMIT_STACK, (_STACK if hard < 0 else min(_STACK, hard), hard))

    def of_this_thread(self) -> None:
        try:
            bounds = self._known.bounds
        except AttributeError:
            bounds = self._known.bounds = _stack_bounds()
        self._start.value, self._limit.value = bounds


def _stack_bounds() -> tuple[int, int]:
    """Where it starts, growing down, and how much of it R may use."""
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(256)  # a pthread_attr_t has 56 bytes
    address, size = ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_self.restype = ctypes.c_void_p
    libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes)
    libc.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return (address.value or 0) + size.value, int(size.value * 0.9)


def _error(failure: list[Any], limit: float) -> Exception:
    *single, calls = failure
    kind, text, call, row, column = (part and part[0] for part in single)
    if kind == "payload":
        return BadPayload(text, row=int(row) if row and row.isdecimal() else None, column=column)
    if kind in ("job", "model"):
        return BadJob(text) if kind == "job" else NoModel(text)
    if kind == "interrupt":
        return Interrupted("R was interrupted")
    error = RError(f"R: {text}" + (f" (in {call})" if call else ""))
    if calls:
        error.add_note("R's calls, the innermost last:\n" + "\n".join(f"  {line}" for line in calls))
    if kind == "time":
        late = UserCodeError(f"the model took longer than {limit:.0f} s for this request, and was stopped")
        late.__cause__ = error
        return late
    return error


def _printed(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # whoever read it has gone
        sys.stdout.write(text)
        sys.stdout.flush()


def _warned(text: str) -> None:
    if text.strip():
        log.warning("R: %s", text.rstrip("\n"))


@contextmanager
def _signal_kept(number: signal.Signals) -> Iterator[None]:
    """rpy2 puts a handler of its own there."""
    before = signal.getsignal(number)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, before)


def _give_memory_back() -> None:
    """One arena for all threads, and large blocks mapped: else each thread keeps what a large request took once."""
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_ARENA_MAX, 1)
    libc.mallopt(_M_MMAP_THRESHOLD, 128 * 2**10)


@contextmanager
def _collected_often() -> Iterator[None]:
    """Each so many allocations, so that the heap stays dense; rlang.R says when that ends (`settle`, `train`)."""
    os.environ["R_GCTORTURE"] = "30000"
    yield
    del os.environ["R_GCTORTURE"]  # which other programs in R would take as well


@contextmanager
def _locale_kept() -> Iterator[None]:
    """R reads what it writes by the locale: one that is not UTF-8 would turn 한글 into <U+D55C><U+AE00>."""
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    chosen = next((os.environ[name] for name in names if os.environ.get(name)), "")
    if "utf" not in chosen.lower():
        os.environ["LC_ALL"] = "C.UTF-8"
    yield
