"""Channels in Pipe mode: for each epoch a FIFO that gives the channel's bytes once (T-10)."""

import contextlib
import errno
import gzip
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from local_test.engine.tree import Channel

_PIECE = 1024 * 1024  # bytes
_POLL = 0.02  # seconds


class Feeder:
    """Feeds one channel until `close`; a reader may close early and open the next epoch."""

    def __init__(self, place: Path, channel: Channel, objects: Sequence[Path], late: float = 0.0) -> None:
        """`place` is `<data>/<channel>`, to which the epoch is added. `late`: seconds until the next epoch's FIFO."""
        self._place, self._channel, self._objects, self._late = place, channel, objects, late
        self.epochs = 0  # that were opened
        self._ended = threading.Event()
        self._make(0)  # before the container starts
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """To be called when nobody reads any more: a write that waits ends with its reader."""
        self._ended.set()
        self._thread.join()
        for fifo in self._place.parent.glob(f"{self._place.name}_*"):
            fifo.unlink()

    def _fifo(self, epoch: int) -> Path:
        return self._place.with_name(f"{self._place.name}_{epoch}")

    def _make(self, epoch: int) -> None:
        os.mkfifo(self._fifo(epoch))
        self._fifo(epoch).chmod(0o666)  # whoever the container runs as

    def _feed(self) -> None:
        epoch = 0
        while (descriptor := self._opened(self._fifo(epoch))) is not None:
            self.epochs = epoch + 1
            if not self._late:
                self._make(epoch + 1)
            with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as stream:
                for piece in self._pieces():
                    stream.write(piece)
            if self._late:
                if self._ended.wait(self._late):
                    return
                self._make(epoch + 1)
            epoch += 1

    def _opened(self, fifo: Path) -> int | None:
        """Once somebody reads there; None when the job has ended."""
        while not self._ended.wait(_POLL):
            try:
                descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                continue
            os.set_blocking(descriptor, True)
            return descriptor
        return None

    def _pieces(self) -> Iterator[bytes]:
        for file in self._objects:
            with gzip.open(file) if self._channel.compression == "Gzip" else file.open("rb") as stream:
                if self._channel.record_wrapper == "RecordIO":
                    from tiffin.codecs.recordio import framed  # brings numpy

                    yield framed(stream.read())  # an object is a record (T-12)
                else:
                    yield from _in_pieces(stream)


def _in_pieces(stream: "BinaryIO | gzip.GzipFile") -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece
