"""What is to be defined: a function of SQL that one endpoint answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.sql.names import function
from deploy.sql.refusal import NotSql
from deploy.sql.schema import Schema
from deploy.sql.types import Type

Quote = Callable[[str, str], str]  # a name, and what it is the name of
ROWS = 10_000  # a request, at most: Aurora MySQL's own default


@dataclass(frozen=True)
class Function:
    """`database`: the function's own, or schema; empty for the session's. `users` may call it; MySQL's with @host."""

    name: str
    endpoint: str
    schema: Schema
    database: str = ""
    table: str = "inputs"
    max_batch_size: int | None = None
    users: Sequence[str] = ()
    mysql_version: int = 3
    target_model: str = ""  # Redshift's, of a multi-model endpoint
    iam_role: str = "default"  # Redshift's: an ARN, or the cluster's default

    def __post_init__(self) -> None:
        if self.max_batch_size is not None and not 1 <= self.max_batch_size < 1 << 31:
            raise NotSql(f"--max-batch-size {self.max_batch_size} cannot be: 1 to 2147483647 rows a request")

    def columns(self, quote: Quote) -> list[str]:
        return [quote(column.name, "the column") for column in self.schema.columns]

    def inputs(self, quote: Quote) -> str:
        """The table, each part of its name quoted."""
        return ".".join(quote(part, "the table") for part in self.table.split("."))

    def qualified(self, engine: str, quote: Quote, most: int, more: str = "") -> str:
        """Its own name with `more` behind it, in its schema; the engine folds names that are not quoted."""
        name = quote(function(f"{self.name}{more}", engine, most, is_folded=True), "the function")
        return f"{quote(self.database, 'the schema')}.{name}" if self.database else name

    def numeric(self, quote: Quote, integer: str) -> list[str]:
        """The columns for an engine of which nobody knows how it writes a boolean: as 1 or 0."""
        pairs = zip(self.columns(quote), self.schema.columns, strict=True)
        return [f"CAST({each} AS {integer})" if column.type.kind == "boolean" else each for each, column in pairs]

    def numeric_hint(self, engine: str) -> str:
        if all(column.type.kind != "boolean" for column in self.schema.columns):
            return ""
        return f"-- A boolean goes as 1 or 0: how {engine} writes one is not documented.\n"

    def only_answer(self, engine: str) -> Type:
        """Raises NotSql for several: only Aurora PostgreSQL has rows as answers (Q-05)."""
        if len(self.schema.returns) > 1:
            names = ", ".join(column.name for column in self.schema.returns)
            raise NotSql(
                f"{engine} takes one value a row (Q-05), not {names}: have the model answer one, as --returns says"
            )
        return self.schema.returns[0].type

    def scalar_answer(self, engine: str) -> Type:
        """Raises NotSql for a boolean too: the text `true` is no number, and its cast is not documented."""
        answer = self.only_answer(engine)
        if answer.kind == "boolean":
            raise NotSql(
                f"--returns boolean: how {engine} reads true and false is not documented; "
                "varchar(5) takes the words, smallint 1 and 0"
            )
        return answer
