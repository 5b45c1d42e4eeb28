"""Filter patterns and queries of CloudWatch Logs: what is not understood is refused, where moto finds every event."""

import re

from moto.logs.exceptions import InvalidParameterException

from local_test.api.absent import NotHereYet

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|(\S+))')
_COMMANDS = ("fields", "limit", "sort")  # of Logs Insights, those that moto carries out


class Pattern:
    """Terms that have to be there, `-` not, `?` at least one of them where no other is asked for."""

    def __init__(self, text: str | None) -> None:
        text = (text or "").strip()
        if text[:1] in ("{", "["):
            raise NotHereYet(f"filter patterns of JSON and of columns ({text})")
        self._terms: dict[str, list[re.Pattern[str]]] = {"": [], "?": [], "-": []}
        for sign, phrase, regex, word in _TERM.findall(text):
            literal = re.sub(r"\\(.)", r"\1", phrase) if phrase else word
            try:
                self._terms[sign].append(re.compile(regex or re.escape(literal)))
            except re.error as error:
                raise InvalidParameterException(f"Invalid filter pattern: %{regex}%: {error}") from None

    def matches(self, message: str) -> bool:
        wanted, either, unwanted = (self._terms[sign] for sign in ("", "?", "-"))
        if any(term.search(message) for term in unwanted):
            return False
        if wanted or not either:
            return all(term.search(message) for term in wanted)
        return any(term.search(message) for term in either)


def check_query(text: str) -> None:
    """Raises NotHereYet."""
    for part in text.split("|"):
        command = part.split(maxsplit=1)[0] if part.split() else ""
        if command and command.lower() not in _COMMANDS:
            raise NotHereYet(f"the command {command} of a query; {', '.join(_COMMANDS)} are")
