"""A plug whose streams do as their query says, and a server of it."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.server import Server, serving, wait_for

# What a stream does is its query. An invocation whose first row begins with 9 is held until the gate is opened.
PLUG = """
import os, time
import serve.server, serve.session, serve.stream
from tiffin.errors import BadPayload, NotReady, UnsupportedMediaType

def model_fn(model_dir):
    serve.stream.DRAIN = float(os.environ.get("TEST_DRAIN", serve.stream.DRAIN))
    serve.session.SEND = float(os.environ.get("TEST_SEND", serve.session.SEND))
    serve.server.MOST_CONNECTIONS = int(os.environ.get("TEST_CONNECTIONS", "4096"))
    return "model"

def wait():
    print("held", flush=True)
    while not os.path.exists(os.environ["TEST_GATE"]):
        time.sleep(0.01)

def predict_fn(table, model):
    if table.rows[0][0] == "9":
        wait()
    return table

def stream_fn(stream, model, context):
    return globals()[stream.query or "frames"](stream, context)

def frames(stream, context):
    for frame in stream.frames():
        stream.send(frame)

def messages(stream, context):
    for message in stream:
        yield message

def where(stream, context):
    stream.send(f"{stream.path} {stream.query} {context.headers['x-test']}")

def pieces(stream, context):
    for piece in ("a", "", "b"):
        stream.send(piece, last=False)
    stream.send("c")
    stream.send(b"", last=False)
    stream.send(b"d")

def held(stream, context):
    wait()
    try:
        yield from stream
    finally:
        print("iteration ended", flush=True)

def flood(stream, context):
    try:
        while True:
            stream.send(bytes(65536))
    finally:
        print("flood ended", flush=True)

def large(stream, context):
    stream.send(bytes(12 * 2**20))
    stream.send("all")

def fails(stream, context):
    raise RuntimeError("a secret of /opt/program")

def yields_a_number(stream, context):
    yield 5

def returns_a_number(stream, context):
    return 5

def mixes(stream, context):
    stream.send("a", last=False)
    stream.send(b"b")

def bad(stream, context):
    raise BadPayload("\\u00e9" * 100)

def unsupported(stream, context):
    raise UnsupportedMediaType("only text is understood")

def busy(stream, context):
    raise NotReady("the voice is not loaded yet")

def closes(stream, context):
    stream.close(3001, "enough")
    assert list(stream) == []

def wrong_code(stream, context):
    stream.close(1006)
"""
ECHO = "def model_fn(model_dir): return 'model'\ndef predict_fn(table, model): return table\n"


def written(folder: Path, code: str) -> dict[str, str]:
    (folder / "ml" / "model").mkdir(parents=True)
    (folder / "plug").mkdir()
    (folder / "plug" / "inference.py").write_text(code)
    return {"TIFFIN_PLUG": str(folder / "plug"), "TEST_GATE": str(folder / "gate"), "SERVE_WORKERS": "1"}


@contextlib.contextmanager
def own(folder: Path, code: str = PLUG, **environment: str) -> Iterator[Server]:
    with serving(folder / "ml", written(folder, code) | environment) as running:
        yield running


def streams(server: Server) -> int:
    text = server.request("GET", "/metrics").body.decode()
    return int(re.findall(r"^tiffin_streams (\d+)$", text, re.MULTILINE)[0])


def wait_for_streams(server: Server, count: int) -> None:
    wait_for(lambda: streams(server) == count, f"{count} streams", server)
