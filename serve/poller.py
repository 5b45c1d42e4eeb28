"""What gunicorn's threaded worker uses of a selector, over bare epoll: a fourth of the cost an event."""

import select
from collections.abc import Callable
from typing import Any

Callback = Callable[[Any], None]
_AT_ONCE = 512


class Poller:
    """`handlers` maps a descriptor to its callback and the object that the callback is called with."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.handlers: dict[int, tuple[Callback, Any]] = {}

    def register(self, target: Any, events: int, callback: Callback) -> None:  # noqa: ARG002  gunicorn only ever reads
        descriptor = _descriptor(target)
        self._epoll.register(descriptor, select.EPOLLIN)
        self.handlers[descriptor] = callback, target

    def unregister(self, target: Any) -> None:
        """Raises KeyError when it is not registered."""
        descriptor = _descriptor(target)
        del self.handlers[descriptor]
        self._epoll.unregister(descriptor)

    def wait_to_write(self, target: Any) -> None:
        self._epoll.modify(_descriptor(target), select.EPOLLOUT)

    def wait_to_read(self, target: Any) -> None:
        self._epoll.modify(_descriptor(target), select.EPOLLIN)

    def pause(self, target: Any) -> None:
        """No events but a hang-up, until `wait_to_read`."""
        self._epoll.modify(_descriptor(target), 0)

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return self._epoll.poll(timeout, _AT_ONCE)

    def close(self) -> None:
        self._epoll.close()


def _descriptor(target: Any) -> int:
    return target if isinstance(target, int) else int(target.fileno())
