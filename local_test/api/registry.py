"""A real image registry on the loopback interface, for `docker push` and for ECR's lists: Debian's docker-registry.

Docker takes a registry on 127.0.0.0/8 without TLS, and this one asks for no login. It is a process of ours: started
when it is first needed, and at each start after that; its data, and the port that is part of every image's name, stay.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_test.api.absent import NotHereYet
from local_test.engine import owner
from local_test.engine.process_runner import free_port, is_taken

PROGRAMS = ("docker-registry", "registry")
START = 15.0  # seconds until it answers
DOCKER_V2 = "application/vnd.docker.distribution.manifest.v2+json"
_KINDS = (
    DOCKER_V2,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)


class RegistryError(Exception):
    """Its text is for the user."""


class Registry:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The same at every start, unless somebody else has taken it."""
        file = self._folder / "port"
        if not file.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{free_port()}\n", encoding="ascii")
        return int(file.read_text(encoding="ascii"))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def resume(self) -> None:
        """At the start of the API: only what an earlier one had begun."""
        self._end_what_was_left()
        if (self._folder / "port").is_file():
            with contextlib.suppress(NotHereYet, RegistryError):  # said when it is needed
                self.start()

    def start(self) -> None:
        """Answers when this returns. Raises NotHereYet without the program, RegistryError when it does not come up."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
            if program is None:
                raise NotHereYet(
                    "the program docker-registry is not on the PATH (Debian: apt-get install docker-registry)"
                )
            if is_taken(self.port):
                (self._folder / "port").unlink()  # images pushed before have another name now
            self._process = self._started(program)
            (self._folder / "process").write_text(owner.of(self._process.pid) or "", encoding="ascii")
            self._wait()

    def stop(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.terminate()
                try:
                    self._process.wait(5)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                (self._folder / "process").unlink(missing_ok=True)

    def tags(self, name: str) -> list[str]:
        status, _, body = self._ask("GET", f"/v2/{name}/tags/list")
        return sorted(json.loads(body).get("tags") or []) if status == http.HTTPStatus.OK else []

    def manifest(self, name: str, reference: str) -> tuple[str, str, bytes] | None:
        """Digest, media type and bytes, by a tag or a digest."""
        status, headers, body = self._ask("GET", f"/v2/{name}/manifests/{reference}", {"Accept": ", ".join(_KINDS)})
        if status != http.HTTPStatus.OK:
            return None
        return headers["docker-content-digest"], headers["content-type"], body

    def put_manifest(self, name: str, reference: str, kind: str, body: bytes) -> None:
        """Raises RegistryError when it names layers that are not there."""
        status, _, answer = self._ask("PUT", f"/v2/{name}/manifests/{reference}", {"Content-Type": kind}, body)
        if status != http.HTTPStatus.CREATED:
            raise RegistryError(f"the registry refused the manifest: {answer.decode(errors='replace').strip()}")

    def remove(self, name: str, digest: str, but: list[str]) -> None:
        """The image of this digest; the tags `but` are put back, since this registry forgets only whole images."""
        kept = self.manifest(name, digest) if but else None
        self._ask("DELETE", f"/v2/{name}/manifests/{digest}")
        for tag in but if kept else ():
            self.put_manifest(name, tag, kept[1], kept[2])  # type: ignore[index]

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        self.start()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def _started(self, program: str) -> "subprocess.Popen[bytes]":
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str((self._folder / "data").resolve())},
                "delete": {"enabled": True},
            },
            "http": {"addr": self.address, "secret": "of one process"},
        }
        file = self._folder / "config.yml"
        file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [program, "serve", str(file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")},
                start_new_session=True,  # a Ctrl-C reaches us only
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + START
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            try:
                connection.request("GET", "/v2/")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            except OSError:
                pass
            finally:
                connection.close()
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RegistryError(f"the registry does not answer; its log is {self._folder / 'log'}")
            time.sleep(0.05)

    def _end_what_was_left(self) -> None:
        file = self._folder / "process"
        known = file.read_text(encoding="ascii") if file.is_file() else ""
        if owner.is_alive(known):
            process = int(known.partition(".")[0])
            os.kill(process, signal.SIGTERM)
            deadline = time.monotonic() + 5
            while owner.is_alive(known) and time.monotonic() < deadline:
                time.sleep(0.02)
        file.unlink(missing_ok=True)
