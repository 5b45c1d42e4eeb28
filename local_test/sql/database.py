"""What all sessions share: DuckDB's file, the functions and users, the endpoints, the counters.

DuckDB writes each commit to its log before it answers, so that a crash loses none. SQL reaches no file, no network and
no variable of this program, and no statement can change that.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from local_test.sql import types
from local_test.sql.catalog import SCHEMA, Catalog
from local_test.sql.counters import Counters
from local_test.sql.endpoints import Access, Endpoints
from local_test.sql.errors import NotHere

FILE = "_tiffin.duckdb"  # its stem is DuckDB's catalog: no database of a user's is named so
CATALOG = Path(FILE).stem
HIDDEN = frozenset({SCHEMA, "main", "temp", "system", "pg_catalog", CATALOG})
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "checkpoint_threshold": "128MB",  # of the log, which has all that was committed
    "error_on_division_by_zero": "false",  # MySQL's x DIV 0 and x % 0 are NULL
    "old_implicit_casting": "true",  # MySQL compares text with numbers
    "default_null_order": "nulls_first_on_asc_last_on_desc",  # as MySQL sorts
    "preserve_insertion_order": "true",  # what is predicted is joined by its place
}
_LOCK = ("SET GLOBAL TimeZone = 'UTC'", "SET enable_external_access = false", "SET lock_configuration = true")


@dataclass
class Database:
    root: duckdb.DuckDBPyConnection
    catalog: Catalog
    endpoints: Endpoints
    counters: Counters

    @classmethod
    def open(cls, folder: Path, access: Access, default: str) -> "Database":
        """Raises NotHere. `default`: the database that a client is in that names none."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds passwords, hashed
        try:
            root = duckdb.connect(str(folder / FILE), config=_CONFIG)
        except duckdb.IOException as error:
            if "lock" in str(error):
                raise NotHere(f"another `sql` works in {folder}; stop it, or choose another --data") from None
            raise NotHere(f"{folder / FILE} cannot be opened: {error}") from None
        for line in _LOCK:
            root.execute(line)
        counters = Counters()
        database = cls(root, Catalog(root.cursor()), Endpoints(access, counters), counters)
        root.execute(f"CREATE SCHEMA IF NOT EXISTS {types.quoted(default)}")
        return database

    def names(self) -> list[str]:
        found = self.root.cursor().execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? AND NOT internal", [CATALOG]
        )
        return sorted({name for (name,) in found.fetchall() if name not in HIDDEN} | {"information_schema"})

    def has(self, name: str) -> bool:
        return name in self.names()

    def close(self) -> None:
        self.endpoints.close()
        self.catalog.close()
        self.root.close()
