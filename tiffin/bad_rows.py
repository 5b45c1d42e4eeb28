"""What becomes of a row that cannot be answered (B-07): the request fails, or its answer is a placeholder or null.

A row is bad when its format refuses it (ragged, a broken JSON line) or a BadPayload of the model names it. Bad rows are
found by asking for less and less: a row that was named is left out and the rest is asked again; after a few of those
the rows are halved, so that many bad ones cost a few times n log n and not n squared. The good rows are then asked for
all together, so that their answers are those that they would have had without the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tiffin.context import Context
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.table import ArrayRows, Cell, Table

OPTION = "bad-rows"
POLICIES = ("fail", "placeholder", "null")
PLACEHOLDER = "ERROR"
_IN_A_ROW = 2  # bad rows left out one by one before the rows are halved


@dataclass
class BadRows:
    """Reasons by row, counted from 1 as the caller sent them."""

    reasons: dict[int, BadPayload] = field(default_factory=dict)

    def add(self, error: BadPayload) -> None:
        if error.row is None:
            raise error
        self.reasons[error.row] = error

    def __len__(self) -> int:
        return len(self.reasons)

    def __contains__(self, row: int) -> bool:
        return row in self.reasons

    def summary(self, rows: int) -> str:
        """For the log; empty where every row was good."""
        if not self.reasons:
            return ""
        bad = "1 bad row" if len(self) == 1 else f"{len(self)} bad rows"
        return f"{bad} of {rows}, the first: {self.reasons[min(self.reasons)]}"


def policy(context: Context) -> str:
    """As the caller asks, else as it is set; raises BadPayload for an unknown word."""
    try:
        asked = context.option(OPTION)
    except NotAcceptable:  # a malformed Accept, which is refused where an answer's format is chosen
        asked = None
    if asked is None:
        return context.settings.bad_rows
    if asked.lower() not in POLICIES:
        raise BadPayload(f"the option {OPTION}={asked!r} is none of {', '.join(POLICIES)}")
    return asked.lower()


def refuse(error: BadPayload, bad: BadRows | None) -> None:
    """Where bad rows are kept apart, keep this one; else raise."""
    if bad is None:
        raise error
    bad.add(error)


def answered(predict: Callable[[Table], Table], table: Table, bad: BadRows) -> Table | None:
    """The good rows' answer; those that `predict` refuses are added to `bad`. None when no row is good.

    `table` has the rows that are not in `bad` yet. What `predict` raises without naming a row is raised.
    """
    numbers = [number for number in range(1, len(table) + len(bad) + 1) if number not in bad]

    def sift(indices: list[int]) -> tuple[list[int], Table | None]:
        """The good ones among them, and their answer where they were asked for together."""
        for _ in range(_IN_A_ROW):
            if not indices:
                return [], None
            try:
                return indices, predict(_some(table, indices))
            except BadPayload as error:
                if error.row is None or not 1 <= error.row <= len(indices):
                    raise
                number = numbers[indices[error.row - 1]]
                bad.add(BadPayload(error.message, row=number, column=error.column))
                indices = indices[: error.row - 1] + indices[error.row :]
        half = len(indices) // 2
        return sift(indices[:half])[0] + sift(indices[half:])[0], None

    good, answer = sift(list(range(len(table))))
    while good and answer is None:
        good, answer = sift(good)
    return answer


def filled(answer: Table | None, rows: int, bad: BadRows, word: str) -> Table:
    """`answer` with a row for each bad one, in the order in which they came."""
    width = answer.width if answer is not None else 1
    row: list[Cell] = [PLACEHOLDER if word == "placeholder" else None] * width
    good = iter(answer.rows if answer is not None else ())
    merged = [row if number in bad else next(good) for number in range(1, rows + 1)]
    if answer is None:
        return Table(merged)
    if answer.documents is None:
        return replace(answer, rows=merged)
    told = iter(answer.documents)
    documents = [row[0] if number in bad else next(told) for number in range(1, rows + 1)]
    return replace(answer, rows=merged, documents=documents)


def _some(table: Table, indices: Sequence[int]) -> Table:
    if len(indices) == len(table):
        return table
    if isinstance(table.rows, ArrayRows):
        return replace(table, rows=ArrayRows(table.rows.array[list(indices)]))
    return replace(table, rows=[table.rows[index] for index in indices])
