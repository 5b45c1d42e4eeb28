"""An /opt/ml tree on this machine, laid out as SageMaker lays it (T-01 to T-08, T-30 to T-32)."""

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tiffin.paths import Paths

BEFORE = ".model-before"  # the model of the last good job, until the next one is good
MARK = ".tiffin-tree"  # in the root of every tree made here: nothing without it is ever emptied


class TreeError(Exception):
    """A tree cannot be made or is not what a command needs; its text is for the user."""


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
    def build(cls, base: Path, hyperparameters: Mapping[str, str], channels: Mapping[str, Path]) -> "Tree":
        """A tree ready for a training job: inputs copied in, model and output empty.

        A channel is a folder or one file. Raises TreeError for data that is not there, and for a `base` that holds
        files of somebody else.
        """
        missing = [f"{name}: {path}" for name, path in channels.items() if not path.exists()]
        if missing:
            raise TreeError(f"there is no data at {', '.join(missing)}")
        base = base.resolve()
        if base.exists() and any(base.iterdir()) and not (base / MARK).is_file():
            raise TreeError(f"{base} is not empty and not one of our trees; choose another --base-dir")
        paths = Paths(base)
        base.mkdir(parents=True, exist_ok=True)
        (base / MARK).touch()
        with cls(paths).in_use():
            return cls._fill(paths, hyperparameters, channels)

    @classmethod
    def _fill(cls, paths: Paths, hyperparameters: Mapping[str, str], channels: Mapping[str, Path]) -> "Tree":
        before = paths.base / BEFORE
        if paths.model.is_dir() and any(paths.model.iterdir()):
            shutil.rmtree(before, ignore_errors=True)
            paths.model.rename(before)
        for part in (paths.base / "input", paths.model, paths.output):
            if part.exists():
                shutil.rmtree(part)
        for folder in (paths.config, paths.data, paths.model, paths.output_data, paths.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        for name, source in channels.items():
            _copy(source, paths.data / name)
        _write(paths.hyperparameters, dict(hyperparameters))  # T-01: every value a string
        _write(
            paths.input_data_config,
            {
                name: {
                    "TrainingInputMode": "File",
                    "S3DistributionType": "FullyReplicated",
                    "RecordWrapperType": "None",
                }
                for name in channels
            },
        )
        _write(
            paths.resource_config,
            {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"},
        )
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
            yield

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


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir()
        shutil.copy(source, target)


def _write(file: Path, document: object) -> None:
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
