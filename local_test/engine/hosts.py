"""The hosts of one job: a container each, until all have ended, the first has failed, or somebody ends them."""

import queue
import threading
import time
from typing import Literal

from local_test.engine.containers import Running

Why = Literal["", "stop", "interrupt", "late"]  # the first: by themselves


class Hosts:
    """`end` from any thread, at any time; the rest is one thread's."""

    def __init__(self, grace: float) -> None:
        """`grace`: seconds between SIGTERM and SIGKILL (T-35)."""
        self._grace = grace
        self._events: queue.SimpleQueue[Why | tuple[Running, int]] = queue.SimpleQueue()
        self._containers: dict[str, Running] = {}

    def end(self, why: Why) -> None:
        self._events.put(why)

    def begin(self) -> None:
        """Anew: what ran before is not looked at any more."""
        self._containers = {}

    def add(self, host: str, container: Running) -> None:
        self._containers[host] = container
        threading.Thread(target=self._wait, args=(container,), daemon=True).start()

    def until_ended(self, deadline: float) -> tuple[Why, dict[str, int]]:
        """Why it ended, and each host's exit code in the order in which they ended; none of them runs any more."""
        codes: dict[str, int] = {}
        try:
            while len(codes) < len(self._containers):
                try:
                    event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    event = "late"
                if isinstance(event, str):
                    return event, codes
                host = next((name for name, container in self._containers.items() if container is event[0]), None)
                if host is not None:  # else of an earlier beginning
                    codes[host] = event[1]
                    if event[1]:
                        break
            return "", codes
        finally:  # a Ctrl-C too
            self._stop_all(codes)

    def _wait(self, container: Running) -> None:
        self._events.put((container, container.wait() or 0))

    def _stop_all(self, codes: dict[str, int]) -> None:
        def stop(host: str) -> None:
            codes[host] = self._containers[host].stop(self._grace).exit_code

        threads = [threading.Thread(target=stop, args=(host,)) for host in self._containers if host not in codes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
