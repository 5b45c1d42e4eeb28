"""What was made, in a file that is written before AWS is asked and after it has answered.

A line per event, appended and on disk before the call goes on, so that a crash at any point leaves at most an
intention: `destroy` looks at AWS then and sees whether it was carried out. A torn line costs itself.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

INTENDED, MADE, VOID, GONE = "intended", "made", "void", "gone"  # void: this one was not made, or is not ours


@dataclass(frozen=True)
class Resource:
    kind: str  # one of deploy.kinds
    name: str
    project: str = ""
    id: str = ""  # the tag tiffin:id; empty where a kind has no tags
    detail: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name


@dataclass(frozen=True)
class Entry:
    resource: Resource
    event: str
    at: float


class Ledger:
    def __init__(self, folder: Path, account: str, region: str) -> None:
        self.file = folder / f"{account}-{region}.jsonl"

    def write(self, event: str, *resources: Resource) -> None:
        lines = "".join(json.dumps({"event": event, "at": time.time(), **asdict(each)}) + "\n" for each in resources)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two commands at a time keep whole lines
            torn = file.tell() and not self._ends_with_newline()
            file.write(("\n" if torn else "").encode() + lines.encode())
            file.flush()
            os.fsync(file.fileno())

    def standing(self, project: str) -> list[Entry]:
        """What was made, or meant to be, and is not known to be gone; in the order in which it was made."""
        left: dict[tuple[str, str, str], Entry] = {}
        for entry in self._entries():
            resource = entry.resource
            if entry.event == VOID:
                left.pop((*resource.key, resource.id), None)
            elif entry.event == GONE:  # the name is free, whoever had it
                left = {key: each for key, each in left.items() if each.resource.key != resource.key}
            elif resource.project == project:
                left[(*resource.key, resource.id)] = entry
        return list(left.values())

    def _entries(self) -> Iterator[Entry]:
        if not self.file.is_file():
            return
        for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
                event, at = record.pop("event"), record.pop("at")
                yield Entry(Resource(**record), event, at)
            except (ValueError, TypeError, KeyError):
                continue  # torn by a crash: what it was for is found by its tags

    def _ends_with_newline(self) -> bool:
        with self.file.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
