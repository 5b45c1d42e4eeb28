"""A check: one line of the contract, asked of one thing."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from local_test.verify.verdict import Seen, Verdict, skipped

T = TypeVar("T")


@dataclass(frozen=True)
class Check(Generic[T]):
    id: str
    title: str
    see: Callable[[T], Seen]

    def run(self, thing: T) -> Verdict:
        start = time.monotonic()
        seen = self.see(thing)
        return self.say(seen, time.monotonic() - start)

    def say(self, seen: Seen, seconds: float = 0.0) -> Verdict:
        return Verdict(self.id, self.title, seen.status, seen.text, seen.mend, seconds)


def run_all(checks: Sequence[Check[T]], thing: T, wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    for check in checks:
        if wanted(check.id):
            yield check.run(thing)


def skip_all(checks: Sequence[Check[Any]], why: str, wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    for check in checks:
        if wanted(check.id):
            yield check.say(skipped(why))
