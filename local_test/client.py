"""Talk to a running server as SageMaker's front end and a user's curl do."""

import urllib.error
import urllib.request
from dataclasses import dataclass

from tiffin import limits


class NotServing(Exception):
    """Nobody answers; its text is for the user."""


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes


def invoke(
    url: str, body: bytes, content_type: str, accept: str | None = None, attributes: str | None = None
) -> Answer:
    """POST to /invocations; an error status is an Answer too. Raises NotServing when nobody answers."""
    headers = {"Content-Type": content_type}
    if accept:
        headers["Accept"] = accept
    if attributes:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    request = urllib.request.Request(f"{url}/invocations", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=limits.INVOCATION_TIMEOUT) as response:
            return Answer(response.status, response.headers.get("Content-Type", ""), response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers.get("Content-Type", ""), error.read())
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise NotServing(f"nobody answers at {url} ({reason}); start a server with: make serve") from None
