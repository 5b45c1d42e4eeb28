"""What holds for the whole repository."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.server import ROOT
from tiffin import __version__

PACKAGES = {"tiffin", "serve", "train", "local_test", "model", "deploy", "scaffold", "bench", "examples"}
FOLDERS = ("tiffin", "serve", "train", "local_test", "deploy", "model", "examples", "bench", "tests")
PINS = sorted(
    [
        *ROOT.glob("requirements/*.txt"),
        *ROOT.glob("bench/requirements/*.txt"),
        *ROOT.glob("container/**/requirements*.txt"),
        *ROOT.glob("examples/**/requirements*.txt"),
    ]
)
MODEL_LIBRARIES = {"sklearn", "scipy", "pandas", "matplotlib", "PIL", "docker", "skops", "joblib", "onnxruntime"}


def test_no_dependency_ships_a_package_of_our_names() -> None:
    shipped = metadata.packages_distributions()
    others = {name: {d for d in shipped.get(name, []) if d != "tiffin"} for name in PACKAGES}
    assert {name: found for name, found in others.items() if found} == {}


def test_the_server_imports_no_model_library() -> None:
    code = "import sys, serve.server; print(*sys.modules)"
    environ = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"serve", "tiffin", "gunicorn", "flask"} <= imported
    assert imported & (MODEL_LIBRARIES | {"websockets"}) == set()  # the latter for models that are streamed to only


@pytest.mark.parametrize("pins", PINS, ids=lambda file: str(file.relative_to(ROOT)))
def test_pins_hold_a_hash_each_and_no_url(pins: Path) -> None:
    text = pins.read_text(encoding="utf-8")
    assert "://" not in text
    requirements = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert requirements
    assert [line for line in requirements if not line.endswith("\\")] == []  # its hashes follow


def test_there_are_pins_for_the_image_the_machine_and_the_tests() -> None:
    assert {str(file.relative_to(ROOT)) for file in PINS} >= {
        *("container/requirements.txt", "requirements/local.txt", "requirements/test.txt")
    }


def test_no_module_is_longer_than_400_lines() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert len(lengths) > 40
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
