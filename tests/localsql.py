"""A real `python -m local_test sql` for a test: on a free port, ready by polling, its log shown when the test fails."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from tests.server import PATIENCE, Program, clean_environ, launched

PASSWORD = "a-password of 'this' test"  # noqa: S105


@dataclass
class LocalSql(Program):
    data: Path
    port: int = 0

    def connect(self, user: str = "admin", password: str = PASSWORD, **more: Any) -> Any:
        given = {"autocommit": True, "connect_timeout": 10, "read_timeout": 120, **more}
        return pymysql.connect(host="127.0.0.1", port=self.port, user=user, password=password, **given)

    def rows(self, sql: str, **more: Any) -> list[tuple[Any, ...]]:
        """On a connection of its own."""
        with closing(self.connect(**more)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def mysql(self, sql: str, *options: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """The `mysql` command, with the statements on its standard input."""
        given = {"user": "admin", "password": PASSWORD, **more}
        return subprocess.run(
            ["mysql", "-h", "127.0.0.1", "-P", str(self.port), "-u", given["user"], *options],
            input=sql,
            env={**os.environ, "MYSQL_PWD": given["password"]},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def session(
    data: Path, *arguments: str, environment: Mapping[str, str] | None = None, password: str | None = PASSWORD
) -> Iterator[LocalSql]:
    """One that listens, ended afterwards."""
    given = {**(environment or {}), **({} if password is None else {"TIFFIN_SQL_PASSWORD": password})}
    command = (sys.executable, "-m", "local_test", "sql", "--port", "0", "--data", str(data), *arguments)
    found = LocalSql(*launched(*command, cwd=data.parent, env=clean_environ(**given)), data)
    with found.ended():
        deadline = time.monotonic() + PATIENCE
        while not (told := re.search(r"MySQL server is at 127\.0\.0\.1:(\d+)", found.log)):
            assert found.process.poll() is None, "it has ended"
            assert time.monotonic() < deadline, "it is not ready"
            time.sleep(0.05)
        found.port = int(told[1])
        yield found
