"""What is to be defined: a function of SQL that one endpoint answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.sql.refusal import NotSql
from deploy.sql.schema import Schema
from deploy.sql.types import Type

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

    @property
    def needs_boolean_hint(self) -> bool:
        return any(column.type.kind == "boolean" for column in self.schema.columns)

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
