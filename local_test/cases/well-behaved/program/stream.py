"""A WebSocket on the socket of a handler, by RFC 6455: frames in, messages out."""

import base64
import hashlib
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
PATH = "/invocations-bidirectional-stream"


class Stream:
    def __init__(self, handler):
        self.read, self.write = handler.rfile.read, handler.wfile.write
        key = handler.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        handler.end_headers()

    def messages(self):
        """Until the other side closes, or is gone."""
        message = b""
        while frame := self.frame():
            opcode, data, is_last = frame
            if opcode == CLOSE:
                return self.send(CLOSE, data[:2])
            if opcode == PING:
                self.ping(data)
            elif opcode != PONG:
                message += data
                if self.is_whole(is_last):
                    yield message
                    message = b""

    def ping(self, data):
        self.send(PONG, data)

    def is_whole(self, is_last):
        return is_last

    def frame(self):
        head = self.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 127
        if size > 125:
            size = int.from_bytes(self.read(2 if size == 126 else 8))
        mask = self.read(4)
        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.read(size)))
        return head[0] & 15, data, head[0] > 127

    def send(self, opcode, data):
        size = len(data)
        head = bytes([opcode | 128, size]) if size < 126 else struct.pack("!BBH", opcode | 128, 126, size)
        self.write(head + data)
