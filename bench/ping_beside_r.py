"""How long /ping takes while R computes, in one process on one core.

    python -m bench.ping_beside_r [ROUNDS]    R's environment is what `make bench ARGS="--quick --peers tiffin-r"` makes

A model.R that computes for 3 s is asked ROUNDS times; meanwhile /ping is asked each 5 ms, on a connection that is kept
and on a new one each time, by a client on the other core.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from bench import process
from bench.peers import ROOT
from bench.session import free_ports, stay_on_the_loads_core
from bench.workloads import SERVER_CORE

CODE = """
model_fn <- function(model_dir) 3
predict_fn <- function(data, model) {
  end <- Sys.time() + model
  while (Sys.time() < end) sum(sort(runif(1e5)))
  rep(model, nrow(data))
}
"""
EACH = 0.005


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    stay_on_the_loads_core()
    with tempfile.TemporaryDirectory(prefix="tiffin-bench-") as scratch:
        folder = Path(scratch)
        (folder / "model" / "code").mkdir(parents=True)
        (folder / "model" / "code" / "model.R").write_text(CODE)
        (port,) = free_ports(1)
        environment = {
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "RPY2_CFFI_MODE": "ABI",
            "SAGEMAKER_BASE_DIR": scratch,
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SERVE_HOST": "127.0.0.1",
            "SERVE_WORKERS": "1",
            "TIFFIN_PLUG": str(folder / "no-plug"),
        }
        python = Path(".tiffin/bench/env/r/bin/python").absolute()
        command = process.Command([str(python), "-m", "serve"], environment)
        with process.running([command], str(SERVER_CORE), folder, port, "/ping"):
            for title, ask in (("kept connection", _kept(port)), ("new connection", _new(port))):
                idle = _pings(ask, until=time.monotonic() + 3)
                busy: list[float] = []
                for _ in range(rounds):
                    busy += _beside(port, ask)
                print(f"{title}: idle {_shown(idle)}; while R computes {_shown(busy)}")
    return 0


def _beside(port: int, ask: Callable[[], None]) -> list[float]:
    answered = threading.Event()

    def compute() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        _ask(connection, "POST", "/invocations", b"1\n")
        connection.close()
        answered.set()

    thread = threading.Thread(target=compute)
    thread.start()
    taken = _pings(ask, time.monotonic() + 60, answered)
    thread.join()
    return taken


def _pings(ask: Callable[[], None], until: float, end: threading.Event | None = None) -> list[float]:
    taken = []
    while time.monotonic() < until and not (end and end.is_set()):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
        time.sleep(EACH)
    return taken


def _kept(port: int) -> Callable[[], None]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    return lambda: _ask(connection, "GET", "/ping")


def _new(port: int) -> Callable[[], None]:
    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        _ask(connection, "GET", "/ping")
        connection.close()

    return ask


def _ask(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> None:
    connection.request(method, path, body, {"Content-Type": "text/csv"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == HTTPStatus.OK  # noqa: S101


def _shown(taken: list[float]) -> str:
    ordered = [1e3 * value for value in sorted(taken)]
    parts = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    values = [f"{name} {ordered[int(len(ordered) * part)]:.2f}" for name, part in parts.items()]
    return f"{', '.join(values)}, longest {ordered[-1]:.2f} ms of {len(ordered)}"


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
