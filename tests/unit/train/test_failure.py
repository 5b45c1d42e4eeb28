"""T-32: the first 1024 characters of output/failure are what the job's owner reads."""

import json
from pathlib import Path

import pytest

from tiffin import limits
from tiffin.errors import BadJob
from train import failure


def written(file: Path, error: BaseException) -> tuple[str, str]:
    """First paragraph and rest of what `write` makes of an error that was raised."""
    try:
        raise error
    except BaseException as raised:  # noqa: BLE001  any error is written
        failure.write(file, raised)
    head, _, rest = file.read_text(encoding="utf-8").partition("\n\n")
    return head, rest


def test_our_own_sentence_first_and_the_traceback_after(tmp_path: Path) -> None:
    head, rest = written(tmp_path / "output" / "failure", BadJob("train/a.csv, line 3: 300 is not between 0 and 255"))
    assert head == "train/a.csv, line 3: 300 is not between 0 and 255"
    assert rest.startswith("Traceback (most recent call last):\n")
    assert "BadJob" in rest


def test_any_other_error_with_its_class_and_line(tmp_path: Path) -> None:
    head, rest = written(tmp_path / "failure", KeyError("colour"))
    assert head.startswith("KeyError: 'colour' (test_failure.py, line ")
    assert head.endswith(", in written)")
    assert "Traceback" in rest


def test_the_line_is_the_callers_and_not_a_librarys() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert "(test_failure.py, line " in failure.cause(caught.value)


def test_an_error_that_was_never_raised() -> None:
    assert failure.cause(ValueError("no")) == "ValueError: no"


def test_the_cause_of_the_cause_is_in_the_traceback(tmp_path: Path) -> None:
    error = BadJob("out of memory")
    error.__cause__ = MemoryError("17 GB")
    assert "MemoryError: 17 GB" in written(tmp_path / "failure", error)[1]


@pytest.mark.parametrize("length", [1023, 1024, 1025, 5000])
def test_a_long_cause_is_cut(length: int, tmp_path: Path) -> None:
    head, rest = written(tmp_path / "failure", BadJob("é" * length))
    assert len(head) == min(length, limits.FAILURE_REASON_CHARS)
    assert head.endswith("…") == (length > limits.FAILURE_REASON_CHARS)
    assert "Traceback" in rest


def test_one_the_user_wrote_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "failure"
    file.write_text("the sensor was off")
    written(file, ValueError("no"))
    assert file.read_text() == "the sensor was off"


def test_an_empty_one_is_no_reason(tmp_path: Path) -> None:
    (tmp_path / "failure").touch()
    assert written(tmp_path / "failure", BadJob("a reason"))[0] == "a reason"


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    name = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    assert written(tmp_path / "failure", BadJob(f"{name} is empty"))[0] == r"caf\udce9.csv is empty"
