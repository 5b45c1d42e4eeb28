"""Batch transform (section 5), as far as the container sees it."""

import json

from local_test.verify.checks.check import Check
from local_test.verify.payload import LINES
from local_test.verify.server import OK, Server
from local_test.verify.verdict import Seen, failed, passed, skipped, warned

CHUNK = 4096
KEYS = {"MaxConcurrentTransforms": int, "BatchStrategy": str, "MaxPayloadInMB": int}
STRATEGIES = ("MULTI_RECORD", "SINGLE_RECORD")
ERROR = 500


def execution_parameters(server: Server) -> Seen:
    answer = server.address.ask("GET", "/execution-parameters", patience=10)
    if not answer.status or answer.status >= ERROR:
        return failed(f"GET /execution-parameters is answered {answer}: 200 or 404 are right")
    if answer.status != OK:
        return passed(f"GET /execution-parameters is {answer}: the job's own numbers hold")
    try:
        told = json.loads(answer.body)
    except ValueError:
        return failed(f"GET /execution-parameters is 200, and no JSON: {answer.text[:60]!r}")
    wrong = [key for key, kind in KEYS.items() if key in told and not isinstance(told[key], kind)]
    if wrong or told.get("BatchStrategy", STRATEGIES[0]) not in STRATEGIES:
        return failed(f"GET /execution-parameters says {answer.text[:120].strip()!r}")
    return passed(answer.text.strip()[:100])


def chunked(server: Server) -> Seen:
    assert server.payload is not None  # noqa: S101
    body = server.payload.body
    pieces = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
    headers = {"Content-Type": server.payload.content_type, "Transfer-Encoding": "chunked"}
    answer = server.address.ask("POST", server.path, iter(pieces), headers)
    if server.alike(answer):
        return passed("a body in chunks, without Content-Length, is taken")
    return failed(f"a body in chunks, without Content-Length, is answered {answer}: {answer.text[:80].strip()!r}")


def joined(server: Server) -> Seen:
    """B-09: as many rows out as in."""
    payload = server.payload
    assert payload is not None  # noqa: S101
    if payload.lines is None:
        return skipped("rows are counted in CSV and JSON lines only")
    count = sum(1 for line in server.usual.text.splitlines() if line.strip())
    if server.usual.media_type != payload.media_type:
        return skipped(f"joining needs one format in and out, and {payload.media_type} gets {server.usual.media_type}")
    if count != len(payload.lines):
        return failed(f"{len(payload.lines)} rows in, {count} out: joining input and output is refused")
    return passed(f"{count} rows in, {count} out")


def assembled(server: Server) -> Seen:
    """B-06: two answers behind each other, as AssembleWith None writes them, are still rows."""
    if server.usual.media_type not in LINES or not server.usual.body:
        return skipped("answers are put together in CSV and JSON lines only")
    if not server.usual.body.endswith(b"\n"):
        return warned("an answer does not end in a newline: AssembleWith has to be Line, or two answers share a line")
    return passed("an answer ends in a newline: AssembleWith may be None; with Line a blank line is added")


CHECKS = (
    Check("B-02", "/execution-parameters", execution_parameters),
    Check("B-03", "a body of unknown length", chunked),
    Check("B-06", "answers put together", assembled),
    Check("B-09", "as many rows out as in", joined),
)
