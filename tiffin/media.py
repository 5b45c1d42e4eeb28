"""Content-Type and Accept: parse, compare, negotiate (H-13, H-14)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tiffin.errors import NotAcceptable, UnsupportedMediaType

# A charset must be a text encoding that cannot run code or expand a body, so it is one of a list. Python's own
# lookup is not asked: it keeps every unknown name it was ever asked for, and callers choose the names.
_CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    **dict.fromkeys(("ascii", "us-ascii"), "ascii"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin-1", "latin1"), "iso8859-1"),
    "utf-16": "utf-16",
    **dict.fromkeys(("utf-16le", "utf-16-le"), "utf-16-le"),
    **dict.fromkeys(("utf-16be", "utf-16-be"), "utf-16-be"),
}
_OF_FILES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".jsonlines": "application/jsonlines",
    ".npy": "application/x-npy",
    ".npz": "application/x-npz",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


@dataclass(frozen=True)
class MediaType:
    """Type and subtype in lower case; parameters compare for nothing, they only inform (H-13)."""

    type: str
    subtype: str
    parameters: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}"

    @property
    def charset(self) -> str:
        """Python's name of the charset; raises UnsupportedMediaType for one that is not accepted."""
        name = self.parameters.get("charset", "utf-8")
        known = _CHARSETS.get(name.lower().replace("_", "-"))
        if known is None:
            raise UnsupportedMediaType(f"the charset {name!r} is not accepted; send utf-8")
        return known

    @property
    def has_header(self) -> bool:
        """RFC 4180's parameter: whether the first row is names; raises UnsupportedMediaType for other words."""
        header = self.parameters.get("header", "absent").lower()
        if header not in ("present", "absent"):
            raise UnsupportedMediaType(f"header={header!r} is neither present nor absent")
        return header == "present"

    def accepts(self, offer: "MediaType") -> bool:
        return self.type in ("*", offer.type) and self.subtype in ("*", offer.subtype)


CSV = MediaType("text", "csv")
JSON = MediaType("application", "json")
JSON_LINES = MediaType("application", "jsonlines")
NPY = MediaType("application", "x-npy")
NPZ = MediaType("application", "x-npz")
RECORDIO = MediaType("application", "x-recordio-protobuf")
PARQUET = MediaType("application", "x-parquet")
ARROW_STREAM = MediaType("application", "vnd.apache.arrow.stream")


def parse(text: str) -> MediaType:
    """One media type with its parameters; raises ValueError when it is none."""
    name, _, tail = text.partition(";")
    kind, slash, subtype = name.strip().lower().partition("/")
    if not slash or not kind or not subtype or any(c.isspace() or c in ",/" for c in kind + subtype):
        raise ValueError(f"{text!r} is not a media type such as text/csv")
    parameters = [member.partition("=") for member in _split_unquoted(tail, ";")]
    return MediaType(kind, subtype, {key.strip().lower(): _unquoted(value.strip()) for key, _, value in parameters})


def parse_content_type(text: str | None, accepted: Sequence[MediaType]) -> MediaType:
    """Raises UnsupportedMediaType, listing what is accepted, for a missing or malformed type."""
    wanted = ", ".join(map(str, accepted))
    if not text or not text.strip():
        raise UnsupportedMediaType(f"the request has no Content-Type; send one of {wanted}")
    try:
        return parse(text)
    except ValueError as error:
        raise UnsupportedMediaType(f"Content-Type: {error}; send one of {wanted}") from None


@dataclass(frozen=True)
class Preference:
    media: MediaType
    quality: float


def parse_accept(text: str | None) -> list[Preference]:
    """The caller's preferences as sent, best first; a malformed member raises NotAcceptable."""
    preferences = []
    for member in _split_unquoted(text or "*/*", ","):
        try:
            media = parse(member)
        except ValueError as error:
            raise NotAcceptable(f"Accept: {error}") from None
        preferences.append(Preference(media, _quality(media, member)))
    return sorted(preferences or [Preference(MediaType("*", "*"), 1.0)], key=_rank)


def negotiate(
    accept: str | None, offered: Sequence[MediaType], aliases: Mapping[MediaType, MediaType] | None = None
) -> MediaType:
    """The offer the caller likes best, with the caller's parameters on it.

    Missing or `*/*` picks the first offer; an alias stands for its offer. A more specific range decides an offer's
    quality over a wider one, and q=0 refuses (RFC 9110 section 12.5.1). Raises NotAcceptable listing the offers.
    """
    preferences = [_named_by(aliases or {}, preference) for preference in parse_accept(accept)]
    best: tuple[float, MediaType] | None = None
    for offer in offered:
        matching = [p for p in preferences if p.media.accepts(offer)]
        if not matching:
            continue
        chosen = min(matching, key=lambda p: _specificity(p.media))
        if chosen.quality > 0 and (best is None or chosen.quality > best[0]):
            parameters = {name: value for name, value in chosen.media.parameters.items() if name != "q"}
            best = chosen.quality, MediaType(offer.type, offer.subtype, parameters)
    if best is None:
        raise NotAcceptable(f"cannot answer {accept!r}; can answer {', '.join(map(str, offered))}")
    return best[1]


def _specificity(media: MediaType) -> int:
    return (media.type == "*") + (media.subtype == "*")


def _rank(preference: Preference) -> tuple[float, int]:
    return -preference.quality, _specificity(preference.media)


def _quality(media: MediaType, member: str) -> float:
    try:
        quality = float(media.parameters.get("q", "1"))
    except ValueError:
        quality = math.nan
    if math.isnan(quality):
        raise NotAcceptable(f"Accept: the q of {member!r} is not a number from 0 to 1")
    return min(max(quality, 0.0), 1.0)


def _named_by(aliases: Mapping[MediaType, MediaType], preference: Preference) -> Preference:
    alias = preference.media
    known = aliases.get(alias)
    if known is None:
        return preference
    return Preference(MediaType(known.type, known.subtype, alias.parameters), preference.quality)


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _split_unquoted(text: str, separator: str) -> list[str]:
    """Split at the separator, but not inside a quoted string."""
    members, current, quoted = [], "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == separator and not quoted:
            members.append(current)
            current = ""
        else:
            current += character
    return [member.strip() for member in [*members, current] if member.strip()]


def of_file(file: Path) -> str | None:
    """A payload's Content-Type by its name."""
    return _OF_FILES.get(file.suffix.lower())
