"""Pictures for tests: those inside scikit-image and scikit-learn, product shots that are drawn here, and odd files.

python -m tests.pictures /tmp/look.png     every picture with its palette beside it, to judge by eye
"""

import io
import sys
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from model import colour, palette
from model.palette import Palette
from model.photos import MEDIA_TYPES, Photos

Colour = tuple[int, int, int]
KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def packaged(name: str) -> Path:
    """A photo of scikit-image (CC0 or public domain) or scikit-learn (CC BY 2.0), without importing either."""
    folders = {"skimage": "data", "sklearn": "datasets/images"}
    for package, folder in folders.items():
        spec = find_spec(package)
        assert spec is not None, package
        assert spec.submodule_search_locations is not None, package
        file = Path(spec.submodule_search_locations[0]) / folder / name
        if file.is_file():
            return file
    raise FileNotFoundError(name)


PHOTOS = ("coffee.png", "chelsea.png", "rocket.jpg", "astronaut.png", "flower.jpg", "china.jpg")


def product(subject: Colour, backdrop: Colour, side: int = 1000, label: Colour | None = None) -> Image.Image:
    """A bag before a lit backdrop, with a shadow below it, and with a label on it where one is given."""
    picture = Image.new("RGB", (side, side), backdrop)
    shadow = Image.new("L", (side, side), 0)
    ImageDraw.Draw(shadow).ellipse([side * 0.22, side * 0.78, side * 0.78, side * 0.9], fill=90)
    dark = tuple(channel // 3 for channel in backdrop)
    picture.paste(Image.new("RGB", (side, side), dark), mask=shadow.filter(ImageFilter.GaussianBlur(side / 40)))
    body = Image.new("L", (side, side), 0)
    ImageDraw.Draw(body).rounded_rectangle([side * 0.3, side * 0.35, side * 0.7, side * 0.85], side * 0.06, fill=255)
    ImageDraw.Draw(body).arc([side * 0.38, side * 0.2, side * 0.62, side * 0.5], 180, 360, fill=255, width=side // 30)
    light = np.linspace(1.12, 0.75, side)[:, None, None]  # from the top left
    shaded = np.clip(np.array(subject) * light * np.linspace(1.08, 0.85, side)[None, :, None], 0, 255)
    picture.paste(Image.fromarray(shaded.astype(np.uint8)), mask=body)
    if label is not None:
        ImageDraw.Draw(picture).rectangle([side * 0.4, side * 0.52, side * 0.6, side * 0.68], fill=label)
    noise = np.random.default_rng(0).normal(0, 2, (side, side, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def palette_of(body: bytes) -> Palette:
    return palette.of_pixels(Photos(Lock()).pixels(body, MEDIA_TYPES[-1]))


def look(out: Path, bodies: dict[str, bytes], height: int = 160) -> None:
    """Each picture, and beside it its colours: as wide as their score, over as wide as their share."""
    sheet = Image.new("RGB", (900, (height + 8) * len(bodies)), (255, 255, 255))
    for row, body in enumerate(bodies.values()):
        with Image.open(io.BytesIO(body)) as picture:
            thumbnail = picture.convert("RGB")
        thumbnail.thumbnail((260, height))
        top = row * (height + 8)
        sheet.paste(thumbnail, (0, top))
        found = palette_of(body)
        draw = ImageDraw.Draw(sheet)
        for part, (upper, lower) in ((found.scores, (0, 0.6)), (found.shares, (0.65, 1))):
            edges = 280 + 600 * np.concatenate([[0], np.cumsum(part)])
            for (left, right), rgb in zip(pairwise(edges), found.rgb, strict=True):
                box = [left, top + upper * height, max(left, right - 1), top + lower * height]
                draw.rectangle(box, fill=colour.as_hex(rgb))
    sheet.save(out)


@cache
def products() -> dict[str, tuple[bytes, str]]:
    """Product shots and the label that a person gives each."""
    return {
        "red on white": (encoded(product((190, 30, 40), (250, 250, 250)), quality=85), "red"),
        "red with a white label": (encoded(product((190, 30, 40), (250, 250, 250), label=(245, 245, 245))), "red"),
        "blue on grey": (encoded(product((30, 70, 170), (200, 200, 202)), "WEBP"), "blue"),
        "black on white": (encoded(product((28, 28, 30), (255, 255, 255))), "black"),
        "green on yellow": (encoded(product((30, 120, 50), (250, 220, 60)), "PNG"), "green"),
        "yellow on black": (encoded(product((245, 210, 40), (8, 8, 10))), "yellow"),
        "white on blue": (encoded(product((250, 250, 250), (40, 80, 170))), "white"),
        "violet on white": (encoded(product((110, 50, 150), (255, 255, 255)), "PNG"), "violet"),
        "orange on white": (encoded(product((240, 130, 20), (245, 245, 245))), "orange"),
        "brown on white": (encoded(product((110, 65, 35), (255, 255, 255))), "brown"),
    }


if __name__ == "__main__":
    drawn = {name: body for name, (body, _) in products().items()}
    look(Path(sys.argv[1]), {name: packaged(name).read_bytes() for name in PHOTOS} | drawn)
