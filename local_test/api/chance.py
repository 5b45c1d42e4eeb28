"""moto's random numbers and clock, one a thread: a call that is replayed makes the identifiers and times it made."""

import datetime
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import moto.core.utils
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.moto_random import MotoRandom

_local = threading.local()


class PerThread(MotoRandom):
    """Takes the place of moto's one generator by being its class; holds nothing itself."""

    @property
    def _own(self) -> random.Random:
        if not hasattr(_local, "random"):
            _local.random = random.Random(os.urandom(16))  # noqa: S311 - moto's identifiers are no secrets
        return _local.random  # type: ignore[no-any-return]

    def seed(self, a: Any = None, version: int = 2) -> None:
        self._own.seed(a, version)

    def random(self) -> float:
        return self._own.random()

    def getrandbits(self, k: int, /) -> int:
        return self._own.getrandbits(k)


def install() -> None:
    mock_random.__class__ = PerThread
    # moto's modules have taken the function itself by its name, so it is given another body
    moto.core.utils.tiffin_clock = clock  # type: ignore[attr-defined]
    moto.core.utils.utcnow.__code__ = _asked.__code__


def can_install() -> bool:
    utcnow = moto.core.utils.utcnow
    return isinstance(utcnow, FunctionType) and utcnow.__code__.co_argcount == 0 and utcnow.__closure__ is None


def clock() -> datetime.datetime:
    """Now, or when the call was made that is replayed; as moto wants it, without a zone."""
    at = getattr(_local, "at", None)
    now = datetime.datetime.now(datetime.UTC) if at is None else datetime.datetime.fromtimestamp(at, datetime.UTC)
    return now.replace(tzinfo=None)


def _asked() -> Any:
    return tiffin_clock()  # type: ignore[name-defined]  # noqa: F821 - a global where this body goes


def new_seed() -> int:
    return int.from_bytes(os.urandom(6))


@contextmanager
def seeded(seed: int, at: float | None = None) -> Iterator[None]:
    """Within this thread, moto's random numbers follow from `seed`, and its clock stands at `at`."""
    mock_random.seed(seed)
    _local.at = at
    try:
        yield
    finally:
        mock_random.seed(os.urandom(16))
        _local.at = None
