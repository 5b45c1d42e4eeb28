"""A judgement as people and programs read it: a table, JUnit's XML, JSON."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap
from xml.etree import ElementTree

from local_test.verify.statements import section, statements
from local_test.verify.verdict import Judgement, Status, Verdict, order

COLOURS = {Status.FAIL: "31", Status.WARN: "33", Status.PASS: "32", Status.NOT_APPLICABLE: "2"}
WIDTH = 120
INDENT = " " * 12


def paint(text: str, status: Status, colour: bool) -> str:
    return f"\033[{COLOURS[status]}m{text}\033[0m" if colour else text


def line(verdict: Verdict, colour: bool) -> str:
    return f"{paint(f'{verdict.status:4}', verdict.status, colour)}  {verdict.id:5} {verdict.title}: {verdict.seen}"


def mending(verdict: Verdict) -> str:
    """What to do about it; empty where nothing is to be done."""
    if verdict.status not in (Status.FAIL, Status.WARN):
        return ""
    return verdict.mend or statements()[verdict.id].mend


def table(judgement: Judgement, colour: bool) -> str:
    """Every verdict by section, what fails with its mending; what is not applicable only counted, by its reason."""
    out: list[str] = []
    shown = sorted(judgement.verdicts, key=lambda verdict: order(verdict.id))
    titles = [section(verdict.id) for verdict in shown]
    for title in dict.fromkeys(titles):
        rows = [v for v, own in zip(shown, titles, strict=True) if own == title and v.status != Status.NOT_APPLICABLE]
        if rows:
            out += ["", title]
        for verdict in rows:
            first, *more = wrap(f"{verdict.title}: {verdict.seen}", WIDTH - len(INDENT)) or [verdict.title]
            out.append(f"  {paint(f'{verdict.status:4}', verdict.status, colour)} {verdict.id:5}{first}")
            out += [INDENT + text for text in more]
            if mend := mending(verdict):
                out += [
                    INDENT + paint(text, Status.WARN, colour) for text in wrap(f"mend: {mend}", WIDTH - len(INDENT))
                ]
    reasons: dict[str, list[str]] = {}
    for verdict in shown:
        if verdict.status is Status.NOT_APPLICABLE:
            reasons.setdefault(verdict.seen, []).append(verdict.id)
    if reasons:
        out += ["", "Not applicable"]
    for reason, identities in reasons.items():
        first, *more = wrap(f"{reason}: {' '.join(dict.fromkeys(identities))}", WIDTH - 2)
        out += [f"  {first}", *(f"    {text}" for text in more)]
    return "\n".join([*out, "", summary(judgement)])


def summary(judgement: Judgement) -> str:
    counts = Counter(verdict.status for verdict in judgement.verdicts)
    said = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    if counts.keys() <= {Status.NOT_APPLICABLE}:
        said = f"nothing was judged: {said or 'no line'}"
    return f"{judgement.image}: {said}, in {judgement.seconds:.0f} s"


def as_json(judgement: Judgement) -> str:
    document = {
        "image": judgement.image,
        "seconds": round(judgement.seconds, 1),
        "exit_status": judgement.exit_status,
        "verdicts": [{**asdict(v), "seconds": round(v.seconds, 3), "mend": mending(v)} for v in _sorted(judgement)],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def as_junit(judgement: Judgement) -> str:
    """A fail is a failure, n/a is skipped; a warning passes, its text in system-out."""
    counts = Counter(verdict.status for verdict in judgement.verdicts)
    suite = ElementTree.Element(
        "testsuite",
        name=f"verify {judgement.image}",
        tests=str(len(judgement.verdicts)),
        failures=str(counts[Status.FAIL]),
        errors="0",
        skipped=str(counts[Status.NOT_APPLICABLE]),
        time=f"{judgement.seconds:.3f}",
    )
    for verdict in _sorted(judgement):
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=section(verdict.id),
            name=f"{verdict.id} {verdict.title}",
            time=f"{verdict.seconds:.3f}",
        )
        seen = _printable(verdict.seen)
        if verdict.status is Status.FAIL:
            ElementTree.SubElement(case, "failure", message=seen).text = _printable(mending(verdict))
        elif verdict.status is Status.NOT_APPLICABLE:
            ElementTree.SubElement(case, "skipped", message=seen)
        else:
            warning = f"\nwarning: {mending(verdict)}" if verdict.status is Status.WARN else ""
            ElementTree.SubElement(case, "system-out").text = _printable(seen + warning)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _sorted(judgement: Judgement) -> Sequence[Verdict]:
    return sorted(judgement.verdicts, key=lambda verdict: order(verdict.id))


def _printable(text: str) -> str:
    """XML has no way to say most control characters."""
    return "".join(sign if sign >= " " or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def colour_wanted() -> bool:
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
