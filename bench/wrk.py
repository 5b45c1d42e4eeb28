"""wrk: its command line, the script it runs, and what that script reports."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.wire import Payload

LUA = Path(__file__).resolve().parent / "post.lua"
_REPORT = re.compile(r"^BENCH (\{.*\})$", re.MULTILINE)


class WrkError(Exception):
    """wrk did not run; its text is for the user."""


@dataclass(frozen=True)
class Load:
    requests_per_second: float
    p50: float  # milliseconds
    p99: float
    failed: int  # answers that are not 2xx, and connections that broke or timed out

    @classmethod
    def parse(cls, output: str) -> "Load":
        found = _REPORT.search(output)
        if found is None:
            raise WrkError(f"wrk reported nothing:\n{output[-2000:]}")
        report = json.loads(found[1])
        return cls(
            report["requests"] / (report["microseconds"] / 1e6),
            report["p50"] / 1000,
            report["p99"] / 1000,
            sum(report[name] for name in ("status", "connect", "read", "write", "timeout")),
        )


@dataclass(frozen=True)
class Shape:
    """`unique`: every request has a trace id of its own."""

    connections: int
    seconds: float
    unique: bool = False


def command(url: str, payload: Payload, body: Path, shape: Shape) -> list[str]:
    """`body`: a file that holds the payload's."""
    return [
        *("wrk", "--threads", "1", "--connections", str(shape.connections)),
        *("--duration", f"{max(1, round(shape.seconds))}s", "--timeout", "30s"),
        *("--script", str(LUA), url + payload.path, "--"),
        *(str(body), payload.content_type, "unique" if shape.unique else "same"),
    ]


def run(core: int, line: list[str], seconds: float) -> Load:
    done = subprocess.run(
        ["taskset", "-c", str(core), *line], capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    if done.returncode:
        raise WrkError(f"wrk ended with {done.returncode}: {done.stderr[-2000:]}")
    return Load.parse(done.stdout)
