"""Which CSV goes the short way, through a predictor's `raw`: CSV in, CSV out, and nothing asked beyond that."""

from tiffin import codecs, media
from tiffin.context import CUSTOM_ATTRIBUTES, SESSION, Context
from tiffin.errors import PublicError
from tiffin.predictor import Predictor, Reply


def is_plain_csv(content_type: str | None, accept: str) -> bool:
    try:
        sent = media.parse_content_type(content_type, codecs.FORMATS)
        wanted = codecs.negotiate(accept, media.CSV)
        plain = codecs.canonical(sent) == media.CSV == wanted and sent.charset in ("utf-8", "ascii")
        return plain and not wanted.parameters and not sent.has_header
    except PublicError:
        return False


def answer(predictor: Predictor, body: bytes, context: Context) -> Reply | None:
    """None where the request needs `predict`. For what the worker's loop did not join, such as large bodies (B-03)."""
    headers = context.headers
    if predictor.raw is None or {CUSTOM_ATTRIBUTES, SESSION} & headers.keys():
        return None
    if not is_plain_csv(headers.get("content-type"), headers["accept"]):
        return None
    try:
        (found,) = predictor.raw([body])
    except Exception:  # noqa: BLE001  user code: the long way tells what is wrong
        return None
    return Reply(found, str(media.CSV), found.count(b"\n")) if isinstance(found, bytes) else None
