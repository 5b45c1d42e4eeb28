"""A real `python -m local_test sql` for a test: on a free port, ready by polling, its log shown when the test fails."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from tests.server import PATIENCE, ROOT

PASSWORD = "a-password of 'this' test"  # noqa: S105


@dataclass
class LocalSql:
    process: "subprocess.Popen[bytes]"
    log_file: Path
    data: Path
    port: int = 0

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

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


def start(
    data: Path, *arguments: str, environment: Mapping[str, str] | None = None, password: str | None = PASSWORD
) -> LocalSql:
    """Waits for the port; the caller has to end the process."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TIFFIN_", "AWS_"))}
    environ = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **(environment or {})}
    if password is not None:
        environ["TIFFIN_SQL_PASSWORD"] = password
    log = tempfile.NamedTemporaryFile(prefix="local-sql-", suffix=".log", delete=False)  # noqa: SIM115  the process holds it
    process = subprocess.Popen(
        [sys.executable, "-m", "local_test", "sql", "--port", "0", "--data", str(data), *arguments],
        env=environ,
        cwd=data.parent,
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
    )
    found = LocalSql(process, Path(log.name), data)
    deadline = time.monotonic() + PATIENCE
    while not (told := re.search(r"MySQL server is at 127\.0\.0\.1:(\d+)", found.log)):
        assert process.poll() is None, f"it has ended:\n{found.log}"
        assert time.monotonic() < deadline, f"it is not ready:\n{found.log}"
        time.sleep(0.05)
    found.port = int(told[1])
    return found


@contextmanager
def session(
    data: Path, *arguments: str, environment: Mapping[str, str] | None = None, password: str | None = PASSWORD
) -> Iterator[LocalSql]:
    """One that listens, ended afterwards."""
    found = start(data, *arguments, environment=environment, password=password)
    try:
        yield found
    except BaseException:
        sys.stderr.write(f"\n--- log of local_test sql\n{found.log}--- end of log\n")
        raise
    finally:
        end(found)


def end(found: LocalSql) -> None:
    if found.process.poll() is None:
        found.process.terminate()
    try:
        found.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        found.process.kill()
        found.process.wait()
    found.log_file.unlink()
