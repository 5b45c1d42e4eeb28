"""Serve R: the functions of a model.R, or the own predict() of what a model.rds or model.RData holds."""

import itertools
import logging
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiffin import rfiles, rframe, rlang
from tiffin.context import Context
from tiffin.errors import BadPayload, NoModel, TiffinError
from tiffin.joined import joined
from tiffin.predictor import HandlerPredictor, Handlers, Predictor, Raw
from tiffin.rframe import Schema
from tiffin.rlang import R, RError
from tiffin.settings import Settings
from tiffin.table import Array, Floats, Table

log = logging.getLogger(__name__)

_OF_THE_TIMEOUT = 0.9  # so that R ends a call by itself before its process would be ended


def load(file: Path, settings: Settings) -> Predictor:
    """Raises NoModel with the reason, R's traceback logged once."""
    r = rlang.start()
    try:
        return _load(r, file, settings)
    except RError as error:
        raise NoModel(f"{file.name} failed while it was loaded: {error}") from error


def _load(r: R, file: Path, settings: Settings) -> Predictor:
    if file.name == rfiles.CODE:
        defined = set(r.call("source_code", str(file)) or ())
        log.info("model code: %s", file)
    else:
        defined = set()
        log.info("model: %s, by its own predict()", file)
    saved = file if not defined and file.name != rfiles.CODE else rfiles.artifact(settings.paths.model)
    if "model_fn" not in defined and saved is None:
        raise NoModel(f"{file} has no model_fn(model_dir), and the artifact holds no model.rds or model.RData to read")
    r.call("load_model", str(settings.paths.model), str(saved or ""), "model_fn" in defined)
    by, schema, may_join = "predict_fn", None, bool(r.call("joins")[0])
    if "predict_fn" in defined:
        schema = _declared_columns(r)
    else:
        by = "predict()"
        names, kinds, levels, plain = r.call("describe_kept", (saved or file).name)
        if names is not None:
            schema = Schema(tuple(names), tuple(kinds), tuple(tuple(some) if some else None for some in levels))
            may_join = may_join or bool(plain[0])
    model = RModel(r, by, schema, settings.timeout * _OF_THE_TIMEOUT)
    r.call("settle")
    raw = _raw(model, may_join) if not {"input_fn", "output_fn"} & defined else None
    return HandlerPredictor(Handlers(model.functions(defined), str(file)), model, raw, model.warm_up)


def _declared_columns(r: R) -> Schema | None:
    """`COLUMNS <- list(age = "numeric", sex = c("f", "m"))`: a kind, or a factor's levels."""
    found = r.call("declared", "COLUMNS")
    if found is None:
        return None
    names, _, values = found
    known = {"numeric": "double", "integer": "integer", "logical": "logical", "character": "text"}
    kinds, levels = [], []
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise NoModel(f"COLUMNS${name} is no text; it is one of {', '.join(known)}, or the levels of a factor")
        if len(value) == 1 and value[0] not in known:
            raise NoModel(
                f"COLUMNS${name} is {value[0]!r}, none of {', '.join(known)}; a factor has two levels or more"
            )
        kinds.append(known[value[0]] if len(value) == 1 else "factor")
        levels.append(tuple(value) if len(value) > 1 else None)
    return Schema(tuple(names), tuple(kinds), tuple(levels))


@dataclass(frozen=True)
class Held:
    """What an R function returned for another R function: it stays in R, under this name."""

    name: str


class RModel:
    def __init__(self, r: R, by: str, schema: Schema | None, limit: float) -> None:
        self._r, self._by, self.schema, self._limit = r, by, schema, limit
        self._numbers = itertools.count()
        self._gone: deque[str] = deque()

    def functions(self, defined: set[str]) -> dict[str, Callable[..., Any]]:
        """As `HandlerPredictor` calls them, with the context last."""
        functions: dict[str, Callable[..., Any]] = {"model_fn": lambda *_: self}
        if "input_fn" in defined:
            functions["input_fn"] = self._input
        stays = bool({"input_fn", "output_fn"} & defined)
        functions["predict_fn"] = self._predict_held if stays else self._predict
        if "output_fn" in defined:
            functions["output_fn"] = self._output
            functions["predict_fn"] = lambda data, *_: self._answer(data)
        return functions

    def warm_up(self) -> None:
        """In each process, after the fork."""
        self._r.call("fresh_chance")
        if self._by == "predict()" and self.schema is not None and self.schema.is_numeric:
            try:
                self.numbers(np.zeros((1, len(self.schema.names))))
            except Exception as error:  # noqa: BLE001  user code; zeros may be no fair question
                log.warning("the model did not take a row of zeros to warm up: %s", error)

    def numbers(self, rows: Floats, wait: bool = True) -> list[Any]:
        """What R answers, as rlang.R's `rows_out` has it, for (rows, columns) of a schema of numbers."""
        names = self.schema.names if self.schema is not None else tuple(f"V{i + 1}" for i in range(rows.shape[1]))
        flat = np.ascontiguousarray(rows.T).ravel()
        found: list[Any] = self._call("predicted_plain", len(rows), names, flat, self._by, wait=wait)
        return found

    def _predict(self, table: Table, _model: object, _context: Context) -> Table:
        frame = rframe.to_frame(table, self.schema)
        return rframe.to_table(self._call("predicted", *frame.arguments, self._by))

    def _predict_held(self, data: "Held | Table", _model: object, _context: Context) -> Table:
        return rframe.to_table(self._call("kept_rows", self._answer(data).name, self._by))

    def _input(self, body: str | bytes, content_type: str | None, _context: Context) -> Held:
        if isinstance(body, str) and "\0" in body:
            raise BadPayload("the body has a NUL character, which R's text cannot hold")
        held = self._held()
        data = body if isinstance(body, str) else np.frombuffer(body, np.uint8).astype(np.int32)
        self._call("keep_input", held.name, data, content_type or "")
        return held

    def _answer(self, data: "Held | Table") -> Held:
        held = data if isinstance(data, Held) else self._held()
        if isinstance(data, Table):
            self._call("keep_frame", held.name, *rframe.to_frame(data, self.schema).arguments)
        self._call("keep_answer", held.name, self._by)
        return held

    def _output(self, held: Held, accept: str | None, _context: Context) -> Any:
        octets, content_type = self._call("written", held.name, accept or "*/*")
        body = octets.astype(np.uint8).tobytes()
        return (body, content_type[0]) if content_type else body

    def _held(self) -> Held:
        held = Held(f"request {next(self._numbers)}")
        weakref.finalize(held, self._gone.append, held.name).atexit = False
        return held

    def _call(self, function: str, *arguments: Any, wait: bool = True) -> Any:
        names = []
        while self._gone:
            names.append(self._gone.popleft())
        if names:
            self._r.call("forget", tuple(names))
        return self._r.call(function, *arguments, limit=self._limit, wait=wait)


class _TheLongWay(Exception):
    """An answer that is no column of labels or numbers."""


def _raw(model: RModel, may_join: bool) -> Raw | None:
    """The short way for CSV, for a model of numbers whose rows do not know of each other."""
    if not may_join or model.schema is None or not model.schema.is_numeric:
        return None
    width = len(model.schema.names)

    def predict(rows: Floats) -> Array:
        found = rframe.one_array(model.numbers(rows, wait=False))
        if found is None:
            raise _TheLongWay
        return found

    together = joined(predict, lambda rows: rows.shape[1] == width)

    def raw(bodies: list[bytes]) -> list[bytes | None]:
        try:
            return together(bodies)
        except (rlang.Busy, _TheLongWay, TiffinError):
            # the loop must not wait for R (H-08), and the long way says whose fault it was
            return [None] * len(bodies)

    return raw
