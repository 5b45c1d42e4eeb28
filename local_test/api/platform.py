"""What the parts behind the API share: where state lies, who runs containers, what is running, how to stop it all.

A part is a module of its own: a mixin for moto's SageMaker backend (what a call does) and one for its response class
(how the call is read), both put together in hooks.py. A backend reaches all this as `self.platform`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_test.api.identity import ACCESS_KEY, SECRET_KEY
from local_test.api.journal import Fact, Journal
from local_test.api.logs import LogFiles
from local_test.api.metrics import MetricFiles
from local_test.api.objects import Objects
from local_test.engine.containers import Running

if TYPE_CHECKING:
    from local_test.api.registry import Registry

log = logging.getLogger(__name__)


@dataclass
class Platform:
    state: Path
    journal: Journal
    objects: Objects
    logs: LogFiles
    metrics: MetricFiles
    registry: "Registry"
    say: Callable[[str], None]
    use_docker: bool | None = None
    port: int = 0  # of the API, once it listens
    bridge: str | None = None  # this machine's address as containers see it
    replaying: bool = False  # while the journal is read back: nothing is started
    works: "Works" = field(init=False)

    def __post_init__(self) -> None:
        self.works = Works()

    @property
    def work(self) -> Path:
        """Where trees of jobs and endpoints lie while they run."""
        folder = self.state / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def know(self, kind: str, key: str, value: Any) -> None:
        """A fact that a restart must know; the newest of a kind and key counts."""
        if not self.replaying:
            self.journal.add(Fact(kind, key, value))

    def aws_environment(self, region: str, in_docker: bool) -> dict[str, str]:
        """What lets code in a container call this API, as a role's credentials do on the platform."""
        host = (self.bridge or "127.0.0.1") if in_docker else "127.0.0.1"
        return {
            "AWS_ENDPOINT_URL": f"http://{host}:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


class Works:
    """Jobs and endpoints that run, each on a thread that owns its containers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, tuple[threading.Thread, Callable[[], None]]] = {}
        self._stopping = False
        self._containers: dict[str, Running] = {}

    def start(self, name: str, run: Callable[[], None], stop: Callable[[], None]) -> None:
        """`run` on a thread of its own; `stop`, from another thread, makes it return soon."""

        def whole() -> None:
            try:
                run()
            except Exception:  # the thread is its owner: nobody else would hear of it
                log.exception("%s failed", name)
            finally:
                with self._lock:
                    if self._running.get(name, (None,))[0] is threading.current_thread():
                        del self._running[name]

        with self._lock:
            if self._stopping:
                return
            thread = threading.Thread(target=whole, name=name, daemon=True)
            self._running[name] = (thread, stop)
            thread.start()

    def names(self) -> list[str]:
        with self._lock:
            return sorted(self._running)

    def began(self, container: Running) -> None:
        with self._lock:
            self._containers[container.id] = container

    def ended(self, container: Running) -> None:
        with self._lock:
            self._containers.pop(container.id, None)

    def stop_all(self, grace: float) -> list[str]:
        """Stop everything, and kill the containers that are there after `grace` seconds; returns what did not end."""
        with self._lock:
            self._stopping = True
            running = dict(self._running)
        stops = [threading.Thread(target=stop, name=f"stop-{name}", daemon=True) for name, (_, stop) in running.items()]
        for stopping in stops:
            stopping.start()
        deadline = time.monotonic() + grace
        for thread, _ in running.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            left = list(self._containers.values())
        for container in left:
            container.kill()
        for thread, _ in running.values():
            thread.join(grace)
        return [name for name, (thread, _) in running.items() if thread.is_alive()]
