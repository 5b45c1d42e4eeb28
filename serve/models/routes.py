"""The multi-model contract in HTTP (M-02 … M-06): snake_case in requests, camelCase in answers (M-03).

A name is opaque (M-07): it is read from the path as it was sent, percent-escapes and slashes and all, so that nothing
between the caller and this line makes another name of it.
"""

import json
from urllib.parse import unquote

from flask import Blueprint, Flask, Response, g, request
from gunicorn.util import split_request_uri
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import BaseConverter

from serve.app import invoke, json_response, read_body
from serve.models import artifact
from serve.models.faults import not_loaded
from serve.models.remote import Link, RemoteModel
from serve.watch import Watch
from tiffin.errors import BadPayload
from tiffin.settings import Settings
from tiffin.table import shortened

LONGEST_NAME = 1024  # bytes: as long as a target model may be (H-12), and escaped it still fits a request line
_PREFIX, _INVOKE = "/models/", "/invoke"


class _Anything(BaseConverter):
    regex = r"[\s\S]*"
    part_isolating = False


def add(app: Flask, link: Link, settings: Settings) -> None:
    models = Blueprint("models", __name__)
    app.url_map.converters["anything"] = _Anything
    app.url_map.merge_slashes = False  # a//b is a name as good as any

    @models.post("/models")
    def load() -> Response:
        name, url = _wanted(read_body(settings.max_payload))
        folder = artifact.find(url, settings.paths.models)
        size = artifact.size(folder)
        return json_response(
            200, link.ask({"ask": "load", "name": name, "url": url, "folder": str(folder), "size": size})
        )

    @models.get("/models")
    def listed() -> Response:
        return json_response(200, link.ask({"ask": "list", "token": request.args.get("next_page_token")}))

    @models.get("/models/<anything:rest>")
    def described(rest: str) -> Response:
        return json_response(200, link.ask({"ask": "get", "name": _name(_raw_rest(rest))}))

    @models.delete("/models/<anything:rest>")
    def unload(rest: str) -> Response:
        name = _name(_raw_rest(rest))
        link.ask({"ask": "unload", "name": name})
        return json_response(200, {"modelName": name})

    @models.post("/models/<anything:rest>")
    def invocations(rest: str) -> Response:
        raw = _raw_rest(rest)
        if not raw.endswith(_INVOKE):
            raise MethodNotAllowed(["DELETE", "GET"])
        g.model = name = _name(raw.removesuffix(_INVOKE))
        return invoke(RemoteModel(name, link, settings.timeout, g.request_id), settings, Watch())

    app.register_blueprint(models)


def figures(link: Link) -> str:
    """For /metrics (H-24)."""
    counts = link.ask({"ask": "figures"})
    lines = []
    for name, kind, meaning, count in (
        ("tiffin_models_loaded", "gauge", "Models that are loaded.", "loaded"),
        ("tiffin_model_loads_total", "counter", "Loads that succeeded, those after a death among them.", "loads"),
        ("tiffin_model_unloads_total", "counter", "Models that were unloaded.", "unloads"),
        ("tiffin_model_deaths_total", "counter", "Models' processes that died by themselves.", "deaths"),
    ):
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f"{name} {counts[count]}"]
    return "\n".join(lines) + "\n"


def _wanted(body: bytes) -> tuple[str, str]:
    """Name and URL of a load; raises BadPayload."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadPayload('the body is not JSON; right is {"model_name": "…", "url": "…"}') from None
    if not isinstance(document, dict):
        raise BadPayload('the body is not a JSON object; right is {"model_name": "…", "url": "…"}')
    name, url = (_text(document, key) for key in ("model_name", "url"))
    length = len(name.encode())
    if length > LONGEST_NAME:
        raise BadPayload(f"model_name has {length} bytes; {LONGEST_NAME} is the most")
    return name, url


def _text(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        found = f"is {shortened(value)}" if key in document else "is missing"
        raise BadPayload(f"{key} {found}; it must be a text of one character or more")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadPayload(f"{key} {shortened(value)} is no text: it has half of a surrogate pair") from None
    return value


def _raw_rest(rest: str) -> str:
    """What follows /models/, escaped as it was sent; `rest` is what routing made of it."""
    path = str(split_request_uri(request.environ["RAW_URI"]).path)
    return path.removeprefix(_PREFIX) if path.startswith(_PREFIX) else rest


def _name(escaped: str) -> str:
    """Raises ModelNotLoaded for bytes that are no text, which no model is called."""
    try:
        name = unquote(escaped, errors="strict")
        name.encode()
    except UnicodeError:
        raise not_loaded(escaped.encode("ascii", "backslashreplace").decode()) from None
    return name
