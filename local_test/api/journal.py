"""What was accepted, one JSON object a line, so that a restart knows it: calls to be replayed, and facts about jobs.

A call is written after it was accepted and before its answer goes out: what a caller was told, a restart knows.
Objects of S3 are not here but in files of their own (objects.py).
"""

import base64
import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Call:
    """An accepted call, with what made its identifiers."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    seed: int
    at: float  # seconds since 1970


@dataclass(frozen=True)
class Fact:
    """What became of something: the newest of its key counts."""

    kind: str
    key: str
    value: Any


class Journal:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("ab", buffering=0)
        if self._file.tell() and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # a half line of a kill; the next one starts clean

    def read(self) -> tuple[list[Call | Fact], int]:
        """What it holds, in order, and how many lines could not be read."""
        entries: list[Call | Fact] = []
        broken = 0
        for line in self.path.read_bytes().splitlines():
            if not line.strip():
                continue
            try:
                entries.append(_parsed(line))
            except (ValueError, KeyError, TypeError):
                broken += 1
        return entries, broken

    def add(self, entry: Call | Fact) -> None:
        """All of it or, with an OSError, nothing."""
        line = json.dumps(_plain(entry), separators=(",", ":"), default=str).encode() + b"\n"
        with self._lock:
            if self._file.closed:
                return
            end = os.fstat(self._file.fileno()).st_size
            if self._file.write(line) < len(line):  # the disk is full
                self._file.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def rewrite(self, entries: Iterator[Call | Fact]) -> None:
        """Keep only these: done at start, so that the file does not grow for ever."""
        beside = self.path.with_suffix(".new")
        with self._lock, beside.open("wb") as file:
            for entry in entries:
                file.write(json.dumps(_plain(entry), separators=(",", ":"), default=str).encode() + b"\n")
            file.flush()
            beside.replace(self.path)
            self._file.close()
            self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        with self._lock:
            self._file.close()


def newest(entries: list[Call | Fact]) -> Iterator[Call | Fact]:
    """Every call, and of the facts of one key the last."""
    last = {(entry.kind, entry.key): entry for entry in entries if isinstance(entry, Fact)}
    for entry in entries:
        if isinstance(entry, Call) or last[entry.kind, entry.key] is entry:
            yield entry


def _plain(entry: Call | Fact) -> dict[str, Any]:
    if isinstance(entry, Fact):
        return {"fact": entry.kind, "key": entry.key, "value": entry.value}
    return {
        "call": entry.method,
        "target": entry.target,
        "headers": entry.headers,
        "body": base64.b64encode(entry.body).decode(),
        "seed": entry.seed,
        "at": entry.at,
    }


def _parsed(line: bytes) -> Call | Fact:
    document = json.loads(line)
    if "fact" in document:
        return Fact(str(document["fact"]), str(document["key"]), document["value"])
    return Call(
        document["call"],
        document["target"],
        {str(name): str(value) for name, value in document["headers"].items()},
        base64.b64decode(document["body"], validate=True),
        int(document["seed"]),
        float(document.get("at", time.time())),
    )
