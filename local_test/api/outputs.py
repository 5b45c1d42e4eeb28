"""What a job leaves, put into S3: archives or files, and checkpoints while it runs (T-30, T-31, T-38)."""

import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from local_test.api.objects import Location, Objects, objects_under
from local_test.engine.archive import pack

SYNC = 1.0  # seconds between looks at the checkpoints; how often the platform looks is not documented


def archive(objects: Objects, account: str, folders: Sequence[Path], location: Location) -> None:
    """One .tar.gz of the folders' contents, one over the other."""
    with tempfile.TemporaryDirectory(prefix="tiffin-") as place:
        file = Path(place) / "archive.tar.gz"
        pack(folders, file)
        objects.write(account, location, file)


def files(objects: Objects, account: str, folders: Sequence[Path], location: Location) -> None:
    """Each file as an object below the location."""
    for folder in folders:
        for name, path in objects_under(folder):
            objects.write(account, location.under(name), path)


class Synced:
    """A folder whose files are put below an S3 prefix as they appear, and once more at the end.

    Of checkpoints deletes as well, after they were restored from there.
    """

    def __init__(self, objects: Objects, account: str, location: Location, folder: Path, deletes: bool = True) -> None:
        self._objects, self._account, self._folder, self._deletes = objects, account, folder, deletes
        self._location = location if location.key.endswith("/") or not location.key else location.under("")
        self._seen: dict[str, tuple[int, int]] = {}  # as S3 has it
        self._before: dict[str, tuple[int, int]] = {}  # as the last look found it
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"sync {location}", daemon=True)

    def restore(self) -> None:
        folder = self._folder
        folder.mkdir(parents=True, exist_ok=True)
        for key in self._objects.names(self._account, self._location):
            name = key[len(self._location.key) :]
            if name and not name.endswith("/") and ".." not in Path(name).parts:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self._objects.file(self._account, Location(self._location.bucket, key)), target)
        folder.chmod(0o777)  # whoever the container runs as
        self._seen = self._stamps()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._sync(whole=True)

    def _watch(self) -> None:
        while not self._ended.wait(SYNC):
            self._sync()

    def _sync(self, whole: bool = False) -> None:
        """A file counts once it is as it was at the look before, unless the job has ended: half a file is none."""
        stamps = self._stamps()
        for name in [name for name in self._seen if self._deletes and name not in stamps]:
            self._objects.remove(self._account, self._location.under(name))
            del self._seen[name]
        for name, stamp in stamps.items():
            if self._seen.get(name) != stamp and (whole or self._before.get(name) == stamp):
                try:
                    self._objects.write(self._account, self._location.under(name), self._folder / name)
                except FileNotFoundError:  # as checkpoints go that a newer one replaces
                    continue
                self._seen[name] = stamp
        self._before = stamps

    def _stamps(self) -> dict[str, tuple[int, int]]:
        found = {}
        for name, path in objects_under(self._folder):
            try:
                stat = path.stat()
            except FileNotFoundError:  # renamed or deleted just now
                continue
            found[name] = (stat.st_mtime_ns, stat.st_size)
        return found
