"""AWS's own clients at work: the scripts of one image, all at once, on an API of their own."""

import os
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.localaws import ROLE, LocalAws
from tests.sdk.environment import environment

SCRIPTS = Path(__file__).parent / "scripts"
PATIENCE = 400.0  # seconds for a script: the SDKs look every 30 s, and all run at once
# Each script's environment, None for that of the tests; the slowest first.
CLIENTS = {
    "v2_estimator.py": "v2",
    "v3_model_builder.py": "v3",
    "v2_transformer.py": "v2",
    "v3_resources.py": "v3",
    "v3_model_trainer.py": "v3",
    "cli.sh": "cli",
    "boto3_quickstart.py": None,
}


@dataclass(frozen=True)
class Image:
    """A classifier on CSV: `file` is in its artifact, `said` in its training job's log; `payload` gets `predicted`."""

    tag: str
    channel: str
    data: Path
    payload: str
    predicted: list[str]
    file: str
    said: str


class Proxy(ThreadingHTTPServer):
    """Refuses everything, and knows what it refused: what a client sends to anybody but the API."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.refused: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Refusal(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        assert isinstance(self.server, Proxy)
        self.server.refused.append(self.path)
        self.send_error(403)

    do_GET = do_POST = do_PUT = do_HEAD = do_CONNECT  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Clients:
    image: Image
    aws: LocalAws
    proxy: Proxy = field(default_factory=Proxy)
    running: dict[str, "Future[str]"] = field(default_factory=dict)

    def start(self, pool: Executor, script: str, folder: Path, variables: dict[str, str]) -> None:
        """It sees no more of this machine than PATH, what `local_test env` says, and variables of its own."""
        client = CLIENTS[script]
        programs = environment(client) if client else Path(sys.executable).parent
        proxy = f"http://127.0.0.1:{self.proxy.server_port}"
        environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "HTTP_PROXY": proxy,
            "HTTPS_PROXY": proxy,
            **self.aws.variables,
            "SAGEMAKER_VALIDATE_ROLE": "true",
            "IMAGE": self.image.tag,
            "ROLE": ROLE,
            "CHANNEL": self.image.channel,
            "DATA": str(self.image.data),
            "PAYLOAD": self.image.payload,
            **variables,
        }
        program = "sh" if script.endswith(".sh") else str(programs / "python")
        self.running[script] = pool.submit(_run, [program, str(SCRIPTS / script)], folder, environ)

    def output(self, script: str) -> str:
        return self.running[script].result(PATIENCE)


def _run(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    folder.mkdir()
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, f"{command[-1]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
