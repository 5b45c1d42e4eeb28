"""SageMaker Runtime: invocations, straight from the front to a container. moto is not on their way."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from moto.iam.models import get_account_id_from
from moto.sagemaker.models import sagemaker_backends

from local_test.api import enforced, eventstream, room
from local_test.api.endpoints import Endpoint
from local_test.api.front import Answer, Request
from local_test.api.hosting import Hosting, Served
from local_test.api.plans import Plan, PlannedVariant
from local_test.api.platform import Platform
from local_test.api.refusal import NO_ANSWER, Refusal, invalid, unavailable
from local_test.engine.client import TimedOut, Unreachable, WireError
from local_test.engine.instance import Instance, Unavailable
from local_test.wire import Reply

log = logging.getLogger(__name__)

_PATH = re.compile(r"/endpoints/([^/]+)/(async-invocations|invocations(?:-response-stream|-bidirectional-stream)?)")
PREFIX = "X-Amzn-SageMaker-"
# H-12: what of a request's headers reaches the container, besides Content-Type and Accept; all else is stripped (H-11).
FORWARDED = tuple(
    PREFIX + name
    for name in (
        "Custom-Attributes",
        "Target-Model",
        "Target-Variant",
        "Target-Container-Hostname",
        "Inference-Id",
        "Session-Id",
        "Enable-Explanations",
        "Prefix-Aware-Id",
    )
)
LONGEST = {  # characters
    "Custom-Attributes": 1024,
    "Target-Model": 1024,
    "Target-Variant": 63,
    "Target-Container-Hostname": 63,
    "Inference-Id": 64,
    "Session-Id": 256,
}
ANSWERED = ("Custom-Attributes", "New-Session-Id", "Closed-Session-Id")


def route(_platform: Platform, request: Request) -> Answer | None:
    """For server.ROUTES."""
    if not request.target.startswith("/endpoints/") or request.method != "POST":
        return None
    found = _PATH.fullmatch(request.path)
    if found is None:
        return None
    if found[2] not in _WAYS:
        return Refusal(
            501, "NotImplemented", "sagemaker InvokeEndpointWithBidirectionalStream is not implemented here"
        ).answer()
    try:
        return _WAYS[found[2]](Call.of(request, found[1]))
    except Refusal as refusal:
        return refusal.answer()
    except Unavailable as error:
        return unavailable(f"{error}.").answer()


@dataclass(frozen=True)
class Call:
    """An invocation of an endpoint that serves."""

    request: Request
    hosting: Hosting
    plan: Plan

    @classmethod
    def of(cls, request: Request, name: str) -> "Call":
        """Raises Refusal."""
        scope = request.scope
        account = get_account_id_from(scope.access_key)
        endpoint: Any = sagemaker_backends[account][scope.region].endpoints.get(name)
        hosting = endpoint.hosting if isinstance(endpoint, Endpoint) else None
        plan = hosting.plan if hosting else None
        if hosting is None or plan is None or endpoint.status in ("Deleting", "Failed"):
            raise invalid(f"Endpoint {name} of account {account} not found.")
        call = cls(request, hosting, plan)
        if component := call.header("Inference-Component"):
            raise invalid(f"Inference component {component} not found: there are none here.")
        for header, longest in LONGEST.items():
            if len(call.header(header) or "") > longest:
                raise invalid(f"{PREFIX}{header} is longer than {longest} characters (H-12).")
        return call

    def header(self, name: str) -> str | None:
        value: str | None = self.request.headers.get(PREFIX + name)
        return value

    @cached_property
    def headers(self) -> dict[str, str]:
        """Of an invocation, as the container gets them."""
        headers, given = {}, self.request.headers
        for name in ("Content-Type", "Accept", *FORWARDED):
            if (value := given.get(name)) is not None:
                headers[name] = value
        return headers

    def target(self) -> str | None:
        """The variant that was named; None where weights decide. Raises Refusal."""
        name = self.header("Target-Variant")
        if name is not None and self.plan.variant(name) is None:
            raise invalid(f"Variant {name} not found for endpoint {self.hosting.name}.")
        return name

    def chosen(self, stack: ExitStack, gone: Instance | None = None) -> tuple[Served, Instance]:
        """An instance to ask, other than `gone` where there is one, kept until the stack is closed.

        Raises Refusal, Unavailable.
        """
        hosting, session, model = self.hosting, self.header("Session-Id"), self.header("Target-Model")
        prefer: Callable[[Instance], bool] | None = None
        if gone:
            prefer = _other_than(gone)
        elif session and session != "NEW_SESSION":
            prefer = hosting.pinned(session)
        elif model:
            prefer = _having(hosting, model)
        name, instance = stack.enter_context(hosting.engine.chosen(self.target(), prefer))
        served = hosting.served(instance)
        if served.slots:
            if not served.slots.acquire(blocking=False):
                most = (served.variant.serverless or {})["MaxConcurrency"]
                raise Refusal(
                    429,
                    "ThrottlingException",
                    f"Rate exceeded: {most} invocations are under way, the MaxConcurrency of variant {name} (S-04).",
                )
            stack.callback(served.slots.release)
        self._check_targets(served.variant)
        return served, stack.enter_context(instance.taken())

    def _check_targets(self, variant: PlannedVariant) -> None:
        if variant.is_multi_model != (self.header("Target-Model") is not None):
            need = "needs a" if variant.is_multi_model else "is no multi-model endpoint and takes no"
            raise invalid(f"Endpoint {self.hosting.name} {need} TargetModel.")
        container = self.header("Target-Container-Hostname")
        if variant.is_direct and container is None:
            raise invalid(
                f"Endpoint {self.hosting.name} needs a TargetContainerHostname, for its containers are asked directly."
            )
        if container is not None and not variant.is_direct:
            raise invalid(f"Endpoint {self.hosting.name} takes no TargetContainerHostname.")
        if container is not None and container not in variant.container_names():
            raise invalid(f"Container {container} not found in variant {variant.name}.")

    def check_size(self) -> None:
        limit = enforced.here()
        is_serverless = any(each.serverless for each in self.plan.variants)
        most = limit.payload_serverless if is_serverless else limit.payload
        if len(self.request.body) > most:
            raise too_large(len(self.request.body), most, "S-01" if is_serverless else "H-10")

    def container(self, variant: PlannedVariant) -> str:
        return self.header("Target-Container-Hostname") or variant.container_names()[0]


def _having(hosting: Hosting, model: str) -> Callable[[Instance], bool]:
    def has(instance: Instance) -> bool:
        shelf = hosting.served(instance).shelf
        return shelf is not None and shelf.has(instance, model)

    return has


def _other_than(gone: Instance) -> Callable[[Instance], bool]:
    return lambda instance: instance is not gone


def too_large(size: int, most: float, line: str) -> Refusal:
    return invalid(f"The request's body has {size} bytes, and {most:.0f} are the most ({line}).", 413)


def _invoke(call: Call) -> Answer:
    begun = time.perf_counter()
    if call.plan.asynchronous:
        raise invalid(f"Endpoint {call.hosting.name} is asynchronous: call InvokeEndpointAsync.")
    call.check_size()
    if call.plan.shadows:
        call.hosting.mirror.take(call.plan, call.request, call.headers)
    with ExitStack() as stack:
        served, instance, reply, seconds = _asked(call, stack)
    variant = served.variant
    call.hosting.traffic.invoked(served, reply.status, seconds, time.perf_counter() - begun)
    if not 200 <= reply.status < 300:  # noqa: PLR2004
        raise call.hosting.origin.of_reply(call.container(variant), reply)
    if variant.serverless and len(reply.body) > enforced.here().payload_serverless:
        raise call.hosting.origin.model_error(call.container(variant), reply.status, "the answer is over 4 MB (S-01)")
    if call.hosting.capture:
        request = call.request
        call.hosting.capture.take(variant.name, request.headers, request.body, reply)
    return Answer(200, _answered(call, variant, instance, reply), reply.body)


def _asked(call: Call, stack: ExitStack) -> tuple[Served, Instance, Reply, float]:
    """Who answered what, and in what time; raises Refusal, Unavailable."""
    gone: Instance | None = None
    while True:
        served, instance = call.chosen(stack, gone)
        begun = time.perf_counter()
        try:
            reply = _reply(call, served, instance)
        except WireError as error:
            if isinstance(error, Unreachable) and gone is None and not served.slots:
                gone = instance  # it has had nothing of the request: another one may answer
                continue
            instance.is_doubted = True
            seconds = time.perf_counter() - begun
            call.hosting.traffic.invoked(served, NO_ANSWER, seconds, seconds)
            raise call.hosting.origin.of_silence(call.container(served.variant), error) from None
        return served, instance, reply, time.perf_counter() - begun


def _reply(call: Call, served: Served, instance: Instance) -> Reply:
    timeout = enforced.here().invocation_timeout
    if served.shelf:
        model = call.header("Target-Model") or ""
        return served.shelf.invoke(instance, model, call.request.body, call.headers, timeout)
    return instance.invoke(call.request.body, call.headers, call.header("Target-Container-Hostname"), timeout)


def _answered(call: Call, variant: PlannedVariant, instance: Instance, reply: Reply) -> dict[str, str]:
    headers = {
        "Content-Type": reply.headers.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant.name,
        "x-amzn-RequestId": str(uuid.uuid4()),
    }
    for name in ANSWERED:
        if (value := reply.headers.get((PREFIX + name).lower())) is not None:
            headers[PREFIX + name] = value
    sessions = call.hosting.sessions  # H-23
    if new := headers.get(PREFIX + "New-Session-Id"):
        sessions[new.split(";")[0].strip()] = instance.id
    if closed := headers.get(PREFIX + "Closed-Session-Id"):
        sessions.pop(closed.strip(), None)
    return headers


def _stream(call: Call) -> Answer:
    begun = time.perf_counter()
    if call.plan.asynchronous or any(each.serverless or each.is_multi_model for each in call.plan.variants):
        raise invalid(f"Endpoint {call.hosting.name} does not stream its answers.")
    call.check_size()
    headers = {name: value for name, value in call.headers.items() if name != "Accept"}
    if (accept := call.header("Accept")) is not None:  # this operation's Accept is another header
        headers["Accept"] = accept
    with ExitStack() as stack:
        served, instance, reply, chunks = _stream_begun(call, stack, headers)
        variant = served.variant
        seconds = time.perf_counter() - begun
        call.hosting.traffic.invoked(served, reply.status, seconds, seconds)
        if not 200 <= reply.status < 300:  # noqa: PLR2004
            raise call.hosting.origin.of_reply(call.container(variant), reply)
        told = _answered(call, variant, instance, reply)
        told[PREFIX + "Content-Type"] = told.pop("Content-Type")
        events = _events(chunks, stack.pop_all())
        next(events)  # so that it holds the instance until it is read or forgotten
        return Answer(200, told | {"Content-Type": eventstream.MEDIA_TYPE}, events)


def _stream_begun(
    call: Call, stack: ExitStack, headers: dict[str, str]
) -> tuple[Served, Instance, Reply, Iterator[bytes]]:
    """Who answers, and the answer as it comes; of what is no success it is whole. Raises Refusal, Unavailable."""
    gone: Instance | None = None
    while True:
        served, instance = call.chosen(stack, gone)
        variant = served.variant
        if len(variant.containers) > 1 and not variant.is_direct:
            raise invalid(f"Endpoint {call.hosting.name} is a pipeline, and does not stream its answers.")
        container = call.header("Target-Container-Hostname")
        try:
            reply, chunks = instance.stream(call.request.body, headers, container, enforced.here().stream_timeout)
            if not 200 <= reply.status < 300:  # noqa: PLR2004
                reply = Reply(reply.status, reply.headers, b"".join(chunks))
        except WireError as error:
            if isinstance(error, Unreachable) and gone is None:
                gone = instance  # it has had nothing of the request: another one may answer
                continue
            call.hosting.traffic.invoked(served, NO_ANSWER, None, 0)
            raise call.hosting.origin.of_silence(call.container(variant), error) from None
        return served, instance, reply, chunks


def _events(chunks: Iterator[bytes], stack: ExitStack) -> Iterator[bytes]:
    """The parts as they come; what goes wrong after the first byte is an event as well (H-22)."""
    with stack:
        yield b""
        try:
            for chunk in chunks:
                yield eventstream.part(chunk)
        except TimedOut as error:
            told = {"Message": f"the model did not end in time: {error}", "ErrorCode": "ModelInvocationTimeExceeded"}
            yield eventstream.exception("ModelStreamError", told)
        except WireError as error:
            yield eventstream.exception("ModelStreamError", {"Message": str(error), "ErrorCode": "StreamBroken"})
        except Exception as error:  # the head is out: this is all that can be said
            log.exception("a stream failed")
            yield eventstream.exception("InternalStreamFailure", {"Message": str(error)})


def _asynchronous(call: Call) -> Answer:
    if call.hosting.asynchronous is None:
        raise invalid(f"Endpoint {call.hosting.name} is not asynchronous: call InvokeEndpoint.")
    return room.refusal(call.hosting.platform, call.request) or call.hosting.asynchronous.accept(call.request)


_WAYS: dict[str, Callable[[Call], Answer]] = {
    "invocations": _invoke,
    "invocations-response-stream": _stream,
    "async-invocations": _asynchronous,
}
