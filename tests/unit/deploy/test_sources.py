"""The files of a build: which there are, which are secrets, and the digest of them all."""

import subprocess
from pathlib import Path

import pytest

from deploy import sources
from deploy.errors import DeployError
from deploy.sections import Image

KEY = "-----BEGIN PRIVATE KEY-----\nMII\n"


def context(folder: Path, text: str = "FROM a\nCOPY . /\n", **files: str) -> sources.Sources:
    for name, content in {"Dockerfile": text, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return sources.find(Image(context=folder))


def test_the_ignored_are_not_there(tmp_path: Path) -> None:
    ignored = {".dockerignore": "# all\n*\n!model\n**/*.so\n", "model/a.py": "", "model/b.so": "", "c.py": ""}
    assert set(context(tmp_path, **ignored).files) >= {"model/a.py"}
    assert {"model/b.so", "c.py"} & set(context(tmp_path, **ignored).files) == set()
    own = context(tmp_path, **ignored, **{"Dockerfile.dockerignore": "model\n"})
    assert "c.py" in own.files
    assert "model/a.py" not in own.files


@pytest.mark.parametrize(
    ("name", "content", "is_one"),
    [
        (".env", "A=1", True),
        (".env", "", False),
        ("src/.aws/credentials", "x", True),
        (".ssh/id_ed25519", "x", True),
        ("server.key", KEY, True),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\n", False),
        (".env.example", "A=", False),
        ("environment.py", "A=1", False),
    ],
)
def test_credentials_that_a_copy_takes_are_named(tmp_path: Path, name: str, content: str, is_one: bool) -> None:
    assert sources.leaks(context(tmp_path, **{name: content}), {}) == [name] * is_one
    assert sources.leaks(context(tmp_path, "FROM a\nCOPY model /\n", **{"model/a": ""}), {}) == []
    assert sources.leaks(context(tmp_path, **{".dockerignore": name}), {}) == []


def test_a_build_secret_in_the_context_is_one_too(tmp_path: Path) -> None:
    given = context(tmp_path, **{"pip.conf": "[global]\n"})
    assert sources.leaks(given, {"pip.conf": str(tmp_path / "pip.conf")}) == ["pip.conf"]


def test_the_digest_is_of_all_that_decides(tmp_path: Path) -> None:
    def now(**build_args: str) -> str:
        return sources.digest(sources.find(Image(context=tmp_path)), build_args)

    context(tmp_path, a="1")
    first = now()
    assert now() == first
    seen = {first, now(EXTRAS="arrow")}
    (tmp_path / "a").chmod(0o755)
    seen.add(now())
    (tmp_path / "a").write_text("2")
    seen.add(now())
    (tmp_path / "a").rename(tmp_path / "b")
    seen.add(now())
    assert len(seen) == 5


def test_labels_say_the_commit_and_whether_it_is_all(tmp_path: Path) -> None:
    given = context(tmp_path)
    assert "org.opencontainers.image.revision" not in sources.labels(given, {})
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run([*git, *arguments], check=True)
    commit = sources.labels(given, {})["org.opencontainers.image.revision"]
    assert len(commit) == 40
    context(tmp_path, a="1")
    assert sources.labels(given, {})["org.opencontainers.image.revision"] == f"{commit}-dirty"


def test_tiffins_own_dockerfile_is_built_with_the_plug(tmp_path: Path) -> None:
    for name in ("container/Dockerfile", "model/inference.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("FROM a\n")
    assert sources.find(Image(context=tmp_path)).target == "plug"
    (tmp_path / "model" / "colourpass.c").touch()
    assert sources.find(Image(context=tmp_path)).target == "colour"
    assert sources.find(Image(context=tmp_path, target="r")).target == "r"
    assert context(tmp_path).target == ""


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"there is no Dockerfile .*container/Dockerfile"):
        sources.find(Image(context=tmp_path))
    with pytest.raises(DeployError, match="nowhere is no folder"):
        sources.find(Image(context=tmp_path / "nowhere"))
