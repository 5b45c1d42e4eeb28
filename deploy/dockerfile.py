"""A Dockerfile, as far as `build` has to know it: its instructions, what they copy, where secrets can be mounted.

Docker's own grammar is larger. What is read here is enough for: continued lines, comments between them, the escape
directive, here-documents.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ESCAPE = re.compile(r"^#\s*escape\s*=\s*(\S)\s*$", re.IGNORECASE)
HEREDOC = re.compile(r"(?<!<)<<-?[\"']?([A-Za-z_]\w*)[\"']?")
KEYWORD = re.compile(r"^(\s*)([A-Za-z]+)\b")
# A secret's id, and the variables by which programs find the file; pip, apt and curl know them.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "pip.conf": ("PIP_CONFIG_FILE",),
    "ca.pem": ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    "apt.conf": ("APT_CONFIG",),
    "netrc": ("NETRC",),
}


@dataclass(frozen=True)
class Instruction:
    first: int  # its first line, from 0
    keyword: str  # upper case
    rest: str  # lines joined


def instructions(text: str) -> list[Instruction]:
    lines = text.splitlines()
    escape = _escape(lines)
    found: list[Instruction] = []
    at = 0
    while at < len(lines):
        first, keyword = at, KEYWORD.match(lines[at])
        at += 1
        if not keyword:
            continue
        parts = [lines[first][keyword.end() :]]
        while parts[-1].rstrip().endswith(escape) and at < len(lines):
            parts[-1] = parts[-1].rstrip()[:-1]
            while at < len(lines) and (not lines[at].strip() or lines[at].lstrip().startswith("#")):
                at += 1
            if at < len(lines):
                parts.append(lines[at])
                at += 1
        rest = " ".join(part.strip() for part in parts).strip()
        found.append(Instruction(first, keyword[2].upper(), rest))
        if found[-1].keyword in ("RUN", "COPY", "ADD"):
            at = _after_heredocs(lines, at, HEREDOC.findall(rest))
    return found


def mounts_secrets(text: str) -> bool:
    return any(re.search(r"--mount=\S*type=secret", each.rest) for each in instructions(text) if each.keyword == "RUN")


def with_secrets(text: str, ids: Sequence[str]) -> str:
    """Each RUN with the secrets mounted below /run/secrets, and the variables that name them, for RUN only.

    An ARG is not in the image's environment; what its history keeps is the path.
    """
    mounts = " ".join(f"--mount=type=secret,id={each},mode=0444" for each in ids)
    names = [f"ARG {name}=/run/secrets/{each}" for each in ids for name in VARIABLES.get(each, ())]
    lines = text.splitlines()
    for each in reversed(instructions(text)):
        if each.keyword == "RUN":
            lines[each.first] = KEYWORD.sub(rf"\1\2 {mounts}", lines[each.first], count=1)
        elif each.keyword == "FROM":
            lines[each.first + 1 : each.first + 1] = names
    return "\n".join(lines) + "\n"


def copied(text: str) -> list[str]:
    """What COPY and ADD take from the context, as it is written."""
    sources: list[str] = []
    for each in instructions(text):
        words = each.rest.split()
        flags = [word for word in words if word.startswith("--")]
        if each.keyword not in ("COPY", "ADD") or any(flag.startswith("--from=") for flag in flags):
            continue
        sources += _words(" ".join(words[len(flags) :]))[:-1]
    return [source for source in sources if not re.match(r"<<|[a-z+]+://|git@", source)]


def covers(source: str, path: str) -> bool:
    """Whether `COPY source` takes the context's file `path`; a variable may stand for anything."""
    from docker.utils.fnmatch import fnmatch

    wanted = [part for part in source.split("/") if part not in ("", ".")]
    if not wanted or "$" in source:
        return True
    parts = path.split("/")
    return len(parts) >= len(wanted) and fnmatch("/".join(parts[: len(wanted)]), "/".join(wanted))


def _words(rest: str) -> list[str]:
    if rest.startswith("["):
        try:
            return [str(each) for each in json.loads(rest)]
        except ValueError:
            pass  # the builder will say so
    return rest.split()


def _escape(lines: Iterable[str]) -> str:
    for line in lines:
        if not line.strip().startswith("#"):
            break
        if found := ESCAPE.match(line.strip()):
            return found[1]
    return "\\"


def _after_heredocs(lines: Sequence[str], at: int, ends: Iterable[str]) -> int:
    for end in ends:
        rest = (number for number in range(at, len(lines)) if lines[number].strip() == end)
        at = next(rest, at - 1) + 1  # without its end it is none: a shell's `<<` under the classic builder
    return at
