"""The layers' way into ECR: by the engine, with a login that is given to it for this one call and written nowhere."""

import base64
import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy import engine
from deploy.aws import Aws
from deploy.progress import Progress

ATTEMPTS = 5
# What may be over at the next attempt, which sends only the layers that are not there yet; 12 hours after a login its
# token is one of them.
PASSING = re.compile(
    r"EOF|reset by peer|broken pipe|timeout|timed out|connection refused|use of closed|Temporary failure|no such host"
    r"|unexpected HTTP status: 5|: 5\d\d |toomanyrequests|Rate exceeded|token has expired|no basic auth credentials",
    re.IGNORECASE,
)
HINTS: Mapping[str, str] = {
    r"not authorized|denied": "your user or role lacks what the message names, or the repository's own policy does not "
    "let it push: `deploy role deployer` prints what is needed",
    r"no such host|connection refused|timeout|timed out": "the engine itself has to reach the registry: behind a proxy "
    "its own configuration names it (`docker info` shows it)",
    r"tag is immutable|already exists in the": "the repository's tags cannot be moved",
}
Login = Callable[[], Mapping[str, str]]


def login(aws: Aws) -> Mapping[str, str]:
    """For the engine's call alone; another account's registry takes it too, where its policy lets us in."""
    data = aws.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return {"username": user, "password": password, "serveraddress": data["proxyEndpoint"]}


@dataclass(frozen=True)
class Target:
    """`image`: of the engine; `uri`: of the repository, as ECR says it."""

    image: Any
    uri: str
    tag: str


def push(client: Any, target: Target, login: Login, progress: Progress) -> None:
    """Raises EngineError; a connection that breaks and a login that ends are tried again."""
    with _tagged(client, target):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                problem = _problem(client, target, login(), progress)
            finally:
                progress.end()
            if problem is None:
                return
            if attempt == ATTEMPTS or not PASSING.search(problem):
                times = f" ({ATTEMPTS} attempts)" if attempt == ATTEMPTS else ""
                raise engine.failed(f"the push to {target.uri} failed{times}", problem, hints=HINTS)
            progress.step(f"the push broke off: {problem.strip()}; attempt {attempt + 1} of {ATTEMPTS}")
            time.sleep(2 ** (attempt - 1))


@contextlib.contextmanager
def _tagged(client: Any, target: Target) -> Iterator[None]:
    """Under the registry's name for as long as the push takes."""
    from docker.errors import APIError

    try:
        try:
            target.image.tag(target.uri, target.tag)
        except APIError as error:
            raise engine.failed(f"{target.uri}:{target.tag} is no name that Docker takes", error) from None
        yield
    finally:
        with contextlib.suppress(APIError):  # a name too many is no reason to hide what went wrong
            client.images.remove(f"{target.uri}:{target.tag}", noprune=True)


def _problem(client: Any, target: Target, auth: Mapping[str, str], progress: Progress) -> str | None:
    """What was wrong, in the registry's or the engine's words."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    layers: dict[str, tuple[int, int]] = {}
    size = int(target.image.attrs["Size"])
    try:
        for each in client.api.push(target.uri, target.tag, stream=True, decode=True, auth_config=dict(auth)):
            if each.get("error"):
                return str(each["error"])
            detail = each.get("progressDetail") or {}
            if each.get("status") == "Pushing" and detail.get("total"):
                layers[each["id"]] = int(detail.get("current", 0)), int(detail["total"])
                sent = sum(min(part) for part in layers.values())
                progress.share(f"pushing {target.uri.rpartition('/')[2]}", min(sent, size), size)
    except (DockerException, RequestException) as error:
        return str(getattr(error, "explanation", None) or error)
    return None
