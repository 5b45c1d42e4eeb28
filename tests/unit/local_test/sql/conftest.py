from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_test.sql.accounts import hashes
from local_test.sql.database import Database
from local_test.sql.endpoints import Access
from local_test.sql.errors import SqlError
from local_test.sql.session import Session
from tests.endpointstub import Stub, stub

FUNCTION = (
    "CREATE FUNCTION f (a BIGINT(20), b BIGINT(20)) RETURNS double "
    "ALIAS aws_sagemaker_invoke_endpoint ENDPOINT NAME 'ep'"
)


@dataclass
class Client:
    """One session, asked for what a test compares."""

    session: Session

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.run(sql).rows]

    def headings(self, sql: str) -> list[str]:
        return [column.name for column in self.session.run(sql).columns]

    def count(self, sql: str) -> int:
        return self.session.run(sql).affected

    def error(self, sql: str) -> tuple[int, str]:
        with pytest.raises(SqlError) as caught:
            self.session.run(sql)
        return caught.value.code, caught.value.message

    def status(self, name: str) -> int:
        return int(self.rows(f"SHOW STATUS LIKE 'Aurora_ml_{name}_cnt'")[0][1])


@contextmanager
def opened(folder: Path, **straight: str) -> Iterator[Database]:
    database = Database.open(folder, Access(lambda: None, straight), "test")
    database.catalog.set_admin(*hashes("secret"))
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def endpoint() -> Iterator[Stub]:
    with stub() as found:
        yield found


@pytest.fixture
def database(tmp_path: Path, endpoint: Stub) -> Iterator[Database]:
    with opened(tmp_path, ep=endpoint.url) as found:
        yield found


@pytest.fixture
def client(database: Database) -> Iterator[Client]:
    """Of the master user, with the function f and the table t."""
    session = Session(database, "admin", "test")
    found = Client(session)
    found.count(FUNCTION)
    found.count("CREATE TABLE t (u varchar(20), p varchar(20), s double)")
    found.count("INSERT INTO t VALUES ('1','2',3), (2,3,null), (null,1,1)")
    yield found
    session.close()
