"""What an invocation through AWS's API here costs over the same one sent to the container: `python -m bench.overhead`.

A real `local_test up` with a program as its container, or with `--docker` a real one, and an isolated one besides. All
are asked in turn, in blocks, each over one connection.
"""

import argparse
import contextlib
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

IMAGE = "tiffin-bench-overhead"
ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "tests" / "cases" / "hosted"
BLOCKS, REQUESTS = 20, 100
BODIES = {"30 bytes": b"1,2\n" * 7 + b"1\n", "1 MB": b"x" * 1_000_000}
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=LOCALONLYNOTAREALKEY/20260101/us-east-1/sagemaker/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=0",
    "Content-Type": "text/csv",
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.overhead", description=__doc__)
    parser.add_argument("--docker", action="store_true", help="real containers; default: a process")
    in_docker = parser.parse_args(arguments).docker
    with _image() if in_docker else contextlib.nullcontext(str(PROGRAM)) as image, _api(in_docker) as port:
        _serve(port, "open", image, isolated=False)
        with closing(_connection(port)) as api:
            where = json.loads(_post(api, "/endpoints/open/invocations", b"env"))
            place = _address(where["HOSTNAME"]) if in_docker else ("127.0.0.1", int(where["SAGEMAKER_BIND_TO_PORT"]))
            if in_docker:
                _serve(port, "isolated", image, isolated=True)
            with closing(http.client.HTTPConnection(*place, timeout=60)) as container:
                for name, body in BODIES.items():
                    _compare(name, body, container, api, in_docker)


def _compare(
    name: str, body: bytes, container: http.client.HTTPConnection, api: http.client.HTTPConnection, in_docker: bool
) -> None:
    ways: dict[str, Callable[[], object]] = {
        "direct": lambda: _post(container, "/invocations", body),
        "through the API": lambda: _post(api, "/endpoints/open/invocations", body),
    }
    if in_docker:
        ways["isolated"] = lambda: _post(api, "/endpoints/isolated/invocations", body)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for block in range(BLOCKS + 1):  # the first is not counted
        for way, ask in ways.items():
            for _ in range(REQUESTS):
                begun = time.perf_counter()
                ask()
                if block:
                    times[way].append((time.perf_counter() - begun) * 1000)
    for way, found in times.items():
        cuts = statistics.quantiles(found, n=100)
        print(f"{name:>8} {way:>16}: p50 {cuts[49]:6.2f} ms, p99 {cuts[98]:6.2f} ms ({len(found)} requests)")
    for way in list(ways)[1:]:
        over = statistics.median(times[way]) - statistics.median(times["direct"])
        print(f"{name:>8} {'overhead':>16}: p50 {over:6.2f} ms {way}")


@contextmanager
def _image() -> Iterator[str]:
    """The program on our image's Python."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"FROM tiffin:{version}", "COPY serve /own/", "RUN chmod 755 /own/serve", "ENV PATH=/own:$PATH"]
        (Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n")
        (Path(folder) / "serve").write_bytes((PROGRAM / "serve").read_bytes())
        subprocess.run(["docker", "build", "--quiet", "--tag", IMAGE, folder], check=True, stdout=subprocess.DEVNULL)
    try:
        yield IMAGE
    finally:
        subprocess.run(["docker", "image", "rm", "--force", IMAGE], check=True, stdout=subprocess.DEVNULL)


def _address(container: str) -> tuple[str, int]:
    asked = ["docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", container]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip(), 8080


@contextmanager
def _api(in_docker: bool) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        way = "--docker" if in_docker else "--no-docker"
        command = ["-m", "local_test", "up", "--port", "0", way, "--state", folder]
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        try:
            for line in process.stdout or ():
                if found := re.search(r"API is at http://127\.0\.0\.1:(\d+)", line):
                    yield int(found[1])
                    break
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _serve(port: int, name: str, image: str, *, isolated: bool) -> None:
    """An endpoint, and what it needs, of that name."""
    model = {"ModelName": name, "PrimaryContainer": {"Image": image}, "EnableNetworkIsolation": isolated}
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    _call(port, "CreateModel", {"ExecutionRoleArn": "arn:aws:iam::123456789012:role/r", **model})
    _call(port, "CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]})
    _call(port, "CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})
    deadline = time.monotonic() + 60
    while (found := _call(port, "DescribeEndpoint", {"EndpointName": name}))["EndpointStatus"] != "InService":
        if found["EndpointStatus"] == "Failed" or time.monotonic() > deadline:
            raise SystemExit(f"the endpoint does not serve: {found}")
        time.sleep(0.1)


def _call(port: int, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    headers = SIGNED | {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    with closing(_connection(port)) as connection:
        connection.request("POST", "/", json.dumps(request), headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read() or b"{}")
        return answer


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body, SIGNED)
    response = connection.getresponse()
    answer = response.read()
    if response.status != http.HTTPStatus.OK:
        raise SystemExit(f"{path}: {response.status} {answer[:500]!r}")
    return answer


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
