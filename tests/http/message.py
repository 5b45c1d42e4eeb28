"""A request and its answer as a file of text.

The request's first line, its headers, a blank line and its body; a line `===`; the status, the headers that must be
there as they are, a blank line and the body. In an answer `…` stands for any text.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Message:
    start: str
    headers: dict[str, str]
    body: str

    @classmethod
    def parse(cls, text: str) -> "Message":
        head, _, body = text.partition("\n\n")
        start, *headers = head.splitlines()
        return cls(start, dict(line.split(": ", 1) for line in headers), body)

    @classmethod
    def pair(cls, file: Path) -> "tuple[Message, Message]":
        request, answer = file.read_text(encoding="utf-8").split("===\n")
        return cls.parse(request), cls.parse(answer)
