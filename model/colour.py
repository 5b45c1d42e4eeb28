"""Colour spaces a classifier can be trained in, and hex codes.

The constants are those of the colorspace packages of R and PyPI, not of the newer sRGB standard (0.04045, a
7-digit matrix): they reproduce the models of the hands-on, and differ from the standard by at most 0.005.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

GAMMA, LINEAR_BELOW = 2.4, 0.03928
LINEAR_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
KAPPA, EPSILON = 24389 / 27, 216 / 24389  # CIE's L* near black is KAPPA * y, below y = EPSILON

HEX = re.compile(r"#?(?:([0-9a-f]{6})|([0-9a-f]{3}))", re.IGNORECASE)


@dataclass(frozen=True)
class ColourSpace:
    features: tuple[str, str, str]
    transform: Callable[[Floats], Floats]  # (n, 3) sRGB bytes to (n, 3) features


def to_features(rgb: npt.ArrayLike, color_space: str) -> Floats:
    """(n, 3) sRGB bytes, 0 to 255, to (n, 3) features; NaN stays NaN. Raises ValueError."""
    if color_space not in SPACES:
        raise ValueError(f"color_space {color_space!r} is none of {', '.join(SPACES)}")
    values = np.asarray(rgb, dtype=np.float64)
    if values.shape[1:] != (3,):
        raise ValueError(f"colours of shape {values.shape} are not rows of R, G, B")
    return SPACES[color_space].transform(values)


def parse_hex(text: str) -> tuple[int, int, int]:
    """`#495474`, `495474` or `#abc`, in either case, to R, G, B."""
    match = HEX.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a colour such as #495474 or #abc")
    red, green, blue = bytes.fromhex(match[1] or "".join(2 * digit for digit in match[2]))
    return red, green, blue


def as_hex(rgb: Floats) -> str:
    """(3,) of 0 to 255 to `#495474`."""
    return "#" + bytes(np.rint(rgb).astype(np.uint8)).hex()


def lab(rgb: Floats) -> Floats:
    return _linear_to_lab(to_linear(rgb / 255))


def lab_linear(rgb: Floats) -> Floats:
    """The bytes taken as linear light, which they are not: what the hands-on did (colorspace's `RGB()`)."""
    return _linear_to_lab(rgb / 255)


def to_linear(srgb: Floats) -> Floats:
    """sRGB of 0 to 1, to linear light."""
    # np.where computes both sides: the power must not see what the other side takes
    curve = ((np.maximum(srgb, LINEAR_BELOW) + 0.055) / 1.055) ** GAMMA
    return np.where(srgb > LINEAR_BELOW, curve, srgb / 12.92)


def _linear_to_lab(linear: Floats) -> Floats:
    # einsum, not BLAS: a row's features must not depend on how many rows come with it
    ratio = np.einsum("nc,xc->nx", linear, LINEAR_TO_XYZ) / WHITE
    x, y, z = np.where(ratio > EPSILON, np.cbrt(ratio), (KAPPA * ratio + 16) / 116).T
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=1)


def _by_colorspace(rgb: Floats, target: str, columns: str, hue: int | None) -> Floats:
    try:
        import colorspace  # GPL, so an extra; only these spaces need it
    except ImportError:
        raise ValueError("this color_space needs the package colorspace: pip install colorspace") from None
    if len(rgb) == 0:  # colorspace refuses no colours
        return np.empty((0, 3))
    red, green, blue = (rgb / 255).T
    colours = colorspace.sRGB(red.copy(), green.copy(), blue.copy())
    colours.to(target)
    features = np.stack([colours.get(column) for column in columns], axis=1).astype(np.float64)
    if hue is not None:
        # a grey has no hue; trees want a number
        features[np.isnan(features[:, hue]) & ~np.isnan(rgb).any(axis=1), hue] = 0.0
    return features


def _optional(features: tuple[str, str, str], target: str, columns: str, hue: int | None = None) -> ColourSpace:
    return ColourSpace(features, partial(_by_colorspace, target=target, columns=columns, hue=hue))


SPACES: Mapping[str, ColourSpace] = MappingProxyType(
    {
        "rgb": ColourSpace(("R", "G", "B"), np.copy),
        "lab": ColourSpace(("L", "A", "B"), lab),
        "lab-linear": ColourSpace(("L", "A", "B"), lab_linear),
        "luv": _optional(("L", "U", "V"), "CIELUV", "LUV"),
        "polarluv": _optional(("L", "C", "H"), "polarLUV", "LCH", hue=2),
        # colorspace names polarLAB's chroma A and its hue B
        "polarlab": _optional(("L", "C", "H"), "polarLAB", "LAB", hue=2),
        "hsv": _optional(("H", "S", "V"), "HSV", "HSV", hue=0),
        "hls": _optional(("H", "L", "S"), "HLS", "HLS", hue=0),
    }
)
