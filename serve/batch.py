"""Plain requests that wait for the model, and where it is asked for them.

Rules: in the loop while the model is quick, else on one thread, which takes all that waits when it is free. Nobody
waits for company. Everything here runs on the loop's thread but `_answers`.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from serve.connection import Connection, Plain
from serve.watch import Watch
from tiffin import limits
from tiffin.predictor import Raw
from tiffin.table import shortened

log = logging.getLogger(__name__)

QUICK = 0.005 * limits.SECONDS  # a prediction that takes longer is none for the loop
SURPRISE = 0.25 * limits.SECONDS  # a model that held the loop this long once is never asked there again (H-08)
LARGE = 64 * 1024  # bytes waiting at one time that are too many for the loop
WAITING = 1024  # requests for the model thread; one more is answered 503

_ANSWERS = frozenset({bytes, type(None)})

Answered = list[bytes | None]


class Batch:
    """`slow`: the requests in `ready` wait for the thread, and their connections are paused."""

    def __init__(
        self,
        raw: Raw | None,
        deliver: Callable[[list[Plain], Answered, float], None],
        pause: Callable[[Connection], None],
        defer: Callable[..., Any],
    ) -> None:
        """`deliver` gets the seconds the model took; `defer` calls a function on the loop's thread."""
        self._raw, self._deliver, self._pause, self._defer = raw, deliver, pause, defer
        self.ready: list[Plain] = []
        self.slow = True  # until it is seen to be quick: the first prediction may take a minute
        self._trusted = True
        self._predicting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.watch = Watch()

    def is_full(self) -> bool:
        return len(self.ready) >= WAITING

    def is_due(self) -> bool:
        return bool(self.ready) and not (self._predicting and self.slow)

    def predict(self) -> None:
        batch, self.ready = self.ready, []
        bodies = [body for _, _, body, _ in batch]
        if self.slow or sum(map(len, bodies)) > LARGE:
            self._predict_on_thread(batch, bodies)
            return
        started = time.perf_counter()
        answers = self._answers(bodies)
        took = time.perf_counter() - started
        self.slow = took > QUICK
        self._trusted = self._trusted and took < SURPRISE
        self._deliver(batch, answers, took)

    def close(self) -> None:
        self._thread.shutdown(wait=False)

    def _answers(self, bodies: list[bytes]) -> Answered:
        """Never raises."""
        try:
            answers = self._raw(bodies)  # type: ignore[misc]  # None has no invocation that is plain
            if len(answers) == len(bodies) and _ANSWERS.issuperset(map(type, answers)):
                return answers
            log.error("the model answered %d requests together with %s", len(bodies), shortened(answers))
        except (Exception, SystemExit):
            log.exception("the model failed on %d requests together; each is asked by itself", len(bodies))
        return [None] * len(bodies)

    def _predict_on_thread(self, batch: list[Plain], bodies: list[bytes]) -> None:
        self._predicting += 1
        for connection, *_ in batch:
            self._pause(connection)
        started = time.perf_counter()

        def answers() -> Answered:
            with self.watch.predicting():
                return self._answers(bodies)

        def done(future: "Future[Answered]") -> None:
            self._defer(self._thread_is_done, batch, future.result(), time.perf_counter() - started)

        self._thread.submit(answers).add_done_callback(done)

    def _thread_is_done(self, batch: list[Plain], answers: Answered, took: float) -> None:
        self._predicting -= 1
        self.slow = self.slow and (took > QUICK / 2 or not self._trusted)
        self._deliver(batch, answers, took)
