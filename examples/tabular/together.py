"""The hosts of one job exchange documents: each gives one, and each gets all of them, in the hosts' order.

The first host listens, the others call it by its name, which may not resolve at once (T-06). JSON, so that nothing that
comes over the network is more than data. A host that fails says so with its document, and all end with that sentence.
"""

import json
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from tiffin.errors import BadJob

PORT = 7411  # between the job's own hosts; SageMaker opens all ports between them
PATIENCE = 600.0  # seconds: until the slowest host has read its files
_POLL = 0.2
_HEAD = struct.Struct("!Q")


class Together:
    """`exchange` as often as all hosts do; raises BadJob where one has failed or is gone."""

    def __init__(self, hosts: Sequence[str], current: str, peers: Sequence[socket.socket]) -> None:
        """`peers`: of the first host the others in their order, of another the first."""
        self._hosts, self._current, self._peers = tuple(hosts), current, tuple(peers)

    @property
    def is_leader(self) -> bool:
        return self._current == self._hosts[0]

    def exchange(self, document: Any) -> list[Any]:
        found = self._exchanged({"document": json.loads(json.dumps(document))})  # alike on every host
        for host, each in zip(self._hosts, found, strict=True):
            if "failed" in each:
                raise BadJob(f"{host}: {each['failed']}")
        return [each["document"] for each in found]

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What fails in it on this host ends the next exchange of the others."""
        try:
            yield
        except BadJob as error:
            self._exchanged({"failed": str(error)})
            raise

    def _exchanged(self, mine: Any) -> list[Any]:
        if not self.is_leader:
            _send(self._peers[0], mine, self._hosts[0])
            found: list[Any] = _receive(self._peers[0], self._hosts[0])
            return found
        found = [mine]
        for host, peer in zip(self._hosts[1:], self._peers, strict=True):
            try:
                found.append(_receive(peer, host))
            except BadJob as error:
                found.append({"failed": str(error)})
        for host, peer in zip(self._hosts[1:], self._peers, strict=True):
            try:
                _send(peer, found, host)
            except BadJob:
                continue  # its own log says why, and `found` names it
        return found


@contextmanager
def together(hosts: Sequence[str], current: str, patience: float = PATIENCE) -> Iterator[Together]:
    """Raises BadJob when not all hosts have come within `patience` seconds."""
    deadline = time.monotonic() + patience
    with ExitStack() as stack:
        if current != hosts[0]:
            peers = [stack.enter_context(_call(hosts[0], current, deadline))]
        else:
            peers = _accept(hosts[1:], deadline, stack)
        for peer in peers:
            peer.settimeout(patience)
        yield Together(hosts, current, peers)


def address_of(host: str) -> str:
    """Its number; hosts find each other by it. Raises OSError."""
    return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])


def _call(leader: str, current: str, deadline: float) -> socket.socket:
    while True:
        try:
            peer = socket.create_connection((leader, PORT), timeout=5)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise BadJob(f"{leader} cannot be reached on port {PORT}: {error}") from None
            time.sleep(_POLL)
    _send(peer, current, leader)
    return peer


def _accept(others: Sequence[str], deadline: float, stack: ExitStack) -> list[socket.socket]:
    found: dict[str, socket.socket] = {}
    with socket.create_server(("", PORT), backlog=len(others)) as listener:
        while len(found) < len(others):
            listener.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                peer, _ = listener.accept()
            except TimeoutError:
                missing = ", ".join(host for host in others if host not in found)
                raise BadJob(f"these hosts have not come: {missing}") from None
            stack.enter_context(peer)
            peer.settimeout(10)
            found[str(_receive(peer, "a host"))] = peer
    return [found[host] for host in others]


def _send(peer: socket.socket, document: Any, host: str) -> None:
    body = json.dumps(document).encode()
    try:
        peer.sendall(_HEAD.pack(len(body)) + body)
    except OSError as error:
        raise BadJob(f"{host} is gone: {error}") from None


def _receive(peer: socket.socket, host: str) -> Any:
    (length,) = _HEAD.unpack(_exactly(peer, _HEAD.size, host))
    return json.loads(_exactly(peer, length, host))


def _exactly(peer: socket.socket, length: int, host: str) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        try:
            part = peer.recv(min(length - len(parts), 2**20))
        except OSError as error:
            raise BadJob(f"{host} is gone: {error}") from None
        if not part:
            raise BadJob(f"{host} is gone: it ended before the others")
        parts += part
    return bytes(parts)
