import inspect
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import colorspace
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.colour import SPACES, Floats, parse_hex, to_features

OPTIONAL = ("luv", "polarluv", "polarlab", "hsv", "hls")


@pytest.fixture(autouse=True)
def no_source_of_each_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """colorspace asks the stack for its own name in every step, and with it comes a line of each of pytest's frames."""
    monkeypatch.setattr("inspect.stack", partial(inspect.stack, context=0))


def colours(count: int = 2000) -> Floats:
    """The cube's corners, every near-black and grey level, and a seeded random set of floats."""
    corners = list(itertools.product([0, 255], repeat=3))
    dark = list(itertools.product([0, 1, 2, 3, 10, 11], repeat=3))  # both sides of each threshold
    greys = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    return np.vstack([corners, dark, greys, np.random.default_rng(7).uniform(0, 255, (count, 3))])


@pytest.mark.parametrize(("color_space", "start"), [("lab", colorspace.sRGB), ("lab-linear", colorspace.RGB)])
def test_lab_is_colorspaces(color_space: str, start: Callable[..., colorspace.sRGB]) -> None:
    rgb = colours()
    reference = start(*(rgb / 255).T.copy())
    reference.to("CIELAB")
    expected = np.stack([reference.get(column) for column in "LAB"], axis=1)
    np.testing.assert_allclose(to_features(rgb, color_space), expected, rtol=0, atol=1e-9)


def test_rgb_is_the_bytes_themselves() -> None:
    rgb = colours()
    features = to_features(rgb, "rgb")
    np.testing.assert_array_equal(features, rgb)
    assert features is not rgb


def test_lab_anchors() -> None:
    red, half = np.array([[255, 0, 0]]), np.array([[127.5, 127.5, 127.5]])
    np.testing.assert_allclose(to_features(red, "lab"), [[53.24, 80.09, 67.20]], atol=0.01)
    np.testing.assert_allclose(to_features(half, "lab"), [[53.39, 0, 0]], atol=0.01)
    np.testing.assert_allclose(to_features(half, "lab-linear"), [[76.07, 0, 0]], atol=0.01)


@pytest.mark.parametrize("color_space", SPACES)
def test_every_space_is_finite_for_greys_and_a_grid(color_space: str) -> None:
    grid = np.array(list(itertools.product(range(0, 256, 51), repeat=3)) + [(v, v, v) for v in range(256)])
    features = to_features(grid, color_space)
    assert features.shape == grid.shape
    assert features.dtype == np.float64
    assert np.isfinite(features).all()


@pytest.mark.parametrize("color_space", SPACES)
def test_a_row_alone_is_the_row_among_others(color_space: str) -> None:
    rgb = colours(8)[-16:]  # eight greys, eight colours
    together = to_features(rgb, color_space)
    for i in range(len(rgb)):
        np.testing.assert_array_equal(to_features(rgb[i : i + 1], color_space)[0], together[i])


@pytest.mark.parametrize("color_space", SPACES)
def test_no_rows(color_space: str) -> None:
    assert to_features(np.empty((0, 3)), color_space).shape == (0, 3)


@pytest.mark.parametrize(
    ("color_space", "name"),
    [("luv", "LUV"), ("polarluv", "LCH"), ("polarlab", "LCH"), ("hsv", "HSV"), ("hls", "HLS")],
)
def test_optional_feature_names(color_space: str, name: str) -> None:
    assert SPACES[color_space].features == tuple(name)


def test_columns_of_the_optional_spaces() -> None:
    green = np.array([[0, 128, 0]])
    np.testing.assert_allclose(to_features(green, "hsv"), [[120, 1, 128 / 255]])
    np.testing.assert_allclose(to_features(green, "hls"), [[120, 64 / 255, 1]])
    lightness, a, b = to_features(green, "lab")[0]
    expected = [lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360]
    np.testing.assert_allclose(to_features(green, "polarlab")[0], expected)


@pytest.mark.parametrize("color_space", OPTIONAL)
def test_without_colorspace_the_error_says_what_to_install(color_space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "colorspace", None)
    with pytest.raises(ValueError, match=r"pip install colorspace"):
        to_features(np.zeros((0, 3)), color_space)


def test_importing_it_needs_numpy_only() -> None:
    code = "import sys, model.colour; print({'sklearn', 'matplotlib', 'colorspace'} & set(sys.modules))"
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_unknown_space_and_wrong_shape() -> None:
    with pytest.raises(ValueError, match="'LAB' is none of rgb, lab, lab-linear"):
        to_features(np.zeros((1, 3)), "LAB")
    for shape in [(3,), (1, 4), (1, 3, 1)]:
        with pytest.raises(ValueError, match="are not rows of R, G, B"):
            to_features(np.zeros(shape), "rgb")


@given(st.tuples(*[st.integers(0, 255)] * 3), st.booleans(), st.booleans())
def test_six_digits_round_trip(rgb: tuple[int, int, int], hashed: bool, upper: bool) -> None:
    digits = bytes(rgb).hex()
    assert parse_hex("#" * hashed + (digits.upper() if upper else digits)) == rgb


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("#495474", (73, 84, 116)),
        ("#abc", (170, 187, 204)),
        ("ABC", (170, 187, 204)),
        (" #FfF\n", (255, 255, 255)),
    ],
)
def test_parse_hex(text: str, rgb: tuple[int, int, int]) -> None:
    assert parse_hex(text) == rgb


@pytest.mark.parametrize(
    "text", ["", "#", "#ab", "#abcd", "#abcde", "#1234567", "##abc", "red", "#gggggg", "#\uff14\uff19\uff15"]
)
def test_parse_hex_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a colour such as #495474 or #abc"):
        parse_hex(text)
