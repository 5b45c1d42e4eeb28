"""One request to an endpoint and its answer, at once or by way of S3."""

import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deploy import buckets, enterprise, faults, waiting
from deploy.context import Context
from deploy.errors import DeployError
from deploy.kinds.storage import address
from deploy.sections import Account
from tiffin import media

SIGNATURES = ((b"\x89PNG\r\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x93NUMPY", "application/x-npy"))
INLINE = 128_000  # bytes of an asynchronous request that need no S3
INPUT = "async-input"


@dataclass(frozen=True)
class Payload:
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Asked:
    """What goes with the payload; empty is not sent."""

    accept: str = ""
    attributes: str = ""
    variant: str = ""
    model: str = ""


def payload(given: str, content_type: str) -> Payload:
    """Of a file, `-` for stdin, or the text itself."""
    file = Path(given)
    if given == "-":
        body = sys.stdin.buffer.read()
        return Payload(body, content_type or guessed(body))
    if _is_file(file):
        body = file.read_bytes()
        return Payload(body, content_type or media.of_file(file) or guessed(body))
    if media.of_file(file):
        raise DeployError(f"there is no file {given}")
    body = given.encode()
    return Payload(body, content_type or guessed(body))


def guessed(body: bytes) -> str:
    """By how it begins; rows where nothing else is seen."""
    for signature, kind in SIGNATURES:
        if body.startswith(signature):
            return kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "application/json" if body.lstrip()[:1] in (b"{", b"[") else "text/csv"


def invoke(context: Context, endpoint: str, sent: Payload, asked: Asked) -> bytes:
    """The answer's bytes; raises DeployError with the container's status and sentence."""
    more = {"TargetVariant": asked.variant, "TargetModel": asked.model}
    request = _request(endpoint, sent, asked) | {name: value for name, value in more.items() if value}
    try:
        answer = context.aws.client("sagemaker-runtime").invoke_endpoint(**request, Body=sent.body)
    except ClientError as error:
        raise _said(error) from None
    if context.aws.dry_run:
        return b""
    if answer.get("CustomAttributes"):
        context.say(f"custom attributes: {answer['CustomAttributes']}")
    body: bytes = answer["Body"].read()
    return body


def invoke_async(context: Context, endpoint: str, sent: Payload, asked: Asked, patience: float) -> bytes:
    """Sent inline where it is small enough, else by S3; waits until the answer lies there."""
    if asked.variant or asked.model:
        raise DeployError("an asynchronous endpoint has one variant of one model: no --variant, no --model")
    request = _request(endpoint, sent, asked)
    if len(sent.body) > INLINE or not sent.body:
        uri = f"{buckets.prefix(context, INPUT)}{uuid.uuid4().hex}"
        bucket, key = address(uri)
        more = enterprise.stored(context.read(Account))
        context.aws.client("s3").put_object(
            Bucket=bucket, Key=key, Body=sent.body, ContentType=sent.content_type, **more
        )
        request["InputLocation"] = uri
    else:
        request["Body"] = sent.body
    try:
        answer = context.aws.client("sagemaker-runtime").invoke_endpoint_async(**request)
    except ClientError as error:
        raise _said(error) from None
    if context.aws.dry_run:
        return b""
    context.say(f"accepted; the answer will be at {answer['OutputLocation']}")
    return _awaited(context, answer, patience)


def _awaited(context: Context, answer: dict[str, Any], patience: float) -> bytes:
    begun, pause = time.monotonic(), 0.1
    with waiting.Line(context) as line:
        while time.monotonic() - begun < patience:
            for where in ("OutputLocation", "FailureLocation"):
                body = _object(context, answer.get(where, ""))
                if body is not None and where == "OutputLocation":
                    return body
                if body is not None:
                    text = body.decode("utf-8", "replace").strip()
                    raise DeployError(f"the invocation failed: {text}\n  it lies at {answer[where]}")
            line.show("waiting for the answer", time.monotonic() - begun)
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)
    raise DeployError(f"no answer within {patience:.0f} s; it will be at {answer['OutputLocation']}")


def _object(context: Context, uri: str) -> bytes | None:
    if not uri:
        return None
    bucket, key = address(uri)
    try:
        body: bytes = context.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body
    except ClientError as error:
        # S3 says 403 of what is not there to who may not list the bucket
        if error.response["Error"].get("Code") in ("NoSuchKey", "404", "AccessDenied") or faults.is_passing(error):
            return None
        raise


def _request(endpoint: str, sent: Payload, asked: Asked) -> dict[str, Any]:
    more = {"Accept": asked.accept, "CustomAttributes": asked.attributes}
    return {
        "EndpointName": endpoint,
        "ContentType": sent.content_type,
        **{name: value for name, value in more.items() if value},
    }


def _said(error: ClientError) -> DeployError | ClientError:
    """A ModelError is the container's own answer (H-15); the rest is AWS's."""
    code, message = error.response["Error"].get("Code"), error.response["Error"].get("Message", "")
    if code == "ModelError":
        response: dict[str, Any] = dict(error.response)
        status = response.get("OriginalStatusCode", 0)
        said = response.get("OriginalMessage") or message
        group = str(response.get("LogStreamArn", "")).rpartition("log-group:")[2]
        what = f"the container answered {status}" if status else "the container did not answer (H-09: within 60 s)"
        read = f"\n  its log is {group}: `deploy logs {group.rpartition('/')[2]}` shows it" if group else ""
        return DeployError(f"{what}: {said.strip()}{read}")
    if "InvokeEndpointAsync" in message or ("asynchronous" in message.lower() and "InvokeEndpoint" in message):
        return DeployError(f"{message}\n  --async asks an asynchronous endpoint, --no-async any other")
    return error


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # the text is too long for a name
        return False
