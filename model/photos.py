"""A photo's bytes to a few thousand pixels in sRGB. Pillow is imported when the first photo comes.

What a picture declares is checked before it is decoded, and what Pillow then finds broken is the caller's to mend.
"""

import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.palette import Bytes, Pixels
from tiffin.errors import BadPayload, PayloadTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

SIDE = 192  # pixels of the longer side that are looked at: more change the colours by less than the eye sees
# What phones and cameras make; decoding takes up to 6, 4 and 16 bytes a pixel, so that 300 MB are enough for any.
MOST_PIXELS: Mapping[str, int] = {"image/jpeg": 50_000_000, "image/png": 50_000_000, "image/webp": 20_000_000}

ANY = "application/x-image"  # as SageMaker's own image algorithms call any picture
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", ANY)
_TAKEN = "send a JPEG, a PNG or a WebP"
_OPAQUE = 128  # of 255: what is more transparent does not count

_OTHERS: Mapping[str, tuple[bytes, ...]] = {
    "GIF": (b"GIF8",),
    "TIFF": (b"II*\0", b"MM\0*"),
    "BMP": (b"BM",),
    "JPEG 2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "PDF": (b"%PDF",),
    "SVG": (b"<svg",),
}
_BRANDS: Mapping[bytes, str] = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF"}
_BASE64 = (b"data:image/", b"/9j/", b"iVBORw0KGgo", b"UklGR")


@dataclass(frozen=True)
class Photos:
    """Photos are decoded one at a time in a process, so that no number of callers needs the memory of several."""

    turn: threading.Lock

    def pixels(self, body: bytes, media_type: str) -> Pixels:
        """Raises BadPayload, PayloadTooLarge or UnsupportedMediaType."""
        kind = _kind(body)
        if media_type not in (ANY, kind):
            raise BadPayload(
                f"the body is a {_name(kind)}, not the {_name(media_type)} that Content-Type says; "
                f"send it as {kind}, or as {ANY}"
            )
        with self.turn:
            return _read(body, kind)


def _kind(body: bytes) -> str:
    """The media type, by how the body begins."""
    if not body:
        raise BadPayload(f"the body is empty; {_TAKEN}")
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    for other, beginnings in _OTHERS.items():
        if body.startswith(beginnings):
            raise UnsupportedMediaType(f"the body is a {other}; {_TAKEN}")
    if body[4:8] == b"ftyp" and body[8:12] in _BRANDS:
        raise UnsupportedMediaType(f"the body is an {_BRANDS[body[8:12]]}; {_TAKEN}")
    if body.startswith(_BASE64):
        raise BadPayload("the body is a picture in base64; send the picture's own bytes")
    raise BadPayload(f"the body is no picture; {_TAKEN}")


def _name(media_type: str) -> str:
    return {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP"}[media_type]


def _read(body: bytes, kind: str) -> Pixels:
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    # each by its own reader: Image.open would try them all, and follow a JPEG into the further pictures of an MPO
    readers = {"image/jpeg": JpegImageFile, "image/png": PngImageFile, "image/webp": WebPImageFile}
    reader: Callable[[io.BytesIO], ImageFile] = readers[kind]
    try:
        with reader(io.BytesIO(body)) as picture:
            _check_size(picture.size, kind)
            picture.draft(None, (SIDE, SIDE))  # a JPEG is decoded at 1/2, 1/4 or 1/8 where that is enough
            picture.load()
            pixels = _pixels(_smaller(picture))
    except (BadPayload, PayloadTooLarge, MemoryError):
        raise
    except Image.DecompressionBombError:  # a WebP's canvas, which its reader would make at once
        raise _too_large("too many", kind) from None
    except Exception as error:  # noqa: BLE001  a broken file fails in as many ways as there are formats inside it
        raise BadPayload(f"{_broken(kind)}{_reason(error)}") from None
    return pixels


def _broken(kind: str) -> str:
    return f"the {_name(kind)} cannot be read: it ends too early, or is damaged"


def _reason(error: Exception) -> str:
    """Pillow's words, which name the part of the file, unless they show an object of ours."""
    text = " ".join(str(error).split())[:200]
    return f" ({text})" if text and "<" not in text else ""


def _check_size(size: tuple[int, int], kind: str) -> None:
    width, height = size
    if width * height > MOST_PIXELS[kind]:
        raise _too_large(f"{width} x {height}", kind)
    if width < 1 or height < 1:
        raise BadPayload(f"the picture has no pixels: it is {width} x {height}")


def _too_large(declared: str, kind: str) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the {_name(kind)} has {declared} pixels, and at most {MOST_PIXELS[kind]:,} are decoded; send it smaller: "
        f"its colours need no more than {SIDE} x {SIDE}"
    )


def _smaller(picture: "Image") -> "Image":
    """Every n-th pixel, so that no colour is mixed, and nothing large is converted."""
    from PIL.Image import Resampling

    longest = max(picture.size)
    if longest <= SIDE:
        return picture
    width, height = (max(1, round(side * SIDE / longest)) for side in picture.size)
    return picture.resize((width, height), Resampling.NEAREST)


def _pixels(picture: "Image") -> Pixels:
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        grey = np.asarray(picture).astype(np.int64)
        clear = picture.info.get("transparency")
        high: Bytes = np.clip(grey >> 8, 0, 255).astype(np.uint8)
        return _opaque(np.repeat(high[:, :, np.newaxis], 3, axis=2), np.asarray(grey != clear))
    is_clear = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
    picture = _in_srgb(picture, "RGBA" if is_clear else "RGB")
    array = np.asarray(picture)
    return _opaque(array[:, :, :3], array[:, :, 3] >= _OPAQUE if is_clear else np.ones(array.shape[:2], dtype=bool))


def _opaque(rgb: Bytes, opaque: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Pixels:
    if not opaque.any():
        raise BadPayload("every pixel of the picture is transparent: it has no colour")
    return Pixels(np.ascontiguousarray(rgb), opaque)


def _in_srgb(picture: "Image", mode: str) -> "Image":
    """By the profile that is in the picture, if any; one that does not fit it is passed over, as browsers do."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture.convert(mode)
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = own.profile.xcolor_space.strip()
        if space == "RGB" and "sRGB" in ImageCms.getProfileDescription(own):
            return picture.convert(mode)
        source = {"RGB": mode, "GRAY": "L", "CMYK": "CMYK"}[space]
        if space != "RGB" and picture.mode != source:
            return picture.convert(mode)
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(
            picture.convert(source), own, srgb, outputMode=mode if space == "RGB" else "RGB"
        )
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        return picture.convert(mode)
    return (converted or picture).convert(mode)
