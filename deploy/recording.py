"""A line for each call that was made to AWS: what, when, and what came of it; never a parameter's value."""

import json
import time
from pathlib import Path
from typing import Any

from botocore.model import OperationModel


class Recorder:
    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file

    def after_call(self, http_response: Any, parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
        if not http_response.url:  # a dry run withheld it
            return
        outcome = parsed.get("Error", {}).get("Code") or http_response.status_code
        self._line(str(model.service_model.signing_name), model.name, outcome)

    def after_call_error(self, exception: Exception, event_name: str, **_: Any) -> None:
        """No answer came at all."""
        _event, service, operation = event_name.split(".", 2)
        self._line(service, operation, type(exception).__name__)

    def _line(self, service: str, operation: str, outcome: object) -> None:
        line = {"at": round(time.time(), 3), "service": service, "operation": operation, "outcome": outcome}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
