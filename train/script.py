"""A user's training script, run as AWS's training toolkit runs it (T-20 to T-24).

Rules: the script is one child, the leader of a session of its own, and this module waits for it. SIGTERM and SIGINT
are sent on to it as SIGTERM (T-36), from before it is there until it has been waited for; only to it, since it may need
its workers to finish. What it leaves behind in its session gets SIGTERM then, and time, where the job was stopped; in
the end it is killed. Its standard output is ours; its standard error passes through here as it comes, so that its last
lines can be the failure reason.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from tiffin import hyperparameters, limits, requirements
from tiffin.errors import BadJob
from tiffin.settings import Settings
from train import config, environment, source
from train.environment import Script
from train.stop import StopSignals

log = logging.getLogger(__name__)

_TAIL = 16 * 1024  # bytes of standard error that are kept
_CHUNK = 64 * 1024
_GRACE, _POLL = limits.STOP_GRACE_TRAIN - 20.0, 0.02  # seconds; T-35
_LAST_WORDS = 5.0  # seconds for what is still in the pipe when the session is gone


class ScriptFailed(BadJob):
    """`code` is the job's exit code; `details` the end of the script's standard error."""

    def __init__(self, message: str, code: int, details: str) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


def submitted(settings: Settings) -> Script | None:
    """The script that hyperparameters or the environment name, or None; raises BadJob for broken configuration."""
    paths = settings.paths
    texts = config.read_strings(paths.hyperparameters)
    given = {name: hyperparameters.decoded(text) for name, text in texts.items()}
    named = settings.program if settings.program != Settings.program else ""  # T-23: a variable wins
    program = named or given.get("sagemaker_program")
    if not program:
        return None
    return Script(
        program=str(program),
        submitted=settings.submit_directory or str(given.get("sagemaker_submit_directory") or ""),
        given=given,
        job=config.read_job(paths, settings.training_job_name, None, paths.model),
        paths=paths,
        resource_config=config.read_object(paths.resource_config),
        input_data_config=config.read_object(paths.input_data_config),
    )


def run(script: Script, settings: Settings, signals: StopSignals) -> None:
    """To its end; raises BadJob before it starts, ScriptFailed when it did not end with 0."""
    if script.distribution is not None:
        raise BadJob(
            f"{script.distribution} asks for a launcher that this image does not have; run the script on one host, "
            "or let it start its own processes from SM_HOSTS and SM_CURRENT_HOST"
        )
    folder = source.prepare(script.paths, script.program, script.submitted)
    extra = requirements.provide(folder / "requirements.txt", settings)
    for made in (script.paths.model, script.paths.output_data):
        made.mkdir(parents=True, exist_ok=True)
    command = _command(folder, script)
    log.info("script: %s", " ".join(command))
    code, tail = _wait(command, folder, _environ(script, folder, extra), signals)
    if code:
        raise ScriptFailed(_reason(script.program, code, tail), 128 - code if code < 0 else code, tail)
    if not any(script.paths.model.iterdir()):
        log.warning("%s ended well and wrote nothing into %s", script.program, script.paths.model)


def _command(folder: Path, script: Script) -> list[str]:
    told = environment.arguments(script.own)
    if (folder / "setup.py").is_file():
        return [sys.executable, "-m", script.program.removesuffix(".py").replace("/", "."), *told]
    if script.program.endswith(".py"):
        return [sys.executable, script.program, *told]
    with suppress(OSError):
        (folder / script.program).chmod(0o755)
    # the shell runs what has no #! line, and takes each argument as it is
    return ["/bin/sh", "-c", 'exec "$0" "$@"', f"./{script.program}", *told]


def _environ(script: Script, folder: Path, extra: Path | None) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    search = [str(folder), *([str(extra)] if extra else []), *filter(None, [environ.get("PYTHONPATH")])]
    return environ | {
        **environment.variables(script),
        "PYTHONPATH": os.pathsep.join(search),
        "PYTHONUNBUFFERED": "1",  # T-41
    }


def _wait(command: list[str], folder: Path, environ: dict[str, str], signals: StopSignals) -> tuple[int, str]:
    """Exit code, below 0 for a signal, and the end of standard error."""
    sys.stdout.flush()
    signals.hold()
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise BadJob(f"{command[0]} cannot be started: {error.strerror}") from error
    tail: deque[bytes] = deque()
    relay = threading.Thread(target=_relay, args=(process, tail), name="stderr", daemon=True)
    relay.start()
    signals.forward(process.terminate)
    code = process.wait()
    if signals.seen:
        _signal(process.pid, signal.SIGTERM)
        _await_end_of(process.pid)
    _signal(process.pid, signal.SIGKILL)
    relay.join(_LAST_WORDS)
    return code, b"".join(tail)[-_TAIL:].decode(errors="backslashreplace")


def _signal(session: int, number: int) -> bool:
    """Whether there was anybody to hear it."""
    try:
        os.killpg(session, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _await_end_of(session: int) -> None:
    """What has lost its parent is ours to wait for where we are PID 1 (C-04)."""
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):
            os.waitpid(-session, os.WNOHANG)
        if not _signal(session, 0):
            return
        time.sleep(_POLL)


def _relay(process: "subprocess.Popen[bytes]", tail: deque[bytes]) -> None:
    if process.stderr is None:
        return
    kept, out = 0, sys.stderr.fileno()
    with suppress(OSError):
        while chunk := os.read(process.stderr.fileno(), _CHUNK):
            tail.append(chunk)
            kept += len(chunk)
            while kept - len(tail[0]) >= _TAIL:
                kept -= len(tail.popleft())
            while chunk:
                chunk = chunk[os.write(out, chunk) :]


def _reason(program: str, code: int, tail: str) -> str:
    """T-32: who, how, and the last line it wrote to standard error: of a Python script that is the exception."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    said = f": {lines[-1]}" if lines else ""
    if code > 0:
        return f"{program} ended with exit code {code}{said}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; the kernel does so when memory runs out" if -code == signal.SIGKILL else ""
    return f"{program} was ended by {name}{hint}{said}"
