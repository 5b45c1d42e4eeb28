"""Each file of tests/cases/raw is bytes on a connection; our worker and gunicorn's threaded one must answer alike.

Line ends of a file are for the reader: bytes are what the escapes say (`\\r\\n`, `\\x00`, `\\\\`). `{900*ab}` is 900
times "ab". Lines that begin with `# ` and stand first are for this test:
  # one by one           each byte is sent by itself
  # at once              an answer must come before anything else is sent, or the sending end closed
  # better: STATUSES WHY our answers are these (`200 200 kept`), gunicorn's are others, and why that is better
  # anything else is a remark

After the bytes a probe is sent, and the sending end is closed: a connection that was kept answers the probe.
"""

import codecs
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server import PATIENCE, ROOT, Server, serving

CASES = sorted((ROOT / "tests" / "cases" / "raw").glob("*.http"))
PROBE = b"GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"
PROBED = b"there is no '/probe'"
PLUG = """
class First:
    def predict(self, rows):
        return rows[:, 0].astype(int)

def model_fn(model_dir):
    return First()
"""


@dataclass(frozen=True)
class Case:
    data: bytes
    one_by_one: bool
    at_once: bool
    better: str

    @classmethod
    def read(cls, file: Path) -> "Case":
        lines = file.read_text(encoding="ascii").splitlines()
        remarks = []
        while lines[0].startswith("# "):
            remarks.append(lines.pop(0)[2:])
        better = next((remark.partition(": ")[2] for remark in remarks if remark.startswith("better: ")), "")
        return cls(unescape("".join(lines)), "one by one" in remarks, "at once" in remarks, better)


def unescape(text: str) -> bytes:
    text = re.sub(r"\{(\d+)\*([^}]*)\}", lambda found: found[2] * int(found[1]), text)
    return codecs.escape_decode(text.encode("ascii"))[0]


@dataclass(frozen=True)
class Answer:
    status: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Told:
    answers: tuple[Answer, ...]
    kept: bool

    def __str__(self) -> str:
        return " ".join([answer.status.split()[1] for answer in self.answers] + ["kept" if self.kept else "closed"])


def tell(server: Server, case: Case) -> Told:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        try:
            for piece in [bytes([byte]) for byte in case.data] if case.one_by_one else [case.data]:
                connection.sendall(piece)
            if case.at_once:
                received = connection.recv(2**16)
            connection.sendall(PROBE)
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # it is closed already
            pass
        try:
            while more := connection.recv(2**16):
                received += more
        except ConnectionResetError:
            pass
    answers = list(parse(received))
    kept = bool(answers) and PROBED in answers[-1].body
    return Told(tuple(answers[:-1] if kept else answers), kept)


def parse(received: bytes) -> Iterator[Answer]:
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end, head
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        if received.startswith(b"HTTP/1.") or not received:  # an answer to HEAD has none of its body
            length = 0
        body, received = received[:length], received[length:]
        assert len(body) == length
        body = re.sub(rb'"request_id": "[^"]*"', b'"request_id": "..."', body)
        body = re.sub(rb"too large \(\d+", b"too large (...", body)  # as much as had been read by then
        yield Answer(status, headers.get("content-type", "") if body else "", body)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Ours and gunicorn's."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "ml" / "model").mkdir(parents=True)
    (folder / "first").mkdir()
    (folder / "first" / "inference.py").write_text(PLUG)
    environment = {
        "TIFFIN_PLUG": str(folder / "first"),
        "SERVE_WORKERS": "1",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1",
    }
    with serving(folder / "ml", environment) as ours, serving(folder / "ml", environment, 0, "tests.threaded") as other:
        yield ours, other


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path, pair: tuple[Server, Server]) -> None:
    case = Case.read(file)
    ours, other = (tell(server, case) for server in pair)
    if case.better:
        statuses, fate, _ = re.split(r"(kept|closed)", case.better, maxsplit=1)
        assert str(ours) == statuses + fate
        assert str(ours) != str(other), "it is no better"
    else:
        assert ours == other


def test_there_are_cases() -> None:
    assert len(CASES) >= 150


def test_both_still_serve(pair: tuple[Server, Server]) -> None:
    for server in pair:
        assert server.invoke(b"5,6\n").body == b"5\n"
        assert not re.search(r"exited with code|was sent SIG|Exception in worker", server.log)
