"""What has to be there before anything is measured: programs, environments, the tree."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from bench.peers import ROOT, Peer

REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
PROGRAMS = {"wrk": "wrk", "nginx": "nginx", "taskset": "util-linux"}  # program: Debian's package
Log = Callable[[str], None]

# Tiffin's own code in a process of its own: bench imports none of it.
_DUMP_TREE = """
import csv, sys, joblib, numpy as np
from model import colour, estimators
rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
rgb = np.array([[float(row[name]) for name in "RGB"] for row in rows])
labels = np.array([row["LABEL"] for row in rows])
joblib.dump(estimators.fit("tree", colour.to_features(rgb, "lab"), labels, 0), sys.argv[2])
"""


_DUMP_LINEAR = """
import sys, joblib, numpy as np
from sklearn.linear_model import RidgeClassifier
chance = np.random.default_rng(0)
for columns in map(int, sys.argv[2:]):
    rows, weights = chance.normal(size=(300, columns)), chance.normal(size=(columns, 4))
    labels = np.array(["red", "green", "blue", "grey"])[(rows @ weights).argmax(axis=1)]
    joblib.dump(RidgeClassifier().fit(rows, labels), f"{sys.argv[1]}/linear-{columns}.joblib")
"""


class NotPrepared(Exception):
    """Its text is for the user."""


def programs(log: Log) -> None:
    """Installs what is missing where that is possible; raises NotPrepared where not."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)})
    _debian(missing, log)


def _debian(missing: Sequence[str], log: Log) -> None:
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.getuid() or not shutil.which("apt-get"):
        raise NotPrepared(f"the bench needs {', '.join(missing)}; on Debian, as root: {' '.join(command)}")
    log(f"installing {', '.join(missing)} from Debian")
    for line in (["apt-get", "update"], command):
        _run(line, dict(os.environ))


def _debian_version(package: str) -> str:
    """Empty when it is not installed."""
    if not shutil.which("dpkg-query"):
        return ""
    line = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False).stdout


def environment(peer: Peer, folder: Path, log: Log) -> Path:
    """The bin/ of the peer's environment, made anew when its pins changed."""
    wanted = (*peer.needs, *(peer.packages if peer.debian else ()))
    _debian([package for package in wanted if not _debian_version(package)], log)
    if peer.requirements is None:
        return Path(sys.executable).parent
    pins = REQUIREMENTS / f"{peer.requirements}.txt"
    place = (folder / peer.requirements).resolve()
    stamp = place / f"made-{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}"
    if not stamp.is_file():
        log(f"installing bench/requirements/{pins.name}")
        shutil.rmtree(place, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(place)], dict(os.environ))
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # rpy2 is built here, and needs no compiler so
        _run([*pip, "--require-hashes", "-r", str(pins)], {**os.environ, "RPY2_CFFI_MODE": "ABI"})
        stamp.touch()
    return place / "bin"


def tree(folder: Path, log: Log) -> tuple[Path, Path]:
    """The /opt/ml tree of a training job on the shipped colours, and a joblib dump of the same scikit-learn tree."""
    base, dump = folder / "ml", folder / "tree.joblib"
    log("training the colour tree")
    ours = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    train = [sys.executable, "-m", "local_test", "train", "--no-docker", "--base-dir", str(base)]
    _run([*train, "-p", "algorithm=tree", "-p", "color_space=lab", "-p", "seed=0"], ours)
    _run([sys.executable, "-c", _DUMP_TREE, str(ROOT / "model" / "data" / "colours.csv"), str(dump)], ours)
    return base.resolve(), dump.resolve()


def linear(folder: Path, columns: Sequence[int]) -> Mapping[int, Path]:
    """Columns -> a joblib dump of a linear classifier of as many, by its file."""
    _run([sys.executable, "-c", _DUMP_LINEAR, str(folder), *map(str, columns)], dict(os.environ))
    return {count: (folder / f"linear-{count}.joblib").resolve() for count in columns}


def versions(peer: Peer, log: Log) -> list[str]:
    """`package version`, by the peer's pins, or by this environment for ours."""
    if peer.is_limit:
        return ["nginx " + _first_version(["nginx", "-v"], log)]
    if peer.debian:
        return [f"{package} {_debian_version(package)}" for package in peer.packages]
    if peer.requirements is None:
        return [f"{package} {metadata.version(package)}" for package in peer.packages]
    known = pinned((REQUIREMENTS / f"{peer.requirements}.txt").read_text())
    system = [f"{package} {_debian_version(package)}" for package in peer.needs]
    return [*(f"{package} {known[package]}" for package in peer.packages if package in known), *system]


def pinned(text: str) -> Mapping[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))


def machine(log: Log) -> Sequence[str]:
    """What the figures belong to, without the machine's name."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    release = os.uname().release.split("-")[0]
    return (
        f"{cpu[1].strip() if cpu else os.uname().machine}, {os.cpu_count()} cores, Linux {release}",
        f"Python {sys.version.split()[0]}, wrk {_first_version(['wrk', '-v'], log)}, "
        f"nginx {_first_version(['nginx', '-v'], log)}",
    )


def _first_version(line: list[str], log: Log) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    program = shutil.which(line[0], path=path)
    if program is None:
        log(f"{line[0]} is not here")
        return "?"
    done = subprocess.run([program, *line[1:]], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "?"


def _run(line: list[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(line, env=dict(environ), cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode:
        raise NotPrepared(
            f"{' '.join(line[:6])} ... ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
        )
