"""A container that answers /ping, and not where the platform asks (H-01).

Nothing is waited for longer, and on the platform it ends as "did not pass the ping health check".
"""

import math
import time
from collections.abc import Sequence
from typing import Protocol

from local_test.engine.kernel import Listener
from local_test.wire import Address, Connection
from tiffin import limits

EVERY = 0.5 * limits.SECONDS  # a look asks the engine
SETTLED = 5 * limits.SECONDS  # that it has answered so: a proxy before it would have come up meanwhile


class Looked(Protocol):
    def listeners(self) -> Sequence[Listener]:
        """Nothing where it cannot be seen from here."""
        ...

    def address_of(self, listener: Listener) -> Address | None:
        """None where it cannot be asked from here."""
        ...


class Elsewhere:
    """Looked for each time that nothing answers on `port`."""

    def __init__(self, container: Looked, port: int) -> None:
        self._container, self._port = container, port
        self._since, self._next_look = math.inf, 0.0
        self.places = ""  # where it has answered

    def is_settled(self) -> bool:
        """Whether /ping has been 200 for a while on another port, or on the loopback alone, each time it was asked."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + EVERY
        found = not_at(self._port, self._container.listeners())
        self.places = places([one for one in found if (to := self._container.address_of(one)) and _answers(to)])
        self._since = min(self._since, now) if self.places else math.inf
        return now - self._since > SETTLED


def not_at(port: int, found: Sequence[Listener]) -> Sequence[Listener]:
    """All of them, or none where the platform's requests would be taken."""
    return () if any(one.port == port and not one.is_loopback for one in found) else found


def places(found: Sequence[Listener]) -> str:
    return ", ".join(sorted(f"{one.address}:{one.port}" for one in found))


def _answers(address: Address) -> bool:
    connection = Connection(address, limits.CONNECT_TIMEOUT)
    try:
        return connection.request("GET /ping", b"", None, limits.PING_TIMEOUT).status == 200  # noqa: PLR2004
    except OSError:
        return False
    finally:
        connection.close()
