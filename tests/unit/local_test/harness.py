"""`python -m local_test` as a user starts it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.server import PATIENCE, ROOT, clean_environ


def harness(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end; `more` are environment variables."""
    return subprocess.run(
        [sys.executable, "-m", "local_test", *arguments],
        env=clean_environ(**more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )


def stopped_while_fitting(stop: signal.Signals, *options: str) -> tuple[int, str]:
    """A training job that would take minutes, sent `stop` once it fits; its exit code and what it said after."""
    command = [
        sys.executable,
        "-m",
        "local_test",
        "train",
        *options,
        "-p",
        "algorithm=forest",
        "-p",
        "n_estimators=10000",
    ]
    with subprocess.Popen(
        command, env=clean_environ(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "fitting forest" in line:
                process.send_signal(stop)
                break
        rest = process.stdout.read()
        return process.wait(PATIENCE), rest


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """`local_test serve` until it is ready, ended by Ctrl-C; gives the address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local_test", "serve", *options],
        env=clean_environ(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    too_late = threading.Timer(PATIENCE, process.kill)
    too_late.start()
    seen = []
    try:
        for line in process.stdout:
            seen.append(line)
            if line.startswith("ready at "):
                break
        else:
            raise AssertionError("".join(seen))
        too_late.cancel()
        yield line.split()[2]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(PATIENCE) == 0, "".join(seen) + rest
    finally:
        too_late.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
