import random

import pytest

from local_test.api.tuning import drawn

LOG, REVERSE = "Logarithmic", "ReverseLogarithmic"
RANGES = [  # range, whole, scale, the share of draws below the range's middle
    (("0", "10"), False, "Linear", (0.4, 0.6)),
    (("0.0001", "1"), False, LOG, (0.85, 1.0)),
    (("0", "0.9999"), False, REVERSE, (0.0, 0.15)),
    (("1", "1000"), True, LOG, (0.8, 1.0)),
    (("3", "3"), True, "Auto", (0.0, 0.0)),
    (("-5", "5"), True, "Auto", (0.35, 0.65)),
]


@pytest.mark.parametrize(("ends", "is_whole", "scale", "share"), RANGES)
def test_draws_are_in_the_range_and_even_on_the_scale(
    ends: tuple[str, str], is_whole: bool, scale: str, share: tuple[float, float]
) -> None:
    chance = random.Random(1)  # noqa: S311
    item = {"Name": "n", "MinValue": ends[0], "MaxValue": ends[1], "ScalingType": scale}
    found = [drawn(item, is_whole, chance) for _ in range(500)]
    low, high = map(float, ends)
    assert all(low <= float(text) <= high for text in found)
    assert all(text.lstrip("-").isdigit() for text in found) == is_whole
    below = sum(float(text) < (low + high) / 2 for text in found) / len(found)
    assert share[0] <= below <= share[1]
