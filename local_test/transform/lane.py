"""One instance's share of a job: mini-batches out, answers in order into one output for each file (B-06, B-07).

Rules. A lane is one thread's. It reads its files one after the other and keeps MaxConcurrentTransforms requests under
way, across the files' ends; answers are taken in the order in which they were sent, so that order costs no bookkeeping.
No more than twice that many bodies are in memory. A file that failed is left at once, and costs the others nothing.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_test.transform import suspicion
from local_test.transform.assemble import Assembly
from local_test.transform.invoke import Container, InvocationFailed, Stopped
from local_test.transform.job import CSV, TransformJob, media_type
from local_test.transform.join import Processing, ProcessingError
from local_test.transform.parameters import Parameters, Say
from local_test.transform.split import Batch, Source, SplitError, batches
from local_test.wire import Body

_HEAD = 64 * 1024


@dataclass(frozen=True)
class FileResult:
    source: Path
    target: Path
    requests: int
    error: str = ""  # empty: `target` is there, and whole
    is_refusal: bool = False  # the container's 4xx, or a file that is not as the job says

    @property
    def is_done(self) -> bool:
        return not self.error


@dataclass(frozen=True)
class Progress:
    """One more request has its answer."""

    source: Path
    requests: int  # of this file, so far
    records: int | None  # None: not counted


@dataclass(frozen=True)
class Orders:
    """For all lanes."""

    job: TransformJob
    parameters: Parameters
    say: Say
    progress: Callable[[Progress], None]
    stop: threading.Event


@dataclass
class _Work:
    """A file on its way through a lane."""

    source: Source
    target: Path
    assembly: Assembly
    requests: int = 0
    records: int | None = 0
    failure: FileResult | None = None

    def fail(self, error: str, is_refusal: bool = True) -> None:
        if self.failure is None:
            self.failure = FileResult(self.source.path, self.target, self.requests, error, is_refusal)


class Lane:
    """One instance."""

    def __init__(self, orders: Orders, container: Container) -> None:
        job = orders.job
        self._job, self._parameters, self._container = job, orders.parameters, container
        self._say, self._progress, self._stop = orders.say, orders.progress, orders.stop
        self._processing = Processing.of(job, orders.parameters.batch_strategy)
        headers = (("Content-Type", job.content_type), ("Accept", job.accept))
        self._headers = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers if value)
        self._under_way: deque[tuple[_Work, Batch | None, Future[bytes] | None]] = deque()
        self._bodies = 0  # of those under way: a file's end is none
        self._results: list[FileResult] = []
        self._warned: set[str] = set()  # of each kind one is enough
        self._gone = ""  # why no more requests are tried

    def run(self, files: Sequence[tuple[Path, Path]]) -> list[FileResult]:
        """A file's end is in the queue behind its last batch, so that results come in the files' order."""
        concurrent = self._parameters.concurrent_transforms
        with ThreadPoolExecutor(concurrent, "transform") as pool:
            try:
                for path, target in files:
                    self._begin(path, target, pool, 2 * concurrent)
                self._take(0)
            finally:
                for work, _, _ in self._under_way:
                    work.assembly.discard()
        return self._results

    def _begin(self, path: Path, target: Path, pool: ThreadPoolExecutor, most: int) -> None:
        if self._gone:
            self._results.append(FileResult(path, target, 0, f"not tried any more: {self._gone}"))
            return
        try:
            assembly = Assembly(target, self._job.assemble_with)
        except OSError as error:
            self._results.append(FileResult(path, target, 0, f"its output cannot be written: {error}"))
            return
        work = _Work(Source(path, self._job.compression_type), target, assembly)
        try:
            self._send(work, pool, most)
        finally:
            self._under_way.append((work, None, None))

    def _send(self, work: _Work, pool: ThreadPoolExecutor, most: int) -> None:
        parameters, job = self._parameters, self._job
        try:
            self._look_at_head(work)
            for batch in batches(
                work.source,
                job.split_type,
                parameters.batch_strategy,
                parameters.limit,
                streams=self._processing is None,
            ):
                self._take(most - 1)
                if work.failure or self._stop.is_set():
                    return
                self._look_at(work, batch)
                self._put(work, batch, pool.submit(self._answer, work, batch))
        except (SplitError, OSError) as error:
            text = str(error) if isinstance(error, SplitError) else f"cannot be read: {error}"
            # Behind the batches before it: what the container says of those comes first.
            failed: Future[bytes] = Future()
            failed.set_exception(SplitError(text))
            self._put(work, Batch(b""), failed)

    def _put(self, work: _Work, batch: Batch, future: Future[bytes]) -> None:
        self._under_way.append((work, batch, future))
        self._bodies += 1

    def _answer(self, work: _Work, batch: Batch) -> bytes:
        """In a thread of the pool."""
        if work.failure or self._stop.is_set():
            raise Stopped
        if self._processing is None or not isinstance(batch.body, bytes):
            return self._container.invoke(self._sent(batch.body), self._headers)
        body = self._processing.request(batch.body, batch.first)
        answer = self._container.invoke(self._sent(body), self._headers)
        return self._processing.response(batch.body, answer, batch.first)

    def _sent(self, body: Body) -> Body:
        """B-03: without a limit nothing says the length."""
        if self._parameters.limit is None and isinstance(body, bytes):
            return lambda: iter((body,) if body else ())
        return body

    def _take(self, most: int) -> None:
        """Wait for the oldest until no more than `most` are under way, and end the files before those."""
        while self._under_way and (self._bodies > most or self._under_way[0][1] is None):
            work, batch, future = self._under_way.popleft()
            if batch is None or future is None:
                self._end(work)
                continue
            self._bodies -= 1
            try:
                answer = future.result()
                if work.failure is None:
                    self._add(work, batch, answer)
            except Stopped:
                work.fail("the job was stopped")
            except SplitError as error:
                work.fail(str(error))
            except ProcessingError as error:
                work.fail(f"{batch}: {error}", not error.is_of_answer)
            except InvocationFailed as error:
                work.fail(f"{batch}: {error}", error.is_refusal)
                self._gone = self._gone or (str(error) if error.is_gone else "")
            except OSError as error:
                work.fail(f"its output cannot be written: {error}", is_refusal=False)

    def _add(self, work: _Work, batch: Batch, answer: bytes) -> None:
        if self._job.split_type == "Line" and self._processing is None:
            ends_line, is_next = answer.endswith(b"\n"), work.requests > 0
            self._warn(work, "answer", suspicion.in_answers(ends_line, is_next, self._job.assemble_with))
        work.assembly.add(answer)
        work.requests += 1
        work.records = None if batch.records is None or work.records is None else work.records + batch.records
        self._progress(Progress(work.source.path, work.requests, work.records))

    def _end(self, work: _Work) -> None:
        if self._stop.is_set():
            work.fail("the job was stopped")
        try:
            if work.failure is None:
                work.assembly.finish()
        except OSError as error:
            work.fail(f"its output cannot be written: {error}", is_refusal=False)
        work.assembly.discard()
        self._results.append(work.failure or FileResult(work.source.path, work.target, work.requests))

    def _look_at_head(self, work: _Work) -> None:
        if self._is_lines_of_csv and "head" not in self._warned:
            with work.source.open() as stream:
                self._warn(work, "head", suspicion.in_head(stream.read(_HEAD)))

    def _look_at(self, work: _Work, batch: Batch) -> None:
        if self._is_lines_of_csv and isinstance(batch.body, bytes) and "body" not in self._warned:
            self._warn(work, "body", suspicion.in_body(batch.body, batch.first))

    @property
    def _is_lines_of_csv(self) -> bool:
        return self._job.split_type == "Line" and media_type(self._job.content_type) == CSV

    def _warn(self, work: _Work, kind: str, text: str | None) -> None:
        if text and kind not in self._warned:
            self._warned.add(kind)
            self._say(f"warning: {work.source.path.name}: {text}")
