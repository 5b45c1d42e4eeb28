"""Logs that outlast a restart: each stream's events in a file, appended as they come, given back to moto at start."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.logs import urls
from moto.logs.models import LogEvent, LogsBackend, logs_backends

from local_test.api import patterns
from local_test.api.absent import NotHereYet


class LogFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def append(self, where: tuple[str, str, str, str], events: list[dict[str, Any]]) -> None:
        """`where`: account, region, group, stream."""
        file = self._file(where)
        lines = [json.dumps([event["timestamp"], event["message"]]) for event in events]
        with self._lock:
            if not file.is_file():
                file.parent.mkdir(parents=True, exist_ok=True)
                lines.insert(0, json.dumps(where))
            with file.open("a", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")

    def forget(self, account: str, region: str, group: str, stream: str | None = None) -> None:
        """A stream, or all of a group."""
        folder = self._file((account, region, group, "")).parent
        files = [self._file((account, region, group, stream))] if stream else list(folder.glob("*.jsonl"))
        with self._lock:
            for file in files:
                file.unlink(missing_ok=True)

    def load(self) -> None:
        """At start; half a line of a kill is left out."""
        for file in sorted(self._folder.glob("*/*.jsonl")):
            first, *lines = file.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
            try:
                account, region, group, name = json.loads(first)
            except ValueError:
                continue
            backend = logs_backends[account][region]
            backend.ensure_log_group(group)
            backend.ensure_log_stream(group, name)
            stream = backend.groups[group].streams[name]
            for line in lines:
                try:
                    at, message = json.loads(line)
                except ValueError:
                    continue
                stream.events.append(LogEvent(at, {"timestamp": at, "message": message}))
                stream.stored_bytes += len(message)
            if stream.events:
                stream.last_ingestion_time = stream.creation_time

    def _file(self, where: tuple[str, str, str, str]) -> Path:
        account, region, group, stream = where
        return self._folder / _digest(account, region, group) / f"{_digest(stream)}.jsonl"


def backend_of(files: LogFiles, is_replaying: Callable[[], bool]) -> type[LogsBackend]:
    """moto's Logs backend, telling `files` what it takes and forgets.

    A delete that is replayed has been of the files then, and its group perhaps none that a call had made.
    """

    class KeptLogs(LogsBackend):
        _url_module = urls  # moto would look beside the class

        def put_log_events(self, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]) -> Any:
            answer = super().put_log_events(log_group_name, log_stream_name, log_events)
            with contextlib.suppress(OSError):  # a full disk: they last until a restart, and what logs goes on
                files.append((self.account_id, self.region_name, log_group_name, log_stream_name), log_events)
            return answer

        def start_query(self, log_group_names: Any, start_time: Any, end_time: Any, query_string: str) -> str:
            patterns.check_query(query_string)
            return super().start_query(log_group_names, start_time, end_time, query_string)

        def put_metric_filter(self, *_: Any, **__: Any) -> None:
            raise NotHereYet("no metric comes of a filter")

        def delete_log_group(self, log_group_name: str) -> None:
            if is_replaying():
                self.groups.pop(log_group_name, None)
                return
            super().delete_log_group(log_group_name)
            files.forget(self.account_id, self.region_name, log_group_name)

        def delete_log_stream(self, log_group_name: str, log_stream_name: str) -> None:
            if is_replaying():
                return
            super().delete_log_stream(log_group_name, log_stream_name)
            files.forget(self.account_id, self.region_name, log_group_name, log_stream_name)

    return KeptLogs


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
