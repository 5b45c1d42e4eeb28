"""What a build is given: the files of its context, less what .dockerignore names, and what of them is a secret."""

import hashlib
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy import dockerfile
from deploy.errors import DeployError
from deploy.sections import Image
from tiffin import __version__

DEFAULT = "container/Dockerfile"
# Files that hold credentials and nothing else.
CREDENTIALS = re.compile(
    r"(^|/)(\.env|\.netrc|_netrc|\.pypirc|\.git-credentials|\.Renviron|id_(rsa|dsa|ecdsa|ed25519)|\.aws/credentials"
    r"|\.docker/config\.json|\.kube/config)$"
)
KEY_FILES = re.compile(r"\.(pem|key|p8)$")
PRIVATE_KEY = b"PRIVATE KEY-----"


@dataclass(frozen=True)
class Sources:
    """`files`: relative to the context, sorted, as the builder gets them."""

    context: Path
    dockerfile: Path
    text: str
    target: str
    files: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether it is tiffin's own Dockerfile, in a clone."""
        return self.dockerfile == self.context / DEFAULT and (self.context / "container" / "digest.sh").is_file()


def find(image: Image) -> Sources:
    if not image.context.is_dir():
        raise DeployError(f"context {image.context} is no folder")
    chosen = image.dockerfile or ("Dockerfile" if (image.context / "Dockerfile").is_file() else DEFAULT)
    file = image.context / chosen
    if not file.is_file():
        raise DeployError(
            f"there is no Dockerfile {file}: --dockerfile names it, below --context; `FROM tiffin:{__version__}` and "
            "`COPY model/ /opt/program/model/` are all that it needs"
        )
    text = file.read_text(encoding="utf-8")
    files = tuple(sorted(_files(image.context, file)))
    return Sources(image.context, file, text, image.target or _target(image, chosen), files)


def leaks(sources: Sources, secrets: Mapping[str, str]) -> list[str]:
    """Files with credentials that a COPY takes into the image; the secrets of the settings too."""
    given = {Path(file).resolve() for file in secrets.values()}
    taken = dockerfile.copied(sources.text)
    return [
        name
        for name in sources.files
        if (_is_secret(sources.context / name, name) or (sources.context / name).resolve() in given)
        and any(dockerfile.covers(source, name) for source in taken)
    ]


def digest(sources: Sources, build_args: Mapping[str, str]) -> str:
    """Of all that decides what is built, but for the base image."""
    total = hashlib.sha256()
    for part in (sources.text, sources.target, *(f"{name}={build_args[name]}" for name in sorted(build_args))):
        total.update(part.encode() + b"\0")
    for name in sources.files:
        path = sources.context / name
        if path.is_symlink():
            content = str(path.readlink()).encode()
        elif path.is_file():
            content = _hash(path) + (b"x" if path.stat().st_mode & 0o100 else b"")
        else:
            continue
        total.update(name.encode() + b"\0" + content + b"\0")
    return f"sha256:{total.hexdigest()}"


def labels(sources: Sources, build_args: Mapping[str, str]) -> dict[str, str]:
    """Where the image comes from; without times, so that the same content is the same image."""
    found = {"dev.tiffin.version": __version__, "dev.tiffin.content": digest(sources, build_args)}
    if sources.is_ours:  # as container/build.sh does
        script = sources.context / "container" / "digest.sh"
        done = subprocess.run([script.resolve()], capture_output=True, text=True, check=False)
        found |= {"dev.tiffin.source": done.stdout.strip()} if done.returncode == 0 else {}
    if commit := _commit(sources.context):
        found["org.opencontainers.image.revision"] = commit
    return found


def _commit(folder: Path) -> str:
    """The commit that the context is of, with -dirty behind where its files are other; empty without git."""
    git = ["git", "-C", str(folder)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--", "."], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    if head.returncode != 0:
        return ""
    return head.stdout.strip() + ("-dirty" if changes.stdout.strip() else "")


def _target(image: Image, chosen: str) -> str:
    """Of tiffin's own Dockerfile the stage with the plug; with the compiled pass where model/ is the classifier."""
    if chosen != DEFAULT:
        return ""
    return "colour" if (image.context / "model" / "colourpass.c").is_file() else "plug"


def _files(context: Path, file: Path) -> Iterable[str]:
    """As Docker reads it: NAME.dockerignore beside the Dockerfile goes before .dockerignore."""
    from docker.utils.build import PatternMatcher

    ignore = next((each for each in (Path(f"{file}.dockerignore"), context / ".dockerignore") if each.is_file()), None)
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    walk: Iterable[str] = PatternMatcher(patterns).walk(str(context))
    return (name for name in walk if (context / name).is_file() or (context / name).is_symlink())


def _is_secret(path: Path, name: str) -> bool:
    if CREDENTIALS.search(name):
        return path.is_file() and path.stat().st_size > 0
    if not KEY_FILES.search(name) or not path.is_file():
        return False
    with path.open("rb") as file:
        return PRIVATE_KEY in file.read(65536)  # a certificate alone is none


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
