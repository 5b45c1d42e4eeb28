"""Each file of tests/cases/http is a request and its answer.

The request's first line, its headers, a blank line and its body; a line `===`; the status, the headers that must be
there as they are, a blank line and the body. In an answer `…` stands for any text.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server import ROOT, Server

CASES = sorted((ROOT / "tests" / "cases" / "http").glob("*.http"))


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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(case: Path, server: Server) -> None:
    request, expected = (Message.parse(part) for part in case.read_text(encoding="utf-8").split("===\n"))
    method, path = request.start.split()
    answer = server.request(method, path, request.body.encode(), request.headers)
    assert answer.status == int(expected.start), answer.body
    for name, value in expected.headers.items():
        assert answer.headers.get(name.lower()) == value
    assert re.fullmatch(re.escape(expected.body).replace("…", ".*"), answer.body.decode(), re.DOTALL), answer.body


def test_there_are_cases() -> None:
    assert len(CASES) > 40
