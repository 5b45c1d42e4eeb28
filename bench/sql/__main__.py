"""SQL that calls an endpoint, by `local_test sql` and by an outline of it, in one run: `python -m bench.sql`.

Real servers of the colour model and of the recommender; both databases ask the same one, in turn, through PyMySQL,
which the environment of the tests has.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pymysql

from bench import prepare

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS, ROWS = 11, 100_000
PATIENCE = 120.0
PASSWORD = "of the bench"  # noqa: S105
MOST = 1.3  # ours may take so many times the outline's time
EXAMPLE = ROOT / "examples" / "recommender"
WAYS = ("local_test sql", "outline")


@dataclass(frozen=True)
class Model:
    name: str
    data: Path
    code: Path
    columns: tuple[tuple[str, str], ...]  # name, and DuckDB's expression of a row's number i
    returns: str


MODELS = (
    Model("colour", ROOT / "model" / "data" / "colours.csv", ROOT / "model",
          (("r", "i % 256"), ("g", "i // 7 % 256"), ("b", "i // 31 % 256")), "VARCHAR(10)"),
    Model("recommender", EXAMPLE / "data" / "purchases.csv", EXAMPLE,
          (("user_id", "512500000 + i % 900"), ("product_id", "44600000 + i % 9000")), "double"),
)  # fmt: skip


@dataclass
class Outcome:
    """`seconds`: model -> statement -> way -> rounds."""

    machine: list[str] = field(default_factory=list)
    rounds: int = ROUNDS
    seconds: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)  # of ours, for one statement of ROWS rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.sql", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/bench/sql"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    machine = [line.partition(", wrk")[0] for line in prepare.machine(lambda _: None)]
    used = ", ".join(f"{name} {metadata.version(name)}" for name in ("duckdb", "mysql-mimic", "sqlglot", "pyarrow"))
    outcome = Outcome([*machine, used], options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            measure(model, Path(folder) / model.name, outcome)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "figures.json").write_text(json.dumps(asdict(outcome), indent=1) + "\n")
    (options.out / "README.md").write_text(page(outcome))
    print(page(outcome))
    worst = max(ratio(outcome, model.name, "CREATE TABLE ... SELECT") for model in MODELS)
    return 0 if worst <= MOST else 1


def measure(model: Model, folder: Path, outcome: Outcome) -> None:
    folder.mkdir()
    with ExitStack() as stack:
        url = stack.enter_context(served(model, folder))
        ports = {
            WAYS[0]: stack.enter_context(ours(folder, url)),
            WAYS[1]: stack.enter_context(outline(folder, url)),
        }
        cursors = {
            way: stack.enter_context(closing(connected(port, PASSWORD if way == WAYS[0] else ""))).cursor()
            for way, port in ports.items()
        }
        names = ", ".join(name for name, _ in model.columns)
        statements = {
            "CREATE TABLE ... SELECT": f"CREATE TABLE predict SELECT *, f({names}) answer FROM inputs",
            "SELECT COUNT(f(...))": f"SELECT COUNT(f({names})) FROM inputs",
            "SELECT of one row": f"SELECT f({names}) FROM inputs LIMIT 1",
        }
        for cursor in cursors.values():
            made(cursor, model)
        same = {way: answers(cursor, names) for way, cursor in cursors.items()}
        if same[WAYS[0]] != same[WAYS[1]]:
            raise SystemExit(f"{model.name}: the two do not answer alike")
        found = outcome.seconds.setdefault(model.name, {})
        for number in range(outcome.rounds + 1):  # the first is not counted
            for statement, sql in statements.items():
                for way in WAYS if number % 2 else WAYS[::-1]:
                    took = timed(cursors[way], sql)
                    if number:
                        found.setdefault(statement, {}).setdefault(way, []).append(took)
        cursors[WAYS[0]].execute("FLUSH STATUS")
        cursors[WAYS[0]].execute(statements["SELECT COUNT(f(...))"])
        cursors[WAYS[0]].execute("SHOW STATUS LIKE 'Aurora_ml_actual_request_cnt'")
        outcome.requests[model.name] = int(cursors[WAYS[0]].fetchone()[1])


def made(cursor: Any, model: Model) -> None:
    """The function, and a table of ROWS rows."""
    arguments = ", ".join(f"{name} BIGINT" for name, _ in model.columns)
    alias = "ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT ENDPOINT NAME 'ep'"
    cursor.execute(f"CREATE FUNCTION f ({arguments}) RETURNS {model.returns} {alias}")
    columns = ", ".join(f"{name} varchar(20)" for name, _ in model.columns)
    cursor.execute(f"CREATE TABLE inputs ({columns})")
    cursor.execute("CREATE TABLE digits (d int)")
    cursor.execute("INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
    cursor.execute(
        "CREATE TABLE numbers SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * g.d AS i "
        "FROM digits a CROSS JOIN digits b CROSS JOIN digits c CROSS JOIN digits e CROSS JOIN digits g"
    )
    picked = ", ".join(f"CAST({text.replace('//', 'DIV')} AS CHAR) AS {name}" for name, text in model.columns)
    cursor.execute(f"INSERT INTO inputs SELECT {picked} FROM numbers ORDER BY i")


def answers(cursor: Any, names: str) -> list[Any]:
    cursor.execute(f"CREATE TABLE predict SELECT *, f({names}) answer FROM inputs")
    cursor.execute("SELECT * FROM predict")
    rows = cursor.fetchall()
    if len(rows) != ROWS:
        raise SystemExit(f"{len(rows)} rows were answered, not {ROWS}")
    return sorted(map(str, rows))


def timed(cursor: Any, sql: str) -> float:
    if sql.startswith("CREATE TABLE"):
        cursor.execute("DROP TABLE predict")
    begun = time.perf_counter()
    cursor.execute(sql)
    cursor.fetchall()
    return time.perf_counter() - begun


@contextmanager
def served(model: Model, folder: Path) -> Iterator[str]:
    """A server of what the model's training job made, as `make serve` starts it."""
    base = ("--no-docker", "--base-dir", str(folder / "ml"), "--code", str(model.code))
    channel = ("--channel", f"train={model.data}")
    done = subprocess.run(
        [sys.executable, "-m", "local_test", "train", *base, *channel],
        env=environ(), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{model.name} was not trained:\n{(done.stdout + done.stderr)[-2000:]}")
    with started([sys.executable, "-m", "local_test", "serve", *base, "--port", "0"], folder / "serve") as log:
        yield told(log, r"ready at (http://\S+)")


@contextmanager
def ours(folder: Path, url: str) -> Iterator[int]:
    command = [sys.executable, "-m", "local_test", "sql", "--port", "0", "--data", str(folder / "sql")]
    with started([*command, "--endpoint", f"ep={url}"], folder / "ours") as log:
        yield int(told(log, r"MySQL server is at 127\.0\.0\.1:(\d+)"))


@contextmanager
def outline(folder: Path, url: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with started([sys.executable, "-m", "bench.sql.outline", str(port), url], folder / "outline"):
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > deadline:
                raise SystemExit("the outline does not listen")
            time.sleep(0.1)
        yield port


@contextmanager
def started(command: list[str], log: Path) -> Iterator[Path]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environ(), cwd=ROOT, stdout=stream, stderr=stream)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(PATIENCE)


def told(log: Path, pattern: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, log.read_text(errors="replace"))):
        if time.monotonic() > deadline:
            raise SystemExit(f"{log.name} is not ready:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
    return found[1]


def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIFFIN_", "AWS_", "SERVE_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "TIFFIN_SQL_PASSWORD": PASSWORD}


def connected(port: int, password: str) -> Any:
    return pymysql.connect(
        host="127.0.0.1", port=port, user="admin", password=password, database="test", autocommit=True, read_timeout=300
    )


def ratio(outcome: Outcome, model: str, statement: str) -> float:
    found = outcome.seconds[model][statement]
    return statistics.median(found[WAYS[0]]) / statistics.median(found[WAYS[1]])


def page(outcome: Outcome) -> str:
    lines = [
        "# SQL that calls an endpoint, measured",
        "",
        "`python -m bench.sql` trains the colour tree and the recommender, serves each as `make serve` does, and asks",
        "it through `local_test sql` and through [an outline of it](../../../bench/sql/outline.py): mysql-mimic,",
        "DuckDB and an Arrow UDF, no more. Both ask the same server, in turn, by PyMySQL, and answer alike.",
        f"Milliseconds, median of {outcome.rounds} rounds (quickest to slowest); the ratio is ours to the outline's.",
        "",
        "| model | statement | rows | `local_test sql` | outline | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for model, statements in outcome.seconds.items():
        for statement, found in statements.items():
            rows = 1 if "one row" in statement else ROWS
            cells = " | ".join(_shown(found[way]) for way in WAYS)
            lines.append(f"| {model} | `{statement}` | {rows:,} | {cells} | {ratio(outcome, model, statement):.2f} |")
    sent = ", ".join(f"{count} for the {model}" for model, count in outcome.requests.items())
    lines += ["", f"Requests for {ROWS:,} rows: {sent}; the outline's are 2,048 rows each, 49.", ""]
    lines += [*(f"- {line}" for line in outcome.machine), ""]
    return "\n".join(lines)


def _shown(seconds: Sequence[float]) -> str:
    found = [round(each * 1000, 1) for each in seconds]
    return f"{statistics.median(found):,.1f} ({min(found):,.1f} to {max(found):,.1f})"


if __name__ == "__main__":
    sys.exit(main())
