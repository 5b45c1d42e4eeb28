"""Find the user's code: the artifact's code/, then the plug, then a bare model file. The first wins, and is logged."""

import importlib
import importlib.machinery
import importlib.util
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tiffin import bare, document, rfiles, toolkits
from tiffin.context import Context
from tiffin.errors import NoModel, TiffinError
from tiffin.joined import joined
from tiffin.media import CSV
from tiffin.predictor import HandlerPredictor, Handlers, Predictor, Raw
from tiffin.settings import Settings

log = logging.getLogger(__name__)

HOW_TO_BRING_A_MODEL = """\
There is no model code. Bring it in one of these ways:
  FROM this image, then: COPY model/ /opt/program/model/      (model/inference.py with model_fn and predict_fn)
  or ship code/inference.py inside model.tar.gz, beside the model
  or ship a fitted estimator by itself: model.joblib, model.skops or model.onnx in model.tar.gz
In R the file is model.R (docs/07-r.md), and a model.rds or model.RData that R can predict with needs no code at all."""


def load_predictor(settings: Settings) -> Predictor:
    """Import the handlers and load the model; raises NoModel with the reason, the traceback logged once."""
    file = _handler_file(settings)
    if rfiles.is_r(file):
        from tiffin import rmodel  # R only for who brings it

        return rmodel.load(file, settings)
    try:
        handlers, model, reads_documents = _loaded(file, settings)
    except SystemExit as error:  # it would end the server in silence, and with its own exit code
        raise NoModel(f"{file} called sys.exit({error.code!r}) while it was loaded") from error
    predicts = bool({"predict_fn", "transform_fn"} & handlers.functions.keys()) or hasattr(model, "predict")
    if not predicts and "stream_fn" not in handlers:
        kind = type(model).__name__  # H-06: found out now, not at each request
        raise NoModel(f"{file} has no predict_fn(data, model), and model_fn's {kind} has no predict(data)")
    return HandlerPredictor(
        handlers,
        model,
        _raw(handlers, model, settings) if predicts else None,
        _warm_up(handlers, model, settings),
        streams_only=not predicts,
        parsed_json=reads_documents,
    )


def _loaded(file: Path, settings: Settings) -> tuple[Handlers, Any, bool]:
    """Handlers, model, and whether JSON is for predict_fn to read."""
    if file.name in bare.NAMES:
        return Handlers({}, str(file)), bare.load(file, settings.allow_version_mismatch), False
    is_script = file.parent != settings.plug
    if is_script:
        _require(file.parent / "requirements.txt", settings)
    module = _import(file, is_script)
    handlers = Handlers.of(module)
    log.info("model code: %s", file)
    return handlers, _load_model(handlers, settings, file), _reads_documents(module, settings)


def _reads_documents(module: ModuleType, settings: Settings) -> bool:
    """Whether JSON is for predict_fn to read, as scripts do whose requests are no rows: {"inputs": "a text"}."""
    predict = getattr(module, "predict_fn", None)
    if predict is None or hasattr(module, "input_fn") or settings.json_bodies == "rows":
        return False
    if settings.json_bodies == "auto" and not document.is_read_by(predict):
        return False
    log.info("predict_fn gets JSON bodies as parsed documents, not as rows")
    return True


def _require(file: Path, settings: Settings) -> None:
    """K-01: checked, and installed where that is asked for."""
    if not file.is_file():
        return
    from tiffin import requirements

    folder = requirements.provide(file, settings, sys.modules)
    if folder is not None:
        sys.path.insert(0, str(folder))


def _load_model(handlers: Handlers, settings: Settings, file: Path) -> Any:
    for name in ("pre_model_fn", "model_fn"):  # K-02
        if name in handlers:
            with _loading(f"{name} of {file}"):
                model = handlers[name](str(settings.paths.model), Context(settings))
    return model


def _warm_up(handlers: Handlers, model: Any, settings: Settings) -> Callable[[], None]:
    """`model_warmup_fn` (K-02), or for a model that is asked for its own `predict` a row of zeros."""

    def warm_up() -> None:
        if "model_warmup_fn" in handlers:
            with _loading(f"model_warmup_fn of {handlers.source}"):
                handlers["model_warmup_fn"](str(settings.paths.model), model, Context(settings))
            return
        width = getattr(model, "n_features_in_", None)
        if not {"predict_fn", "transform_fn"} & handlers.functions.keys() and isinstance(width, int):
            try:
                model.predict(np.zeros((1, width)))
            except Exception as error:  # noqa: BLE001  user code; zeros may be no fair question
                log.warning("the model did not take a row of zeros to warm up: %s: %s", type(error).__name__, error)

    return warm_up


@contextmanager
def _loading(what: str) -> Iterator[None]:
    try:
        yield
    except TiffinError:
        raise
    except SystemExit as error:  # it would end the server in silence, and with its own exit code
        raise NoModel(f"{what} called sys.exit({error.code!r})") from error
    except Exception as error:
        raise NoModel(f"{what} failed: {type(error).__name__}: {error}") from error


def _raw(handlers: Handlers, model: Any, settings: Settings) -> Raw | None:
    """The short way for CSV, where the handlers leave room for one: the plug's own, or `predict` asked for many."""
    if {"input_fn", "output_fn", "transform_fn"} & handlers.functions.keys() or CSV in handlers.pass_through:
        return None
    if "raw_fn" in handlers:
        raw_fn, context = handlers["raw_fn"], Context(settings)
        return lambda bodies: raw_fn(bodies, model, context)
    return None if "predict_fn" in handlers else joined(model.predict)


def load_training(settings: Settings) -> ModuleType:
    """The plug's module with `train_fn(job)`: training.py, a model.R, or inference.py where one file holds all."""
    files = [settings.plug / name for name in ("training.py", rfiles.CODE, "inference.py")]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise NoModel(f"there is no code to train with: {files[0]} is missing; it must define train_fn(job)")
    if rfiles.is_r(file):
        from tiffin import rtraining  # R only for who brings it

        log.info("training code: %s", file)
        return rtraining.load(file)
    module = _import(file)
    if not callable(getattr(module, "train_fn", None)):
        raise NoModel(f"{file} has no train_fn(job)")
    log.info("training code: %s", file)
    return module


def _handler_file(settings: Settings) -> Path:
    shipped = _shipped(settings), settings.paths.code / rfiles.CODE
    plug = settings.plug / "inference.py", settings.plug / rfiles.CODE
    for file in (*shipped, *plug):
        if file is not None and file.is_file():
            return file
    saved = [file for file in (bare.find(settings.paths.model), rfiles.artifact(settings.paths.model)) if file]
    if len(saved) > 1:
        raise NoModel(f"the artifact has {saved[0].name} and {saved[1].name}: leave the one that is to be served")
    if not saved:
        raise NoModel(HOW_TO_BRING_A_MODEL + _misnamed(settings.paths.model))
    return saved[0]


def _misnamed(folder: Path) -> str:
    """Saved models that lie there under names of their own, which are not served by guess."""
    known = {Path(name).suffix: name for name in (*bare.NAMES, *rfiles.SAVED)}
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in known)
    return "".join(f"\n{file.name} is in the artifact: as {known[file.suffix.lower()]} it would do" for file in files)


def _shipped(settings: Settings) -> Path | None:
    """K-01: the script in the artifact's code/, else in the folder that SAGEMAKER_SUBMIT_DIRECTORY names."""
    name = settings.program if settings.program.endswith(".py") else f"{settings.program}.py"
    submitted = settings.submit_directory.removeprefix("file://")
    folders = [settings.paths.code, *([Path(submitted)] if submitted else [])]
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None and submitted:
        raise NoModel(
            f"SAGEMAKER_SUBMIT_DIRECTORY={settings.submit_directory!r} has no {name} here, nor has {folders[0]}; "
            f"nothing is fetched at the start, so ship it in model.tar.gz as code/{name}"
        )
    return found


def _import(file: Path, is_script: bool = False) -> ModuleType:
    """Import `file` as `<folder>.<stem>`, its folder a package, so that its siblings import each other.

    A folder of that name elsewhere on the path does not get in the way. An artifact's script may also import its
    siblings by their bare names, as AWS's toolkit lets it (K-01).
    """
    folder = file.parent.resolve()
    try:
        if is_script or folder.name == "code":
            toolkits.stand_in()
            sys.path.insert(0, str(folder))
            return _import_script(file)
        package = folder.name.replace(".", "_")  # model-1.2: a dot would ask for a package in a package
        _register_package(package, folder)
        return importlib.import_module(f"{package}.{file.stem}")
    except TiffinError:
        raise
    except Exception as error:
        raise NoModel(
            f"{file} cannot be imported: {type(error).__name__}: {error}{_place(error)}{_lack(error)}"
        ) from error


def _import_script(file: Path) -> ModuleType:
    """Under its bare name, so that its siblings can import it, unless that name is in use: `serve.py`, `json.py`."""
    name = file.stem if file.stem not in sys.modules else f"{file.stem} of the artifact"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _register_package(name: str, folder: Path) -> None:
    loaded = sys.modules.get(name)
    if loaded is not None and str(folder) in map(str, getattr(loaded, "__path__", ())):
        return
    if loaded is not None or name in sys.stdlib_module_names:
        raise NoModel(f"the folder {folder} is called as a module that is in use, {name!r}: rename the folder")
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, init if init.is_file() else None, submodule_search_locations=[str(folder)]
    )
    if spec is None:  # a namespace package: a plug without __init__.py
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    if spec.loader is not None:
        spec.loader.exec_module(package)


def _lack(error: BaseException) -> str:
    """What brings a module that is not here, if it is a package's."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    from tiffin import requirements

    package = error.name.partition(".")[0]
    return f"; if {package} is a package, the image needs: {requirements.run_line(package)}"


def _place(error: BaseException) -> str:
    """Where it was raised, in somebody's file: not in the machinery of imports, as a SyntaxError is."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    if not frames or frames[-1].filename == __file__:
        return ""
    return f" ({frames[-1].filename}, line {frames[-1].lineno})"
