"""What the image says of itself, before anything of it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_test.verify.checks.check import Check
from local_test.verify.probe import NotStarted
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, failed, passed, skipped, warned
from tiffin import limits

GIGABYTE = 10**9
LONGEST_NAME = 255  # characters, with the registry's and the tag
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DRIVERS = ("/usr/bin/nvidia-smi", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib64/libcuda.so.1")
SHELLS = ("sh", "bash", "dash", "ash", "zsh")
INITS = ("tini", "tini-static", "dumb-init", "docker-init")


@dataclass(frozen=True)
class Image:
    court: Court
    attributes: Mapping[str, Any]
    config: Mapping[str, Any]
    files: Mapping[str, Sequence[str]]  # those of the paths that were looked at

    @classmethod
    def of(cls, court: Court) -> "Image":
        config = court.config
        try:
            files = court.engine.names_in(["/opt/ml", *DRIVERS])
        except NotStarted:
            files = {}
        return cls(court, court.engine.attributes, config, files)


def exec_form(image: Image) -> Seen:
    """Of the entry point, or of the command of an image that has none."""
    entry: Sequence[str] = image.config.get("Entrypoint") or ()
    if not entry:
        return passed("no ENTRYPOINT: the argument itself is started")
    if entry[0].rpartition("/")[2] in SHELLS and "-c" in entry[1:-1]:
        said = f"ENTRYPOINT is in shell form: {entry[-1]!r} never sees the argument"
        if entry[-1].startswith("exec "):
            return warned(f"{said}: `train` and `serve` start the same")
        return failed(f"{said}, and SIGTERM comes to {entry[0]}, unless that becomes the program")
    return passed(f"ENTRYPOINT is in exec form: {' '.join(entry)}")


def no_init(image: Image) -> Seen:
    entry: Sequence[str] = image.config.get("Entrypoint") or ()
    first = entry[0].rpartition("/")[2] if entry else ""
    if first in INITS:
        return failed(f"the entry point is {entry[0]}")
    return passed(f"the entry point is {entry[0]}" if entry else "no ENTRYPOINT")


def root(image: Image) -> Seen:
    user = image.config.get("User") or ""
    if user.partition(":")[0] in ("", "0", "root"):
        return passed("runs as root")
    return warned(f"USER is {user}: AWS expects root, and what it mounts may belong to root alone")


def nothing_in_opt_ml(image: Image) -> Seen:
    found = image.files.get("/opt/ml", ())
    if not found:
        return passed("nothing lies in /opt/ml")
    return warned(f"{len(found)} files in /opt/ml, {found[0]} among them: the platform mounts over them")


def no_driver(image: Image) -> Seen:
    found = [path for path in DRIVERS if path in image.files]
    return failed(f"it brings {', '.join(found)}, of NVIDIA's driver") if found else passed("no NVIDIA driver")


def docker_manifest(image: Image) -> Seen:
    kind = image.court.engine.manifest_type()
    if kind is None:
        return skipped("it was not pushed to a registry that answers; push it, and judge it by the registry's name")
    return passed(kind) if kind == DOCKER_MANIFEST else failed(f"the registry has it as {kind}")


def architecture(image: Image) -> Seen:
    found = f"{image.attributes.get('Os')}/{image.attributes.get('Architecture')}"
    if found == "linux/amd64":
        return passed(found)
    return warned(f"{found}: for Graviton instances only") if found == "linux/arm64" else failed(found)


def address(image: Image) -> Seen:
    name = image.court.subject.image
    registry, slash, _ = name.partition("/")
    if not slash or not {".", ":"} & set(registry):
        return skipped("its name is of no registry: judge it by the one that it is pushed under")
    text = f"its name has {len(name)} characters"
    return passed(text) if len(name) <= LONGEST_NAME else failed(f"{text}; CreateModel takes {LONGEST_NAME}")


def size(image: Image) -> Seen:
    found = int(image.attributes.get("Size", 0))
    text = f"{found / GIGABYTE:.2f} GB"
    return passed(text) if found <= limits.IMAGE_SERVERLESS else warned(f"{text}: too large for a serverless endpoint")


CHECKS = (
    Check("C-03", "ENTRYPOINT in exec form", exec_form),
    Check("C-04", "no init as the entry point", no_init),
    Check("C-06", "runs as root", root),
    Check("C-07", "nothing baked into /opt/ml", nothing_in_opt_ml),
    Check("C-08", "no GPU driver in it", no_driver),
    Check("C-12", "a Docker manifest in the registry", docker_manifest),
    Check("C-13", "for linux/amd64", architecture),
    Check("C-14", "an address that CreateModel takes", address),
    Check("S-04", "small enough for serverless", size),
)
