import json

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
        (wire.ROWS_JSON, "application/json", json.dumps({"labels": ["red", "blue"]}).encode()),
    ],
)
def test_each_wire_gives_the_same_labels(peer_wire: wire.Wire, content_type: str, answer: bytes) -> None:
    payload = peer_wire.payload([(1, 2, 3), (4, 5, 6)])
    assert payload.content_type == content_type
    assert peer_wire.labels(answer) == ["red", "blue"]


def test_csv_is_rows_of_r_g_b() -> None:
    assert wire.CSV.payload([(1, 2, 3), (40, 50, 255)]).body == b"1,2,3\n40,50,255\n"


def test_v2_says_its_shape() -> None:
    document = json.loads(wire.V2.payload([(1, 2, 3), (4, 5, 6)]).body)
    assert document["inputs"][0]["shape"] == [2, 3]
    assert document["inputs"][0]["data"] == [1, 2, 3, 4, 5, 6]
