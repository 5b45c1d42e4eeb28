"""What goes in and comes out of /invocations: media types, sizes, and the errors that a caller reads."""

import re

from local_test.verify.checks.check import Check
from local_test.verify.server import OK, Server
from local_test.verify.verdict import Seen, Status, failed, passed, skipped, warned
from local_test.verify.wire import Answer
from tiffin import limits

UNKNOWN = "application/x-never-heard-of"
GARBAGE = b"\xff\xfe\x00 this is no payload \x80\n"
TRACEBACK = re.compile(
    r'Traceback \(most recent call last\)|File ".+", line \d+|^\s+at [\w.$]+\(.*\)|Backtrace:', re.MULTILINE
)
HTML = re.compile(r"<(!doctype|html|title)\b", re.IGNORECASE)
REAL_TIME = 6 * 1024 * 1024 - 4096  # bytes: H-10, the API model's limit
QUICK = 6.0  # seconds for 6 MB, or 25 MB are not awaited
AT_ONCE = 2.0  # seconds in which a limit refuses by Content-Length alone
BAD, NOT_ACCEPTABLE, UNSUPPORTED, ERROR = 400, 406, 415, 500
UNLIMITED = "Read the log: no limit refused it. A worker's timeout (gunicorn's is 30 s), its memory or the model did."
NO_ROWS = "how its rows repeat is not known for this Content-Type: give --payload with CSV, JSON lines or a JSON list"


def spellings(server: Server) -> Seen:
    given = server.payload.media_type if server.payload else ""
    for content_type in (f"{given}; charset=utf-8", given.upper(), f"{given};charset=UTF-8"):
        answer = server.invoke(content_type=content_type)
        if not server.alike(answer):
            return failed(f"Content-Type {content_type!r} is answered {answer}: {answer.text[:100].strip()!r}")
    return passed("Content-Type is compared without case and parameters")


def accept(server: Server) -> Seen:
    own = server.usual.media_type or "text/csv"
    for value in ("*/*", own, f"{UNKNOWN}, {own};q=0.5", f"{own};q=0.9, */*;q=0.1"):
        answer = server.invoke(headers={"Accept": value})
        if answer.status != OK:
            return failed(f"Accept: {value} is answered {answer}: {answer.text[:100].strip()!r}")
    answer = server.invoke(headers={"Accept": UNKNOWN})
    if answer.status >= ERROR or not answer.status:
        return failed(f"an Accept that it cannot answer gets {answer}, not 406")
    if answer.status != NOT_ACCEPTABLE:
        return warned(f"an Accept that it cannot answer gets {answer} as {answer.content_type!r}, not 406")
    return passed("*/*, lists and q-values work; what cannot be answered is 406")


def unsupported(server: Server) -> Seen:
    answer = server.invoke(content_type=UNKNOWN)
    if answer.status >= ERROR or not answer.status:
        return failed(f"a Content-Type that it does not know gets {answer}, not 415")
    if answer.status != UNSUPPORTED:
        return warned(f"a Content-Type that it does not know gets {answer}, not 415")
    return passed("a Content-Type that it does not know is 415")


def _errors(server: Server) -> list[tuple[str, Answer]]:
    asked = [
        ("a body that is garbage", server.invoke(GARBAGE)),
        ("an unknown Content-Type", server.invoke(content_type=UNKNOWN)),
        ("an empty body", server.invoke(b"")),
    ]
    return [(what, answer) for what, answer in asked if answer.status >= BAD or not answer.status]


def error_bodies(server: Server) -> Seen:
    errors = _errors(server)
    if not errors:
        return skipped("it takes any body of any Content-Type")
    judged = [_error_body(what, answer) for what, answer in errors]
    return min(judged, key=lambda seen: list(Status).index(seen.status))


def _error_body(what: str, answer: Answer) -> Seen:
    said = f"{what} is answered {answer}"
    if not answer.status or TRACEBACK.search(answer.text):
        return failed(f"{said} with a traceback, which the caller reads" if answer.status else said)
    if HTML.search(answer.text):
        return warned(f"{said} with a page of HTML: the caller reads {answer.text[:60]!r}")
    if not answer.body.strip():
        return warned(f"{said} without a word")
    if answer.status >= ERROR:
        return warned(f"{said}: the caller cannot tell its own mistake from the model's")
    return passed(f"{said}: {answer.text[:60].strip()!r}")


def small_errors(server: Server) -> Seen:
    """H-17: the whole request is read before it is refused, and the answer is small."""
    for what, answer in _errors(server):
        if len(answer.body) > limits.ERROR_BODY:
            return warned(f"{what} is answered with {len(answer.body)} bytes; over {limits.ERROR_BODY} may be cut")
    many = server.payload.grown(4_000_000) if server.payload else None
    answer = server.invoke(many or GARBAGE * 100_000, UNKNOWN)
    if answer.status == OK:
        return skipped("it refuses no Content-Type")
    if not answer.status:
        return failed(f"4 MB that it refuses: {answer}; the caller never reads why")
    return passed(f"4 MB that it refuses are read, and answered {answer}")


def sizes(server: Server) -> Seen:
    body = server.payload.grown(REAL_TIME) if server.payload else None
    if body is None:
        return skipped(NO_ROWS)
    answer = server.invoke(body)
    if answer.status != OK:
        said = f"{answer} after {answer.seconds:.0f} s: {answer.text[:80].strip()!r}"
        text = f"{len(body) / 1e6:.1f} MB, as many rows as that holds, are answered {said}"
        return failed(text, UNLIMITED if answer.status >= ERROR or not answer.status else "")
    more = _larger(server, answer.seconds)
    if more is None:
        return passed(f"6 MiB in {answer.seconds:.1f} s; 25 MB are not refused at once, and were not awaited")
    if more.status != OK:
        return warned(f"6 MiB are taken, 25 MB are answered {more}: {more.text[:80].strip()!r}")
    return passed(f"6 MiB in {answer.seconds:.1f} s, 25 MB in {more.seconds:.1f} s")


def _larger(server: Server, seconds: float) -> Answer | None:
    """What 25 MB are answered; None where that would take long."""
    assert server.payload is not None  # noqa: S101
    body = server.payload.grown(limits.PAYLOAD - 4096) or b""
    half = server.address.half(server.path, body, {"Content-Type": server.payload.content_type})
    if seconds < QUICK or half.answered_early(AT_ONCE):
        return half.finish()
    half.close()
    return None


CHECKS = (
    Check("H-10", "payloads as large as the platform's", sizes),
    Check("H-13", "Content-Type in other spellings", spellings),
    Check("H-14", "Accept", accept),
    Check("H-14", "unknown Content-Type", unsupported),
    Check("H-15", "errors that a caller can read", error_bodies),
    Check("H-17", "errors that reach the caller", small_errors),
)
