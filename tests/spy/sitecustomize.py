"""Python imports this at its start: in `python -m deploy` every call to AWS goes into SPY_CALLS with its parameters."""

import json
import os
import sys
from pathlib import Path
from typing import Any

if sys.orig_argv[1:3] == ["-m", "deploy"] and "SPY_CALLS" in os.environ:
    from botocore.client import BaseClient

    call = BaseClient._make_api_call

    def told(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        region, service = self.meta.region_name, self.meta.service_model.signing_name
        line = {"service": service, "region": region, "operation": operation, "parameters": parameters}
        with Path(os.environ["SPY_CALLS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=lambda _: None) + "\n")
        return call(self, operation, parameters)

    BaseClient._make_api_call = told
