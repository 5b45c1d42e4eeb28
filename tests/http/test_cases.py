"""Each file of tests/cases/http is a request and its answer, as tests/http/message.py has them."""

import re
from pathlib import Path

import pytest

from tests.http.message import Message
from tests.server import ROOT, Server

CASES = sorted((ROOT / "tests" / "cases" / "http").glob("*.http"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(case: Path, server: Server) -> None:
    request, expected = Message.pair(case)
    method, path = request.start.split()
    answer = server.request(method, path, request.body.encode(), request.headers)
    assert answer.status == int(expected.start), answer.body
    for name, value in expected.headers.items():
        assert answer.headers.get(name.lower()) == value
    assert re.fullmatch(re.escape(expected.body).replace("…", ".*"), answer.body.decode(), re.DOTALL), answer.body


def test_there_are_cases() -> None:
    assert len(CASES) > 40
