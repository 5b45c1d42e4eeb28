"""`tiffin doctor`: what this machine has, and what to do about what is missing. It changes nothing."""

import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tiffin import limits


@dataclass(frozen=True)
class Finding:
    """`needed_for` is empty for what nothing works without."""

    name: str
    ok: bool
    seen: str
    mend: str = ""
    needed_for: str = ""


def examine(environ: Mapping[str, str]) -> list[Finding]:
    docker = (_docker(), _builder(), _registry())
    return [_python(), *_packages(), *docker, _mysql(), _r(), _credentials(environ), _port(), _memory()]


def main() -> int:
    """Exit status 1 only when something is missing that nothing works without."""
    findings = examine(os.environ)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = "ok     " if finding.ok else "missing" if finding.needed_for else "BROKEN "
        print(f"{mark}  {finding.name:<{width}}  {finding.seen}")
        if not finding.ok:
            use = f" (needed for: {finding.needed_for})" if finding.needed_for else ""
            print(f"         {'':<{width}}  -> {finding.mend}{use}")
    return int(any(not finding.ok and not finding.needed_for for finding in findings))


def _python() -> Finding:
    right = sys.version_info >= (3, 11)
    return Finding("Python", right, platform.python_version(), "install Python 3.11 or newer")


def _packages() -> list[Finding]:
    findings = []
    for name, use, mend in (
        ("gunicorn", "", "make demo"),
        ("sklearn", "the colour classifier", "make demo"),
        ("docker", "running the image from Python", "pip install docker"),
        ("colorspace", "color_space luv, polarluv, polarlab, hsv, hls", "pip install colorspace"),
    ):
        there = importlib.util.find_spec(name) is not None
        findings.append(Finding(f"package {name}", there, "installed" if there else "not installed", mend, use))
    return findings


def _docker() -> Finding:
    use = "building and running the image; without it everything runs as processes"
    if shutil.which("docker") is None:
        return Finding("Docker", False, "no docker command", "install Docker, or on Debian: container/engine.sh", use)
    code, text = _run("docker", "info", "--format", "{{.ServerVersion}}")
    if code or not text:
        return Finding(
            "Docker",
            False,
            "the command is there, no engine answers",
            "start it, or on Debian: container/engine.sh",
            use,
        )
    return Finding("Docker", True, f"engine {text}")


def _builder() -> Finding:
    if shutil.which("docker") is None:
        return Finding("Docker builder", False, "none without Docker", "as for Docker", "building the image")
    code, text = _run("docker", "buildx", "version")
    seen = (
        text.split("\n")[0] if not code else "no buildx: the classic builder makes the image, which SageMaker takes too"
    )
    return Finding("Docker builder", True, seen)


def _registry() -> Finding:
    found = shutil.which("docker-registry") or shutil.which("registry")
    use = "make round, and pushes to AWS's API on this machine"
    return Finding("registry", bool(found), found or "not installed", "on Debian: apt-get install docker-registry", use)


def _mysql() -> Finding:
    found = shutil.which("mysql")
    use = "make round, and asking endpoints by SQL"
    return Finding("mysql", bool(found), found or "not installed", "on Debian: apt-get install mariadb-client", use)


def _r() -> Finding:
    if shutil.which("R") is None:
        return Finding(
            "R",
            False,
            "not installed",
            "apt-get install r-base-core, or leave it: the image brings its own",
            "R models",
        )
    code, text = _run("R", "--version")
    return Finding("R", not code, text.split("\n")[0], "R --version fails: reinstall it", "R models")


def _credentials(environ: Mapping[str, str]) -> Finding:
    """Looks where AWS clients look, and calls nobody."""
    use = "deploying to AWS; nothing else needs an account"
    folder = Path(environ.get("HOME") or "/") / ".aws"
    places = {
        "environment": bool(environ.get("AWS_ACCESS_KEY_ID")),
        "web identity": bool(environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")),
        "container role": any(environ.get(f"AWS_CONTAINER_CREDENTIALS_{kind}_URI") for kind in ("RELATIVE", "FULL")),
        "shared credentials file": _is_file(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials"),
        "shared config file": _is_file(environ.get("AWS_CONFIG_FILE") or folder / "config"),
    }
    found = [name for name, there in places.items() if there]
    return Finding("AWS credentials", bool(found), ", ".join(found) or "none", "aws configure sso", use)


def _port() -> Finding:
    use = "serving on the usual port; another is chosen when it is taken"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", limits.PORT))
        except OSError as error:
            return Finding(f"port {limits.PORT}", False, error.strerror or str(error), "stop who listens there", use)
    return Finding(f"port {limits.PORT}", True, "free")


def _memory() -> Finding:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Finding("machine", True, f"{os.cpu_count()} cores, {pages * size / 2**30:.1f} GiB, {platform.machine()}")


def _is_file(path: str | Path) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # HOME is another user's
        return False


def _run(*command: str) -> tuple[int, str]:
    """Exit code and what it printed; 127 when it is not there or does not end in time."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 127, ""
    return done.returncode, (done.stdout or done.stderr).strip()


if __name__ == "__main__":
    sys.exit(main())
