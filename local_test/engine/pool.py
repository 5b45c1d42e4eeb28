"""A serverless variant: containers that take one invocation at a time, started when one is needed, ended when idle.

It stands where an instance stands (endpoint.py): its requests are counted as an instance's, and at the endpoint's pings
it ends what is idle or gone, and starts what is to be kept warm. What was used last is used next, so that the others
grow old.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from local_test.engine.containers import EngineError
from local_test.engine.instance import Instance, Unavailable, is_gone
from local_test.wire import Reply
from tiffin import limits

Warmed = Callable[[Instance, float], None]  # a container that was started later, and what that took in seconds


@dataclass(frozen=True)
class OnDemand:
    kept: int  # warm at any time
    most: int  # that this machine is to hold at a time; who needs one more waits for it
    idle: float  # seconds until one that is not kept is ended


class Pool(Instance):
    def __init__(self, first: list[Instance], begin: Callable[[], Instance], wanted: OnDemand, warmed: Warmed) -> None:
        """`first` are ready; `begin` gives one more, and raises EngineError."""
        super().__init__(first[0].servers, first[0].id)
        self._begin, self._wanted, self._warmed = begin, wanted, warmed
        self._free = threading.Condition()
        self._idle = [(time.monotonic(), each) for each in first]  # the one used last is the last
        self._all = set(first)
        self._starting = 0
        self._ended = False

    @classmethod
    def opened(cls, begin: Callable[[], Instance], wanted: OnDemand, warmed: Warmed) -> "Pool":
        """With those that are kept ready, and one at least: that it can be started is to be seen."""
        first: list[Instance] = []
        try:
            with ThreadPoolExecutor(max(wanted.kept, 1)) as pool:
                for done in [pool.submit(lambda: first.append(begin())) for _ in range(max(wanted.kept, 1))]:
                    done.result()
        except BaseException:
            for each in first:
                each.close(grace=0)
            raise
        return cls(first, begin, wanted, warmed)

    def wants(self, wanted: OnDemand) -> None:
        with self._free:
            self._wanted = wanted
            self._free.notify_all()
        self._tend()

    @contextlib.contextmanager
    def taken(self) -> Iterator[Instance]:
        """A container to itself, warm or started for it; raises Unavailable."""
        instance = self._take()
        try:
            yield instance
        finally:
            with self._free:
                is_over = self._ended or instance.is_doubted
                if is_over:
                    self._all.discard(instance)
                else:
                    self._idle.append((time.monotonic(), instance))
                self._free.notify_all()
            if is_over:
                _end([instance])

    def invoke(self, body: bytes, headers: Mapping[str, str], container: str | None, timeout: float) -> Reply:
        with self.taken() as instance:
            return instance.invoke(body, headers, container, timeout)

    def answers_ping(self) -> bool:
        self._tend()
        return True

    def is_gone(self) -> bool:
        return False

    def close(self, grace: float | None = None) -> None:
        with self._free:
            self._ended = True
            every, self._all = self._all, set()
            self._idle.clear()
            self._free.notify_all()
        if every:
            with ThreadPoolExecutor(len(every)) as pool:
                for done in [pool.submit(each.close, grace) for each in every]:
                    done.result()

    def _take(self) -> Instance:
        with self._free:
            self._free.wait_for(lambda: self._ended or self._idle or self._has_room(), limits.INVOCATION_TIMEOUT)
            if self._idle and not self._ended:
                return self._idle.pop()[1]
            if self._ended or not self._has_room():
                raise Unavailable("the variant ends" if self._ended else f"all {self._wanted.most} containers are busy")
            self._starting += 1
        try:
            return self._started()
        except EngineError as error:
            raise Unavailable(f"no container could be started: {error}") from None

    def _has_room(self) -> bool:
        return len(self._all) + self._starting < self._wanted.most

    def _started(self) -> Instance:
        """One for which `_starting` was raised; raises EngineError, Unavailable."""
        begun = time.monotonic()
        instance = None
        try:
            instance = self._begin()
            self._warmed(instance, time.monotonic() - begun)
        finally:
            with self._free:
                self._starting -= 1
                if instance and not self._ended:
                    self._all.add(instance)
                self._free.notify_all()
        if self._ended:
            _end([instance])
            raise Unavailable("the variant ends")
        return instance

    def _tend(self) -> None:
        """What has ended by itself goes, what was idle for too long is ended, what is to be kept is started."""
        with self._free:
            idle = [each for _, each in self._idle]
        gone = {each for each in idle if is_gone(each)}
        with self._free:
            over = []
            spare = len(self._all) - len(gone) - self._wanted.kept
            for since, each in list(self._idle):
                is_spare = spare > 0 and time.monotonic() - since >= self._wanted.idle
                if each in gone or is_spare:
                    spare -= each not in gone
                    self._idle.remove((since, each))
                    self._all.discard(each)
                    over.append(each)
            missing = 0 if self._ended else max(self._wanted.kept - len(self._all) - self._starting, 0)
            self._starting += missing
            self._free.notify_all()
        _end(over)
        for _ in range(missing):
            threading.Thread(target=self._keep_one_more, daemon=True).start()

    def _keep_one_more(self) -> None:
        with contextlib.suppress(EngineError, Unavailable):  # and tried again at the next ping
            instance = self._started()
            with self._free:
                self._idle.insert(0, (time.monotonic(), instance))
                self._free.notify_all()


def _end(instances: list[Instance]) -> None:
    """By SIGTERM, which nobody waits for."""
    for each in instances:
        threading.Thread(target=each.close, daemon=True).start()
