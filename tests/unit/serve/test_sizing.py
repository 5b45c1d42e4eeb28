import pytest

from serve import sizing
from tiffin.cgroup import Resources
from tiffin.settings import Settings

MIB = 2**20


@pytest.mark.parametrize(
    ("asked", "cores", "quota", "memory", "loaded", "expected"),
    [
        (0, 4, None, None, 50 * MIB, (4, "4 usable cores")),
        (0, 64, 2.0, None, 50 * MIB, (2, "a quota of 2 cores (cgroup v2)")),
        (0, 64, 1.5, None, 50 * MIB, (2, "a quota of 1.5 cores (cgroup v2)")),
        (0, 64, 0.25, None, 50 * MIB, (1, "a quota of 0.25 cores (cgroup v2)")),
        (0, 2, 8.0, None, 50 * MIB, (2, "2 usable cores")),
        (0, 8, None, 1024 * MIB, 200 * MIB, (4, "1024 MiB of memory (cgroup v2) for 200 MiB each")),
        (0, 8, None, 100 * MIB, 200 * MIB, (1, "100 MiB of memory (cgroup v2) for 200 MiB each")),
        (0, 8, 2.0, 10_000 * MIB, 200 * MIB, (2, "a quota of 2 cores (cgroup v2)")),
        (3, 1, 1.0, 1 * MIB, 200 * MIB, (3, "as the environment asks")),
    ],
)
def test_processes(  # noqa: PLR0913, PLR0917  a table
    asked: int, cores: int, quota: float | None, memory: int | None, loaded: int, expected: tuple[int, str]
) -> None:
    resources = Resources(quota, memory, "cgroup v2")
    assert sizing.choose(Settings(workers=asked), cores, resources, loaded) == expected


def test_peak_memory_is_of_this_process() -> None:
    assert 5 * MIB < sizing.peak_memory() < 100_000 * MIB
