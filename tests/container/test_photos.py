"""Photos in the image: the page of docs/ from an empty folder on, and as whoever the platform runs it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.container import console
from tests.container.conftest import COLOUR, ContainerServer, docker
from tests.pictures import KINDS, encoded, product, products
from tests.server import ROOT

Run = Callable[..., ContainerServer]
pytestmark = pytest.mark.container
SERVED = ("--publish", "127.0.0.1::8080", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")  # noqa: S108


def test_the_page_from_an_empty_folder(tmp_path: Path) -> None:
    console.run(console.blocks(ROOT / "docs" / "10-photos.md"), tmp_path)


@pytest.mark.parametrize("user", ["0:0", "12345:54321"])
def test_S05_photos_are_answered_read_only_and_as_anybody(user: str, artifact: Path, run: Run) -> None:
    server = run(COLOUR, *SERVED, "--user", user, "--volume", f"{artifact}:/opt/ml/model:ro")
    for kind, media_type in KINDS.items():
        answer = server.invoke(encoded(product((190, 30, 40), (250, 250, 250)), kind), media_type)
        assert answer.status == 200, answer.body
        assert json.loads(answer.body)["label"] == "red"


@pytest.mark.parametrize(("kind", "size"), [("PNG", (8000, 6250)), ("WEBP", (5000, 4000)), ("JPEG", (8000, 6250))])
def test_the_largest_photos_fit_into_little_memory(kind: str, size: tuple[int, int], artifact: Path, run: Run) -> None:
    """By several callers at once: one is decoded at a time."""
    fast: dict[str, dict[str, Any]] = {
        "PNG": {"compress_level": 1},
        "WEBP": {"quality": 5, "method": 0},
        "JPEG": {"progressive": True},
    }
    body = encoded(Image.new("RGB", size, (200, 20, 30)), kind, **fast[kind])
    limits = ("--memory", "640m", "--memory-swap", "640m", "--env", "SERVE_WORKERS=1")
    server = run(COLOUR, *SERVED, *limits, "--volume", f"{artifact}:/opt/ml/model:ro")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server.invoke(body, KINDS[kind], Accept="text/csv"), range(4)))
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"red\n")] * 4


def test_products(artifact: Path, run: Run) -> None:
    server = run(COLOUR, *SERVED, "--volume", f"{artifact}:/opt/ml/model:ro")
    for name, (body, label) in products().items():
        assert server.invoke(body, "application/x-image", Accept="text/csv").body == f"{label}\n".encode(), name


def test_no_picture_library_but_pillow_is_there() -> None:
    look = "import importlib.util as u; print([n for n in ('PIL', 'cv2', 'skimage', 'imageio') if u.find_spec(n)])"
    assert docker("run", "--rm", COLOUR, "python", "-c", look).stdout == "['PIL']\n"
