"""AWS's event-stream encoding (application/vnd.amazon.eventstream): messages of headers and a payload, each with sums.

A message: total length, length of the headers, a CRC-32 of these two, headers, payload, a CRC-32 of all before it.
"""

import json
import struct
import zlib
from collections.abc import Mapping

MEDIA_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header's value


def part(payload: bytes) -> bytes:
    return _message(
        {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}, payload
    )


def exception(kind: str, document: Mapping[str, str]) -> bytes:
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return _message(headers, json.dumps(document).encode())


def _message(headers: Mapping[str, str], payload: bytes) -> bytes:
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _STRING, len(text)) + text
