"""The /opt/ml tree as one frozen object, its root movable."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    base: Path
    served: Path | None = None  # the model directory, where it is not the one below `base` (M-08)

    @property
    def config(self) -> Path:
        return self.base / "input" / "config"

    @property
    def hyperparameters(self) -> Path:
        return self.config / "hyperparameters.json"  # T-01

    @property
    def input_data_config(self) -> Path:
        return self.config / "inputdataconfig.json"  # T-03

    @property
    def resource_config(self) -> Path:
        return self.config / "resourceconfig.json"  # T-04

    @property
    def data(self) -> Path:
        """The parent of the channels: `<data>/<channel>/` (T-08), `<data>/<channel>_<epoch>` for a pipe (T-10)."""
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        return self.served or self.base / "model"  # T-30; read-only while serving, H-19

    @property
    def models(self) -> Path:
        """The parent of the models of a multi-model endpoint: `<models>/<name>/model` (M-08)."""
        return self.base / "models"

    @property
    def code(self) -> Path:
        """Where an artifact ships its own handlers (K-01)."""
        return self.model / "code"

    @property
    def submitted_code(self) -> Path:
        """Where a training script lies and runs (T-24)."""
        return self.base / "code"

    @property
    def output(self) -> Path:
        return self.base / "output"

    @property
    def output_data(self) -> Path:
        return self.output / "data"  # T-31

    @property
    def failure(self) -> Path:
        return self.output / "failure"  # T-32

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"  # T-38
