"""One line an event, as text or JSON; a traceback belongs to its event.

CloudWatch makes an event of each line, so away from a terminal no event of ours spans two.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from tiffin.settings import Settings

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    def __init__(self, one_line: bool, model: bool = False) -> None:
        super().__init__(f"%(asctime)s %(levelname)s %(name)s: {'model %(model)s: ' if model else ''}%(message)s")
        self.one_line = one_line

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text.replace("\r", "\\r").replace("\n", "\\n") if self.one_line else text


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event |= {name: value for name, value in vars(record).items() if name not in _STANDARD | event.keys()}
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


def configure(settings: Settings, stream: TextIO | None = None, model: str | None = None) -> None:
    """Replace the root logger's handlers by one on `stream`, standard error by default.

    Every line says `model`, where this process has one of several.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    json_wanted = settings.log_format == "json"
    handler.setFormatter(JsonFormatter() if json_wanted else TextFormatter(not stream.isatty(), model is not None))
    if model is not None:

        def named(record: logging.LogRecord) -> bool:
            record.model = model
            return True

        handler.addFilter(named)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(settings.log_level)
    logging.captureWarnings(True)
