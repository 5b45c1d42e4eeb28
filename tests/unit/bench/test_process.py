import os
import shutil
import sys
from pathlib import Path

import pytest

from bench import process
from bench.process import Command
from bench.session import free_ports

PARENT = """
import subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open("child", "w").write(str(child.pid))
HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


@pytest.mark.skipif(not shutil.which("taskset"), reason="there is no taskset (util-linux)")
def test_what_went_into_a_session_of_its_own_is_measured_and_ended_too(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    core = str(min(os.sched_getaffinity(0)))
    command = Command([sys.executable, "-c", PARENT, str(port)])
    with process.running([command], core, tmp_path, port, "/") as running:
        child = int((tmp_path / "child").read_text())
        assert child not in running.sessions
        assert os.getsid(child) == child
        assert running.pss() > process._pss(child) / 1e6 > 0
        assert set(process._members(running.sessions, tmp_path)) == {child, *running.sessions}
    assert not process._members(running.sessions, tmp_path)
