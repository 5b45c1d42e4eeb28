"""Bodies that pass through: media types that a handler module declares, and reads and writes itself, as bytes.

    PASS_THROUGH = ("application/x-image", "image/png")

A body of such a type reaches predict_fn as bytes; bytes that predict_fn returns go out as they are, where Accept names
such a type. Rows that it returns are written as ever.
"""

from dataclasses import dataclass
from types import ModuleType

from tiffin import codecs, media
from tiffin.errors import NoModel, NotAcceptable
from tiffin.media import MediaType


@dataclass(frozen=True)
class Chosen:
    """What rows would be written in, and what bytes would go out as; None where the caller accepts neither."""

    rows: MediaType | None
    bytes: MediaType | None
    refusal: NotAcceptable

    def for_rows(self) -> MediaType:
        if self.rows is None:
            raise self.refusal
        return self.rows

    def for_bytes(self) -> MediaType:
        if self.bytes is None:
            raise self.refusal
        return self.bytes


def declared(module: ModuleType, source: str) -> tuple[MediaType, ...]:
    """Raises NoModel for what is no tuple of media types."""
    names = getattr(module, "PASS_THROUGH", ())
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise NoModel(f"{source}: PASS_THROUGH is {names!r}, not a tuple of media types such as ('image/png',)")
    try:
        types = tuple(map(media.parse, names))
    except ValueError as error:
        raise NoModel(f"{source}: PASS_THROUGH: {error}") from None
    if any("*" in str(kind) for kind in types):
        raise NoModel(f"{source}: PASS_THROUGH has a range, {', '.join(names)}; name each type, as image/png")
    return types


def negotiate(accept: str | None, request_format: MediaType, passing: tuple[MediaType, ...]) -> Chosen:
    """Raises NotAcceptable where the caller accepts neither rows nor what passes through."""
    if not passing:
        return Chosen(codecs.negotiate(accept, request_format), None, NotAcceptable(""))
    kept = request_format in passing
    rows = _tried(accept, [media.JSON, *codecs.offered()] if kept else [request_format, *codecs.offered()])
    untouched = _tried(accept, [request_format, *passing] if kept else passing)
    refusal = NotAcceptable(
        f"cannot answer {accept!r} with {'bytes' if rows else 'rows'}; can answer rows as "
        f"{codecs.listed(codecs.offered())}, and bytes as {codecs.listed(passing)}"
    )
    if rows is None and untouched is None:
        raise NotAcceptable(f"cannot answer {accept!r}; can answer {codecs.listed((*codecs.offered(), *passing))}")
    return Chosen(rows and codecs.checked(rows), untouched, refusal)


def _tried(accept: str | None, offers: "list[MediaType] | tuple[MediaType, ...]") -> MediaType | None:
    if not offers:
        return None
    try:
        return media.negotiate(accept, tuple(dict.fromkeys(offers)), codecs.ALIASES)
    except NotAcceptable:
        return None
