"""Stand-ins for what scripts import of AWS's toolkits, where those are not installed.

    from sagemaker_inference import content_types, decoder, encoder, errors
    from sagemaker_containers.beta.framework import content_types, encoders, worker

They read and write by our codecs, so without the toolkits' traps: text is never NaN (K-06), nothing is unpickled
(K-07), and a parameter of the content type is understood (K-05).
"""

import importlib.util
import logging
import sys
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from tiffin import codecs, document, media
from tiffin.errors import BadPayload, PublicError, UnsupportedMediaType, UserCodeError
from tiffin.media import MediaType
from tiffin.predictor import as_table

log = logging.getLogger(__name__)

_CLIENT_ERRORS = range(400, 500)


class Response:
    """As `worker.Response(body, accept, mimetype=accept)` is made."""

    def __init__(
        self, response: str | bytes = b"", accept: str | None = None, mimetype: str | None = None, **_: object
    ) -> None:
        self.content_type = mimetype or accept or str(media.JSON)
        self._body = response.encode() if isinstance(response, str) else response

    def get_data(self) -> bytes:
        return self._body


def decode(body: str | bytes, content_type: str) -> npt.NDArray[Any]:
    """Rows and columns; of JSON also an array of any number of dimensions. Raises BadPayload, UnsupportedMediaType."""
    kind = media.parse_content_type(content_type, codecs.offered())
    known = codecs.canonical(kind)
    data = body.encode() if isinstance(body, str) else body
    if isinstance(body, str):
        kind = MediaType(kind.type, kind.subtype, {**kind.parameters, "charset": "utf-8"})
    if known == media.JSON:
        array = _array(document.read(codecs.as_text(data, kind)))
        if array is not None:
            return array
    return codecs.decode(data, kind).as_array


def _array(value: Any) -> npt.NDArray[Any] | None:
    try:
        array = np.array(value)
    except ValueError:  # ragged
        return None
    return array if array.dtype.kind in "iuf" and array.ndim > 1 else None


def encode(array_like: Any, content_type: str) -> str | bytes:
    """Raises NotAcceptable for a format that there is none of, or that cannot hold it."""
    chosen = codecs.negotiate(content_type, media.JSON)
    if chosen == media.JSON:
        return document.dumps(array_like).decode()
    body = codecs.encode(as_table(array_like), chosen)
    return body.decode() if chosen == media.CSV else body


def unsupported_format(content_type: str, *_: object) -> PublicError:
    return UnsupportedMediaType(f"{content_type} is not accepted")


def generic_error(status_code: int, message: str | None = None, phrase: str | None = None) -> PublicError:
    text = message or phrase or "the model refused the request"
    return BadPayload(text) if status_code in _CLIENT_ERRORS else UserCodeError(text)


_CONTENT_TYPES = {
    "ANY": "*/*",
    "JSON": str(media.JSON),
    "CSV": str(media.CSV),
    "NPY": str(media.NPY),
    "NPZ": str(media.NPZ),
    "OCTET_STREAM": "application/octet-stream",
    "UTF8_TYPES": [str(media.JSON), str(media.CSV)],
}
_CODEC = {"decode": decode, "encode": encode}
_MODULES: dict[str, dict[str, Any]] = {
    "sagemaker_inference.content_types": _CONTENT_TYPES,
    "sagemaker_inference.decoder": {"decode": decode},
    "sagemaker_inference.encoder": {"encode": encode},
    "sagemaker_inference.errors": {
        "BaseInferenceToolkitError": PublicError,
        "UnsupportedFormatError": unsupported_format,
        "GenericInferenceToolkitError": generic_error,
    },
    "sagemaker_containers.beta.framework.content_types": _CONTENT_TYPES,
    "sagemaker_containers.beta.framework.encoders": _CODEC,
    "sagemaker_containers.beta.framework.worker": {"Response": Response},
    "sagemaker_containers.beta.framework.errors": {
        "ClientError": BadPayload,
        "UnsupportedFormatError": unsupported_format,
    },
}


def stand_in() -> None:
    """Make them importable, each toolkit unless it is there itself."""
    for root in ("sagemaker_inference", "sagemaker_containers"):
        if root in sys.modules or importlib.util.find_spec(root) is not None:
            continue
        for name, content in _MODULES.items():
            if name.startswith(f"{root}."):
                _module(name).__dict__.update(content)


def _module(name: str) -> ModuleType:
    """Made, as are the packages that it is in."""
    if name not in sys.modules:
        module = ModuleType(name, "A stand-in by Tiffin.")
        module.__path__ = []
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(_module(parent), last, module)
    return sys.modules[name]
