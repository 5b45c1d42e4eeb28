"""An /opt/ml tree on this machine, laid out for one host of a job as SageMaker lays it (T-01 to T-13, T-30 to T-32)."""

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tiffin.paths import Paths

BEFORE = ".model-before"  # the model of the last good job, until the next one is good
MARK = ".tiffin-tree"  # in the root of every tree made here: nothing without it is ever emptied


class TreeError(Exception):
    """A tree cannot be made or is not what a command needs; its text is for the user."""


@dataclass(frozen=True)
class Channel:
    """An input, by AWS's words: `source` is a file, or a folder whose files are the objects."""

    source: Path
    input_mode: str = "File"  # FastFile, Pipe
    distribution: str = "FullyReplicated"  # ShardedByS3Key
    content_type: str | None = None
    record_wrapper: str = "None"  # RecordIO, which acts in Pipe mode only, as does the next (T-12)
    compression: str = "None"  # Gzip

    def objects(self, host: "Host") -> list[Path]:
        """Those of one host, in the order of their keys: of n hosts each gets every n-th, perhaps none (T-13)."""
        if self.source.is_file():
            found = [self.source]
        else:
            found = sorted(p for p in self.source.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        if self.distribution == "ShardedByS3Key":
            return found[host.hosts.index(host.name) :: len(host.hosts)]
        return found

    def document(self) -> dict[str, str]:
        return {
            "TrainingInputMode": self.input_mode,
            "S3DistributionType": self.distribution,
            "RecordWrapperType": self.record_wrapper,
            **({"ContentType": self.content_type} if self.content_type else {}),
        }


@dataclass(frozen=True)
class Host:
    name: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)
    instance_type: str | None = None  # told to the job where it is known (T-05)

    def document(self) -> dict[str, object]:
        known: dict[str, object] = {
            "current_host": self.name,
            "hosts": sorted(self.hosts),
            "network_interface_name": "eth0",
        }
        if self.instance_type is None:
            return known
        group = {
            "instance_group_name": "homogeneousCluster",
            "instance_type": self.instance_type,
            "hosts": sorted(self.hosts),
        }
        return known | {
            "current_instance_type": self.instance_type,
            "current_group_name": "homogeneousCluster",
            "instance_groups": [group],
        }


@dataclass(frozen=True)
class Tree:
    paths: Paths

    @classmethod
    def at(cls, base: Path) -> "Tree":
        """An existing tree; raises TreeError when there is none at `base`."""
        tree = cls(Paths(base.resolve()))
        if not (tree.paths.base / MARK).is_file():
            raise TreeError(f"{base} holds no /opt/ml tree yet; train first")
        return tree

    @classmethod
    def build(
        cls,
        base: Path,
        hyperparameters: Mapping[str, str],
        channels: Mapping[str, Path | Channel],
        host: Host | None = None,
    ) -> "Tree":
        """A tree ready for a training job: inputs in place, model and output empty, checkpoints left as they are.

        Raises TreeError for data that is not there, and for a `base` that holds files of somebody else.
        """
        inputs = {name: c if isinstance(c, Channel) else Channel(c) for name, c in channels.items()}
        missing = [f"{name}: {c.source}" for name, c in inputs.items() if not c.source.exists()]
        if missing:
            raise TreeError(f"there is no data at {', '.join(missing)}")
        base = base.resolve()
        if base.exists() and any(base.iterdir()) and not (base / MARK).is_file():
            raise TreeError(f"{base} is not empty and not one of our trees; choose another --base-dir")
        paths = Paths(base)
        base.mkdir(parents=True, exist_ok=True)
        (base / MARK).touch()
        with cls(paths).in_use():
            return cls._fill(paths, hyperparameters, inputs, host or Host())

    @classmethod
    def _fill(
        cls, paths: Paths, hyperparameters: Mapping[str, str], channels: Mapping[str, Channel], host: Host
    ) -> "Tree":
        before = paths.base / BEFORE
        if paths.model.is_dir() and any(paths.model.iterdir()):
            shutil.rmtree(before, ignore_errors=True)
            paths.model.rename(before)
        for part in (paths.base / "input", paths.model, paths.output):
            if part.exists():
                shutil.rmtree(part)
        for folder in (paths.config, paths.data, paths.model, paths.output_data, paths.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        for name, channel in channels.items():
            if channel.input_mode != "Pipe":  # whose FIFOs come and go (T-10)
                _copy(channel.objects(host), channel.source, paths.data / name)
        _write(paths.hyperparameters, dict(hyperparameters))  # T-01: every value a string
        _write(paths.input_data_config, {name: channel.document() for name, channel in channels.items()})
        _write(paths.resource_config, host.document())
        return cls(paths)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While a command works on the tree no other may; raises TreeError when another does."""
        with (self.paths.base / MARK).open() as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TreeError(
                    f"another command is using {self.paths.base}; stop it, or choose another --base-dir"
                ) from None
            try:
                yield
            finally:  # closing is not enough: a process that another thread is just starting has the file open too
                fcntl.flock(mark, fcntl.LOCK_UN)

    def restore(self) -> bool:
        """After a job that failed: the model of the one before it, if there was one."""
        before = self.paths.base / BEFORE
        if not before.is_dir():
            return False
        shutil.rmtree(self.paths.model, ignore_errors=True)
        before.rename(self.paths.model)
        return True

    def artifact(self) -> list[Path]:
        return sorted(path for path in self.paths.model.rglob("*") if path.is_file())

    def failure(self) -> str | None:
        """What the job's owner would read as FailureReason; None when the job left none."""
        if not self.paths.failure.is_file():
            return None
        return self.paths.failure.read_text(encoding="utf-8", errors="replace")


def _copy(objects: Sequence[Path], source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for file in objects:
        place = target / (file.name if source.is_file() else file.relative_to(source))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


def _write(file: Path, document: object) -> None:
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
