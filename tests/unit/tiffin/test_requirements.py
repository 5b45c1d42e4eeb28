"""code/requirements.txt against what is installed: here, distributions made up in a folder on the path."""

import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tiffin import requirements
from tiffin.errors import NoModel
from tiffin.settings import Settings

HERE = {
    "left-pad": (
        "1.4.2",
        ["Requires-Dist: pad-core>=2", "Provides-Extra: fast", "Requires-Dist: cpad; extra == 'fast'"],
    ),
    "Under_score": ("2.0rc1", []),
    "odd": ("2004-unknown", []),
}
MENDING = (
    "build an image that has it: FROM this image, then "
    "RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && pip"
)


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    for name, (version, lines) in HERE.items():
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
        (folder / "METADATA").write_text(text + "\n")
    monkeypatch.syspath_prepend(site)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    return tmp_path / "code" / "requirements.txt"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n\n",
        "left-pad\n",
        "Left_Pad>=1.4,<2\n",
        "left-pad == 1.4.*  # as it was trained with\n",
        "left.pad~=1.4.0 ; python_version >= '3.11'\n",
        "absent==1; python_version < '3'\n",
        "absent==1; sys_platform == 'win32'\r\n",
        "under-score>=2.0rc1\n",
        "left-pad==1.4.2 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n",
        "--index-url https://example.org/simple\n-i https://example.org\n--no-binary :all:\nleft-pad\n",
        "\ufeffleft-pad\n",
        "odd\n",
        "left-pad[unheard-of]\n",
    ],
)
def test_what_is_met(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert requirements.provide(file, Settings()) is None


@pytest.mark.parametrize(
    ("text", "listed", "install"),
    [
        ("absent==1.2\n", "absent==1.2 (is not installed)", "absent==1.2"),
        ("absent\n", "absent (is not installed)", "absent"),
        ("left-pad>=2\n", "left-pad>=2 (is here as 1.4.2)", "'left-pad>=2'"),
        ("odd==1\n", "odd==1 (is here as 2004-unknown)", "odd==1"),
        ("absent[a]>1; python_version>'3'", "absent[a]>1 (is not installed)", "'absent[a]>1'"),
        ("left-pad[fast]\n", "cpad (is not installed, for left-pad[fast])", "cpad"),
        ("a\nleft-pad<1\n", "a (is not installed), left-pad<1 (is here as 1.4.2)", "a 'left-pad<1'"),
        ("absent @ https://example.org/absent.whl\n", "absent (is not installed)", "absent"),
        ("absent==1 --hash=sha256:00\n", "absent==1 (is not installed)", "absent==1"),
        ("-r more.txt\n", "absent (is not installed)", "absent"),
        ("--requirement=more.txt\n", "absent (is not installed)", "absent"),
    ],
)
def test_K01_what_is_not_met_is_named_with_the_way_to_mend_it(file: Path, text: str, listed: str, install: str) -> None:
    file.write_text(text)
    (file.parent / "more.txt").write_text("-r requirements.txt\nabsent\n")  # a circle ends
    with pytest.raises(NoModel) as raised:
        requirements.provide(file, Settings())
    message = str(raised.value)
    assert message.startswith(f"{file} asks for what is not in this image: {listed}. Nothing is installed")
    assert f"{MENDING} --python {sys.executable} install {install};" in message
    assert ("TIFFIN_ALLOW_VERSION_MISMATCH=true" in message) == ("is here as" in listed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left-pad\nleft pad\n", "line 2: 'left pad' is no requirement such as numpy>=2"),
        ("left-pad >= two \\\n\n", "line 1: 'left-pad >= two' is no requirement such as numpy>=2"),
        ("-r gone.txt\n", "line 1: 'gone.txt' is not there"),
        ("caf\udce9\n", "cannot be read: 'utf-8' codec"),
    ],
)
def test_a_file_that_cannot_be_read_so(file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(NoModel) as raised:
        requirements.provide(file, Settings())
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        "git+https://example.org/a.git",
        "-e git+https://example.org/a.git#egg=a",
        "-e .",
        "./wheels/a-1-py3-none-any.whl",
        "https://example.org/a.tar.gz",
        "-c constraints.txt",
        "left-pad @ git+https://example.org/left-pad.git",
    ],
)
def test_what_cannot_be_checked_is_said(file: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text(f"{line}\n")
    assert requirements.provide(file, Settings()) is None
    (message,) = caplog.messages
    assert "check" in message
    assert line.removeprefix("left-pad @ ") in message


def test_no_file_is_nothing_to_check(file: Path) -> None:
    assert requirements.provide(file, Settings()) is None


def test_another_version_may_be_let_be(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text("left-pad==9\n")
    assert requirements.provide(file, Settings(allow_version_mismatch=True)) is None
    assert "left-pad==9 (is here as 1.4.2), and TIFFIN_ALLOW_VERSION_MISMATCH lets it be" in caplog.text
    file.write_text("absent==9\n")
    with pytest.raises(NoModel, match=r"absent==9 \(is not installed\)"):
        requirements.provide(file, Settings(allow_version_mismatch=True))


def test_T15_without_pip_an_install_says_what_is_missing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    file.write_text("absent\n")
    with pytest.raises(NoModel, match="there is no pip here to install"):
        requirements.provide(file, Settings(install_requirements=True))


def test_an_install_cannot_replace_what_the_server_runs_on(file: Path) -> None:
    file.write_text("left-pad==9\n")
    with pytest.raises(NoModel, match=r"left-pad==9 \(is here as 1\.4\.2\), and the server itself runs on that one"):
        requirements.provide(file, Settings(install_requirements=True), {"left_pad"})


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A package that pip can install without a network."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    file = folder / "absent-1.0-py3-none-any.whl"
    info = "absent-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("absent.py", "WORD = 'installed'\n")
        packed.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: absent\nVersion: 1.0\n")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{info}/RECORD", f"absent.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return folder


def test_an_install_that_was_asked_for(
    file: Path, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    file.write_text(f"--no-index\n--find-links {wheel}\nabsent==1.0\n")
    settings = replace(Settings(), install_requirements=True)
    folder = requirements.provide(file, settings)
    assert folder is not None
    assert (folder / "absent.py").is_file()
    assert requirements.provide(file, settings) == folder  # once
    file.write_text(f"--no-index\n--find-links {wheel}\nabsent==2.0\n")
    with pytest.raises(NoModel, match=r"pip could not install .*No matching distribution found for absent==2.0"):
        requirements.provide(file, settings)
    left = [path.name for path in tmp_path.glob("tiffin-requirements-*")]
    assert left == [folder.name]
