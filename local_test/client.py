"""Talk to a running server as SageMaker's front end and a user's curl do."""

import http.client
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tiffin import limits

if TYPE_CHECKING:
    from local_test.runners import Server

CONTENT_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".jsonlines": "application/jsonlines",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
_POLL = 0.1 * limits.SECONDS


class NotServing(Exception):
    """The server ended or never became ready; its text is for the user."""


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes


def wait_until_ready(server: "Server", patience: float = 480 * limits.SECONDS) -> None:
    """Poll /ping until it says 200 (H-03, H-04); raises NotServing as soon as the server has ended."""
    deadline = time.monotonic() + patience
    while True:
        if (code := server.exit_code()) is not None:
            raise NotServing(f"the server ended with exit code {code} before it was ready; its last lines say why")
        try:
            with urllib.request.urlopen(f"{server.url}/ping", timeout=2) as response:
                if response.status == http.HTTPStatus.OK:
                    return
        except (OSError, http.client.HTTPException):
            pass
        if time.monotonic() > deadline:
            raise NotServing(f"/ping did not answer 200 within {patience:.0f} s")
        time.sleep(_POLL)


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


def content_type_of(file: Path) -> str | None:
    return CONTENT_TYPES.get(file.suffix.lower())
