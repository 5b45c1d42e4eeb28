"""Shadow variants: what is asked of the production variant is asked of them too, and nobody sees their answers.

As large a part of the requests as the shadow's weight is of the production variant's.
"""

import random
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from local_test.api import enforced
from local_test.api.front import Request
from local_test.api.plans import Plan
from local_test.api.refusal import NO_ANSWER
from local_test.engine.client import WireError
from local_test.engine.endpoint import Unavailable

if TYPE_CHECKING:
    from local_test.api.hosting import Hosting

MOST = 64  # under way at a time: a shadow that is too slow misses some


class Mirror:
    """Of one endpoint; the shadow is asked on a thread of its own, so that nobody waits for it."""

    def __init__(self, hosting: "Hosting") -> None:
        self._hosting = hosting
        self._chance = random.Random()  # noqa: S311
        self._room = threading.Semaphore(MOST)

    def take(self, plan: Plan, request: Request, headers: Mapping[str, str]) -> None:
        production = plan.variants[0].weight
        for shadow in plan.shadows:
            share = shadow.weight / production if production else 0.0
            if self._chance.random() < share and self._room.acquire(blocking=False):
                asked = (shadow.name, request, headers)
                threading.Thread(target=self._ask, args=asked, name=f"shadow-{shadow.name}", daemon=True).start()

    def _ask(self, shadow: str, request: Request, headers: Mapping[str, str]) -> None:
        hosting = self._hosting
        try:
            with hosting.engine.chosen(shadow) as (_, instance):
                served, begun = hosting.served(instance), time.perf_counter()
                try:
                    reply = instance.invoke(request.body, headers, None, enforced.here().invocation_timeout)
                except WireError:
                    hosting.traffic.invoked(served, NO_ANSWER, None, 0)
                    return
                seconds = time.perf_counter() - begun
                hosting.traffic.invoked(served, reply.status, seconds, seconds)
            if hosting.capture:
                hosting.capture.take(shadow, request.headers, request.body, reply)
        except Unavailable:
            return  # it is just being replaced
        finally:
            self._room.release()
