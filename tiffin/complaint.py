"""A plain exception by which a script refuses a request: `raise ValueError("Unsupported content type: text/xml")`.

Published scripts know no other way to refuse, and AWS's toolkit answers each with 500 (K-05). A ValueError (and a bare
Exception, which nothing raises by accident) is taken for a refusal where it can be one: in input_fn always; in
output_fn and transform_fn where its text names a media type. The caller reads its text, and no traceback (K-08).
"""

import logging
import re

from tiffin.errors import BadPayload, NotAcceptable, PublicError, UnsupportedMediaType

log = logging.getLogger(__name__)

_LONGEST = 300  # characters
_MEDIA = re.compile(
    r"content[\s_-]?type|mime|\b(?:application|text|image|audio|video)/[\w.+*-]+|\baccept\b", re.IGNORECASE
)
_PATH = re.compile(r"(?<![\w*/])/\w")
_ACCEPT = re.compile(r"\baccept\b", re.IGNORECASE)


def refusal(handler: str, error: BaseException) -> PublicError | None:
    """What the caller is answered, or None where the handler has failed."""
    if not isinstance(error, ValueError) and type(error) is not Exception:
        return None
    text = " ".join(str(error).split())
    about_media = _MEDIA.search(text) is not None
    if not about_media and handler != "input_fn":
        return None
    log.warning("%s refused a request: %s: %s", handler, type(error).__name__, text)
    if not text or _PATH.search(text):
        text = "the model's code refused the request; the container's log says why"
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if not about_media:
        return BadPayload(text)
    if handler == "output_fn" or (handler == "transform_fn" and _ACCEPT.search(text)):
        return NotAcceptable(text)
    return UnsupportedMediaType(text)
