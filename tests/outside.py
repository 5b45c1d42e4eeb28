"""A listener of this machine, and the code by which a container tries every way to it."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PLACES = ("gateway", "host.docker.internal", "0.0.0.0")  # noqa: S104  beside this machine's own addresses
_CODE = """
import socket
for line in open("/proc/net/route").read().splitlines()[1:2]:  # of its network the first address: the bridge's
    number = int(line.split()[1], 16) or int(line.split()[2], 16) & 0xffff
    gateway = ".".join(map(str, (number | 1 << 24).to_bytes(4, "little")))
for host in {places!r}:
    try:
        address = socket.gethostbyname(gateway if host == "gateway" else host)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            try:
                datagram.sendto(b"x", (address, {port}))
            except OSError:
                pass
        socket.create_connection((address, {port}), timeout=1).close()
        print("reached", host)
    except (OSError, NameError) as error:
        print("not reached", host)
"""


@dataclass
class Outside:
    port: int
    addresses: list[str]
    datagrams: list[bytes] = field(default_factory=list)

    @property
    def code(self) -> str:
        """Prints a line for each place: `reached` or `not reached`, and which."""
        return _CODE.format(places=[*self.addresses, *PLACES], port=self.port)

    def of_nobody(self) -> list[str]:
        """What the code prints where there is no way out, sorted."""
        return sorted(f"not reached {place}" for place in (*self.addresses, *PLACES))


@contextmanager
def outside() -> Iterator[Outside]:
    """Listens on all addresses of this machine."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
    with socket.create_server(("", 0)) as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        port = listener.getsockname()[1]
        datagrams.bind(("", port))
        told = Outside(port, [address for address in found if ":" not in address])

        def take() -> None:
            while datagram := datagrams.recv(64):
                told.datagrams.append(datagram)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield told
        datagrams.sendto(b"", ("127.0.0.1", port))
        thread.join()
