"""moto's random numbers, one source a thread: a call replayed from its seed makes the identifiers it made before."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_api._internal import mock_random
from moto.moto_api._internal.moto_random import MotoRandom


class PerThread(MotoRandom):
    """Takes the place of moto's one generator by being its class; holds nothing itself."""

    _local = threading.local()

    @property
    def _own(self) -> random.Random:
        if not hasattr(self._local, "random"):
            self._local.random = random.Random(os.urandom(16))  # noqa: S311 - moto's identifiers are no secrets
        return self._local.random  # type: ignore[no-any-return]

    def seed(self, a: Any = None, version: int = 2) -> None:
        self._own.seed(a, version)

    def random(self) -> float:
        return self._own.random()

    def getrandbits(self, k: int, /) -> int:
        return self._own.getrandbits(k)


def install() -> None:
    mock_random.__class__ = PerThread


def new_seed() -> int:
    return int.from_bytes(os.urandom(6))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within this thread, moto's random numbers follow from `seed`."""
    mock_random.seed(seed)
    try:
        yield
    finally:
        mock_random.seed(os.urandom(16))
