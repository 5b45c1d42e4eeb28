"""What a check says of an image."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    FAIL = "fail"  # the platform refuses it, breaks it, or loses something
    WARN = "warn"  # it runs, and hurts sometimes
    PASS = "pass"  # noqa: S105  not a password
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Seen:
    """What one check saw. `mend` is empty where the line's own advice says it."""

    status: Status
    text: str
    mend: str = ""


@dataclass(frozen=True)
class Verdict:
    id: str
    title: str
    status: Status
    seen: str
    mend: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Judgement:
    image: str
    verdicts: Sequence[Verdict]
    seconds: float

    def ids(self, status: Status) -> Sequence[str]:
        """The lines of the contract with a verdict of this status, in the contract's order."""
        return sorted({verdict.id for verdict in self.verdicts if verdict.status is status}, key=order)

    @property
    def exit_status(self) -> int:
        return 1 if self.ids(Status.FAIL) else 0


def passed(text: str) -> Seen:
    return Seen(Status.PASS, text)


def failed(text: str, mend: str = "") -> Seen:
    return Seen(Status.FAIL, text, mend)


def warned(text: str, mend: str = "") -> Seen:
    return Seen(Status.WARN, text, mend)


def skipped(text: str) -> Seen:
    return Seen(Status.NOT_APPLICABLE, text)


def order(identity: str) -> tuple[int, int]:
    """C before T, H, W, M, B, S, P, Q, as the contract's sections come; then by number."""
    match = re.fullmatch(r"([A-Z])-(\d+)", identity)
    return ("CTHWMBSPQ".find(match[1]), int(match[2])) if match else (99, 0)
