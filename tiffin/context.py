"""What a handler may ask for as its last argument: the settings and, for an invocation, its headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tiffin import media
from tiffin.settings import Settings

CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


@dataclass(frozen=True)
class Context:
    """`headers` have lower-case names. While a model is loaded there are none."""

    settings: Settings
    headers: Mapping[str, str] = field(default_factory=dict)

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
