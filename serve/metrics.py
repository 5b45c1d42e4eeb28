"""Figures of all server processes in Prometheus' text format (H-24).

Each process writes a row of its own in anonymous shared memory, so there is no lock; whoever is asked adds the rows up.
A place's row goes on with the process that takes the place over: counters never fall.
"""

import mmap
from bisect import bisect_left

SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # predicted together

_STATUS = 0  # 2xx, 4xx, 5xx
_ROWS = 3
_MICROSECONDS = 4
_LATENCY = 5
_BATCH = _LATENCY + len(SECONDS) + 1
_BATCHED = _BATCH + len(REQUESTS) + 1  # requests that were in a batch
_RESTARTS = _BATCHED + 1
_STREAMS = _RESTARTS + 1  # open now; then messages received and sent
_MESSAGES = _STREAMS + 1
_WAITING = _MESSAGES + 2
_COLUMNS = _WAITING + 1


class Metrics:
    def __init__(self, places: int, load_seconds: float) -> None:
        self._places = places
        self._load_seconds = load_seconds
        # one row more than there are places: the master's, and that of a process without a place
        self._cells = memoryview(mmap.mmap(-1, (places + 1) * _COLUMNS * 8)).cast("Q")
        self._start = places * _COLUMNS

    def use(self, place: int | None) -> None:
        """From now on this process writes the row of `place`."""
        self._start = (self._places if place is None else place) * _COLUMNS
        self._cells[self._start + _STREAMS] = 0  # those of the process before have ended with it

    def answered(self, status: int, rows: int, seconds: float, requests: int = 1) -> None:
        """`requests` invocations, answered alike after as long; `rows` is of all of them."""
        cells, start = self._cells, self._start
        cells[start + _STATUS + (0 if status < 400 else 1 if status < 500 else 2)] += requests  # noqa: PLR2004
        cells[start + _ROWS] += rows
        cells[start + _MICROSECONDS] += int(seconds * 1e6) * requests
        cells[start + _LATENCY + bisect_left(SECONDS, seconds)] += requests

    def joined(self, requests: int, rows: int, seconds: float) -> None:
        """Plain invocations that were predicted together."""
        if requests:
            self._cells[self._start + _BATCH + bisect_left(REQUESTS, requests)] += 1
            self._cells[self._start + _BATCHED] += requests
            self.answered(200, rows, seconds, requests)

    def waiting(self, requests: int) -> None:
        """Plain invocations of this process that the model's thread has not taken yet."""
        self._cells[self._start + _WAITING] = requests

    def streamed(self, streams: int, received: int, sent: int) -> None:
        """`streams` are open in this process; of messages, those since the last call."""
        cells, start = self._cells, self._start
        cells[start + _STREAMS] = streams
        cells[start + _MESSAGES] += received
        cells[start + _MESSAGES + 1] += sent

    def process_ended(self) -> None:
        """Called in the master."""
        self._cells[self._places * _COLUMNS + _RESTARTS] += 1

    def text(self, ready: bool) -> str:
        total = [sum(self._cells[column::_COLUMNS]) for column in range(_COLUMNS)]
        latency, batch = total[_LATENCY:_BATCH], total[_BATCH:_BATCHED]
        lines = [
            *_head("tiffin_invocations_total", "counter", "Invocations answered, by class of status."),
            *(f'tiffin_invocations_total{{status="{name}"}} {total[_STATUS + i]}' for i, name in enumerate(_CLASSES)),
            *_head("tiffin_rows_total", "counter", "Rows predicted."),
            f"tiffin_rows_total {total[_ROWS]}",
            *_head("tiffin_invocation_seconds", "histogram", "From a request being whole to its answer."),
            *_histogram("tiffin_invocation_seconds", SECONDS, latency, total[_MICROSECONDS] / 1e6),
            *_head("tiffin_batch_requests", "histogram", "Plain invocations predicted together."),
            *_histogram("tiffin_batch_requests", REQUESTS, batch, total[_BATCHED]),
            *_head("tiffin_waiting_requests", "gauge", "Plain invocations that wait for the model."),
            f"tiffin_waiting_requests {total[_WAITING]}",
            *_head("tiffin_streams", "gauge", "Bidirectional streams that are open."),
            f"tiffin_streams {total[_STREAMS]}",
            *_head("tiffin_stream_messages_total", "counter", "Messages of bidirectional streams."),
            f'tiffin_stream_messages_total{{direction="received"}} {total[_MESSAGES]}',
            f'tiffin_stream_messages_total{{direction="sent"}} {total[_MESSAGES + 1]}',
            *_head("tiffin_process_restarts_total", "counter", "Server processes that ended and were replaced."),
            f"tiffin_process_restarts_total {total[_RESTARTS]}",
            *_head("tiffin_model_load_seconds", "gauge", "How long loading the model took."),
            f"tiffin_model_load_seconds {self._load_seconds:.6f}",
            *_head("tiffin_processes", "gauge", "Server processes that were asked for."),
            f"tiffin_processes {self._places}",
            *_head("tiffin_ready", "gauge", "1 when every process has the model."),
            f"tiffin_ready {int(ready)}",
        ]
        return "\n".join(lines) + "\n"


_CLASSES = ("2xx", "4xx", "5xx")


def _head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def _histogram(name: str, bounds: tuple[float, ...], counts: list[int], total: float) -> list[str]:
    lines, seen = [], 0
    for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        seen += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {seen}')
    return [*lines, f"{name}_sum {total:g}", f"{name}_count {seen}"]
