"""Lines that stay, and what changes where somebody looks."""

import io

import pytest

from deploy.progress import Progress, Transfer, size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_ends_full() -> None:
    out = Terminal()
    bar = Transfer(3000, out)
    bar.add(1500)
    bar.add(1500)
    bar.close()
    assert out.getvalue().startswith("\r\x1b[K[###############...............]  50% of 3.0 kB")
    assert out.getvalue().endswith(f"\r\x1b[K[{'#' * 30}] 100% of 3.0 kB\n")


def test_nothing_is_drawn_where_nobody_looks() -> None:
    out = io.StringIO()
    bar = Transfer(1, out)
    bar.add(1)
    bar.close()
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("many", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2.5e12, "2.5 TB"), (3e15, "3000.0 TB")]
)
def test_a_size_is_said_in_its_unit(many: float, said: str) -> None:
    assert size(many) == said


def test_without_a_terminal_a_push_is_a_line_at_each_quarter() -> None:
    out = io.StringIO()
    progress = Progress(out)
    for done in range(101):
        progress.share("pushing", done * 1_000_000, 100_000_000)
    progress.end()
    assert out.getvalue() == "".join(f"pushing: {done} of 100 MB\n" for done in (25, 50, 75, 100))


def test_on_a_terminal_one_line_changes() -> None:
    out = Terminal()
    progress = Progress(out)
    progress.step("Step 1")
    progress.line("a \x1b[31mword")
    progress.share("pushing", 1, 2)
    progress.end()
    assert out.getvalue().split("\r\x1b[K") == [
        "",
        "Step 1\n",
        "  a [31mword",
        f"pushing [{'#' * 15}{'.' * 15}]  50% of 2 B",
        "",
    ]
    assert progress.tail == ("Step 1", "a \x1b[31mword")
