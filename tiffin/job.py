"""A training job as a plug's `train_fn(job)` sees it."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from tiffin.errors import BadJob

_PIPE_POLL = 0.05  # seconds; T-10: the next FIFO may not exist yet
_PIPE_PATIENCE = 600.0


@dataclass(frozen=True)
class Channel:
    """One input channel (T-03, T-08 to T-12)."""

    name: str
    path: Path
    mode: str = "File"
    distribution: str = "FullyReplicated"
    content_type: str | None = None
    record_wrapper: str = "None"

    @property
    def is_sharded(self) -> bool:
        return self.distribution == "ShardedByS3Key"

    def files(self, suffix: str) -> list[Path]:
        """The channel's files, sorted, those of subfolders too; raises BadJob when there is none to read.

        Only files that end in `suffix`, unless the channel's ContentType says what all of them are.
        """
        found = sorted(p for p in self.path.rglob("*") if p.is_file() and not self._is_hidden(p))
        wanted = [p for p in found if self.content_type or p.name.lower().endswith(suffix)]
        if wanted:
            return wanted
        if found:
            names = ", ".join(p.name for p in found[:5]) + (", …" if len(found) > 5 else "")  # noqa: PLR2004
            raise BadJob(f"channel {self.name!r} holds no {suffix} file, only {names}")
        why = (
            "ShardedByS3Key gave this host none of the objects; use at least one object a host, or FullyReplicated"
            if self.is_sharded  # T-13
            else f"nothing was put into {self.path}"
        )
        raise BadJob(f"channel {self.name!r} is empty: {why}")

    def streams(self, suffix: str, epoch: int = 0) -> Iterator[tuple[str, BinaryIO]]:
        """Each file with the name that errors should call it by; of a pipe the one stream of this epoch (T-10)."""
        if self.record_wrapper != "None":
            raise BadJob(
                f"channel {self.name!r} is wrapped as {self.record_wrapper}; send it with RecordWrapperType None"
            )
        if self.mode == "Pipe":
            with self._pipe(epoch) as stream:
                yield f"{self.name}_{epoch}", stream
            return
        for file in self.files(suffix):
            with file.open("rb") as stream:
                yield f"{self.name}/{file.relative_to(self.path)}", stream

    def _is_hidden(self, file: Path) -> bool:
        """`_SUCCESS`, `.ipynb_checkpoints/colours-checkpoint.csv`: what tools leave, and nobody means as data."""
        return any(part.startswith((".", "_")) for part in file.relative_to(self.path).parts)

    @contextmanager
    def _pipe(self, epoch: int) -> Iterator[BinaryIO]:
        fifo = self.path.with_name(f"{self.name}_{epoch}")
        deadline = time.monotonic() + _PIPE_PATIENCE
        while not fifo.exists():
            if time.monotonic() > deadline:
                raise BadJob(f"channel {self.name!r}: the pipe {fifo} did not appear in {_PIPE_PATIENCE:.0f} s")
            time.sleep(_PIPE_POLL)
        with fifo.open("rb") as stream:
            yield stream


@dataclass(frozen=True)
class TrainingJob:
    """`model_dir` is a folder of this job's own: what is in it when `train_fn` returns becomes the artifact.

    `hyperparameters` is an instance of the plug's declared dataclass, or a dict where it declares none.
    """

    hyperparameters: Any
    channels: Mapping[str, Channel]
    model_dir: Path
    output_data_dir: Path
    checkpoint_dir: Path
    name: str = ""
    hosts: tuple[str, ...] = ("algo-1",)
    current_host: str = "algo-1"

    @property
    def is_leader(self) -> bool:
        """Whether this host writes the model: artifacts of all hosts are merged (T-30), so one writes."""
        return self.current_host == self.hosts[0]

    def channel(self, *names: str) -> Channel:
        """The first channel of these names; raises BadJob naming the ones there are."""
        found = self.optional_channel(*names)
        if found is None:
            present = ", ".join(sorted(self.channels)) or "none"
            raise BadJob(f"there is no channel {' or '.join(map(repr, names))}; channels given: {present}")
        return found

    def optional_channel(self, *names: str) -> Channel | None:
        return next((self.channels[name] for name in names if name in self.channels), None)

    @staticmethod
    def metric(name: str, value: float) -> None:
        """One `name=value;` line on standard output, where SageMaker's regexes look (T-40).

        Never with an exponent: `([0-9.]+)` would take 1.2e-05 for 1.2.
        """
        text = f"{value:.0f}" if abs(value) >= 10**6 else format(Decimal(f"{value:.6g}"), "f")
        sys.stdout.write(f"{name}={text};\n")
        sys.stdout.flush()
