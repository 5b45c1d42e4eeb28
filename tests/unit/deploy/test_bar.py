"""A bar where somebody looks."""

import io

import pytest

from deploy.bar import Bar, size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_ends_full() -> None:
    out = Terminal()
    bar = Bar(3000, out)
    bar.add(1500)
    bar.add(1500)
    bar.close()
    assert out.getvalue().startswith("\r[###############               ]  50% of 3.0 kB")
    assert out.getvalue().endswith(f"\r[{'#' * 30}] 100% of 3.0 kB\n")


def test_nothing_is_drawn_where_nobody_looks() -> None:
    out = io.StringIO()
    bar = Bar(1, out)
    bar.add(1)
    bar.close()
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("many", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2.5e12, "2.5 TB"), (3e15, "3000.0 TB")]
)
def test_a_size_is_said_in_its_unit(many: float, said: str) -> None:
    assert size(many) == said
