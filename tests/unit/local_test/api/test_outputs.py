"""What a job leaves in S3, where its files come and go."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from local_test.api import inputs, outputs
from local_test.api.inputs import InputError, Object
from local_test.api.objects import Location, NoObject, Objects

ACCOUNT = "123456789012"
CHECKPOINTS = Location("outputs-bucket", "checkpoints/")


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[Objects]:
    s3: Any = s3_backends[ACCOUNT]["aws"]
    s3.create_bucket(CHECKPOINTS.bucket, "us-east-1")
    yield Objects(tmp_path / "objects")
    s3.reset()


def test_a_file_that_is_gone_before_it_is_put_is_no_object(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        objects.write(ACCOUNT, CHECKPOINTS.under("gone"), tmp_path / "gone")
    assert objects.names(ACCOUNT, CHECKPOINTS) == []
    with pytest.raises(NoObject):
        objects.get(ACCOUNT, CHECKPOINTS.under("gone"))


def test_checkpoints_are_put_on_when_one_has_gone(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "kept").write_text("k")
    stamps = outputs.Synced._stamps

    def with_one_gone(self: outputs.Synced) -> dict[str, tuple[int, int]]:
        return {"a-gone": (1, 1), **stamps(self)}

    monkeypatch.setattr(outputs.Synced, "_stamps", with_one_gone)
    synced = outputs.Synced(objects, ACCOUNT, CHECKPOINTS, folder)
    synced.start()
    synced.close()
    assert objects.names(ACCOUNT, CHECKPOINTS) == ["checkpoints/kept"]


def test_a_key_that_is_both_a_file_and_a_folder_is_said(objects: Objects, tmp_path: Path) -> None:
    found = [Object(CHECKPOINTS.under(name), name) for name in ("a", "a/b")]
    (tmp_path / "x").write_text("x")
    for item in found:
        objects.write(ACCOUNT, item.location, tmp_path / "x")
    with pytest.raises(InputError, match="s3://outputs-bucket/checkpoints/a/b cannot be fetched"):
        inputs.fetch(objects, ACCOUNT, found, tmp_path / "channel")
