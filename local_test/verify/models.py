"""The API of multi-model endpoints (section 4), as the platform asks it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from local_test.verify.server import Server
from local_test.verify.wire import Answer

ROOT = "/opt/ml/models"


@dataclass(frozen=True)
class Models:
    server: Server
    idle: int  # bytes, before the first load

    def load(self, name: str, folder: str | None = None) -> Answer:
        document = {"model_name": name, "url": f"{ROOT}/{folder or name}/model"}
        return self._ask("POST", "/models", json.dumps(document).encode())

    def unload(self, name: str) -> Answer:
        return self._ask("DELETE", f"/models/{name}")

    def describe(self, name: str) -> Answer:
        return self._ask("GET", f"/models/{name}")

    def list(self, token: str = "") -> Answer:
        return self._ask("GET", f"/models?next_page_token={quote(token, safe='')}" if token else "/models")

    def invoke(self, name: str) -> Answer:
        payload = self.server.payload
        assert payload is not None  # noqa: S101
        headers = {"Content-Type": payload.content_type, "X-Amzn-SageMaker-Target-Model": f"{name}.tar.gz"}
        return self.server.address.ask("POST", f"/models/{name}/invoke", payload.body, headers)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        return self.server.address.ask(method, path, body, {"Content-Type": "application/json"} if body else {})


def document(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def said(answer: Answer) -> str:
    return f"{answer}: {answer.text[:80].strip()!r}"
