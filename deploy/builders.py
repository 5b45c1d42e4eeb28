"""Who builds: docker's buildx where it is, a docker command with BuildKit in it, else the engine's classic builder.

BuildKit mounts secrets and, with emulation, builds for other processors; the classic builder can do neither, and is
said so before anything is begun. Each makes a Docker v2 manifest (C-12).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import dockerfile, engine
from deploy.engine import EngineError
from deploy.progress import Progress
from deploy.sources import Sources

# Docker knows these as build arguments, and keeps them neither in the image nor in its history.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")
BUILDX = "install Docker's buildx (Debian: apt-get install docker-buildx; from Docker's packages: docker-buildx-plugin)"
HINTS: Mapping[str, str] = {  # the first that fits
    r"(?i)pull access denied|manifest unknown|repository does not exist|/v2/": "the base image is neither here nor in "
    "a registry within reach: `container/build.sh` makes tiffin's, and `docker login` opens a private registry",
    r"exec format error": "a step ran a program of another processor: install emulation (Debian: apt-get install "
    "qemu-user-static), or build on a machine of that processor (C-13)",
    r"--mount option requires BuildKit|Unknown flag: mount": f"this Dockerfile needs BuildKit: {BUILDX}",
    r"(?i)certificate verify failed|self.signed certificate|unable to get local issuer": "a certificate authority of "
    "your own signs here: hand it to the build, --secrets ca.pem=FILE",
    r"(?i)Temporary failure|Could not resolve|Name or service not known|connection timed out|no such host"
    r"|Network is unreachable": "the build has no way out: HTTP_PROXY, HTTPS_PROXY and NO_PROXY of this shell are "
    "handed to it, and a private index by --secrets pip.conf=FILE",
}
STEP = re.compile(r"#\d+ \[[^\]]*\d+/\d+\] ")  # of BuildKit's plain progress
MOUNT = re.compile(r"--mount=type=secret,\S+ ")
GRACE = 10.0  # seconds for the docker command to end after a Ctrl-C


@dataclass(frozen=True)
class Plan:
    tag: str
    platform: str
    labels: Mapping[str, str]
    build_args: Mapping[str, str]
    secrets: Mapping[str, str]


@dataclass(frozen=True)
class Builder:
    """`command`: of the docker command that builds; empty for the engine's classic builder."""

    name: str
    command: tuple[str, ...] = ()


CLASSIC = Builder("the engine's classic builder")


def choose(plan: Plan, client: Any) -> Builder:
    """Raises EngineError where none that is here can do it."""
    builder = _found()
    if plan.secrets and not builder.command:
        raise EngineError(f"build secrets need BuildKit, and here is only {builder.name}: {BUILDX}")
    for name, file in plan.secrets.items():
        if not Path(file).is_file():
            raise EngineError(f"the build secret {name} is to come from {file}, and there is no such file")
    able = _platforms(builder, client)
    if plan.platform not in able:
        fix = BUILDX if "buildx" not in builder.command else "see `docker buildx ls`"
        raise EngineError(
            f"{builder.name} builds for {', '.join(able)} here, not for {plan.platform}: install emulation (Debian: "
            f"apt-get install qemu-user-static) and {fix}; or build on a machine of that processor (C-13)"
        )
    return builder


def build(builder: Builder, client: Any, sources: Sources, plan: Plan, progress: Progress) -> None:
    """The image is there under the plan's tag when this returns; raises EngineError with the last lines."""
    try:
        if builder.command:
            _by_command(builder, sources, plan, progress)
        else:
            _by_engine(client, sources, plan, progress)
    finally:
        progress.end()


def proxies(environ: Mapping[str, str]) -> dict[str, str]:
    both = [*PROXIES, *(name.lower() for name in PROXIES)]
    return {name: environ[name] for name in both if environ.get(name)}


def _found() -> Builder:
    docker = shutil.which("docker")
    if docker is None:
        return CLASSIC
    if subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode == 0:
        return Builder("docker buildx", (docker, "buildx", "build"))
    said = subprocess.run([docker, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"version (\d+)\.", said)
    if version and 19 <= int(version[1]) < 23:  # noqa: PLR2004  BuildKit was in the command itself, until 23 took it out
        return Builder("docker's BuildKit", (docker, "build"))
    return CLASSIC


def _platforms(builder: Builder, client: Any) -> list[str]:
    if "buildx" in builder.command:
        said = subprocess.run([*builder.command[:2], "inspect"], capture_output=True, text=True, check=False).stdout
        listed = re.findall(r"^Platforms:\s*(.+)$", said, re.MULTILINE)
        if listed:
            return sorted({each.strip().rstrip("*") for line in listed for each in line.split(",")})
    return [engine.platform(client)]


def _by_command(builder: Builder, sources: Sources, plan: Plan, progress: Progress) -> None:
    arguments = [*builder.command, "--progress", "plain", "--platform", plan.platform, "--tag", plan.tag]
    if "buildx" in builder.command:
        # Without these, buildx adds an attestation, and the result is an OCI index that SageMaker refuses.
        arguments += ["--provenance=false", "--sbom=false", "--output", "type=docker,oci-mediatypes=false"]
    arguments += ["--target", sources.target] if sources.target else []
    arguments += [part for name, value in plan.labels.items() for part in ("--label", f"{name}={value}")]
    arguments += [part for name, value in plan.build_args.items() for part in ("--build-arg", f"{name}={value}")]
    # By name alone: a proxy's password is in the environment, and not in the list of processes.
    arguments += [part for name in proxies(os.environ) for part in ("--build-arg", name)]
    for name, secret in plan.secrets.items():
        arguments += ["--secret", f'id={name},"src={Path(secret).resolve()}"']
    with _file(sources, plan) as file:
        _run([*arguments, "--file", str(file), str(sources.context)], progress)


def _run(command: list[str], progress: Progress) -> None:
    environ = {**os.environ, "DOCKER_BUILDKIT": "1"}
    steps: set[str] = set()
    with subprocess.Popen(
        command,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101  it was asked for
        try:
            for line in process.stdout:
                _tell(line.rstrip(), steps, progress)
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if process.returncode != 0:
        raise engine.failed("the build failed", "its last lines:", progress.tail, HINTS)


def _tell(line: str, steps: set[str], progress: Progress) -> None:
    """BuildKit names a step again whenever another one's output came between."""
    text = MOUNT.sub("", line.partition(" ")[2] if line.startswith("#") else line)
    if STEP.match(line) and text not in steps:
        steps.add(text)
        progress.step(text)
    elif text and text not in steps and not text.startswith("sha256:"):
        progress.line(text)


@contextmanager
def _file(sources: Sources, plan: Plan) -> Iterator[Path]:
    """The Dockerfile itself, or where secrets are to be mounted and it mounts none, one beside that does."""
    if not plan.secrets or dockerfile.mounts_secrets(sources.text):
        yield sources.dockerfile
        return
    with tempfile.TemporaryDirectory(prefix="tiffin-build-") as folder:
        file = Path(folder, "Dockerfile")
        file.write_text(dockerfile.with_secrets(sources.text, list(plan.secrets)), encoding="utf-8")
        ignore = Path(f"{sources.dockerfile}.dockerignore")
        if ignore.is_file():
            shutil.copy(ignore, f"{file}.dockerignore")
        yield file


def _by_engine(client: Any, sources: Sources, plan: Plan, progress: Progress) -> None:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        lines = client.api.build(
            path=str(sources.context),
            dockerfile=str(sources.dockerfile.resolve().relative_to(sources.context.resolve())),
            tag=plan.tag,
            platform=plan.platform,
            target=sources.target or None,
            labels=dict(plan.labels),
            buildargs={**proxies(os.environ), **plan.build_args},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for each in lines:
            for line in str(each.get("stream") or each.get("status") or "").splitlines():
                if line.startswith("Step "):
                    progress.step(line)
                elif line.strip():
                    progress.line(line)
            if each.get("error"):
                raise engine.failed("the build failed", str(each["error"]), progress.tail, HINTS)
    except (DockerException, RequestException, OSError, json.JSONDecodeError) as error:
        raise engine.failed("the build failed", error, progress.tail, HINTS) from None
