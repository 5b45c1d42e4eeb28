"""One instance of an endpoint: the containers of a model on it, asked one after the other or each by its name."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from local_test.engine.client import WireError
from local_test.engine.containers import Runner
from local_test.engine.serving import Server, ServingSpec
from local_test.wire import Reply

Log = Callable[[str, str], None]  # the instance's id, with /host name where the container has one, and a line


class Unavailable(Exception):
    """No instance can be asked; its text says why."""


class NoContainer(Exception):
    """The model has no container of that name."""


class Instance:
    """Its requests are counted, so that it can be stopped when the last one has been answered."""

    def __init__(self, servers: Sequence[Server], name: str = "") -> None:
        self.id = name
        self.servers = tuple(servers)
        self.outstanding = 0
        self.is_doubted = False  # an invocation had no answer
        self._changed = threading.Condition()

    @classmethod
    def start(cls, runner: Runner, specs: Sequence[ServingSpec], log: Log) -> "Instance":
        """All of its containers are ready; raises NeverReady or EngineError with none left running."""
        servers: list[Server] = []
        name = f"i-{uuid.uuid4().hex[:17]}"

        def start(spec: ServingSpec) -> None:
            where = f"{name}/{spec.hostname}" if spec.hostname else name
            servers.append(Server.start(runner, spec, lambda line: log(where, line)))

        try:
            with ThreadPoolExecutor(len(specs)) as pool:
                for done in [pool.submit(start, spec) for spec in specs]:
                    done.result()
        except BaseException:
            for server in servers:
                server.close(grace=0)
            raise
        return cls(sorted(servers, key=lambda server: specs.index(server.spec)), name)

    @contextlib.contextmanager
    def taken(self) -> Iterator["Instance"]:
        """By which containers an invocation is answered: its own (of a pool: pool.py)."""
        yield self

    def is_gone(self) -> bool:
        with contextlib.suppress(WireError):
            return any(server.running.exit_code() is not None for server in self.servers)
        return True

    def answers_ping(self) -> bool:
        return all(server.ping() == 200 for server in self.servers)  # noqa: PLR2004

    def invoke(self, body: bytes, headers: Mapping[str, str], container: str | None, timeout: float) -> Reply:
        """Of several containers each gets what the one before answered (P-01), until one answers an error; with a
        `container` that one is asked alone (M-14). Raises WireError; NoContainer."""
        if container is not None:
            return self._named(container).invoke(body, headers, timeout=timeout)
        accept = {name: value for name, value in headers.items() if name.lower() == "accept"}  # the last one's (P-04)
        kept = {name: value for name, value in headers.items() if name.lower() != "accept"}
        *before, last = self.servers
        for server in before:
            reply = server.invoke(body, kept, timeout=timeout)
            if not 200 <= reply.status < 300:  # noqa: PLR2004
                return reply
            kept = {name: value for name, value in kept.items() if name.lower() != "content-type"}
            body, kept["Content-Type"] = reply.body, reply.headers.get("content-type", "application/octet-stream")
        return last.invoke(body, kept | accept, timeout=timeout)

    def stream(
        self, body: bytes, headers: Mapping[str, str], container: str | None, timeout: float
    ) -> tuple[Reply, Iterator[bytes]]:
        server = self._named(container) if container is not None else self.servers[0]
        return server.stream(body, headers, timeout)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        with self._changed:
            self.outstanding += 1
        try:
            yield
        finally:
            with self._changed:
                self.outstanding -= 1
                self._changed.notify_all()

    def retire(self, patience: float) -> None:
        """To be called when nobody chooses it any more: answers what it was asked, then is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: not self.outstanding, patience)
        self.close()

    def close(self, grace: float | None = None) -> None:
        with ThreadPoolExecutor(len(self.servers)) as pool:
            for done in [pool.submit(server.close, grace) for server in self.servers]:
                done.result()

    def _named(self, container: str) -> Server:
        for server in self.servers:
            if server.spec.hostname == container:
                return server
        raise NoContainer(f"there is no container {container!r}; there are {', '.join(self._names())}")

    def _names(self) -> list[str]:
        return [server.spec.hostname or "" for server in self.servers]


def is_gone(instance: Instance) -> bool:
    """A container has ended by itself."""
    return instance.is_gone()
