"""Real-time hosting (section 3 of the contract): the server by itself, with nothing else asked of it."""

import re
import time

from local_test.verify.checks.check import Check
from local_test.verify.server import FIRST, OK, PING_LIMIT, Server
from local_test.verify.verdict import Seen, failed, passed, skipped, warned
from tiffin import limits

ATTRIBUTES = "trace=7f;note=lunch"
SESSION = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*;\s*Expires=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
METRIC = re.compile(rb"^[a-zA-Z_:][\w:]*(\{.*\})? \S+( \d+)?$")
REAPED = 1.0  # seconds
SLOW_FIRST = 2.0  # seconds
OF_THE_START = 3  # to load a model takes no smaller part of a start, and a busy machine is slow with both
ERROR = 500


def starts(server: Server) -> Seen:
    return passed(f"`docker run {server.court.subject.image} serve` runs: {server.container.first_process()[:80]}")


def port(server: Server) -> Seen:
    return passed(f"answers on {server.address.port}, from outside the container")


def ping(server: Server) -> Seen:
    if server.readiness.redirected:
        where = server.readiness.ping.headers.get("location", "?")
        return failed(f"GET /ping is answered {server.readiness.ping.status} to {where}: a redirect is not followed")
    got, posted = server.ping(), server.ping("POST")
    if got.status != OK:
        return failed(f"GET /ping was 200 once, and then {got}")
    if got.seconds > PING_LIMIT:
        return failed(f"GET /ping took {got.seconds:.1f} s without any load")
    if posted.status != OK:
        return warned(f"GET /ping is 200, but POST {posted}")
    return passed(f"GET and POST /ping are 200, in {got.seconds * 1000:.0f} ms")


def in_time(server: Server) -> Seen:
    if server.readiness.redirected:
        return skipped("/ping is a redirect")
    return passed(str(server.readiness))


def true_readiness(server: Server) -> Seen:
    """The first moment: invocations as soon as /ping is 200."""
    if not server.first:
        return skipped("give --payload FILE")
    bad = [answer for answer in server.first if not 0 < answer.status < ERROR]
    if bad and server.usual.status == OK:
        return failed(f"/ping was 200, but {len(bad)} of the {FIRST} invocations at that moment got {bad[0]}")
    slowest = max(answer.seconds for answer in server.first)
    if slowest > max(SLOW_FIRST, 10 * server.usual.seconds, server.readiness.seconds / OF_THE_START):
        return warned(
            f"/ping was 200, but an invocation then took {slowest:.1f} s, later {server.usual.seconds:.2f} s: "
            "a process loads its model at its first request"
        )
    return passed(f"{FIRST} invocations at the moment when /ping became 200 were answered within {slowest:.2f} s")


def invocation(server: Server) -> Seen:
    answer = server.usual
    if answer.status != OK:
        return failed(f"POST /invocations with the payload: {answer}: {answer.text[:200].strip()!r}")
    if answer.seconds > limits.INVOCATION_TIMEOUT:
        return failed(f"the payload took {answer.seconds:.0f} s")
    return passed(f"200 in {answer.seconds * 1000:.0f} ms: {answer.text[:40].strip()!r}")


def unknown_headers(server: Server) -> Seen:
    own = {"X-Amzn-RequestId": "7f", "X-Forwarded-For": "10.0.0.1", "X-Unheard-Of": "1", "User-Agent": "AHC/2.0"}
    answer = server.invoke(headers=own)
    if server.alike(answer):
        return passed("headers that it cannot know change nothing")
    return failed(f"with headers that it cannot know the payload is answered {answer}: {answer.text[:100]!r}")


def known_headers(server: Server) -> Seen:
    names = {"Custom-Attributes": ATTRIBUTES, "Inference-Id": "inference-1", "Target-Variant": "blue"}
    answer = server.invoke(headers={f"X-Amzn-SageMaker-{name}": value for name, value in names.items()})
    if not server.alike(answer):
        return failed(f"with SageMaker's own headers the payload is answered {answer}: {answer.text[:100]!r}")
    back = answer.headers.get("x-amzn-sagemaker-custom-attributes")
    return passed(
        "they change nothing; custom attributes " + (f"come back as {back!r}" if back else "do not come back")
    )


def streamed(server: Server) -> Seen:
    if server.usual.headers.get("transfer-encoding", "").lower() != "chunked":
        return skipped("the answer is not streamed")
    return passed("the answer comes in chunks, and whole")


def sessions(server: Server) -> Seen:
    answer = server.invoke(headers={"X-Amzn-SageMaker-Session-Id": "NEW_SESSION"})
    if answer.status != OK:
        return failed(f"a request for a session is answered {answer}: {answer.text[:100]!r}")
    told = answer.headers.get("x-amzn-sagemaker-new-session-id")
    if told is None:
        return skipped("it opens no sessions")
    return passed(told) if SESSION.fullmatch(told) else failed(f"New-Session-Id is {told!r}, not `id; Expires=…Z`")


def metrics(server: Server) -> Seen:
    answer = server.address.ask("GET", "/metrics", patience=10)
    if answer.status != OK:
        return skipped(f"no metrics: /metrics is answered {answer}")
    wrong = [line for line in answer.body.splitlines() if line.strip() and line[:1] != b"#" and not METRIC.match(line)]
    return (
        warned(f"/metrics is no Prometheus text: {wrong[0][:60]!r}") if wrong else passed("Prometheus text at /metrics")
    )


def truthful(server: Server) -> Seen:
    """P-01: the next container of a pipeline believes it."""
    answer = server.usual
    says = answer.media_type
    text = answer.body.lstrip()
    if not says:
        return failed("the answer has no Content-Type")
    if says == "application/json" and not _is_json(answer.body):
        return failed(f"the answer says application/json, and is {text[:40]!r}")
    if says == "text/html" and text[:1] != b"<":
        return failed(f"the answer says text/html, and is {text[:40]!r}")
    return passed(f"{answer.content_type}: {text[:30]!r}")


def _is_json(body: bytes) -> bool:
    import json

    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def reaped(server: Server) -> Seen:
    """C-04: orphans become PID 1's own children. One that the start has left, as AWS's toolkit does, stays one."""
    before = server.readiness.zombies
    if server.container.zombies() > before:
        time.sleep(REAPED)  # those of a moment ago
    left = server.container.zombies() - before
    if left > 0:
        return warned(
            f"{left} processes have ended, and its PID 1, {server.container.first_process()[:60]!r}, has not waited "
            "for them: each keeps its number, until there is none for a new process",
            "Wait for every child (signal.signal(signal.SIGCHLD, signal.SIG_IGN) does where no exit code is read).",
        )
    return passed("no process that has ended is left behind by what was asked")


READY = (
    Check("C-01", "`serve` starts it", starts),
    Check("H-01", "listens on 0.0.0.0:8080", port),
    Check("H-03", "/ping by GET and POST", ping),
    Check("H-04", "ready within the start window", in_time),
    Check("H-24", "metrics to scrape", metrics),
)
INVOKED = (
    Check("H-06", "ready means that it can predict", true_readiness),
    Check("H-09", "an invocation", invocation),
    Check("H-11", "unknown headers", unknown_headers),
    Check("H-12", "SageMaker's headers", known_headers),
    Check("H-22", "a streamed answer", streamed),
    Check("H-23", "sessions", sessions),
    Check("P-01", "a truthful Content-Type", truthful),
)
AFTER = (Check("C-04", "what has ended is waited for", reaped),)
