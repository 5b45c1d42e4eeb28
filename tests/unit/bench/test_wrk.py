import json
from pathlib import Path

import pytest

from bench import wire, wrk

REPORT = {
    "requests": 3000,
    "microseconds": 2_000_000,
    "p50": 640.0,
    "p99": 1200.0,
    **dict.fromkeys(("status", "connect", "read", "write", "timeout"), 0),
}
OUTPUT = "Running 2s test @ http://127.0.0.1:1/invocations\n  1 threads and 32 connections\nBENCH {}\n"


def test_what_wrk_reports_is_read() -> None:
    load = wrk.Load.parse(OUTPUT.replace("{}", json.dumps(REPORT)))
    assert load == wrk.Load(1500.0, 0.64, 1.2, 0)


def test_every_kind_of_failure_counts() -> None:
    report = REPORT | {"status": 1, "connect": 2, "read": 4, "write": 8, "timeout": 16}
    assert wrk.Load.parse(OUTPUT.replace("{}", json.dumps(report))).failed == 31


def test_an_output_without_a_report_is_shown() -> None:
    with pytest.raises(wrk.WrkError, match="unable to connect"):
        wrk.Load.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_the_command_line_names_the_body_and_how_heads_are_made() -> None:
    payload = wire.CSV.payload(wire.rows(1))
    line = wrk.command("http://127.0.0.1:1", payload, Path("body-1"), wrk.Shape(32, 0.2, unique=True))
    assert line[line.index("--connections") + 1] == "32"
    assert line[line.index("--duration") + 1] == "1s"
    assert line[-4:] == ["--", "body-1", "text/csv", "unique"]
