"""The WSGI application: /ping and /invocations, and one JSON shape for every error (H-15, H-17).

{"error": "BadPayload", "message": "row 2, column 'G': 'x' is not a number", "row": 2, "column": "G",
 "request_id": "…"}
"""

import json
import logging
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, Response, current_app, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, RequestTimeout

from serve import access
from serve.handover import STALL, Lent
from serve.metrics import Metrics
from serve.shared import Shared
from serve.watch import Watch
from tiffin import limits, shortway
from tiffin.context import CUSTOM_ATTRIBUTES, Context
from tiffin.errors import BadPayload, NotReady, OutOfMemory, PayloadTooLarge, PublicError, UserCodeError
from tiffin.predictor import Predictor
from tiffin.settings import Settings

log = logging.getLogger(__name__)

STREAM_PATH = "/invocations-bidirectional-stream"  # W-02
_CHUNK = 64 * 1024
# A refused body is read to its end, so that the answer is not lost in a reset connection (H-17), up to this much.
_DISCARD_AT_MOST = 4 * limits.PAYLOAD_BATCH


class _Application(Flask):
    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ.pop("HTTP_UPGRADE", None)  # as HTTP allows; werkzeug has no route for who asks for a WebSocket
        return super().wsgi_app(environ, start_response)


def create_app(
    predictor: Predictor | None, settings: Settings, shared: Shared, more_figures: Callable[[], str] = str
) -> Flask:
    """Without `predictor`, for many models, there is no /invocations: `serve.models.routes` adds its own paths."""
    is_ready, metrics = shared.board.all_ready, shared.metrics
    app = _Application("serve", static_folder=None)
    app.before_request(_begin)
    app.after_request(partial(_log_invocation, metrics))
    app.register_error_handler(PublicError, _public_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_defect)

    @app.route("/ping", methods=["GET", "POST"])  # H-03: the documentation asks for both
    def ping() -> Response:
        if not is_ready():
            raise NotReady("not every server process has the model yet")
        return Response(status=200, mimetype="text/plain")

    @app.get("/execution-parameters")  # B-02: what batch transform should use where the job does not say
    def execution_parameters() -> Response:
        return json_response(200, _execution_parameters(settings))

    @app.get("/metrics")  # H-24
    def prometheus() -> Response:
        text = metrics.text(is_ready()) + more_figures()
        return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")

    if predictor is not None:
        app.add_url_rule(
            "/invocations", "invocations", partial(invoke, predictor, settings, shared.watch), methods=["POST"]
        )
        app.add_url_rule(STREAM_PATH, "stream", partial(_no_handshake, predictor), methods=["GET", "POST"])

    return app


def invoke(predictor: Predictor, settings: Settings, watch: Watch) -> Response:
    """The request's body to its model and back."""
    body = read_body(settings.max_payload)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.setdefault("accept", settings.default_accept)
    context = Context(settings, headers)
    sock = request.environ.get("gunicorn.socket")
    with watch.predicting():
        asked = isinstance(sock, Lent) and sock.asked
        reply = None if asked else shortway.answer(predictor, body, context)
        if reply is None:
            reply = predictor.predict(body, headers.get("content-type"), headers["accept"], context)
    g.rows, g.problem = reply.rows, reply.problem
    if isinstance(sock, Lent):
        sock.streams = reply.parts is not None
    response = Response(reply.body if reply.parts is None else watch.each(reply.parts), status=200)
    response.headers["Content-Type"] = reply.content_type
    if CUSTOM_ATTRIBUTES in headers:  # H-12: a caller gets them empty unless they are echoed
        context.answer.setdefault(CUSTOM_ATTRIBUTES, headers[CUSTOM_ATTRIBUTES])
    response.headers.update(context.answer)
    return response


def _no_handshake(predictor: Predictor) -> Response:
    """`serve.stream` has those that are (W-02)."""
    if predictor.converse is None:
        return _error(404, "NotFound", "this model is not for streaming: its code has no stream_fn(stream, model)")
    response = _error(426, "UpgradeRequired", f"{STREAM_PATH} is for WebSockets: GET it with Upgrade: websocket")
    response.headers["Upgrade"] = "websocket"
    return response


def _execution_parameters(settings: Settings) -> dict[str, object]:
    """One request at a time for each process; B-03: no more than 100 MB under way together."""
    megabytes = 6
    if settings.max_payload:
        megabytes = max(1, min(megabytes, settings.max_payload // limits.MIB))
    most = limits.PAYLOAD_BATCH // limits.MIB // megabytes
    return {
        "MaxConcurrentTransforms": max(1, min(settings.workers, most)),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": megabytes,
    }


def json_response(status: int, document: dict[str, object]) -> Response:
    return Response(json.dumps(document) + "\n", status=status, content_type="application/json")


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Amzn-SageMaker-Inference-Id", "")
    g.request_id = given[:64] or uuid.uuid4().hex  # H-12: 64 characters at most
    g.rows, g.problem = None, ""
    g.model = None  # the one that is invoked, where there are many


def _log_invocation(metrics: Metrics, response: Response) -> Response:
    """One line a request; pings are silent (H-03: one every few seconds)."""
    if request.path == "/invocations" or g.model is not None:
        milliseconds = round((time.perf_counter() - g.started) * 1000, 1)
        metrics.answered(response.status_code, g.rows or 0, milliseconds / 1000)
        more = {} if g.model is None else {"model": g.model}
        access.record(g.request_id, response.status_code, g.rows, milliseconds, g.problem, **more)
    return response


def _public_error(error: PublicError) -> Response:
    if isinstance(error, UserCodeError | OutOfMemory):
        log.error("request %s: %s", g.request_id, error, exc_info=error.__cause__ or error)
    return _error(error.status, type(error).__name__, str(error), row=error.row, column=error.column)


def _http_error(error: HTTPException) -> Response:
    response = _error(error.code or 500, type(error).__name__, _sentence(error))
    if allow := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allow))
    return response


def _our_defect(error: Exception) -> Response:
    log.error("request %s: a defect in serve", g.request_id, exc_info=error)
    return _error(500, "InternalError", "the server failed on this request; the container's log says why")


def read_body(limit: int) -> bytes:
    """The whole body, at most `limit` bytes (0: no limit); raises PayloadTooLarge when it is larger."""
    length, stream = request.content_length, request.stream
    if not limit or length is None or length <= limit:
        try:
            body = stream.read(limit + 1 if limit else -1)
        except ParseException as error:  # chunks that are none (B-03)
            raise BadPayload(f"the chunked body is malformed: {error}") from None
        except BlockingIOError:
            raise RequestTimeout(f"the body stopped coming: {STALL} s without a byte") from None
        if length is not None and len(body) < length:
            raise BadPayload(f"the body ended after {len(body)} of the {length} bytes that Content-Length promised")
        if not limit or len(body) <= limit:
            return body
    left = _DISCARD_AT_MOST
    while left > 0 and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)
    size = f"{length} bytes" if length is not None else "more"
    raise PayloadTooLarge(
        f"the body has {size}; this server takes at most {limit // limits.MIB} MiB ({limit} bytes), "
        "set by SAGEMAKER_MAX_PAYLOAD_IN_MB"
    )


def _error(status: int, name: str, message: str, *, row: int | None = None, column: str | None = None) -> Response:
    g.problem = message
    places = {key: value for key, value in (("row", row), ("column", column)) if value is not None}
    for text in (message, message[: limits.ERROR_BODY // 8] + "…"):
        document = {"error": name, "message": text, **places, "request_id": g.request_id}
        body = (json.dumps(document, ensure_ascii=False) + "\n").encode()
        if len(body) <= limits.ERROR_BODY:
            break
        places = {}  # a column's name came from the caller, and may be as long as the payload
    response = Response(body, status=status, content_type="application/json")
    if status == NotReady.status:
        response.headers["Retry-After"] = "1"
    return response


def _sentence(error: HTTPException) -> str:
    match error.code:
        case 404:
            invocations = "/models" if "models" in current_app.blueprints else "/invocations"
            return (
                f"there is no {request.path!r}; "
                f"this server has /ping, {invocations}, /execution-parameters and /metrics"
            )
        case 405:
            return f"{request.path} does not take {request.method}"
        case _:
            return error.description or error.name
