"""A container that serves: started, waited for, asked and stopped with the platform's limits."""

import http
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_test.engine.client import Client, WireError
from local_test.engine.containers import EngineError, Log, Network, Part, Resources, Runner, Running, Spec
from local_test.engine.elsewhere import Elsewhere
from local_test.wire import Reply
from tiffin import limits

_POLL = 0.05 * limits.SECONDS


class NeverReady(EngineError):
    """The container ended or did not answer 200 on /ping in time; its text says what was seen, and its last lines."""

    hostname: str | None = None
    variant = ""  # where it is an endpoint's


@dataclass(frozen=True)
class ServingSpec:
    """`tree` holds `model`, or `models` of a multi-model endpoint: read-only, and all the container sees (H-19)."""

    image: str
    tree: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = (Part("model", read_only=True),)
    hostname: str | None = None
    network: Network | None = None
    resources: Resources = field(default_factory=Resources)
    port: int = limits.PORT  # another only where the image says that it takes one (P-02)
    publish: int | None = None
    confined: bool = False
    connect_timeout: float = limits.CONNECT_TIMEOUT
    ping_timeout: float = limits.PING_TIMEOUT
    start_timeout: float = limits.START_TIMEOUT
    stop_grace: float = limits.STOP_GRACE_SERVE


class Server:
    """`start`, then requests from any thread, then `close`."""

    def __init__(self, running: Running, spec: ServingSpec) -> None:
        self.running, self.spec = running, spec
        self.client = Client(running.address, spec.connect_timeout)

    @classmethod
    def start(cls, runner: Runner, spec: ServingSpec, log: Log) -> "Server":
        """Ready, or NeverReady is raised with nothing left running; EngineError when it cannot be started at all."""
        server = cls.begin(runner, spec, log)
        try:
            server.wait_until_ready()
        except NeverReady as error:
            server.close(grace=0)
            error.hostname = spec.hostname
            raise
        except BaseException:
            server.close(grace=0)
            raise
        return server

    @classmethod
    def begin(cls, runner: Runner, spec: ServingSpec, log: Log) -> "Server":
        """Started, and not waited for."""
        environment = dict(spec.environment)
        if spec.port != limits.PORT:
            environment["SAGEMAKER_BIND_TO_PORT"] = str(spec.port)
        running = runner.start(
            Spec(
                spec.image,
                ("serve",),
                spec.tree,
                spec.parts,
                environment,
                hostname=spec.hostname,
                network=spec.network,
                resources=spec.resources,
                port=spec.port,
                publish=spec.publish,
                confined=spec.confined,
            ),
            log,
        )
        return cls(running, spec)

    @property
    def url(self) -> str:
        return f"http://{self.running.address.netloc}"

    def wait_until_ready(self) -> None:
        """Until /ping says 200 (H-03, H-04); raises NeverReady as soon as the container has ended, and seconds after it
        has answered elsewhere, which the platform would await to the end."""
        deadline = time.monotonic() + self.spec.start_timeout
        seen = "nothing answered"
        elsewhere = Elsewhere(self.running, self.spec.port)
        while True:
            if (code := self.running.exit_code()) is not None:
                why = "; the memory of the instance was used up" if self.running.is_out_of_memory() else ""
                raise NeverReady(self._report(f"the container ended with exit code {code} before it was ready{why}"))
            try:
                status = self.client.request("GET", "/ping", timeout=self.spec.ping_timeout).status
                if status == http.HTTPStatus.OK:
                    return
                seen = f"it answered {status}"
            except WireError as error:
                seen = str(error)
                if elsewhere.is_settled():
                    where = f"nobody answers at 0.0.0.0:{self.spec.port}; /ping is 200 at {elsewhere.places} (H-01)"
                    raise NeverReady(self._report(where)) from None
            if time.monotonic() > deadline:
                late = f"/ping did not say 200 within {self.spec.start_timeout:g} s: {seen} (H-04)"
                raise NeverReady(self._report(late))
            time.sleep(_POLL)

    def ping(self) -> int | None:
        """The status; None when there was no answer within the platform's 2 s (H-03)."""
        try:
            return self.client.request("GET", "/ping", timeout=self.spec.ping_timeout).status
        except WireError:
            return None

    def invoke(
        self,
        body: bytes,
        headers: Mapping[str, str],
        path: str = "/invocations",
        timeout: float = limits.INVOCATION_TIMEOUT,
    ) -> Reply:
        """Any status is a Reply; raises WireError."""
        return self.client.request("POST", path, headers, body, timeout)

    def stream(
        self, body: bytes, headers: Mapping[str, str], timeout: float = limits.STREAM_TIMEOUT
    ) -> tuple[Reply, Iterator[bytes]]:
        return self.client.stream("POST", "/invocations", headers, body, timeout)

    def close(self, grace: float | None = None) -> None:
        """SIGTERM, SIGKILL after the grace (H-18), and away with it; a grace of 0 is SIGKILL."""
        self.client.close()
        if grace != 0:
            self.running.stop(self.spec.stop_grace if grace is None else grace)
        self.running.close()

    def _report(self, sentence: str) -> str:
        lines = list(self.running.tail())[-20:]
        return sentence + (
            "; its last lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else "; it wrote nothing"
        )
