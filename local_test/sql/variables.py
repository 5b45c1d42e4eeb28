"""System variables (@@x), users' (@x) and what a statement asks about its session, put in as literals."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import sqlglot
from mysql_mimic.errors import MysqlError
from mysql_mimic.variables import SYSTEM_VARIABLES, GlobalVariables, SessionVariables
from sqlglot import exp

from local_test.sql.errors import SqlError
from tiffin import __version__

CHARSETS = ("character_set_client", "character_set_connection", "character_set_results")  # SET NAMES sets
VERSION = f"8.0.39-tiffin-{__version__}"
_MODE = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO"
_OURS: dict[str, Any] = {
    "activate_all_roles_on_login": (bool, False, False),
    "aurora_version": (str, "3.08.0", False),
    "aws_default_sagemaker_role": (str, "", False),
    "default_storage_engine": (str, "InnoDB", True),
    "foreign_key_checks": (bool, True, True),
    "innodb_lock_wait_timeout": (int, 50, True),
    "local_infile": (bool, True, False),
    "net_read_timeout": (int, 30, True),
    "sql_auto_is_null": (bool, False, True),
    "sql_mode": (str, _MODE, True),
    "sql_notes": (bool, True, True),
    "sql_quote_show_create": (bool, True, True),
    "sql_safe_updates": (bool, False, True),
    "tx_isolation": (str, "REPEATABLE-READ", True),
    "transaction_isolation": (str, "REPEATABLE-READ", True),
    "unique_checks": (bool, True, True),
    "version": (str, VERSION, False),
    "version_comment": (str, "Tiffin's local stand-in for Aurora MySQL", False),
}


ROWS_NOW = "date_trunc('SECOND', CAST(now() AS TIMESTAMP))"  # DEFAULT CURRENT_TIMESTAMP, as DuckDB keeps it


def system() -> SessionVariables:
    return SessionVariables(GlobalVariables({**SYSTEM_VARIABLES, **_OURS}))


def set_system(variables: SessionVariables, name: str, value: Any) -> None:
    try:
        variables.set(name, value)
    except MysqlError as error:
        if "not dynamic" in error.msg:
            raise SqlError(1238, f"Variable '{name}' is a read only variable") from None
        raise SqlError(1193, f"Unknown system variable '{name}'") from None
    except (TypeError, ValueError):
        raise SqlError(1231, f"Variable '{name}' can't be set to the value of '{value}'") from None


def get_system(variables: SessionVariables, name: str) -> Any:
    try:
        return variables[name]
    except KeyError:
        raise SqlError(1193, f"Unknown system variable '{name}'") from None


def like(pattern: str) -> re.Pattern[str]:
    """Of SHOW ... LIKE: without regard to case, \\_ and \\% as they are."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.IGNORECASE | re.DOTALL)


def value(found: Any) -> exp.Expr:
    """A literal of DuckDB's for a value of Python's."""
    if found is None:
        return exp.null()
    if isinstance(found, bool):
        return exp.Literal.number(int(found))
    if isinstance(found, int | Decimal):
        return exp.Literal.number(str(found)) if found >= 0 else exp.Neg(this=exp.Literal.number(str(-found)))
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
    kind = next((duck for kind, duck in _LITERALS if isinstance(found, kind)), None)
    literal = exp.Literal.string(text)
    return exp.cast(literal, kind, dialect="duckdb") if kind else literal


_LITERALS = ((float, "DOUBLE"), (datetime, "TIMESTAMP"), (date, "DATE"), (time, "TIME"), (timedelta, "TIME"))
Asked = Mapping[str, Callable[[], Any]]  # a function without arguments -> its value


def put_in(expression: exp.Expr, users: Mapping[str, Any], variables: SessionVariables, asked: Asked) -> exp.Expr:
    """In place of @x, @@x, NOW(), DATABASE() and their kin."""

    def change(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.SessionParameter):
            return value(get_system(variables, node.name))
        if isinstance(node, exp.Parameter):
            return value(users.get(node.name.lower()))
        if isinstance(node, exp.PropertyEQ) and isinstance(node.this, exp.Parameter):
            raise SqlError(1235, "This version of MySQL doesn't yet support '@x := ...'; use SET @x = ...")
        name = _function(node)
        if name not in asked:
            return node
        found = asked[name]()
        if node.find_ancestor(exp.DefaultColumnConstraint) and isinstance(found, datetime):
            return sqlglot.parse_one(ROWS_NOW, read="duckdb")
        return value(found)

    if isinstance(expression, exp.Set):  # what is set is no value
        for item in expression.expressions:
            if isinstance(item.this, exp.Binary):
                item.this.set("expression", item.this.expression.transform(change))
        return expression
    return expression.transform(change, copy=False)


def _function(node: exp.Expr) -> str:
    """The name of one without arguments, or with a precision; "" of all else."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).upper() if len(node.expressions) <= 1 else ""
    return str(node.sql_name()) if isinstance(node, exp.Func) and not isinstance(node, exp.Cast) else ""
