"""Credentials in an image (C-15): in its configuration, and in the files of every layer. None is ever printed."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_test.verify.checks.check import Check, run_all
from local_test.verify.layers import File, of_a_container, of_all_layers
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, warned

LARGE = 4 * 10**9  # bytes: the engine packs all layers before it gives the first of them
PATIENCE = 120.0  # seconds
MODEST = 256 * 1024  # bytes: a longer file is no configuration, and no key
SHOWN = 5

AWS_KEY = r"(?-i:\b(?:AKIA|ASIA)(?![0-9A-Z]{9}EXAMPLE)[0-9A-Z]{16}\b)"
AWS_SECRETS = r"aws_secret_access_key[\"']?\s*[=:]\s*[\"']?(?!\S*EXAMPLEKEY)[0-9a-z/+]{40}"
TOKENS = r"(?-i:\b(?:ghp_[0-9A-Za-z]{36}|github_pat_\w{40,}|hf_[0-9A-Za-z]{34}|glpat-[\w-]{20,}))"
PRIVATE_KEY = r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+(?=[0-9a-z+/=:,\s-]{64})"
LOGIN_IN_URL = r"\bhttps?://[^/\s:@\"']+:(?![$%{<])[^/\s:@\"']+@"
ASSIGNED = r"\b\w*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|ACCESS_KEY)=(?![\s\"']*(?:\$|/|$))[\"']?[^\s\"';&|]{4,}"

ENVIRONMENT = re.compile(
    r"(?:AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN))"
    r"|(?:.*_)?(?:PASSWORD|PASSWD|SECRET|TOKEN|APIKEY|API_KEY|SECRET_KEY|ACCESS_KEY)"
)
NO_SECRET = re.compile(r"/.*|true|false|yes|no|on|off|\d{0,3}", re.IGNORECASE)  # a path, a switch, nothing
SENTENCES = re.compile(f"{AWS_KEY}|{AWS_SECRETS}|{TOKENS}|{LOGIN_IN_URL}", re.IGNORECASE)
HISTORY = re.compile(f"{SENTENCES.pattern}|(?-i:{ASSIGNED})", re.IGNORECASE)
TEXT = re.compile(f"{AWS_KEY}|{AWS_SECRETS}|{TOKENS}|{PRIVATE_KEY}".encode(), re.IGNORECASE)

# What a file of this name holds where it holds a secret; None: it is there for nothing else.
PLACES: Sequence[tuple[str, str, str | None]] = (
    (r"(^|/)\.aws/credentials$", "AWS's credentials file", None),
    (r"(^|/)\.aws/(config|sso/cache/.*|cli/cache/.*)$", "an AWS key", r"secret_?access_?key|accessToken"),
    (r"(^|/)\.docker/config\.json$|(^|/)\.dockercfg$", "a registry's password", r"\"(auth|identitytoken)\"\s*:\s*\"."),
    (r"(^|/)[._]netrc$", "a password", r"\bpassword\s+\S"),
    (r"(^|/)\.git-credentials$", "a password", r"://[^/\s]+@"),
    (r"(^|/)\.pypirc$", "a password", r"^\s*password\s*[=:]\s*\S"),
    (r"(^|/)(pip\.conf|pip\.ini|uv\.toml|sources\.list|[^/]+\.sources)$", "a URL with a password", LOGIN_IN_URL),
    (r"(^|/)\.npmrc$", "a token", r"_(authToken|auth|password)\s*=\s*(?!\$)\S"),
    (r"(^|/)etc/apt/auth\.conf(\.d/.*)?$", "a password", r"\bpassword\s+\S"),
    (r"(^|/)\.kube/config$", "a cluster's key", r"client-key-data:\s*\S|token:\s*\S"),
    (r"(^|/)\.ssh/id_[^/.]+$|\.(pem|key|p8)$", "a private key", PRIVATE_KEY),
    (r"(^|/)\.(env|Renviron)$", "a secret", f"(?-i:{ASSIGNED})"),
)
_PLACES = [
    (re.compile(path), what, re.compile(text.encode(), re.I | re.M) if text else None) for path, what, text in PLACES
]
# Debian's ssl-cert makes it for tests; keys of libraries' own tests are everybody's.
HARMLESS = re.compile(r"ssl-cert-snakeoil\.key$|(^|/)(site|dist)-packages/|(^|/)usr/(share|lib)/")
SYSTEM = re.compile(
    r"^(usr/(?!src/|local/)|bin/|sbin/|lib|var/|proc/|sys/|dev/|etc/ssl/certs/)|/lib/python3|/node_modules/"
)


@dataclass(frozen=True)
class Searched:
    found: Sequence[str]  # what, and where
    said: str  # how far the search came
    is_whole: bool


def of_the_configuration(config: Mapping[str, Any], history: Sequence[str]) -> Iterator[str]:
    for entry in config.get("Env") or ():
        name, _, value = entry.partition("=")
        if (ENVIRONMENT.fullmatch(name) and not NO_SECRET.fullmatch(value)) or SENTENCES.search(value):
            yield f"ENV {name}"
    for name, value in (config.get("Labels") or {}).items():
        if SENTENCES.search(str(value)):
            yield f"LABEL {name}"
    for line in history:
        if HISTORY.search(line) and not line.lstrip().startswith(("ENV ", "LABEL ", "/bin/sh -c #(nop)  ENV")):
            yield f"a line of the history, {HISTORY.sub('…', line)[:80]!r}"


def of_a_file(file: File) -> str:
    """What it holds; empty where that is nothing secret."""
    if file.size > MODEST or HARMLESS.search(file.path):
        return ""
    for path, what, text in _PLACES:
        if path.search(file.path):
            if text is None or text.search(file.read(MODEST)):
                return f"{what} in /{file.path}"
            return ""
    if SYSTEM.search(file.path):
        return ""
    match = TEXT.search(file.read(MODEST))
    return f"{'a private key' if match[0].startswith(b'-----') else 'a key'} in /{file.path}" if match else ""


def search(court: Court) -> Searched:
    found = list(dict.fromkeys(of_the_configuration(court.config, court.engine.history())))
    size = int(court.engine.attributes.get("Size", 0))
    is_large = size > LARGE
    files = of_a_container(court.engine.exported()) if is_large else of_all_layers(court.engine.saved())
    deadline, count, is_whole = time.monotonic() + PATIENCE, 0, True
    for file in files:
        count += 1
        if (what := of_a_file(file)) and what not in found:
            found.append(what)
        if time.monotonic() > deadline:
            is_whole = False
            break
    looked = "as a container sees them; so large an image's layers are not read" if is_large else "of all layers"
    more = "" if is_whole else f"; the others were not read within {PATIENCE:.0f} s"
    return Searched(found, f"{count:,} files {looked}{more}", is_whole)


def none(searched: Searched) -> Seen:
    if searched.found:
        more = f", and {len(searched.found) - SHOWN} more" if len(searched.found) > SHOWN else ""
        return failed(f"it holds credentials: {'; '.join(searched.found[:SHOWN])}{more}")
    said = f"none in its configuration, its history and {searched.said}"
    return passed(said) if searched.is_whole else warned(said)


CHECKS = (Check("C-15", "no credentials in it", none),)


def judge(court: Court) -> Iterator[Verdict]:
    if court.wanted("C-15"):
        yield from run_all(CHECKS, search(court), court.wanted)
