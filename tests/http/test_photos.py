"""Photos over HTTP, as a caller sends them."""

import json
import threading

import pytest
from PIL import Image

from tests.pictures import KINDS, encoded, packaged, product, products
from tests.server import Server

SHOT = product((190, 30, 40), (250, 250, 250))


@pytest.mark.parametrize(("name", "label"), [("coffee.png", "brown"), ("chelsea.png", "brown"), ("rocket.jpg", "blue")])
def test_a_photo_is_named_as_a_person_would(name: str, label: str, server: Server) -> None:
    answer = server.invoke(packaged(name).read_bytes(), "application/x-image")
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["label"] == label


@pytest.mark.parametrize("name", list(products()))
def test_a_product_shot_is_named_by_the_product(name: str, server: Server) -> None:
    body, label = products()[name]
    answer = server.invoke(body, "application/x-image", Accept="text/csv")
    assert (answer.status, answer.body) == (200, f"{label}\n".encode())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_by_its_own_name_and_the_answers_shape(kind: str, server: Server) -> None:
    answer = server.invoke(encoded(SHOT, kind), KINDS[kind])
    assert answer.headers["content-type"] == "application/json"
    assert answer.body.endswith(b"\n")
    document = json.loads(answer.body)
    assert list(document) == ["label", "colors"]
    best = document["colors"][0]
    assert list(best) == ["label", "hex", "share", "score"]
    assert document["label"] == best["label"] == "red"
    assert sum(colour["share"] for colour in document["colors"]) == pytest.approx(1, abs=0.001)
    scores = [colour["score"] for colour in document["colors"]]
    assert scores == sorted(scores, reverse=True)
    rows = "".join(f"{colour['hex']}\n" for colour in document["colors"])  # a colour of a photo is a colour
    assert server.invoke(rows.encode()).body.decode().split() == [colour["label"] for colour in document["colors"]]


def test_every_way_to_ask_for_the_answer(server: Server) -> None:
    body = encoded(SHOT)
    assert json.loads(server.invoke(body, "image/jpeg", Accept="application/jsonlines").body)["label"] == "red"
    assert json.loads(server.invoke(body, "IMAGE/JPEG; q=1", Accept="*/*").body)["label"] == "red"
    refused = server.invoke(body, "image/jpeg", Accept="image/png")
    assert refused.status == 406
    assert "can answer rows as text/csv, application/json" in json.loads(refused.body)["message"]
    asked = {"X-Amzn-SageMaker-Custom-Attributes": "probabilities=true", "Content-Type": "image/jpeg"}
    told = json.loads(server.request("POST", "/invocations", body, asked).body)["colors"][0]
    assert max(told["probabilities"], key=told["probabilities"].__getitem__) == "red"
    line = server.request("POST", "/invocations", body, asked | {"Accept": "text/csv"}).body.decode()
    assert line.startswith("red,")
    assert line.count(",") == 10


@pytest.mark.parametrize(
    ("body", "content_type", "status", "sentence"),
    [
        (b"", "image/png", 400, "the body is empty; send a JPEG, a PNG or a WebP"),
        (b"73,84,116\n", "image/png", 400, "the body is no picture; send a JPEG, a PNG or a WebP"),
        (
            encoded(SHOT, "PNG"),
            "image/webp",
            400,
            "the body is a PNG, not the WebP that Content-Type says; send it as image/png, or as application/x-image",
        ),
        (encoded(SHOT)[:9000], "image/jpeg", 400, "the JPEG cannot be read: it ends too early, or is damaged"),
        (
            encoded(Image.new("L", (9, 9)), "GIF"),
            "application/x-image",
            415,
            "the body is a GIF; send a JPEG, a PNG or a",
        ),
        (
            encoded(Image.new("1", (20_000, 20_000)), "PNG"),
            "image/png",
            413,
            "the PNG has 20000 x 20000 pixels, and at most 50,000,000 are decoded; send it smaller",
        ),
        (encoded(Image.new("L", (9, 9)), "GIF"), "image/gif", 415, "image/gif is not accepted; send one of text/csv, "),
    ],
    ids=["empty", "text", "another", "cut", "GIF", "bomb", "image/gif"],
)
def test_refused(body: bytes, content_type: str, status: int, sentence: str, server: Server) -> None:
    answer = server.invoke(body, content_type)
    assert answer.status == status
    assert json.loads(answer.body)["message"].startswith(sentence)
    assert "Traceback" not in server.log  # it is the caller's to mend


def test_many_callers_at_once_get_the_answer_of_one(server: Server) -> None:
    bodies = [body for body, _ in products().values()] * 3
    answers = [b""] * len(bodies)

    def ask(index: int) -> None:
        answers[index] = server.invoke(bodies[index], "application/x-image", Accept="text/csv").body

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [f"{label}\n".encode() for _, label in products().values()] * 3
