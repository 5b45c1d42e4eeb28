"""Each folder of tests/cases/scripts is an artifact with a script such as AWS's examples have, and requests to it.

`*.http` as in tests/cases/http; make.py, run in the model directory, makes what is no text; environment.txt
has variables, `{base}` in them the root of the tree; what is in outside/ goes there. All else is the artifact.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.message import Message
from tests.server import ROOT, Server, refused, serving

CASES = sorted(path for path in (ROOT / "tests" / "cases" / "scripts").iterdir() if path.is_dir())


def laid(case: Path, base: Path) -> dict[str, str]:
    """The artifact below `base`; returns the environment."""
    notes = shutil.ignore_patterns("*.http", "make.py", "environment.txt", "outside", "__pycache__")
    shutil.copytree(case, base / "model", ignore=notes, dirs_exist_ok=True)
    if (case / "outside").is_dir():
        shutil.copytree(case / "outside", base, dirs_exist_ok=True)
    if (case / "make.py").is_file():
        subprocess.run([sys.executable, case / "make.py"], cwd=base / "model", check=True)
    file = case / "environment.txt"
    lines = file.read_text().replace("{base}", str(base)).splitlines() if file.is_file() else []
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_script(case: Path, base: Path) -> None:
    with serving(base, {"SERVE_WORKERS": "1"} | laid(case, base)) as server:
        requests = sorted(case.glob("*.http"))
        assert requests
        for file in requests:
            _check(file, server)


def _check(file: Path, server: Server) -> None:
    request, expected = Message.pair(file)
    method, path = request.start.split()
    answer = server.request(method, path, request.body.encode(), request.headers)
    assert answer.status == int(expected.start), (file.name, answer.body)
    for name, value in expected.headers.items():
        assert answer.headers.get(name.lower()) == value, file.name
    body = answer.body.decode()
    assert re.fullmatch(re.escape(expected.body).replace("…", ".*"), body, re.DOTALL), (file.name, body)
    assert "Traceback" not in body  # K-08
    assert os.sep + "inference.py" not in body


def test_there_are_cases() -> None:
    assert len(CASES) >= 19
    assert len(list((ROOT / "tests" / "cases" / "scripts").rglob("*.http"))) > 60


def test_K08_the_traceback_is_in_the_log_once(base: Path) -> None:
    case = ROOT / "tests" / "cases" / "scripts" / "csv-by-stringio"
    with serving(base, {"SERVE_WORKERS": "1"} | laid(case, base)) as server:
        assert server.invoke(b"{}", "application/json").status == 500
        assert server.invoke(b"<a/>", "text/xml").status == 415
        server.wait_for_log("KeyError: 'instances'")
        server.wait_for_log("input_fn refused a request: ValueError: text/xml not supported by script!")
        assert server.log.count("Traceback") == 1


def script(base: Path, code: str, **files: str) -> None:
    folder = base / "model" / "code"
    folder.mkdir()
    (folder / "inference.py").write_text(code)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)


SERVES = "def model_fn(model_dir):\n    return 1\n\n\ndef predict_fn(data, model):\n    return data\n"


def test_K01_requirements_that_are_not_met_stop_the_start(base: Path) -> None:
    script(base, SERVES, requirements="numpy<1\nno-such-package-here[fast]>=2\n")
    code, log = refused(base, {})
    assert code == 1
    wanted = (
        r"numpy<1 \(is here as \d.+?\), no-such-package-here\[fast\]>=2 \(is not installed\)\. Nothing is installed"
    )
    assert re.search(wanted, log)
    assert "Traceback" not in log


def test_K01_a_version_that_is_let_be(base: Path) -> None:
    script(base, SERVES, requirements="numpy<1\n")
    with serving(base, {"TIFFIN_ALLOW_VERSION_MISMATCH": "true"}) as server:
        assert server.invoke(b"1").body == b"1\n"
        server.wait_for_log(r"numpy<1 \(is here as .*TIFFIN_ALLOW_VERSION_MISMATCH lets it be")


@pytest.mark.parametrize("directory", ["s3://bucket/sourcedir.tar.gz", "/nowhere"])
def test_K01_a_submit_directory_that_is_not_here_stops_the_start(base: Path, directory: str) -> None:
    code, log = refused(base, {"SAGEMAKER_SUBMIT_DIRECTORY": directory, "SAGEMAKER_PROGRAM": "iris.py"})
    assert code == 1
    assert f"SAGEMAKER_SUBMIT_DIRECTORY='{directory}' has no iris.py here" in log
    assert "so ship it in model.tar.gz as code/iris.py" in log


def test_a_package_that_is_missing_is_named(base: Path) -> None:
    script(base, f"import xgboost_is_not_here as xgb\n\n\n{SERVES}")
    code, log = refused(base, {})
    assert code == 1
    assert "ModuleNotFoundError: No module named 'xgboost_is_not_here'" in log
