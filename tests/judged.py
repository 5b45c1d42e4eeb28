"""Images that tests judge, built from folders and kept by what is in them: a test builds only what has changed."""

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from local_test.verify.verdict import Judgement, Status, order

ROOT = Path(__file__).resolve().parent.parent
NAME = "tiffin-judged"
LABEL = "dev.tiffin.judged"


def tag(folder: Path, base: str = "") -> str:
    """Of the content: the same files on the same base have the same."""
    digest = hashlib.sha256(base.encode())
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder)}\0{file.stat().st_mode & 0o100}\0".encode() + file.read_bytes())
    return f"{NAME}:{folder.name}-{digest.hexdigest()[:16]}"


def build(client: Any, folder: Path, base: str = "") -> str:
    """The image's tag. `base` is what its Dockerfile's ARG BASE gets; links are followed, out of the folder too."""
    from docker.errors import APIError, ImageNotFound

    name = tag(folder, base)
    if (line := (folder / "Dockerfile").read_text().partition("FROM debian:")[2]) and not base:
        subprocess.run([ROOT / "container" / "engine.sh", f"debian:{line.split()[0]}"], check=True, timeout=300)
    try:
        client.images.get(name)
    except ImageNotFound:
        for old in client.images.list(NAME, filters={"label": f"{LABEL}={folder.name}"}):
            for former in old.tags:
                with suppress(APIError):  # what was built on it keeps it until that is built anew
                    client.images.remove(former)
        client.images.build(
            fileobj=_context(folder),
            custom_context=True,
            buildargs={"BASE": base} if base else {},
            labels={LABEL: folder.name},
            tag=name,
            rm=True,
            forcerm=True,
            timeout=600,
        )
    return name


def _context(folder: Path) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
        archive.add(folder, ".")
    packed.seek(0)
    return packed


def expect(judgement: Judgement, expected: Mapping[str, Any]) -> None:
    """Exactly these fail and warn; what was seen is shown where it is not so."""
    seen = {
        status: [(v.id, v.seen) for v in judgement.verdicts if v.status is status]
        for status in (Status.FAIL, Status.WARN)
    }
    for status, name in ((Status.FAIL, "fail"), (Status.WARN, "warn")):
        wanted = sorted(expected.get(name, ()), key=order)
        assert judgement.ids(status) == wanted, f"{name}: {seen[status]}"
