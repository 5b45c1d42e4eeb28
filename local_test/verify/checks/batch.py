"""Batch transform (section 5), as far as the container sees it."""

import json
from collections.abc import Sequence

from local_test.verify.checks.check import Check
from local_test.verify.payload import LINES
from local_test.verify.server import OK, Server
from local_test.verify.verdict import Seen, failed, passed, skipped, warned
from local_test.verify.wire import Answer

CHUNK = 4096
KEYS = {"MaxConcurrentTransforms": int, "BatchStrategy": str, "MaxPayloadInMB": int}
STRATEGIES = ("MULTI_RECORD", "SINGLE_RECORD")
ERROR = 500
NO_NUMBERS = "a wrong row is known in CSV of numbers only"


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
    answer = server.address.ask(
        "POST", server.path, lambda: iter(pieces), {"Content-Type": server.payload.content_type}
    )
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


def _numbers(server: Server) -> Sequence[bytes] | None:
    """The fields of the payload's first row where all are numbers, and a word among them means nothing."""
    payload = server.payload
    if payload is None or not payload.is_csv or not payload.lines:
        return None
    fields = payload.lines[0].split(b",")
    try:
        [float(field) for field in fields]
    except ValueError:
        return None
    return fields


def header_line(server: Server) -> Seen:
    """B-05: with SplitType Line a file's header is a record, by itself or at the head of the first request."""
    fields = _numbers(server)
    if fields is None:
        return skipped(NO_NUMBERS)
    row, header = b",".join(fields), b",".join(b"column%d" % number for number in range(len(fields)))
    answer = server.invoke(b"\n".join((header, row, row)) + b"\n")
    if answer.status != OK:
        return _refused("a first line of words", answer)
    count = len(answer.text.splitlines())
    if count not in (2, 3):
        return failed(f"a line of words and two rows have {count} lines: what belongs to what?")
    return passed(f"a line of words and two rows have {count} lines: it is {'a header' if count == 2 else 'a row'}")  # noqa: PLR2004


def bad_row(server: Server) -> Seen:
    """B-07: refused with a reason, or answered by a placeholder; the others stay where they are."""
    fields = _numbers(server)
    if fields is None:
        return skipped(NO_NUMBERS)
    row, bad = b",".join(fields), b",".join((b"no-number", *fields[1:]))
    good = server.invoke(b"\n".join((row, row, row)) + b"\n").text.splitlines()
    answer = server.invoke(b"\n".join((row, bad, row)) + b"\n")
    if answer.status != OK:
        return _refused("one bad row of three", answer)
    lines = answer.text.splitlines()
    if len(lines) != 3 or [lines[0], lines[2]] != [good[0], good[-1]]:  # noqa: PLR2004
        return failed(f"one bad row of three is answered {lines}, three good ones {good}: whose is which?")
    return passed(f"one bad row of three is answered {lines[1]!r}, the others as ever")


def _refused(what: str, answer: Answer) -> Seen:
    said = f"{what} is answered {answer}"
    if answer.status >= ERROR or not answer.status:
        return warned(f"{said}: the whole file fails, and its owner reads no reason")
    return passed(f"{said}: {answer.text[:80].strip()!r}")


CHECKS = (
    Check("B-02", "/execution-parameters", execution_parameters),
    Check("B-03", "a body of unknown length", chunked),
    Check("B-05", "a header line", header_line),
    Check("B-06", "answers put together", assembled),
    Check("B-07", "a bad row", bad_row),
    Check("B-09", "as many rows out as in", joined),
)
