"""The instances of a transform job: ready together, each with an address, ended from any thread."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from local_test.api.front import Answer, Front, Handler, Request
from local_test.engine.client import TimedOut, WireError
from local_test.engine.containers import Log, Runner
from local_test.engine.instance import Instance
from local_test.engine.serving import Server, ServingSpec
from local_test.wire import Address

LOOPBACK = "127.0.0.1"
MOMENT = 1.0  # seconds
PASSED = ("Content-Type", "Accept")


class Fleet:
    """`start` once; `stop` at any time, from another thread; `close` at the end, whatever happened."""

    def __init__(self, timeout: float) -> None:
        """`timeout`: of one request to one container, in seconds."""
        self._timeout = timeout
        self._lock = threading.Lock()
        self._servers: list[Server] = []
        self._fronts: list[Front] = []
        self._stops: list[threading.Thread] = []
        self._is_stopping = False

    def start(
        self, runner: Runner, specs: Sequence[ServingSpec], count: int, log: Callable[[int, ServingSpec], Log]
    ) -> list[Address]:
        """`count` instances with a container of each spec; their addresses. Raises NeverReady, EngineError."""
        instances = [
            Instance([self._begin(runner, spec, log(number, spec)) for spec in specs]) for number in range(count)
        ]
        for server in self._servers:
            server.wait_until_ready()
        return [self._address(instance) for instance in instances]

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL after the grace (H-18); returns at once. Waits for answers break off."""
        with self._lock:
            self._is_stopping = True
            for server in self._servers:
                self._end(server)

    def gone(self) -> str:
        """Of the first container that has ended by itself, how; empty where all still run a moment later: a process
        that ends closes its connections first."""
        deadline = time.monotonic() + MOMENT
        while True:
            for server in self._servers:
                if (code := server.running.exit_code()) is not None:
                    why = "; the memory of the instance was used up" if server.running.is_out_of_memory() else ""
                    return f"the container ended with exit code {code}{why}"
            if time.monotonic() > deadline:
                return ""
            time.sleep(MOMENT / 20)

    def close(self) -> None:
        with self._lock:
            stops, servers = list(self._stops), list(self._servers)
        for thread in stops:
            thread.join()
        for front in self._fronts:
            front.stop()
        if servers:
            with ThreadPoolExecutor(len(servers)) as pool:
                for done in [pool.submit(server.close) for server in servers]:
                    done.result()

    def _begin(self, runner: Runner, spec: ServingSpec, log: Log) -> Server:
        server = Server.begin(runner, spec, log)
        with self._lock:
            self._servers.append(server)
            if self._is_stopping:
                self._end(server)
        return server

    def _end(self, server: Server) -> None:
        thread = threading.Thread(target=server.running.stop, args=(server.spec.stop_grace,), daemon=True)
        self._stops.append(thread)
        thread.start()

    def _address(self, instance: Instance) -> Address:
        """Of several containers the first is asked for all but answers, which go through all of them (P-01)."""
        if len(instance.servers) == 1:
            return instance.servers[0].running.address
        front = Front([LOOPBACK], 0, _chain(instance, self._timeout))
        self._fronts.append(front)
        front.start()
        return Address(LOOPBACK, front.port)


def _chain(instance: Instance, timeout: float) -> Handler:
    def answer(request: Request) -> Answer:
        try:
            if request.path == "/invocations":
                headers = {name: request.headers[name] for name in PASSED if name in request.headers}
                reply = instance.invoke(request.body, headers, None, timeout)
            else:
                reply = instance.servers[0].client.request(request.method, request.path, timeout=timeout)
        except WireError as error:
            return Answer(504 if isinstance(error, TimedOut) else 502, body=str(error).encode())
        return Answer(reply.status, body=reply.body)

    return answer
