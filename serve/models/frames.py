"""What goes over the unix sockets between the front, the keeper and the models: a JSON object, and bytes behind it.

Two lengths, four and eight bytes in network order, then the object, then the bytes. No pickle: whoever could write into
a socket could run code by one.
"""

import json
import socket
import struct
from typing import Any

_LENGTHS = struct.Struct("!IQ")
_AT_ONCE = 1 << 20
_SMALL = 64 * 1024

Fields = dict[str, Any]


class Ended(ConnectionError):
    """The other side has gone before a whole frame was read."""


def encode(fields: Fields, body_length: int = 0) -> bytes:
    """The frame without its body."""
    head = json.dumps(fields).encode()
    return _LENGTHS.pack(len(head), body_length) + head


def decode(data: bytes) -> Fields | None:
    """Of a frame without a body; None while it is not whole. Raises ValueError for what is none of ours."""
    if len(data) < _LENGTHS.size:
        return None
    length, body_length = _LENGTHS.unpack_from(data)
    if body_length:
        raise ValueError("a question has no body")
    if len(data) < _LENGTHS.size + length:
        return None
    fields: Fields = json.loads(data[_LENGTHS.size : _LENGTHS.size + length])
    return fields


def send(sock: socket.socket, fields: Fields, body: bytes = b"") -> None:
    """Raises OSError."""
    head = encode(fields, len(body))
    if len(body) <= _SMALL:  # one call; a larger body is not worth a copy
        sock.sendall(head + body)
        return
    sock.sendall(head)
    sock.sendall(body)


def receive(sock: socket.socket) -> tuple[Fields, bytes]:
    """Raises Ended or another OSError, TimeoutError among them."""
    length, body_length = _LENGTHS.unpack(_exactly(sock, _LENGTHS.size))
    data = _exactly(sock, length + body_length)
    if not body_length:
        return json.loads(data), b""
    return json.loads(data[:length]), bytes(memoryview(data)[length:])


def _exactly(sock: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    view, done = memoryview(data), 0
    while done < count:
        got = sock.recv_into(view[done : done + _AT_ONCE])
        if not got:
            raise Ended("the other side has gone")
        done += got
    return data
