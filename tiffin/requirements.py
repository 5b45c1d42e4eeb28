"""A script's requirements.txt, compared with what is installed: checked at the start, never installed unasked (T-15).

AWS's toolkit installs it when a container starts (K-01), which fails without a network and takes its time with one.
`TIFFIN_INSTALL_REQUIREMENTS=true` does that too, into a folder of its own under the temporary one.
"""

import hashlib
import importlib.util
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from tiffin.errors import NoModel
from tiffin.settings import Settings

log = logging.getLogger(__name__)

_OPTION = re.compile(r"\s--?[a-z][\w-]*[=\s].*$")  # what follows a requirement, as --hash=sha256:…
_NO_NAME = re.compile(r"^[./~]|^\w+\+|://|\.(whl|zip|tar\.gz)$|^-e\b|^--editable\b")
_INCLUDE = re.compile(r"^(-r|--requirement)[\s=]*(?P<file>.+)$")


@dataclass(frozen=True)
class Problem:
    """`found` is the installed version, None where there is none."""

    wanted: Requirement
    found: str | None
    extra: str = ""

    def __str__(self) -> str:
        whose = f", for {self.extra}" if self.extra else ""
        state = "is not installed" if self.found is None else f"is here as {self.found}"
        return f"{_bare(self.wanted)} ({state}{whose})"


def run_line(names: str) -> str:
    """For a Dockerfile: without what Debian recommends beside pip, which is a whole compiler."""
    return (
        "RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && "
        f"pip --python {sys.executable} install {names}"
    )


def provide(file: Path, settings: Settings, in_use: Container[str] = ()) -> Path | None:
    """Nothing where all that `file` asks for is here, or there is no file; else the folder that pip filled, if it may.

    `in_use`: modules of this process, which an installed version cannot replace any more. Raises NoModel that names
    each package, the version that is wanted and the one that is here.
    """
    if not file.is_file():
        return None
    wanted = list(_read(file, set()))
    problems = [problem for requirement in wanted for problem in _problems(requirement, sys.path)]
    if settings.allow_version_mismatch:
        for problem in problems:
            if problem.found is not None:
                log.warning("%s: %s, and TIFFIN_ALLOW_VERSION_MISMATCH lets it be", file.name, problem)
        problems = [problem for problem in problems if problem.found is None]
    if not problems:
        return None
    if not settings.install_requirements:
        raise NoModel(_sentence(file, problems))
    for problem in problems:
        if problem.found is not None and problem.wanted.name.lower().replace("-", "_") in in_use:
            raise NoModel(f"{file}: {problem}, and the server itself runs on that one: build an image with the other")
    folder = _installed(file)
    left = [problem for requirement in wanted for problem in _problems(requirement, [str(folder), *sys.path])]
    if left:
        raise NoModel(f"{file} was installed, and still {_listed(left)}")
    return folder


def _sentence(file: Path, problems: Sequence[Problem]) -> str:
    names = " ".join(shlex.quote(_bare(problem.wanted)) for problem in problems)
    other = any(problem.found is not None for problem in problems)
    return (
        f"{file} asks for what is not in this image: {_listed(problems)}. Nothing is installed at a container's start; "
        f"build an image that has it: FROM this image, then {run_line(names)}"
        + ("; or let the versions here be with TIFFIN_ALLOW_VERSION_MISMATCH=true" if other else "")
        + "; or install at each start with TIFFIN_INSTALL_REQUIREMENTS=true, which needs pip and a network"
    )


def _listed(problems: Sequence[Problem]) -> str:
    return ", ".join(dict.fromkeys(map(str, problems)))


def _bare(requirement: Requirement) -> str:
    """Without its marker, which has been looked at."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _read(file: Path, seen: set[Path]) -> Iterator[Requirement]:
    """Those whose markers hold here; what cannot be checked is said in the log."""
    seen.add(file.resolve())
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NoModel(f"{file} cannot be read: {error}") from None
    for number, line in _lines(text):
        place = f"{file}, line {number}"
        include = _INCLUDE.match(line)
        if include is not None:
            other = file.parent / include["file"].strip()
            if not other.is_file():
                raise NoModel(f"{place}: {include['file'].strip()!r} is not there")
            if other.resolve() not in seen:
                yield from _read(other, seen)
            continue
        requirement = _parsed(line, place)
        if requirement is not None and (requirement.marker is None or requirement.marker.evaluate()):
            yield requirement


def _parsed(line: str, place: str) -> Requirement | None:
    if _NO_NAME.search(line) and " @ " not in line:
        log.warning("%s: what has no name cannot be checked: %s", place, line)
        return None
    if line.startswith(("-c", "--constraint")):
        log.warning("%s: a constraint is not checked: %s", place, line)
        return None
    if line.startswith("-"):
        log.info("%s: an option of pip, passed over: %s", place, re.split(r"[\s=]", line)[0])
        return None
    try:
        return Requirement(_OPTION.sub("", line))
    except InvalidRequirement:
        raise NoModel(f"{place}: {line!r} is no requirement such as numpy>=2") from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Without comments, those that end in a backslash joined; numbered as a person counts."""
    begun, start = "", 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        start = start if begun else number
        if line.rstrip().endswith("\\"):
            begun += line.rstrip()[:-1] + " "
            continue
        whole = re.sub(r"(^|\s)#.*$", "", begun + line).strip()
        begun = ""
        if whole:
            yield start, whole


def _problems(wanted: Requirement, path: Sequence[str], because: str = "") -> Iterator[Problem]:
    found = next(iter(metadata.distributions(name=wanted.name, path=list(path))), None)
    if found is None:
        yield Problem(wanted, None, because)
        return
    if wanted.url is not None:
        log.warning("%s %s is here; whether it is that of %s cannot be checked", wanted.name, found.version, wanted.url)
    if not wanted.specifier.contains(found.version, prereleases=True):
        yield Problem(wanted, found.version, because)
    for extra in sorted(wanted.extras):
        for line in found.requires or ():
            needed = Requirement(line)
            marker = needed.marker
            if marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
                yield from _problems(needed, path, f"{wanted.name}[{extra}]")


def _installed(file: Path) -> Path:
    """The folder that pip filled, once for this file however many processes ask. Raises NoModel."""
    if importlib.util.find_spec("pip") is None:
        raise NoModel(
            f"TIFFIN_INSTALL_REQUIREMENTS is true, and there is no pip here to install {file} with: build an image "
            f"FROM this one with {run_line('pip')}, or better with the packages themselves"
        )
    digest = hashlib.sha256(str(file.resolve()).encode() + b"\0" + file.read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"tiffin-requirements-{os.getuid()}-{digest}"
    if folder.is_dir() and folder.stat().st_uid == os.getuid():
        return folder
    filling = Path(tempfile.mkdtemp(prefix="tiffin-requirements-"))
    log.warning("installing %s into %s, since TIFFIN_INSTALL_REQUIREMENTS asks for it", file, folder)
    options = ("--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet")
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(filling), "--requirement", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        shutil.rmtree(filling, ignore_errors=True)
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise NoModel(f"pip could not install {file}: {'; '.join(lines[-2:]) or 'it does not say why'}")
    try:
        filling.rename(folder)
    except OSError:  # another process was quicker
        shutil.rmtree(filling, ignore_errors=True)
    return folder
