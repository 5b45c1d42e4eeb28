"""Where containers find this machine: the address of Docker's own bridge, which nobody beyond this machine reaches."""

import fcntl
import socket
import struct

from local_test.engine.choose import engine

_SIOCGIFADDR = 0x8915
_NAME = "com.docker.network.bridge.name"


def address() -> str | None:
    """None without Docker, or where its bridge is not on this machine (Docker Desktop, a remote engine)."""
    client, _ = engine()
    if client is None:
        return None
    try:
        from docker.errors import DockerException

        try:
            name = client.networks.get("bridge").attrs["Options"].get(_NAME, "docker0")
        except DockerException:
            return None
        return _address_of(name)
    finally:
        client.close()


def _address_of(interface: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            found = fcntl.ioctl(any_socket.fileno(), _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return None
    return socket.inet_ntoa(found[20:24])
