"""What is sent, and as what."""

import io
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.invocation import guessed, payload


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"255,0,0", "text/csv"),
        (b"", "text/csv"),
        (b' {"instances": []}', "application/json"),
        (b"[[1]]", "application/json"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_a_body_says_what_it_is(body: bytes, kind: str) -> None:
    assert guessed(body) == kind


def test_a_file_a_text_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.JSONL"
    file.write_bytes(b"\xff\n")
    assert payload(str(file), "").content_type == "application/jsonlines"
    assert payload(str(file), "text/csv").content_type == "text/csv"
    assert payload("1,2", "").body == b"1,2"
    assert payload("x" * 100_000, "").body == b"x" * 100_000  # longer than any file's name
    with pytest.raises(DeployError, match=r"no file ghost\.png"):
        payload("ghost.png", "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\x89PNG\r\n\xff")))
    assert payload("-", "").content_type == "image/png"
