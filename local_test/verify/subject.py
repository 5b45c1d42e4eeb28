"""What is judged, and what its owner gave the judge to do it with."""

import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_test.verify.payload import Payload
from local_test.verify.probe import Container, Engine, Mount, Start

CAPABILITY = "com.amazonaws.sagemaker.capabilities."


class SubjectError(Exception):
    """What was given cannot be used; its text is for the user."""


@dataclass(frozen=True)
class Subject:
    image: str
    payload: Payload | None = None
    channels: Mapping[str, Path] = field(default_factory=dict)
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    model: Path | None = None  # a folder, or a model.tar.gz
    environment: Mapping[str, str] = field(default_factory=dict)
    message: Payload | None = None  # of a stream in both directions; None: the payload
    pipes: Sequence[str] = ()  # channels that the image reads in Pipe mode (T-10)
    metrics: Mapping[str, str] = field(default_factory=dict)  # name -> regular expression (T-40)
    start_window: float = 120.0  # seconds; the platform's is 480 (H-04), and a judge in a hurry has less


@dataclass(frozen=True)
class Court:
    """All that a check may use. `model` is a folder: the artifact given, or the one that training made, or empty."""

    subject: Subject
    engine: Engine
    folder: Path  # the judge's own, empty at first
    model: Path
    wanted: Callable[[str], bool]  # by contract id
    without_model: str = ""  # why `model` is empty where it should not be: then a server that is not ready is no fault
    writable_model: bool = False  # H-19 failed already: all else is judged with a model directory that can be written

    @property
    def config(self) -> Mapping[str, Any]:
        return self.engine.attributes.get("Config") or {}

    def claims(self, capability: str) -> bool:
        """Whether the image's label says that it has it."""
        labels = self.config.get("Labels") or {}
        return str(labels.get(CAPABILITY + capability, "")).lower() == "true"

    def serve(self, **changes: Any) -> Start:
        """How `serve` starts on the platform; `environment` among the changes adds to the user's."""
        environment = {**self.subject.environment, **changes.pop("environment", {})}
        mounts = changes.pop("mounts", (Mount(self.model, "/opt/ml/model", self.writable_model),))
        return Start("serve", environment, mounts, **changes)

    def workspace(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(parents=True)
        return place

    @contextmanager
    def running(self, start: Start) -> Iterator[Container]:
        with self.engine.running(start) as container:
            yield container


def unpack(model: Path, into: Path) -> Path:
    """The artifact as a folder. Raises SubjectError."""
    if model.is_dir():
        return model
    try:
        with tarfile.open(model) as archive:
            archive.extractall(into, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise SubjectError(f"{model} is neither a folder nor a model.tar.gz: {error}") from None
    return into
