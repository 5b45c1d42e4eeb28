"""Why a container did not come up: the line of the contract that it most likely breaks, by what it wrote."""

import re
from collections.abc import Sequence

from deploy import waiting
from deploy.waiting import Settled

# The first that is found in the platform's reason or in the container's lines.
LIKELY = (
    (r"exec format error", "C-13: the image is built for another processor than the instance's"),
    (
        r"executable file not found|exec: \"?serve\"?|serve: (?:command )?not found|CannotStartContainer",
        "C-02: there is no executable `serve` on PATH, or the ENTRYPOINT does not take it",
    ),
    (r"/ping is 200 at ", "H-01: it listens on another port, or on the loopback alone; 0.0.0.0:8080 is asked"),
    (r"Address already in use", "H-01: something else listens on port 8080"),
    (
        r"(?:[Ll]istening|[Rr]unning|[Ss]erving)[^\n]*(?:127\.0\.0\.1|localhost)",
        "H-01: it listens on the loopback interface only; 0.0.0.0:8080 is asked",
    ),
    (r"Read-only file system", "H-19: /opt/ml/model is read-only; write below /tmp"),
    (r"Permission denied", "S-05, C-06: another user runs the image there: its files must be readable by all"),
    (r"OutOfMemory|MemoryError|Cannot allocate memory|signal 9|SIGKILL|exit code 137", "too little memory"),
    (r"ModuleNotFoundError|ImportError|there is no package called", "a library is not in the image"),
    (
        r"(?:download|extract)[^\n]*model data|model data archive",
        "H-19, H-20: the artifact is no .tar.gz, or the role may not read it",
    ),
    (
        r"(?:pull|image)[^\n]*(?:denied|not found|does not exist)",
        "C-14: the role may not pull the image, or it is gone",
    ),
    (r"[Cc]apacity", "AWS has no such instance free: another type, or later"),
    (r"exit code|Traceback|Error in ", "H-03: it ended before it answered /ping with 200"),
    (r"ping", "H-04: /ping did not answer 200 in time; --start-timeout gives it longer"),
)


def explained(settled: Settled, name: str, image: str) -> str:
    """The platform's reason, the container's last lines, and what they mean."""
    cause = likely(settled.reason, settled.lines)
    last = [f"    {line}" for line in settled.lines] or ["    none: it has written nothing"]
    return "\n".join(
        [
            f"the endpoint {name} is {settled.status}: {cause}",
            f"  its containers' last lines, {waiting.LAST} at most:",
            *last,
            f"  AWS says: {_short(settled.reason) or 'not why'}",
            f"  `local_test verify {image}` judges the image on this machine",
        ]
    )


def _short(reason: str) -> str:
    """Without what refers to the log, which is shown."""
    return reason.replace("Please check CloudWatch logs for this endpoint.", "").splitlines()[0] if reason else ""


def likely(reason: str, lines: Sequence[str]) -> str:
    said = "\n".join([*lines, reason])
    found = next((meaning for pattern, meaning in LIKELY if re.search(pattern, said)), "")
    return f"likely {found}" if found else "nothing of this is known here"
