"""What a handler may ask for as its last argument: the settings, an invocation's headers, and those of its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tiffin import media
from tiffin.settings import Settings

CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
SESSION = "x-amzn-sagemaker-session-id"
NEW_SESSION = "x-amzn-sagemaker-new-session-id"
CLOSED_SESSION = "x-amzn-sagemaker-closed-session-id"
_LONGEST_ATTRIBUTES, _LONGEST_SESSION = 1024, 256  # H-12, H-23: characters


@dataclass(frozen=True)
class Context:
    """`headers` have lower-case names. While a model is loaded there are none. `answer` holds those of the answer."""

    settings: Settings
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: dict[str, str] = field(default_factory=dict)

    def option(self, name: str) -> str | None:
        """What the caller asked of this invocation, or None.

        `name=value` in X-Amzn-SageMaker-Custom-Attributes (several separated by `;` or `,`), else the parameter
        `name` of the Accept header: SageMaker passes both on, and no query string (H-12).
        """
        attributes = self.headers.get(CUSTOM_ATTRIBUTES, "")
        for part in attributes.replace(",", ";").split(";"):
            key, equals, value = part.partition("=")
            if equals and key.strip().lower() == name.lower():
                return value.strip()
        for preference in media.parse_accept(self.headers.get("accept")):
            if name.lower() in preference.media.parameters:
                return preference.media.parameters[name.lower()]
        return None

    @property
    def system_properties(self) -> dict[str, object]:
        """What scripts ask AWS's context for (K-02)."""
        return {"model_dir": str(self.settings.paths.model), "gpu_id": None}

    def get_request_header(self, index: int, name: str) -> str | None:  # noqa: ARG002  one request, whatever its index
        """As AWS's context has it (K-02)."""
        return self.headers.get(name.lower())

    def set_custom_attributes(self, text: str) -> None:
        """Answer these in place of the request's own (H-12); raises ValueError for what no header can hold."""
        self.answer[CUSTOM_ATTRIBUTES] = _header(text, _LONGEST_ATTRIBUTES)

    @property
    def session(self) -> str | None:
        """The session this invocation belongs to, `NEW_SESSION` where the caller asks for one, else None (H-23)."""
        return self.headers.get(SESSION)

    def open_session(self, name: str, expires: datetime) -> None:
        """Tell the platform to send this session's next invocations here, until `expires` (aware)."""
        stamp = expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.answer[NEW_SESSION] = _header(f"{name}; Expires={stamp}", _LONGEST_SESSION)

    def close_session(self, name: str) -> None:
        self.answer[CLOSED_SESSION] = _header(name, _LONGEST_SESSION)


def _header(text: str, longest: int) -> str:
    if not (text.isascii() and text.isprintable()) or len(text) > longest:
        raise ValueError(f"{text!r} does not fit a header: printable ASCII, at most {longest} characters")
    return text
