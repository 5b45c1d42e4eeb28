"""What SQL callers send and read (section 13): CSV without a header, a line out for a line in."""

import csv
import io
from collections.abc import Sequence

from local_test.verify.checks.check import Check
from local_test.verify.payload import CSV
from local_test.verify.server import OK, Server
from local_test.verify.verdict import Seen, failed, passed, warned
from local_test.verify.wire import Answer

BATCH = 10_000  # rows, Q-02: Aurora MySQL's default
ERROR = 500
NO_NUMBERS = ("nan", "na", "none", "inf", "-inf")  # "null" and nothing are read as NULL by some


def _lines(answer: Answer) -> Sequence[str]:
    return answer.text.splitlines()


def _rows(server: Server) -> Sequence[bytes]:
    assert server.payload is not None and server.payload.lines  # noqa: S101, PT018
    return server.payload.lines


def _ask(server: Server, body: bytes | None) -> Answer:
    """Accept is sent where an answer is CSV only then (Q-06)."""
    return server.invoke(body, headers={} if server.usual.media_type == CSV else {"Accept": CSV})


def _short(answer: Answer) -> str:
    return f"{answer}: {answer.text[:80].strip()!r}"


def one_line_a_row(server: Server) -> Seen:
    """No header, no index, none left out: the same row three times has three equal lines."""
    row = _rows(server)[0]
    one, three = _ask(server, row + b"\n"), _ask(server, (row + b"\n") * 3)
    if three.status != OK or one.status != OK:
        return failed(f"one row is answered {_short(one)}; three are {_short(three)}")
    lines = _lines(three)
    if len(lines) == 4:  # noqa: PLR2004
        return failed(f"three rows have four lines: {lines[0]!r} is a header, or an answer to nothing")
    if len(lines) != 3:  # noqa: PLR2004
        return failed(f"three rows have {len(lines)} line(s): {three.text[:60]!r}")
    if len(set(lines)) > 1:
        return failed(f"the same row three times is answered {lines}: an index, or an answer that drifts")
    return passed(f"three rows have three lines, {lines[0]!r} each")


def no_accept(server: Server) -> Seen:
    """Q-06: nobody documents what they send; none is the least."""
    answer = server.usual
    if answer.media_type != CSV:
        return warned(f"without Accept, text/csv is answered as {answer.content_type!r}, not as text/csv")
    return passed("without Accept, text/csv is answered as text/csv")


def many(server: Server) -> Seen:
    body = server.payload.rows(BATCH) if server.payload else None
    answer = _ask(server, body)
    if answer.status != OK:
        return failed(f"{BATCH:,} rows in one request are answered {_short(answer)}")
    count = len(_lines(answer))
    return (
        passed(f"{BATCH:,} rows, {count:,} lines, {answer.seconds:.2f} s")
        if count == BATCH
        else failed(f"{BATCH:,} rows have {count:,} lines")
    )


def empty_fields(server: Server) -> Seen:
    """SQL's NULL."""
    row = _rows(server)[0]
    hole = b"," + row.partition(b",")[2] if b"," in row else b'""'
    answer = _ask(server, row + b"\n" + hole + b"\n" + row + b"\n")
    if answer.status >= ERROR or not answer.status:
        return warned(f"a row with an empty field, SQL's NULL, is answered {_short(answer)}")
    if answer.status == OK and len(_lines(answer)) != 3:  # noqa: PLR2004
        return failed(f"three rows, one with an empty field, have {len(_lines(answer))} lines")
    if answer.status == OK and _lines(answer)[1].strip().strip('"').lower() in NO_NUMBERS:
        return warned(
            f"a row with an empty field is answered {_lines(answer)[1]!r}, which a database takes for no NULL"
        )
    return passed(f"a row with an empty field is answered {_short(answer)}")


def one_value(server: Server) -> Seen:
    fields = next(csv.reader(io.StringIO(_ask(server, None).text)), [])
    if len(fields) == 1:
        return passed("one value a row")
    return warned(f"{len(fields)} values a row: Redshift and Athena take one, Aurora PostgreSQL a composite type")


def line_ends(server: Server) -> Seen:
    rows = _rows(server)
    answer = _ask(server, None)
    if answer.body and not answer.body.endswith(b"\n"):
        return warned("the last line of an answer has no newline: batch transform without AssembleWith glues rows")
    windows = _ask(server, b"\r\n".join(rows) + b"\r\n")
    if windows.body.strip() != answer.body.strip():
        return failed(f"rows that end in CRLF are answered {_short(windows)}")
    bare = _ask(server, b"\n".join(rows))
    if bare.body.strip() != answer.body.strip():
        return failed(f"rows without a last newline are answered {_short(bare)}")
    return passed("LF, CRLF and no last newline are all taken; each line of an answer ends in a newline")


def quotes(server: Server) -> Seen:
    text = b"\n".join(_rows(server)).decode(errors="replace")
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(csv.reader(io.StringIO(text)))
    answer = _ask(server, out.getvalue().encode())
    usual = _ask(server, None)
    if answer.body.strip() != usual.body.strip():
        return warned(f"quoted fields are answered {_short(answer)}, bare ones {_short(usual)}")
    return passed("quoted and bare fields are the same")


CHECKS = (
    Check("Q-01", "a line out for a line in", one_line_a_row),
    Check("Q-02", "10,000 rows in a request", many),
    Check("Q-03", "empty fields", empty_fields),
    Check("Q-05", "one value a row", one_value),
    Check("Q-06", "no Accept", no_accept),
    Check("Q-07", "line ends", line_ends),
    Check("Q-07", "quoted fields", quotes),
)


def why_not(server: Server) -> str:
    return "" if server.payload and server.payload.is_csv else "SQL callers send text/csv: give such a --payload"
