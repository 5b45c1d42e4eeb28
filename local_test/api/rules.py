"""EventBridge's rules, where moto keeps what nothing follows: schedules, and targets that are never told."""

import json
from typing import Any

from moto.events.responses import EventsHandler

from local_test.api.absent import NotHereYet

TOLD = ("events", "logs", "sqs")  # services of targets


class LocalEventsResponse(EventsHandler):
    def put_rule(self) -> Any:
        if self._get_param("ScheduleExpression"):
            raise NotHereYet("rules by a schedule are not followed")
        return super().put_rule()

    def put_targets(self) -> Any:
        for target in json.loads(self.body).get("Targets") or ():
            service = target.get("Arn", "").split(":")[2:3]
            if service and service[0] not in TOLD:
                raise NotHereYet(f"targets of {service[0]} are not told; {', '.join(TOLD)} are")
        return super().put_targets()
