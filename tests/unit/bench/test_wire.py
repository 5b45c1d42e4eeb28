import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from bench import wire


def test_rows_are_seeded_and_of_bytes() -> None:
    rows = wire.rows(1_000)
    assert rows == wire.rows(1_000)
    assert rows != wire.rows(1_000, seed=1)
    assert {len(row) for row in rows} == {3}
    assert {min(map(min, rows)), max(map(max, rows))} == {0, 255}


@pytest.mark.parametrize(
    ("peer_wire", "content_type", "answer"),
    [
        (wire.CSV, "text/csv", b"red\nblue\n"),
        (wire.V2, "application/json", json.dumps({"outputs": [{"name": "label", "data": ["red", "blue"]}]}).encode()),
        (wire.LIST_JSON, "application/json", b'["red", "blue"]'),
        (wire.ROWS_JSON, "application/json", json.dumps({"labels": ["red", "blue"]}).encode()),
    ],
)
def test_each_wire_gives_the_same_labels(peer_wire: wire.Wire, content_type: str, answer: bytes) -> None:
    payload = peer_wire.payload([(1, 2, 3), (4, 5, 6)])
    assert payload.content_type == content_type
    assert peer_wire.labels(answer) == ["red", "blue"]


def test_an_answer_that_breaks_off_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, wire.Caller(server.getsockname()[1]) as caller:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nred")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(wire.Refused, match="IncompleteRead"):
            caller.ask(wire.CSV.payload([(1, 2, 3)]))
        thread.join()


def test_csv_is_rows_of_r_g_b() -> None:
    assert wire.CSV.payload([(1, 2, 3), (40, 50, 255)]).body == b"1,2,3\n40,50,255\n"


def test_numbers_are_seeded_and_of_any_width() -> None:
    rows = wire.numbers(2, 5)
    assert rows == wire.numbers(2, 5) != wire.numbers(2, 5, seed=1)
    assert [[float(cell) for cell in line.split(b",")] for line in wire.CSV.payload(rows).body.split()] == rows
    assert json.loads(wire.V2.payload(rows).body)["inputs"][0]["datatype"] == "FP64"


class Large(BaseHTTPRequestHandler):
    """Answers more than sockets hold, and counts what was taken whole."""

    done: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        try:
            self.wfile.write(bytes(10_000_000))
        except OSError:
            return
        self.done.append(self.path)

    def log_message(self, *_: object) -> None:
        pass


def test_slow_readers_hold_their_answers_up_and_go() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Large) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with wire.slow_readers(server.server_port, wire.CSV.payload([(1, 2, 3)]), 3):
            assert not Large.done
        server.shutdown()
        thread.join()
    assert not Large.done


def test_v2_says_its_shape() -> None:
    document = json.loads(wire.V2.payload([(1, 2, 3), (4, 5, 6)]).body)
    assert document["inputs"][0]["shape"] == [2, 3]
    assert document["inputs"][0]["data"] == [1, 2, 3, 4, 5, 6]
