"""Functions and users, in the file of the data and so kept with it; read once, written through."""

import json
import threading
from dataclasses import asdict, replace

import duckdb

from local_test.sql import types
from local_test.sql.accounts import ADMIN, ROLES, Grant, Scope, User
from local_test.sql.errors import NO_FUNCTION, SqlError
from local_test.sql.function import Function

SCHEMA = "mysql"
_TABLES = """
CREATE SCHEMA IF NOT EXISTS mysql;
CREATE TABLE IF NOT EXISTS mysql.tiffin_function (db VARCHAR, name VARCHAR, told VARCHAR);
CREATE TABLE IF NOT EXISTS mysql.tiffin_user (name VARCHAR, told VARCHAR);
"""


class Catalog:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The connection is its own from now on."""
        self._lock = threading.RLock()
        self._connection = connection
        connection.execute(_TABLES)
        rows = connection.execute("SELECT told FROM mysql.tiffin_function").fetchall()
        found = [_function(json.loads(told)) for (told,) in rows]
        self._functions = {_key(each.database, each.name): each for each in found}
        rows = connection.execute("SELECT told FROM mysql.tiffin_user").fetchall()
        self._users = {user.name: user for user in (_user(json.loads(told)) for (told,) in rows)}

    # functions

    def function(self, database: str | None, name: str) -> Function | None:
        with self._lock:
            return self._functions.get(_key(database or "", name))

    def functions(self) -> list[Function]:
        with self._lock:
            return sorted(self._functions.values(), key=lambda each: (each.database, each.name.lower()))

    def create(self, function: Function) -> None:
        """Raises SqlError 1304: there are no overloads."""
        with self._lock:
            if self.function(function.database, function.name):
                raise SqlError(1304, f"FUNCTION {function.name} already exists")
            self._connection.execute(
                "INSERT INTO mysql.tiffin_function VALUES (?, ?, ?)",
                [function.database, function.name.lower(), json.dumps(asdict(function))],
            )
            self._functions[_key(function.database, function.name)] = function

    def drop(self, database: str, name: str) -> None:
        with self._lock:
            if self._functions.pop(_key(database, name), None) is None:
                raise SqlError(NO_FUNCTION, f"FUNCTION {database}.{name} does not exist")
            self._connection.execute(
                "DELETE FROM mysql.tiffin_function WHERE db = ? AND name = ?", [database, name.lower()]
            )

    def drop_database(self, database: str) -> None:
        for function in self.functions():
            if function.database == database:
                self.drop(database, function.name)

    # users

    def user(self, name: str) -> User | None:
        with self._lock:
            return self._users.get(name)

    def users(self) -> list[User]:
        with self._lock:
            return sorted(self._users.values(), key=lambda user: user.name)

    def put(self, user: User) -> None:
        with self._lock:
            told = asdict(user) | {
                "grants": [asdict(grant) for grant in user.grants],
                "roles": sorted(user.roles),
                "default_roles": sorted(user.default_roles),
            }
            self._connection.execute("DELETE FROM mysql.tiffin_user WHERE name = ?", [user.name])
            self._connection.execute("INSERT INTO mysql.tiffin_user VALUES (?, ?)", [user.name, json.dumps(told)])
            self._users[user.name] = user

    def remove(self, name: str) -> None:
        with self._lock:
            self._connection.execute("DELETE FROM mysql.tiffin_user WHERE name = ?", [name])
            self._users.pop(name, None)

    def set_admin(self, native: str, sha2: str) -> None:
        """The password of this start; a master user may all, its roles are active."""
        kept = self.user(ADMIN) or User(ADMIN)
        everything = frozenset([Grant("ALL", Scope(), with_option=True)])
        roles = frozenset(ROLES)
        self.put(replace(kept, native=native, sha2=sha2, grants=everything, roles=roles, default_roles=roles))

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _key(database: str, name: str) -> tuple[str, str]:
    return database, name.lower()


def _function(told: dict[str, object]) -> Function:
    kinds = {
        "arguments": tuple((name, types.SqlType(**kind)) for name, kind in told["arguments"]),  # type: ignore[attr-defined]
        "returns": types.SqlType(**told["returns"]),  # type: ignore[arg-type]
    }
    return Function(**(told | kinds))  # type: ignore[arg-type]


def _user(told: dict[str, object]) -> User:
    grants: list[dict[str, object]] = told["grants"]  # type: ignore[assignment]
    kept = {
        "grants": frozenset(
            Grant(str(each["privilege"]), Scope(**each["scope"]), bool(each["with_option"]))  # type: ignore[arg-type]
            for each in grants
        ),
        "roles": frozenset(told["roles"]),  # type: ignore[call-overload]
        "default_roles": frozenset(told["default_roles"]),  # type: ignore[call-overload]
    }
    return User(**(told | kept))  # type: ignore[arg-type]
