"""Why a container did not start: what the engine and the programs in it say again and again, and how to mend it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_test.verify.probe import Engine
from local_test.verify.verdict import Seen, failed

CMD = "Make the CMD an ENTRYPOINT, whose program gets the word; or put `serve` and `train` on PATH."
WINDOWS = "Save it with LF at the line ends, and not as Windows does: RUN sed -i 's/\\r$//' FILE, or .gitattributes."
EXECUTABLE = 0o111


@dataclass(frozen=True)
class Cause:
    words: str  # a regular expression
    id: str  # the line of the contract that is broken then
    mend: str = ""  # empty: the line's own


CAUSES = (
    Cause(r"executable file not found", "C-02"),
    Cause(r"exec:? \S+: permission denied", "C-02", "RUN chmod +x on it in the Dockerfile, or COPY --chmod=755."),
    Cause(
        r"exec:? \S+:.* (?:no such file or directory|is a directory)", "C-02", "Name what is there, by its whole path."
    ),
    Cause(r"\\r': (?:No such file|command not found)|\^M: bad interpreter", "C-02", WINDOWS),
    Cause(
        r"exec format error",
        "C-02",
        "Begin it with a #! line and nothing before it, such as #!/usr/bin/env python3; of a program, build that for "
        "linux/amd64.",
    ),
    Cause(
        r"can't open file '[^']*\b(?:serve|train)'|can't open (?:serve|train)\b|(?:serve|train): No such file",
        "C-01",
        'ENTRYPOINT names an interpreter, which takes the argument for a file: ENTRYPOINT ["python3", "/opt/program/'
        'main.py"], and let main.py read its argument.',
    ),
    Cause(
        r"unrecognized arguments?:? .?(?:serve|train)\b|invalid choice: '(?:serve|train)'|"
        r"(?:unexpected extra argument|No such command).*\b(?:serve|train)\b",
        "C-01",
        "Take the argument: a program that knows only options ends at the word `serve` or `train`.",
    ),
    Cause(
        r"ModuleNotFoundError|ImportError|No module named|there is no package called|cannot open shared object",
        "H-04",
        "Install when the image is built what the log misses (RUN pip install …), for the interpreter that starts.",
    ),
    Cause(
        r"WORKER TIMEOUT",
        "H-04",
        "Something takes longer than gunicorn's --timeout: load the model before the workers (--preload), or raise it.",
    ),
    Cause(
        r"[Pp]ermission denied:? '?/opt/ml|/opt/ml\S*: Permission denied",
        "C-06",
        "Leave USER out of the Dockerfile: what the platform mounts belongs to root.",
    ),
)


def of(text: str) -> Cause | None:
    return next((cause for cause in CAUSES if re.search(cause.words, text)), None)


def is_of_a_start(text: str) -> bool:
    """The program itself has not begun, or only to refuse the word `serve` or `train`."""
    cause = of(text)
    return cause is not None and cause.id in ("C-01", "C-02")


def mend(text: str) -> str:
    """Empty where no cause of it is known."""
    cause = of(text)
    return cause.mend if cause else ""


def not_started(engine: Engine, command: str, said: str) -> tuple[str, Seen]:
    """The line that is broken, and what is seen of it. `said`: the engine's error, or the program's log."""
    said = re.sub(r"^.*unable to start container process: |: unknown$", "", said)
    text, cause = f"`docker run IMAGE {command}`: {said}", of(said)
    if cause is None:
        return "C-01", failed(text)
    image = f"{engine.attributes.get('Os')}/{engine.attributes.get('Architecture')}"
    if "exec format error" in said and image != engine.platform:
        build = f"Build with --platform {engine.platform}; what is for Graviton is judged where such processors are."
        return "C-13", failed(f"{text}: the image is for {image}, the engine here for {engine.platform}", build)
    if cause.id != "C-02":
        return cause.id, failed(text, cause.mend)
    look = _on_path if "not found in $PATH" in said else _by_its_path
    more, better = look(engine, command, said)
    return cause.id, failed(text + more, better or cause.mend)


def _on_path(engine: Engine, command: str, _: str) -> tuple[str, str]:
    """What is seen besides, and how to mend that."""
    config: Mapping[str, Any] = engine.attributes.get("Config") or {}
    environment = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    for path, file in engine.peek([f"{folder}/{command}" for folder in environment.get("PATH", "").split(":")]).items():
        if not file.mode & EXECUTABLE:
            return (
                f"; {path} is there, and not executable",
                f"RUN chmod +x {path} in the Dockerfile, or COPY --chmod=755.",
            )
    words = config.get("Cmd") or ()  # of one word alone: the base image's shell or interpreter
    if len(words) > 1 and not config.get("Entrypoint"):
        return f"; its CMD, `{' '.join(words)}`, is replaced by that word", CMD
    return "", ""


def _by_its_path(engine: Engine, _: str, said: str) -> tuple[str, str]:
    match = re.search(r'exec:? "?(/[^\s":]+)', said)
    file = engine.peek([match[1]]).get(match[1]) if match else None
    if file is None or not file.head.startswith(b"#!"):
        return "", ""
    first = file.head.partition(b"\n")[0]
    if "no such file" not in said:
        return "", ""
    better = WINDOWS if first.endswith(b"\r") else "Name a program that is in the image in its #! line."
    return f"; its first line is {first.decode(errors='replace')!r}", better
