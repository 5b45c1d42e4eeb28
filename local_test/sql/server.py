"""The port: clients come and go, Ctrl-C ends what runs, and what was committed is on disk."""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress

from mysql_mimic.control import LocalControl
from mysql_mimic.stream import ConnectionClosed

from local_test.sql.database import Database
from local_test.sql.errors import NotHere, SqlError
from local_test.sql.protocol import Client, Denied

LOOPBACK = "127.0.0.1"
_STOP = 10.0  # seconds for what runs, at the end
_BLOCK = 1 << 20  # bytes that are read ahead of a client


class Server:
    def __init__(self, database: Database, default: str) -> None:
        self._database, self._default = database, default
        self._control = LocalControl(server_id=1)
        self._clients: dict[int, tuple[Client, asyncio.StreamWriter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, port: int, ready: Callable[[int], None]) -> None:
        """Until SIGINT, SIGTERM or SIGHUP. Raises NotHere when the port is taken."""
        logging.getLogger("mysql_mimic").setLevel(logging.CRITICAL)  # it logs each refusal with a traceback
        self._loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, ended.set)
        try:
            server = await asyncio.start_server(self._client, LOOPBACK, port, limit=_BLOCK)
        except OSError as error:
            raise NotHere(
                f"port {port} cannot be had ({error.strerror}): another server may be there; "
                "choose another with --port (0 takes a free one)"
            ) from None
        ready(server.sockets[0].getsockname()[1])
        await ended.wait()
        server.close()
        for client, writer in list(self._clients.values()):
            _end(client, writer)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        client = Client(self._database, self._default, (reader, writer), self._control, self._kill)
        client.connection_id = await self._control.add(client)
        self._clients[client.connection_id] = (client, writer)
        try:
            with suppress(Denied, ConnectionClosed, ConnectionError, asyncio.IncompleteReadError):
                await client.start()
        except Exception:
            logging.getLogger(__name__).exception("a client's connection ended by an error")
        finally:
            del self._clients[client.connection_id]
            await self._control.remove(client.connection_id)
            writer.close()

    def _kill(self, number: int, is_query: bool) -> None:
        """From a session's thread. Raises SqlError for an id that is not there."""
        found = self._clients.get(number)
        if found is None:
            raise SqlError(1094, f"Unknown thread id: {number}")
        client, writer = found
        if is_query:
            if client.inner is not None:
                client.inner.cancel()
        else:
            self._loop.call_soon_threadsafe(_end, client, writer)


def _end(client: Client, writer: asyncio.StreamWriter) -> None:
    if client.inner is not None:
        client.inner.cancel()
    writer.close()
