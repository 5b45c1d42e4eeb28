"""What a table's keys make of an INSERT: duplicates, and the numbers of AUTO_INCREMENT."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import sqlglot
from sqlglot import exp

from local_test.sql import types
from local_test.sql.errors import not_here

# Numbers a counter is moved on by at once, at the most: DuckDB counts them one by one, 25 million a second.
_FURTHEST = 100_000_000
_NOTHING = exp.Tuple(expressions=[exp.null()])  # stands for the rows of a long INSERT, which nobody has parsed


@dataclass(frozen=True)
class Auto:
    """A column of AUTO_INCREMENT."""

    column: str
    following: str  # DuckDB's expression of the next number: nextval('"test"."tiffin_..."')

    def number(self, value: str) -> str:
        """DuckDB's expression: MySQL takes NULL and 0 for the next number."""
        return f"CASE WHEN COALESCE({value}, 0) = 0 THEN {self.following} ELSE {value} END"

    @property
    def sequence(self) -> exp.Table:
        text = self.following.removeprefix("nextval('").removesuffix("')").replace("''", "'")
        return exp.to_table(text, dialect="duckdb")


@dataclass(frozen=True)
class Keys:
    columns: tuple[str, ...]  # of the table
    primary: tuple[str, ...] = ()
    others: tuple[tuple[str, ...], ...] = ()  # UNIQUE
    auto: Auto | None = None

    @property
    def unique(self) -> tuple[tuple[str, ...], ...]:
        return (self.primary, *self.others) if self.primary else self.others

    def deciding(self, given: Sequence[str]) -> tuple[str, ...]:
        """The key by which a row of these columns is a duplicate; DuckDB looks at one. () where there is none."""
        names = {name.lower() for name in given}
        whole = [key for key in self.unique if names.issuperset(name.lower() for name in key)]
        return next(iter([*whole, *self.unique]), ())

    def numbers(self, given: Sequence[str]) -> int | None:
        """The place of AUTO_INCREMENT's column among these."""
        wanted = self.auto.column.lower() if self.auto else None
        return next((i for i, name in enumerate(given) if name.lower() == wanted), None)


def number(insert: exp.Insert, auto: Auto, given: Sequence[str], place: int) -> int:
    """In place: NULL and 0 in that column are the next number. The highest that VALUES has there itself, else 0."""
    source, highest = insert.expression, 0
    if isinstance(source, exp.Values) and source.expressions[0] != _NOTHING:
        for row in source.expressions:
            cell = row.expressions[place] if len(row.expressions) == len(given) else None
            if cell in (exp.null(), exp.Literal.number(0)):
                cell.replace(exp.var("DEFAULT"))
            elif isinstance(cell, exp.Literal) and cell.name.isdecimal():
                highest = max(highest, int(cell.name))
        return highest
    names = [f"c{i}" for i in range(len(given))]
    alias = exp.TableAlias(this=exp.to_identifier("given"), columns=[exp.to_identifier(name) for name in names])
    every = f"SELECT * REPLACE ({auto.number(names[place])} AS {names[place]})"  # of too many columns, too
    select = sqlglot.parse_one(every, read="duckdb", into=exp.Select)
    insert.set("expression", select.from_(exp.Subquery(this=source.copy(), alias=alias)))
    return highest


def replace(insert: exp.Insert, keys: Keys, deciding: Sequence[str]) -> None:
    """REPLACE, in place: the row that is there gets all columns of the new one, but for an AUTO_INCREMENT.

    Raises SqlError where another key has other columns, which DuckDB does not change so.
    """
    fixed = {name.lower() for key in keys.unique for name in key}
    if fixed - {name.lower() for name in (*deciding, keys.auto.column if keys.auto else "")}:
        raise not_here("REPLACE into a table with several unique keys")
    sets = [
        exp.EQ(this=exp.column(name, quoted=True), expression=exp.column(name, "excluded", quoted=True))
        for name in keys.columns
        if name.lower() not in fixed
    ]
    insert.set(
        "conflict",
        exp.OnConflict(
            conflict_keys=[exp.to_identifier(key, quoted=True) for key in deciding],
            action=exp.Var(this="DO UPDATE" if sets else "DO NOTHING"),
            expressions=sets,
        ),
    )


def top(connection: duckdb.DuckDBPyConnection, table: exp.Table, auto: Auto) -> int:
    """The highest number that is there."""
    asked = f"SELECT max({types.quoted(auto.column)}) FROM {table.sql('duckdb', identify=True)}"
    return int(connection.execute(asked).fetchall()[0][0] or 0)


def move_on(connection: duckdb.DuckDBPyConnection, auto: Auto, past: int) -> None:
    """The counter, past a number that was given: MySQL's next one is above it."""
    where = [auto.sequence.db or "main", auto.sequence.name]
    asked = "SELECT last_value FROM duckdb_sequences() WHERE schema_name = ? AND sequence_name = ?"
    ahead = past - int(connection.execute(asked, where).fetchall()[0][0] or 0)
    if 0 < ahead <= _FURTHEST:
        connection.execute(f"SELECT max({auto.following}) FROM range({ahead})").fetchall()
