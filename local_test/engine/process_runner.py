"""No Docker: `train` and `serve` as processes of this machine.

An "image" is a folder: one with executables `train` and `serve`, as in AWS's own example, or a plug for Tiffin's.
Where the kernel allows it, a process gets a mount namespace in which /opt/ml is its tree, so that code which names
/opt/ml runs unchanged; else it is told the tree by SAGEMAKER_BASE_DIR, which Tiffin's own code reads. Limits of memory
and processors, isolation from the network and hosts that see each other need Docker.
"""

import contextlib
import functools
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from local_test.engine import owner
from local_test.engine.containers import EngineError, Log, Network, Part, Running, Spec, Stopped, Tail
from local_test.engine.kernel import Listener
from local_test.wire import Address

PROGRAM_ROOT = Path(__file__).resolve().parent.parent.parent
_OPT_ML = Path("/opt/ml")


class ProcessRunner:
    runs_images = False

    def __init__(self, *, namespaces: bool | None = None) -> None:
        """`namespaces` None: where the kernel allows them."""
        self._namespaces = has_namespaces() if namespaces is None else namespaces
        own = ", each with an /opt/ml of its own" if self._namespaces else ""
        self.name = f"processes of this machine (no Docker){own}"

    def start(self, spec: Spec, log: Log) -> Running:
        for part in spec.parts:
            if part.source is None or self._namespaces:
                (spec.tree / part.path).mkdir(parents=True, exist_ok=True)
        command = list(spec.entrypoint or ()) + list(spec.arguments) if spec.entrypoint else _command(spec)
        environ = _environment(spec)
        port = spec.port
        if spec.role == "serve":
            port = spec.publish or free_port()
            environ |= {"SERVE_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(port)}
        stack = ExitStack()
        if self._namespaces:
            command = _in_namespace(spec, command)
        else:
            environ["SAGEMAKER_BASE_DIR"] = str(spec.tree.resolve())
            for part in spec.parts:
                stack.enter_context(_in_place(part, spec.tree))
        is_program = bool(spec.image) and _is_program(Path(spec.image))
        try:
            process = subprocess.Popen(
                command,
                env=environ,
                cwd=spec.image if is_program else PROGRAM_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # a Ctrl-C reaches us only, and we send the platform's SIGTERM
            )
        except OSError as error:
            stack.close()
            raise EngineError(f"{command[0]} cannot be started: {error.strerror}") from None
        stack.enter_context(_recorded(process.pid, spec.role))
        return _Process(process, spec.role, port, stack, log)

    def network(
        self,
        isolated: bool = False,
        hosts: int = 1,  # noqa: ARG002
        serves: bool = False,  # noqa: ARG002
    ) -> AbstractContextManager[Network]:
        wanted = "isolation from the network needs" if isolated else "containers that see each other need"
        raise EngineError(f"{wanted} Docker, which does not answer here")


class _Process:
    def __init__(self, process: "subprocess.Popen[str]", role: str, port: int, stack: ExitStack, log: Log) -> None:
        self.id, self.address = str(process.pid), Address("127.0.0.1", port)
        self._process, self._role, self._stack = process, role, stack
        self._has_ended = False
        self._tail = Tail(log)
        self._lines = threading.Thread(target=_relay, args=(process.stdout, self._tail), daemon=True)
        self._lines.start()

    def exit_code(self) -> int | None:
        code = self._process.poll()
        return None if code is None else self._ended(code)

    def wait(self, timeout: float | None = None) -> int | None:
        try:
            return self._ended(self._process.wait(timeout))
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float) -> Stopped:
        begun = time.monotonic()
        killed = False
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            killed = True
            self._tail(f"{self._role} did not end within {grace:g} s of SIGTERM; SIGKILL")
            self.kill()
        seconds = time.monotonic() - begun
        return Stopped(self._ended(self._process.wait()), seconds, killed)

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._ended(self._process.wait())

    def _ended(self, code: int) -> int:
        """As in a container, what it started ends with it."""
        if not self._has_ended:
            self._has_ended = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._lines.join(timeout=5)
        return 128 - code if code < 0 else code

    def listeners(self) -> Sequence[Listener]:
        return ()  # its network is this machine's

    def address_of(self, _: Listener) -> Address | None:
        return None

    def is_out_of_memory(self) -> bool:
        return False  # no limit is set, and the kernel does not tell

    def tail(self) -> Sequence[str]:
        return list(self._tail.lines)

    def close(self) -> None:
        self.kill()
        self._stack.close()


def reap() -> list[str]:
    """End the processes whose starter is gone; returns what they were."""
    gone = []
    for record in _records().glob("*.json"):
        try:
            known = json.loads(record.read_text(encoding="utf-8"))
            pid, process, starter, role = (known[key] for key in ("pid", "process", "owner", "role"))
        except (OSError, ValueError, KeyError):
            continue  # another start is just writing or removing it
        if owner.is_alive(starter):
            continue
        if owner.is_alive(process):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            gone.append(f"process {pid} ({role})")
        record.unlink(missing_ok=True)
    return gone


@functools.cache
def has_namespaces() -> bool:
    """Tried once, since some kernels know them and refuse them."""
    if sys.platform != "linux" or not shutil.which("unshare") or not shutil.which("mount"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        (tree / "model").mkdir()
        spec = Spec("", (), tree, (Part("."), Part("model", read_only=True)))
        code = "import pathlib; pathlib.Path('/opt/ml/tried').touch()"
        done = subprocess.run(
            _in_namespace(spec, [sys.executable, "-c", code]), capture_output=True, timeout=30, check=False
        )
        return done.returncode == 0 and (tree / "tried").is_file()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _command(spec: Spec) -> list[str]:
    folder = Path(spec.image) if spec.image else None
    if folder is None or (folder.is_dir() and not _is_program(folder)):
        return [sys.executable, "-m", *spec.arguments]
    if not folder.is_dir():
        raise EngineError(f"without Docker an image is a folder, and there is no folder {folder}")
    program = folder / spec.arguments[0]
    if not os.access(program, os.X_OK):
        raise EngineError(f"{program} is not executable (C-02)")
    return [str(program.resolve()), *spec.arguments[1:]]


def _is_program(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("train", "serve"))


def _environment(spec: Spec) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    plug = Path(spec.image or "model").resolve()
    return {
        **({"TIFFIN_PLUG": str(plug)} if plug.is_dir() and not _is_program(plug) else {}),
        **inherited,
        "PYTHONPATH": str(PROGRAM_ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        **spec.environment,
    }


def _in_namespace(spec: Spec, command: list[str]) -> list[str]:
    """The command, in a shell that first mounts the parts below /opt/ml; it keeps its process id."""
    lines = ["set -e"]
    if not _OPT_ML.is_dir():  # made in a file system that only this process sees, with what /opt holds
        lines += ["mkdir -p /opt 2>/dev/null || true", "old=$(mktemp -d)", 'mount --rbind /opt "$old"']
        lines += ["mount -t tmpfs -o mode=755 tiffin /opt"]
        lines += ['for entry in "$old"/*; do [ -e "$entry" ] || continue; name=/opt/${entry##*/}']
        lines += [
            'if [ -d "$entry" ]; then mkdir "$name"; else touch "$name"; fi; mount --rbind "$entry" "$name"; done'
        ]
        lines += ['umount -l "$old"', 'rmdir "$old"', "mkdir /opt/ml"]
    whole = any(part.path == "." for part in spec.parts)
    if not whole:
        lines.append("mount -t tmpfs -o mode=755 tiffin /opt/ml")
    for part in spec.parts:
        source = shlex.quote(str(part.folder(spec.tree)))
        target = shlex.quote(str(PurePosixPath("/opt/ml", part.path)))
        lines.append(f"mkdir -p {target}")
        lines.append(f"mount --bind {source} {target}")
        if part.read_only:
            lines.append(f"mount -o remount,bind,ro {target}")
    lines.append('exec "$@"')
    users = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *users, "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines), "sh", *command]


def _records() -> Path:
    folder = Path(tempfile.gettempdir()) / f"tiffin-running-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _recorded(pid: int, role: str) -> Iterator[None]:
    record = _records() / f"{uuid.uuid4().hex}.json"
    known = {"pid": pid, "process": owner.of(pid) or "", "owner": owner.this_process(), "role": role}
    record.write_text(json.dumps(known), encoding="utf-8")
    try:
        yield
    finally:
        record.unlink(missing_ok=True)


def _relay(stream: Any, log: Log) -> None:
    with stream:
        for line in stream:
            log(line.rstrip("\n"))


@contextmanager
def _in_place(part: Part, tree: Path) -> Iterator[None]:
    """Without a mount: a link where a part lies elsewhere, and for one of the tree that is read-only no permission to
    write. Root is not held by that."""
    folder, place = part.folder(tree), tree / part.path
    if part.source is not None:
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(folder)
        try:
            yield
        finally:
            place.unlink()
        return
    modes = {}
    if part.read_only:
        modes = {path: path.stat().st_mode for path in [folder, *folder.rglob("*")]}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)
