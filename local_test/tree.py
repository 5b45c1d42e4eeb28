"""An /opt/ml tree on this machine, laid out as SageMaker lays it (T-01 to T-08, T-30 to T-32)."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tiffin.paths import Paths

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
        for part in (base / "input", paths.model, paths.output):
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
