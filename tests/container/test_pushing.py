"""Layers into a registry that asks for a login as ECR does, and lets it end; one that is away; one that refuses."""

import base64
import http.client
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy import pushing
from deploy.engine import EngineError
from deploy.progress import Progress
from local_test.engine.process_runner import free_port
from tests.container.conftest import docker

pytestmark = [pytest.mark.container, pytest.mark.registry]
EXPIRED = "Your authorization token has expired. Reauthenticate and try again."


@dataclass
class Front:
    """Before a registry: Basic authentication, and what each token is answered once it has been used so often."""

    registry: str
    uses: dict[str, int]  # of a token, until it is refused
    refusal: str = EXPIRED
    cuts: int = 0  # uploads that break off
    seen: list[str] = field(default_factory=list)
    address: str = ""

    def refused(self, authorization: str) -> str | None:
        token = base64.b64decode(authorization.removeprefix("Basic ")).decode().removeprefix("AWS:")
        self.seen.append(token)
        return self.refusal if self.seen.count(token) > self.uses.get(token, 0) else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        front = self.server.front  # type: ignore[attr-defined]
        body = self._body()
        authorization = self.headers.get("Authorization", "")
        if self.command == "PATCH" and front.cuts:
            front.cuts -= 1
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif not authorization:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="x"'}, b'{"errors":[{"code":"UNAUTHORIZED"}]}')
        elif (refusal := front.refused(authorization)) and self.command in ("POST", "PATCH"):
            said = json.dumps({"errors": [{"code": "DENIED", "message": refusal}]})
            self._answer(403, {"Content-Type": "application/json"}, said.encode())
        else:
            self._forward(body)

    def _forward(self, body: bytes) -> None:
        front = self.server.front  # type: ignore[attr-defined]
        skipped = ("transfer-encoding", "content-length", "authorization", "connection")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in skipped}
        connection = http.client.HTTPConnection(front.registry, timeout=30)
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = {n: v for n, v in answer.getheaders() if n.lower() not in ("transfer-encoding", "connection")}
        self._answer(answer.status, kept, content)
        connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        given = dict(headers)
        if self.command != "HEAD":
            given = {n: v for n, v in given.items() if n.lower() != "content-length"}
            given["Content-Length"] = str(len(body))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()


@pytest.fixture
def front(registry: str) -> Iterator[Front]:
    front = Front(registry, {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.front = front  # type: ignore[attr-defined]
    server.daemon_threads = True
    front.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield front
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def image(client: Any, tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "one").write_bytes(os.urandom(2_000_000))
    (tmp_path / "two").write_bytes(os.urandom(2_000_000))
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY one /\nCOPY two /\n")
    name = f"tiffin-test-push:{uuid.uuid4().hex[:12]}"
    docker("build", "--quiet", "--tag", name, str(tmp_path))
    yield client.images.get(name)
    docker("image", "rm", "--force", name)


class Logins:
    def __init__(self, address: str) -> None:
        self.address, self.count = address, 0

    def __call__(self) -> Mapping[str, str]:
        self.count += 1
        return {"username": "AWS", "password": f"token{self.count}", "serveraddress": self.address}


def arrived(front: Front, name: str) -> bool:
    connection = http.client.HTTPConnection(front.registry, timeout=10)
    connection.request("HEAD", f"/v2/{name}/manifests/tag")
    status = connection.getresponse().status
    connection.close()
    return status == 200


def test_a_login_that_ends_in_the_middle_is_made_anew(client: Any, image: Any, front: Front) -> None:
    front.uses = {"token1": 4, "token2": 1000}
    login = Logins(front.address)
    progress = Progress()
    pushing.push(client, pushing.Target(image, f"{front.address}/a", "tag"), login, progress)
    assert login.count == 2
    assert set(front.seen) == {"token1", "token2"}
    assert any("token has expired" in line for line in progress.tail)
    assert arrived(front, "a")
    assert docker("image", "inspect", f"{front.address}/a:tag", check=False).returncode != 0


def test_what_is_not_allowed_is_not_tried_again(client: Any, image: Any, front: Front) -> None:
    front.refusal = "User: arn:aws:iam::123456789012:user/a is not authorized to perform: ecr:InitiateLayerUpload"
    login = Logins(front.address)
    with pytest.raises(EngineError, match=r"ecr:InitiateLayerUpload\nyour user or role lacks what the message names"):
        pushing.push(client, pushing.Target(image, f"{front.address}/a", "tag"), login, Progress())
    assert login.count == 1
    assert not arrived(front, "a")


def test_a_registry_that_is_away_is_tried_again_and_then_said(
    client: Any, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("deploy.pushing.time.sleep", slept.append)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(
        EngineError, match=r"failed \(5 attempts\): .*connection refused\nthe engine itself has to reach"
    ):
        pushing.push(client, pushing.Target(image, f"{address}/a", "tag"), Logins(address), Progress())
    assert slept == [1, 2, 4, 8]
    assert docker("image", "inspect", f"{address}/a:tag", check=False).returncode != 0


def test_a_connection_that_breaks_costs_a_moment(client: Any, image: Any, front: Front) -> None:
    """The engine's own second attempt, or ours."""
    front.uses, front.cuts = {"token1": 1000, "token2": 1000}, 1
    pushing.push(client, pushing.Target(image, f"{front.address}/b", "tag"), Logins(front.address), Progress())
    assert front.cuts == 0
    assert arrived(front, "b")
