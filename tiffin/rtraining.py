"""Train in R: a model.R with train_fn(job).

`HYPERPARAMETERS <- list(cp = 0.01, minbucket = 5L, method = c("class", "anova"))` declares them as Python's dataclass
does: names, types and defaults, several texts being those to choose from, the first the default. SIGTERM is R's
interrupt, which train_fn may catch to leave a valid artifact in job$model_dir (T-35).
"""

import dataclasses
import signal
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Literal, cast

from tiffin import rlang
from tiffin.errors import BadJob, NoModel
from tiffin.job import Channel, TrainingJob
from tiffin.rlang import Interrupted, R

_STOPS = (signal.SIGTERM, signal.SIGINT)


def load(file: Path) -> ModuleType:
    """As `loader.load_training` returns it; raises NoModel for what cannot train."""
    r = rlang.start()
    try:
        defined = r.call("source_code", str(file)) or ()
        found = r.call("declared", "HYPERPARAMETERS")
    except rlang.RError as error:
        raise NoModel(f"{file} cannot be loaded: {error}") from error
    if "train_fn" not in defined:
        raise NoModel(f"{file} has no train_fn(job)")
    module = cast(Any, ModuleType(file.name))
    module.__file__ = str(file)
    module.train_fn = lambda job: _train(r, job)
    if found is not None:
        module.Hyperparameters = _declared(*found)
    return cast(ModuleType, module)


def _declared(names: list[str], kinds: list[str], values: list[Any]) -> type:
    known: dict[str, type] = {"double": float, "integer": int, "logical": bool, "character": str}
    fields: list[tuple[str, Any, Any]] = []
    for name, kind, value in zip(names, kinds, values, strict=True):
        if kind not in known or not name.isidentifier():
            raise NoModel(f"HYPERPARAMETERS${name} is {kind}, or its name is none; use numbers, texts and logicals")
        several = len(value) > 1
        if several and kind != "character":
            raise NoModel(f"HYPERPARAMETERS${name} has {len(value)} values; only texts to choose from may be several")
        hint = Literal.__getitem__(tuple(value)) if several else known[kind]
        fields.append((name, hint, dataclasses.field(default=known[kind](value[0]))))
    return dataclasses.make_dataclass("Hyperparameters", fields, frozen=True)


def _train(r: R, job: TrainingJob) -> None:
    given = job.hyperparameters
    told = {
        "hyperparameters": given if isinstance(given, dict) else dataclasses.asdict(given),
        "model_dir": str(job.model_dir),
        "output_data_dir": str(job.output_data_dir),
        "checkpoint_dir": str(job.checkpoint_dir),
        "name": job.name,
        "is_leader": job.is_leader,
    }
    channels = {name: _channel(channel) for name, channel in job.channels.items()}
    with _stops(r):
        r.call("train", told, channels)


class _stops:  # noqa: N801  a context manager
    """SIGTERM and SIGINT as R's interrupts. What R code does not catch goes to the handler that was there before."""

    def __init__(self, r: R) -> None:
        self._r = r

    def __enter__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in _STOPS}
        self._watch = self._r.interrupted_by_signals(*_STOPS)
        self._arrived = self._watch.__enter__()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        self._watch.__exit__(None, None, None)
        if isinstance(error, Interrupted):
            handler = self._before[signal.SIGTERM]
            if callable(handler):
                handler(signal.SIGTERM, cast(FrameType, None))  # raises Stopped


def _channel(channel: Channel) -> dict[str, Any]:
    entry: dict[str, Any] = {"dir": str(channel.path), "files": (), "problem": None}
    if channel.mode == "Pipe":
        return entry | {"problem": f"channel {channel.name!r} is a pipe; R reads channels in File or FastFile mode"}
    try:
        return entry | {"files": tuple(map(str, channel.files(".csv")))}
    except BadJob as error:
        return entry | {"problem": str(error)}
