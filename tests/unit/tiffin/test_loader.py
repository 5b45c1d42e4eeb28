"""Plugs of every shape, written here. Each test leaves the interpreter's modules and path as they were."""

import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tiffin import loader
from tiffin.context import Context
from tiffin.errors import BadPayload, NoModel, StreamsOnly
from tiffin.settings import Settings

ECHO = "def model_fn(model_dir): return 'loaded'\ndef predict_fn(data, model): return [model]\n"


@pytest.fixture(autouse=True)
def modules_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No bytecode is written, as a plug written twice within a second would be taken for the first."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]
    sys.modules.update(modules)
    sys.path[:] = path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path / "ml", plug=tmp_path / "plug")


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def answer(settings: Settings) -> str:
    reply = loader.load_predictor(settings).predict(b"1\n", "text/csv", None, Context(settings))
    return reply.body.decode().strip()


def refusal(settings: Settings) -> str:
    with pytest.raises(NoModel) as raised:
        loader.load_predictor(settings)
    return str(raised.value)


@pytest.mark.parametrize(
    "files",
    [
        {"inference.py": ECHO},
        {"inference.py": ECHO, "__init__.py": ""},
        {"inference.py": "from plug.inner import *\n", "inner.py": ECHO},
        {"inference.py": "from .inner import *\n", "inner.py": ECHO},
        {"inference.py": "from plug.deep.inner import *\n", "deep/inner.py": ECHO},
        {"inference.py": "from . import model_fn, predict_fn\n", "__init__.py": ECHO},
        {"inference.py": "from functools import partial\n" + ECHO + "predict_fn = partial(predict_fn)\n"},
        {"inference.py": "from __future__ import annotations\nfrom dataclasses import dataclass\n"
         "@dataclass\nclass A:\n    a: int = 1\n" + ECHO},
        {"inference.py": "\ufeff# -*- coding: utf-8 -*-\n" + ECHO},
    ],
    ids=["bare", "package", "absolute", "relative", "subfolder", "init", "partial", "dataclass", "bom"],
)  # fmt: skip
def test_plug(settings: Settings, files: Mapping[str, str]) -> None:
    write(settings.plug, files)
    assert answer(settings) == "loaded"


@pytest.mark.parametrize("name", ["model-1.2", "my plug", "하늘", "class", "1", "plug.py", "inference"])
def test_plug_in_a_folder_of_any_name(settings: Settings, name: str) -> None:
    settings = replace(settings, plug=settings.plug.with_name(name))
    write(settings.plug, {"inference.py": "from .inner import *\n", "inner.py": ECHO})
    assert answer(settings) == "loaded"


@pytest.mark.parametrize("name", ["json", "tiffin", "numpy", "statistics"])
def test_plug_in_a_folder_called_as_a_module_in_use(settings: Settings, name: str) -> None:
    settings = replace(settings, plug=settings.plug.with_name(name))
    write(settings.plug, {"inference.py": ECHO})
    before = sys.modules.get(name)
    assert refusal(settings) == (
        f"the folder {settings.plug} is called as a module that is in use, {name!r}: rename the folder"
    )
    assert sys.modules.get(name) is before


def test_plug_by_a_relative_path(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write(settings.plug, {"inference.py": "from plug.inner import *\n", "inner.py": ECHO})
    monkeypatch.chdir(settings.plug)
    assert answer(replace(settings, plug=Path())) == "loaded"


def test_a_folder_of_the_plugs_name_elsewhere_does_not_get_in_the_way(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "plug", {"__init__.py": "", "inner.py": "raise RuntimeError"})
    write(settings.plug, {"inference.py": "from plug.inner import *\n", "inner.py": ECHO})
    sys.path.insert(0, str(tmp_path / "elsewhere"))
    assert answer(settings) == "loaded"


def test_the_same_plug_is_loaded_again_without_being_run_again(settings: Settings, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write(settings.plug, {"inference.py": f"with open({str(runs)!r}, 'a') as f: f.write('x')\n{ECHO}"})
    assert [answer(settings), answer(settings)] == ["loaded", "loaded"]
    assert runs.read_text() == "x"


@pytest.mark.parametrize("program", ["inference.py", "my-model.py", "json.py", "tiffin.py", "serve.v2.py", ".py"])
def test_the_artifacts_code_wins_and_its_siblings_have_bare_names(
    settings: Settings, program: str, caplog: pytest.LogCaptureFixture
) -> None:  # K-01
    settings = replace(settings, program=program)
    write(settings.plug, {"inference.py": ECHO})
    write(settings.paths.code, {program: f"from sibling import WORD\n{ECHO}".replace("'loaded'", "WORD")})
    write(settings.paths.code, {"sibling.py": "WORD = 'shipped'"})
    with caplog.at_level(logging.INFO):
        assert answer(settings) == "shipped"
    assert caplog.messages == [f"model code: {settings.paths.code / program}"]
    assert sys.modules["json"].__name__ == "json"


def test_a_sibling_may_import_the_artifacts_script(settings: Settings) -> None:
    write(
        settings.paths.code,
        {"inference.py": f"WORD = 'once'\nimport sibling\n{ECHO}", "sibling.py": "import inference"},
    )
    assert answer(settings) == "loaded"
    assert sys.modules["sibling"].inference.WORD == "once"


def test_code_of_a_plug_named_code(settings: Settings, tmp_path: Path) -> None:
    settings = replace(settings, plug=tmp_path / "code")
    write(settings.plug, {"inference.py": "from sibling import *\n", "sibling.py": ECHO})
    assert answer(settings) == "loaded"


def test_the_plug_serves_where_the_artifacts_code_has_no_handlers(settings: Settings) -> None:
    write(settings.paths.code, {"requirements.txt": "", "other.py": ""})
    write(settings.plug, {"inference.py": ECHO})
    assert answer(settings) == "loaded"


def test_model_fn_gets_the_model_directory_and_the_settings(settings: Settings) -> None:
    code = "def model_fn(model_dir, context): return model_dir, context\ndef predict_fn(data, model): return [0]\n"
    write(settings.plug, {"inference.py": code})
    model_dir, context = getattr(loader.load_predictor(settings), "model")  # noqa: B009
    assert model_dir == str(settings.paths.model)
    assert context == Context(settings)


def test_a_model_that_can_predict_by_itself(settings: Settings) -> None:  # K-03
    code = "class Model:\n    def predict(self, x): return x.sum(axis=1)\ndef model_fn(model_dir): return Model()\n"
    write(settings.plug, {"inference.py": code})
    assert answer(settings) == "1.0"


def test_a_model_that_only_streams(settings: Settings) -> None:
    code = "def model_fn(model_dir): pass\ndef stream_fn(stream, model): yield from stream\n"
    write(settings.plug, {"inference.py": code})
    predictor = loader.load_predictor(settings)
    assert predictor.converse is not None
    with pytest.raises(StreamsOnly):
        predictor.predict(b"1\n", "text/csv", None, Context(settings))


def test_no_code_at_all(settings: Settings) -> None:
    assert refusal(settings).startswith("There is no model code. Bring it in one of these ways:\n  FROM this image")


@pytest.mark.parametrize(
    ("saved", "right"), [("my.rds", "model.rds"), ("my.RData", "model.rdata"), ("churn.joblib", "model.joblib")]
)
def test_a_saved_model_under_another_name_is_told_the_right_one(settings: Settings, saved: str, right: str) -> None:
    settings.paths.model.mkdir(parents=True, exist_ok=True)
    (settings.paths.model / saved).touch()
    assert refusal(settings).endswith(f"\n{saved} is in the artifact: as {right} it would do")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_package", "{file} cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"
         " ({file}, line 1); if no_such_package is a package, the image needs: RUN apt-get update && apt-get install "
         f"-y --no-install-recommends python3-pip && pip --python {sys.executable} install no_such_package"),
        ("\nx = 1 / 0", "{file} cannot be imported: ZeroDivisionError: division by zero ({file}, line 2)"),
        ("def f(:", "{file} cannot be imported: SyntaxError: invalid syntax (inference.py, line 1)"),
        ("a = '\0'", "{file} cannot be imported: SyntaxError: source code string cannot contain null bytes"),
        ("def f():\nreturn", "{file} cannot be imported: IndentationError: expected an indented block after function "
         "definition on line 1 (inference.py, line 2)"),
        ("from tiffin.errors import NoModel\nraise NoModel('own words')", "own words"),
        ("import sys\nsys.exit()", "{file} called sys.exit(None) while it was loaded"),
        ("def model_fn(model_dir): exit(3)", "model_fn of {file} called sys.exit(3)"),
        ("def model_fn(model_dir): raise KeyError('x')", "model_fn of {file} failed: KeyError: 'x'"),
        ("def model_fn(model_dir): raise MemoryError", "model_fn of {file} failed: MemoryError: "),
        ("def model_fn(model_dir): open('/no/such')", "model_fn of {file} failed: FileNotFoundError: [Errno 2] No such"
         " file or directory: '/no/such'"),
        ("model_fn = 3", "model_fn of {file} is int, not a function"),
        ("def model_fn(model_dir): pass", "{file} has no predict_fn(data, model), and model_fn's NoneType has no "
         "predict(data)"),
        ("", "{file} has no model_fn(model_dir)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["plug", "artifact"])
def test_what_cannot_be_loaded_says_why(settings: Settings, code: str, reason: str, where: str) -> None:
    folder = settings.plug if where == "plug" else settings.paths.code
    write(folder, {"inference.py": code})
    assert refusal(settings) == reason.format(file=folder / "inference.py")


def test_a_package_that_cannot_be_imported_says_why(settings: Settings) -> None:
    write(settings.plug, {"inference.py": ECHO, "__init__.py": "\n\n1 / 0"})
    assert refusal(settings) == (
        f"{settings.plug / 'inference.py'} cannot be imported: ZeroDivisionError: division by zero "
        f"({settings.plug / '__init__.py'}, line 3)"
    )


def test_the_reason_keeps_its_cause_for_the_log(settings: Settings) -> None:
    write(settings.plug, {"inference.py": "1 / 0"})
    with pytest.raises(NoModel) as raised:
        loader.load_predictor(settings)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_a_public_error_of_model_fn_keeps_its_words(settings: Settings) -> None:
    write(
        settings.plug, {"inference.py": "from tiffin.errors import BadPayload\ndef model_fn(d): raise BadPayload('x')"}
    )
    with pytest.raises(BadPayload, match="x"):
        loader.load_predictor(settings)


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ({"training.py": "def train_fn(job): ..."}, "training.py"),
        ({"inference.py": "def train_fn(job): ..."}, "inference.py"),
        ({"inference.py": "", "training.py": "from plug.inner import train_fn", "inner.py": "def train_fn(job): ..."},
         "training.py"),
    ],
)  # fmt: skip
def test_training(settings: Settings, files: Mapping[str, str], taken: str, caplog: pytest.LogCaptureFixture) -> None:
    write(settings.plug, files)
    with caplog.at_level(logging.INFO):
        assert callable(loader.load_training(settings).train_fn)
    assert caplog.messages == [f"training code: {settings.plug / taken}"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "there is no code to train with: {plug}/training.py is missing; it must define train_fn(job)"),
        ({"training.py": ""}, "{plug}/training.py has no train_fn(job)"),
        ({"training.py": "train_fn = 1"}, "{plug}/training.py has no train_fn(job)"),
        ({"training.py": "1 / 0"}, "{plug}/training.py cannot be imported: ZeroDivisionError: division by zero "
         "({plug}/training.py, line 1)"),
    ],
)  # fmt: skip
def test_nothing_to_train_with_says_why(settings: Settings, files: Mapping[str, str], reason: str) -> None:
    write(settings.plug, files)
    with pytest.raises(NoModel) as raised:
        loader.load_training(settings)
    assert str(raised.value) == reason.format(plug=settings.plug)
