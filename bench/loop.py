"""From a change of code to the first answer that shows it: `python -m bench.loop [--docker]`, after `make build`.

`local_test serve --code --watch` runs; each round writes the plug anew and asks until the answer is the new one.
"""

import argparse
import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 11
PATIENCE = 60.0  # seconds
PLUG = "def model_fn(model_dir): return 0\ndef predict_fn(data, model): return [{}] * len(data)\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.loop", description=__doc__)
    parser.add_argument("--docker", action="store_true", help="in the image; default: as processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        took = measure(Path(folder), "--docker" if options.docker else "--no-docker")
    where = "Docker" if options.docker else "processes"
    print(
        f"from a change to its answer, {where}: median {statistics.median(took):.2f} s "
        f"(from {min(took):.2f} to {max(took):.2f}, {len(took)} rounds)"
    )
    return 0


def measure(folder: Path, how: str) -> list[float]:
    """Seconds of each round."""
    code, base = folder / "code", folder / "ml"
    code.mkdir()
    write(code, -1)
    (base / "model").mkdir(parents=True)
    (base / "model" / "model.txt").write_text("the model of this bench")
    (base / ".tiffin-tree").touch()
    command = [sys.executable, "-m", "local_test", "serve", how, "--port", "0"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    process = subprocess.Popen(
        [*command, "--base-dir", str(base), "--code", str(code), "--watch"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = next(line.split()[2] for line in process.stdout or () if line.startswith("ready at "))
        took = []
        for number in range(ROUNDS):
            begun = time.monotonic()
            write(code, number)
            while answer(url) != str(number):
                if time.monotonic() - begun > PATIENCE:
                    raise TimeoutError(f"round {number} has had no answer in {PATIENCE:.0f} s")
                time.sleep(0.01)
            took.append(time.monotonic() - begun)
        return took
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


def write(code: Path, number: int) -> None:
    (code / "inference.py").write_text(PLUG.format(number))


def answer(url: str) -> str | None:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=2)
    try:
        connection.request("POST", "/invocations", b"1\n", {"Content-Type": "text/csv"})
        return connection.getresponse().read().decode().strip()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
