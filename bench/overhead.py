"""What an invocation through AWS's API here costs over the same one sent to the container: `python -m bench.overhead`.

A real `local_test up`, with a program as its container; both are asked in turn, in blocks, each over one connection.
"""

import contextlib
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).resolve().parent.parent / "tests" / "cases" / "hosted"
BLOCKS, REQUESTS = 20, 100
BODIES = {"30 bytes": b"1,2\n" * 7 + b"1\n", "1 MB": b"x" * 1_000_000}
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=LOCALONLYNOTAREALKEY/20260101/us-east-1/sagemaker/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=0",
    "Content-Type": "text/csv",
}


def main() -> None:
    with _api() as port:
        _serve(port)
        with closing(_connection(port)) as api:
            where = json.loads(_post(api, "/endpoints/e/invocations", b"env"))
            with closing(_connection(int(where["SAGEMAKER_BIND_TO_PORT"]))) as container:
                for name, body in BODIES.items():
                    _compare(name, body, container, api)


def _compare(name: str, body: bytes, container: http.client.HTTPConnection, api: http.client.HTTPConnection) -> None:
    ways: dict[str, Callable[[], object]] = {
        "direct": lambda: _post(container, "/invocations", body),
        "through the API": lambda: _post(api, "/endpoints/e/invocations", body),
    }
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
    over = statistics.median(times["through the API"]) - statistics.median(times["direct"])
    print(f"{name:>8} {'overhead':>16}: p50 {over:6.2f} ms")


@contextmanager
def _api() -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "local_test", "up", "--port", "0", "--no-docker", "--state", folder]
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        try:
            for line in process.stdout or ():
                if found := re.search(r"API is at http://127\.0\.0\.1:(\d+)", line):
                    yield int(found[1])
                    break
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _serve(port: int) -> None:
    container = {"Image": str(PROGRAM)}
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    role = "arn:aws:iam::123456789012:role/r"
    _call(port, "CreateModel", {"ModelName": "m", "ExecutionRoleArn": role, "PrimaryContainer": container})
    _call(port, "CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant]})
    _call(port, "CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c"})
    deadline = time.monotonic() + 60
    while (found := _call(port, "DescribeEndpoint", {"EndpointName": "e"}))["EndpointStatus"] != "InService":
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
