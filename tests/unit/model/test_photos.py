"""Photos of every kind, odd and broken ones too, as the classifier reads them. Requests: tests/http/test_photos.py."""

import io
import struct
import threading
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from sklearn.cluster import KMeans

from model import colour, palette
from model.photos import ANY, MEDIA_TYPES, MOST_PIXELS, Photos, _in_srgb
from tests.pictures import KINDS, PHOTOS, encoded, packaged, palette_of, product, products
from tiffin.errors import BadPayload, PayloadTooLarge, PublicError, UnsupportedMediaType

RED = (200, 20, 30)
HALF = np.zeros((60, 80, 3), np.uint8)
HALF[:, :40] = RED
HALF[:, 40:] = (20, 40, 180)


def picture(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(HALF).convert(mode)


def hexes(body: bytes) -> list[str]:
    return [colour.as_hex(rgb) for rgb in palette_of(body).rgb]


def refused(body: bytes, media_type: str = ANY) -> PublicError:
    with pytest.raises(PublicError) as raised:
        Photos(threading.Lock()).pixels(body, media_type)
    return raised.value


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int = 8, kind: int = 2, data: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("name", PHOTOS)
def test_colours_lie_near_the_pixels(name: str) -> None:
    """About as near as scikit-learn's k-means of all pixels gets with as many colours; with times: bench/photos.py."""
    with Image.open(packaged(name)) as opened:
        points = colour.lab(np.asarray(_in_srgb(opened, "RGB")).reshape(-1, 3)[::11].astype(float))
    found = palette_of(packaged(name).read_bytes())
    theirs = KMeans(palette.COLOURS, n_init=1, random_state=0).fit(points).cluster_centers_
    ours, other = (
        np.sqrt(((points[:, None] - centres) ** 2).sum(axis=2)).min(axis=1).mean()
        for centres in (colour.lab(found.rgb), theirs)
    )
    assert ours < 1.08 * other
    assert 3 <= len(found.rgb) <= palette.COLOURS


@pytest.mark.parametrize("name", PHOTOS)
def test_the_best_comes_first_and_parts_sum_to_one(name: str) -> None:
    found = palette_of(packaged(name).read_bytes())
    assert found.shares.sum() == pytest.approx(1)
    assert found.scores.sum() == pytest.approx(1)
    assert (np.diff(found.scores) <= 0).all()
    again = palette_of(packaged(name).read_bytes())
    assert (again.rgb == found.rgb).all()


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("coffee.png", "#b8612f"),  # the wood and the saucer
        ("chelsea.png", "#9c7650"),  # the fur
        ("rocket.jpg", "#16335a"),  # the sky at night
        ("astronaut.png", "#d3613c"),  # the suit, not the white behind it
        ("flower.jpg", "#d88c50"),  # the petals, of a third as many pixels as the leaves
    ],
)
def test_the_best_is_what_a_person_sees_first(name: str, seen: str) -> None:
    best = palette_of(packaged(name).read_bytes()).rgb[:1]
    assert np.linalg.norm(colour.lab(best) - colour.lab(np.array([colour.parse_hex(seen)], float))) < 12


@pytest.mark.parametrize("name", list(products()))
def test_a_backdrop_does_not_win(name: str) -> None:
    found = palette_of(products()[name][0])
    backdrop = found.shares.argmax() if name not in ("black on white", "brown on white") else 1
    assert found.shares[backdrop] > 0.7
    assert backdrop > 0
    assert found.scores[backdrop] < 0.3


def test_what_looks_like_the_backdrop_inside_the_subject_counts() -> None:
    plain = palette_of(encoded(product(RED, (250, 250, 250)), "PNG"))
    labelled = palette_of(encoded(product(RED, (250, 250, 250), label=(250, 250, 250)), "PNG"))
    white = [each.scores[each.shares.argmax()] for each in (plain, labelled)]
    assert white[1] > 1.5 * white[0]


@pytest.mark.parametrize("kind", KINDS)
def test_two_halves(kind: str) -> None:
    found = palette_of(encoded(picture(), kind, quality=95))
    assert sorted(found.shares, reverse=True)[:2] == pytest.approx([0.5, 0.5], abs=0.06)
    near = colour.lab(np.array([RED, (20, 40, 180)], float))
    apart = np.sqrt(((colour.lab(found.rgb[:2])[:, None] - near) ** 2).sum(axis=2))
    assert (apart.min(axis=1) < 6).all()


@pytest.mark.parametrize(
    ("what", "body", "expected"),
    [
        ("grey", encoded(picture("L"), "PNG"), {"#4b4b4b", "#323232"}),
        ("grey with alpha", encoded(picture("LA"), "PNG"), {"#4b4b4b", "#323232"}),
        ("one bit", encoded(Image.new("1", (9, 9), 1), "PNG"), {"#ffffff"}),
        ("palette", encoded(picture().quantize(4), "PNG"), {"#c8141e", "#1428b4"}),
        ("alpha", encoded(picture("RGBA"), "PNG"), {"#c8141e", "#1428b4"}),
        ("alpha, WebP", encoded(picture("RGBA"), "WEBP", lossless=True), {"#c8141e", "#1428b4"}),
        ("16 bits of grey", png(2, 1, 16, 0, b"\0" + b"\x80\x10\x80\x20"), {"#808080"}),
        ("16 bits", png(1, 1, 16, 2, b"\0" + b"\xc8\x01\x14\xff\x1e\x00"), {"#c8141e"}),
        ("16 bits with alpha", png(1, 1, 16, 6, b"\0" + b"\xc8\x01\x14\xff\x1e\x00\xff\xff"), {"#c8141e"}),
        ("one pixel", encoded(Image.new("RGB", (1, 1), RED), "PNG"), {"#c8141e"}),
        ("one row", encoded(Image.new("RGB", (5000, 1), RED), "PNG"), {"#c8141e"}),
        ("one column", encoded(Image.new("RGB", (1, 5000), RED), "WEBP", lossless=True), {"#c8141e"}),
        ("transparent by its palette", encoded(picture().quantize(4), "PNG", transparency=3), None),
    ],
)
def test_mode(what: str, body: bytes, expected: set[str] | None) -> None:
    assert expected is None or set(hexes(body)) == expected


def test_transparent_pixels_do_not_count() -> None:
    half = picture("RGBA")
    half.putalpha(Image.fromarray(np.repeat([[255] * 40 + [0] * 40], 60, axis=0).astype(np.uint8)))
    for kind in ("PNG", "WEBP"):
        found = palette_of(encoded(half, kind, lossless=True))
        assert [colour.as_hex(rgb) for rgb in found.rgb] == ["#c8141e"]
        assert found.shares.tolist() == [1.0]
    for coded in (picture().quantize(2), Image.fromarray(HALF)):  # by the palette, and by one colour
        clear: int | tuple[int, int, int] = RED
        if coded.mode == "P":
            clear = coded.getpixel((0, 0))  # type: ignore[assignment]
        assert hexes(encoded(coded, "PNG", transparency=clear)) == ["#1428b4"]
    clear_grey = struct.pack(">H", 0x8010)
    sixteen = png(2, 1, 16, 0, b"\0" + b"\x80\x10\x40\x20")
    at = sixteen.index(b"IDAT") - 4
    assert hexes(sixteen[:at] + chunk(b"tRNS", clear_grey) + sixteen[at:]) == ["#404040"]


def test_nothing_but_transparency_is_refused() -> None:
    body = encoded(Image.new("RGBA", (4, 4), (200, 0, 0, 10)), "PNG")
    assert str(refused(body)) == "every pixel of the picture is transparent: it has no colour"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_first_frame_of_an_animation_counts(kind: str) -> None:
    frames = [Image.new("RGB", (40, 40), shade) for shade in (RED, (0, 0, 255), (0, 255, 0))]
    body = encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    assert hexes(body) == ["#c8141e"]


def test_a_jpeg_with_further_pictures_in_it_is_its_first() -> None:
    body = encoded(Image.new("RGB", (64, 64), RED), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    assert [hexes(body)[0][:3], len(hexes(body))] == ["#c8", 1]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_rotated_by_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert len(hexes(encoded(picture(), "JPEG", exif=exif))) >= 2
    broken = encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    assert len(hexes(broken)) >= 2


def test_cmyk() -> None:
    found = palette_of(encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG"))
    assert colour.as_hex(found.rgb[0]) == "#ff0000"


def _wide_profile() -> bytes:
    """sRGB with its red and green primaries swapped: what is ignored shows at once."""
    plain = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    plain[:] = plain.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return bytes(
        plain.replace("sRGB".encode("utf-16-be"), "tRGB".encode("utf-16-be")).replace(b"sRGB built", b"tRGB built")
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_profile_is_heeded(kind: str, mode: str) -> None:
    body = encoded(Image.new(mode, (8, 8), RED), kind, icc_profile=_wide_profile(), lossless=True)
    assert np.abs(palette_of(body).rgb[0] - (20, 200, 30)).max() < 3


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, _wide_profile()[:300]])
def test_a_broken_profile_is_passed_over(profile: bytes) -> None:
    assert hexes(encoded(Image.new("RGB", (8, 8), RED), "PNG", icc_profile=profile)) == ["#c8141e"]


def test_a_profile_of_another_space_is_passed_over() -> None:
    for mode in ("L", "CMYK"):
        body = encoded(Image.new(mode, (8, 8), 0), "JPEG", icc_profile=_wide_profile())
        assert len(hexes(body)) == 1


JPEG, PNG, WEBP = (encoded(picture(), kind) for kind in KINDS)


@pytest.mark.parametrize(
    ("body", "media_type", "kind", "sentence"),
    [
        (b"", "image/png", BadPayload, "the body is empty; send a JPEG, a PNG or a WebP"),
        (b"73,84,116\n", "image/png", BadPayload, "the body is no picture; send a JPEG, a PNG or a WebP"),
        (b"\xff" * 99, ANY, BadPayload, "the body is no picture; send a JPEG, a PNG or a WebP"),
        (
            b"/9j/4AAQSkZJRg==",
            "image/jpeg",
            BadPayload,
            "the body is a picture in base64; send the picture's own bytes",
        ),
        (
            PNG,
            "image/jpeg",
            BadPayload,
            "the body is a PNG, not the JPEG that Content-Type says; send it as image/png, or as application/x-image",
        ),
        (b"GIF89a" + bytes(20), "image/png", UnsupportedMediaType, "the body is a GIF; send a JPEG, a PNG or a WebP"),
        (b"II*\0" + bytes(20), ANY, UnsupportedMediaType, "the body is a TIFF; send a JPEG, a PNG or a WebP"),
        (
            b"\0\0\0\x18ftypheic" + bytes(20),
            "image/jpeg",
            UnsupportedMediaType,
            "the body is an HEIC; send a JPEG, a PNG or a WebP",
        ),
    ],
)
def test_refused(body: bytes, media_type: str, kind: type[PublicError], sentence: str) -> None:
    error = refused(body, media_type)
    assert type(error) is kind
    assert str(error) == sentence


@pytest.mark.parametrize("whole", [JPEG, PNG, WEBP], ids=list(KINDS))
def test_cut_anywhere_it_is_refused(whole: bytes) -> None:
    for length in range(12, len(whole) - 30, max(1, len(whole) // 150)):
        error = refused(whole[:length])
        assert isinstance(error, BadPayload)
        assert "cannot be read: it ends too early, or is damaged" in str(error)


@pytest.mark.parametrize("whole", [JPEG, PNG, WEBP, encoded(picture("P"), "PNG")], ids=[*KINDS, "palette"])
def test_damaged_anywhere_it_is_answered_or_refused(whole: bytes) -> None:
    chance = np.random.default_rng(0)
    for _ in range(300):
        body = bytearray(whole)
        for place in chance.integers(0, len(body), 3):
            body[place] = chance.integers(0, 256)
        try:
            found = palette_of(bytes(body))
        except PublicError as error:
            assert error.status in (400, 413, 415)  # noqa: PT017
        else:
            assert found.shares.sum() == pytest.approx(1)


def webp(width: int, height: int) -> bytes:
    """An extended WebP's head: a canvas, and nothing on it."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    parts = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas + WEBP[12:]
    return b"RIFF" + struct.pack("<I", len(parts)) + parts


@pytest.mark.parametrize(
    "body",
    [
        png(30_000, 30_000, data=bytes(100)),
        png(2**31 - 1, 2**31 - 1),
        webp(2**14 - 1, 2**14 - 1),
        encoded(Image.new("RGB", (5000, 4100)), "WEBP", lossless=True, quality=0, method=0),
        JPEG.replace(struct.pack(">HH", 60, 80), struct.pack(">HH", 60_000, 60_000), 1),
    ],
    ids=["png", "png of 4 exapixels", "webp", "webp, smaller", "jpeg"],
)
def test_a_bomb_is_refused_before_it_is_decoded(body: bytes) -> None:
    tracemalloc.start()
    try:
        error = refused(body)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()
    assert isinstance(error, PayloadTooLarge), error
    assert any(f"at most {most:,} are decoded; send it smaller" in str(error) for most in MOST_PIXELS.values())


def test_a_bomb_in_its_text_is_refused() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 50_000_000, zip=True)
    assert isinstance(refused(encoded(picture(), "PNG", pnginfo=text)), BadPayload)


def test_no_pixels() -> None:
    assert isinstance(refused(png(0, 5)), BadPayload)
    assert isinstance(refused(JPEG.replace(struct.pack(">HH", 60, 80), struct.pack(">HH", 60, 0), 1)), BadPayload)


def test_media_types_are_those_that_are_sniffed() -> None:
    assert set(MEDIA_TYPES) == {*KINDS.values(), ANY}
    for kind, media_type in KINDS.items():
        pixels = Photos(threading.Lock()).pixels(encoded(picture(), kind), media_type)
        assert pixels.rgb.shape == (60, 80, 3)


def test_pillow_waits_for_the_first_photo() -> None:
    import subprocess
    import sys

    code = "import sys, model.inference; print('PIL' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_clusters_of_few_points() -> None:
    points = np.array([[0.0, 0, 0], [50, 0, 0], [100, 0, 0]])
    assert len(set(palette.clusters(points, np.ones(3), 8).tolist())) == 3
    assert palette.clusters(points[:1], np.ones(1), 8).tolist() == [0]
    assert palette.clusters(np.zeros((5, 3)), np.ones(5), 3).max() <= 2


def test_io_is_not_left_open() -> None:
    """A warning would be an error here."""
    for body in (JPEG[:200], PNG[:60], WEBP[:40]):
        refused(io.BytesIO(body).read())
