"""Photos in the image: the page of docs/ from an empty folder on, and as whoever the platform runs it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container import console
from tests.container.conftest import COLOUR, ContainerServer, docker
from tests.pictures import KINDS, encoded, product, products
from tests.server import ROOT

Run = Callable[..., ContainerServer]
pytestmark = pytest.mark.container
SERVED = ("--publish", "127.0.0.1::8080", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")  # noqa: S108


def test_the_page_from_an_empty_folder(tmp_path: Path) -> None:
    console.run(ROOT / "docs" / "10-photos.md", tmp_path)


@pytest.mark.parametrize("user", ["0:0", "12345:54321"])
def test_S05_photos_are_answered_read_only_and_as_anybody(user: str, artifact: Path, run: Run) -> None:
    server = run(COLOUR, *SERVED, "--user", user, "--volume", f"{artifact}:/opt/ml/model:ro")
    for kind, media_type in KINDS.items():
        answer = server.invoke(encoded(product((190, 30, 40), (250, 250, 250)), kind), media_type)
        assert answer.status == 200, answer.body
        assert json.loads(answer.body)["label"] == "red"


def test_a_large_photo_fits_into_little_memory(artifact: Path, run: Run) -> None:
    """The largest that is decoded, as the kind that has to be decoded whole, by several callers at once."""
    from concurrent.futures import ThreadPoolExecutor

    from PIL import Image

    body = encoded(Image.new("RGBA", (8000, 6250), (200, 20, 30, 255)), "PNG", compress_level=1)
    limits = ("--memory", "1g", "--memory-swap", "1g", "--env", "SERVE_WORKERS=1")
    server = run(COLOUR, *SERVED, *limits, "--volume", f"{artifact}:/opt/ml/model:ro")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server.invoke(body, "image/png", Accept="text/csv"), range(4)))
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"red\n")] * 4


def test_products(artifact: Path, run: Run) -> None:
    server = run(COLOUR, *SERVED, "--volume", f"{artifact}:/opt/ml/model:ro")
    for name, (body, label) in products().items():
        assert server.invoke(body, "application/x-image", Accept="text/csv").body == f"{label}\n".encode(), name


def test_no_picture_library_but_pillow_is_there() -> None:
    look = "import importlib.util as u; print([n for n in ('PIL', 'cv2', 'skimage', 'imageio') if u.find_spec(n)])"
    assert docker("run", "--rm", COLOUR, "python", "-c", look).stdout == "['PIL']\n"
