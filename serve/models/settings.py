"""The settings of one model among many: the server's, but for where the model lies (M-08)."""

from dataclasses import dataclass, field
from pathlib import Path

from tiffin.paths import Paths
from tiffin.settings import Settings


@dataclass(frozen=True)
class ModelSettings(Settings):
    model_dir: Path = field(kw_only=True)

    @property
    def paths(self) -> Paths:
        return Paths(self.base_dir, self.model_dir)

    @classmethod
    def of(cls, settings: Settings, model_dir: Path) -> "ModelSettings":
        return cls(**vars(settings), model_dir=model_dir)
