"""MySQL's protocol for one client, by mysql-mimic; here is what it leaves open.

Its own `authenticate` answers a wrong password and then serves the client all the same; its OK packets have no counts;
it has no LOCAL INFILE; of its prepared statements `prepared` has the rest.
"""

import asyncio
import codecs
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import time
from decimal import Decimal
from typing import Any, TypeVar

from mysql_mimic import packets
from mysql_mimic.auth import IdentityProvider
from mysql_mimic.charset import CharacterSet
from mysql_mimic.connection import Connection
from mysql_mimic.constants import DEFAULT_SERVER_CAPABILITIES
from mysql_mimic.control import LocalControl
from mysql_mimic.errors import MysqlError
from mysql_mimic.results import ResultColumn, ResultSet
from mysql_mimic.session import BaseSession
from mysql_mimic.stream import MysqlStream
from mysql_mimic.types import Capabilities, ColumnType, ServerStatus, read_uint_4, read_uint_len, str_len, uint_len

from local_test.sql import accounts, prepared, variables
from local_test.sql.database import Database
from local_test.sql.errors import STATES, UNKNOWN, SqlError
from local_test.sql.prepared import Prepared
from local_test.sql.result import Result
from local_test.sql.session import Session

CAPABILITIES = DEFAULT_SERVER_CAPABILITIES | Capabilities.CLIENT_LOCAL_FILES | Capabilities.CLIENT_TRANSACTIONS
NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
_FAST_AUTH_SUCCESS = b"\x03"
_INFILE = b"\xfb"
_KINDS = {
    "BOOLEAN": ColumnType.TINY,
    "TINYINT": ColumnType.SHORT,  # mysql-mimic's TINY is a truth value
    "UTINYINT": ColumnType.SHORT,
    "SMALLINT": ColumnType.SHORT,
    "USMALLINT": ColumnType.LONG,
    "INTEGER": ColumnType.LONG,
    "UINTEGER": ColumnType.LONGLONG,
    "BIGINT": ColumnType.LONGLONG,
    "UBIGINT": ColumnType.NEWDECIMAL,
    "HUGEINT": ColumnType.NEWDECIMAL,
    "FLOAT": ColumnType.FLOAT,
    "DOUBLE": ColumnType.DOUBLE,
    "DATE": ColumnType.DATE,
    "TIMESTAMP": ColumnType.DATETIME,
    "BLOB": ColumnType.BLOB,
}
T = TypeVar("T")


class Denied(Exception):
    """The client has been told, and is not served."""


class _Handshake(BaseSession):
    """What mysql-mimic keeps until there is a user."""

    def __init__(self) -> None:
        self.variables = variables.system()
        self.username = self.database = None


class Client(Connection):
    """One client, from its handshake to its end; its statements run on a thread of their own."""

    def __init__(
        self,
        database: Database,
        default: str,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        control: LocalControl,
        kill: Callable[[int, bool], None],
    ) -> None:
        reader, writer = streams
        stream = MysqlStream(_Whole(reader), writer)
        super().__init__(stream, _Handshake(), control, IdentityProvider(), CAPABILITIES)
        self._database, self._default, self._kill_other = database, default, kill
        self.status_flags = ServerStatus.SERVER_STATUS_AUTOCOMMIT  # a client goes by it before its first statement
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sql-session")
        self.inner: Session | None = None

    async def _start(self) -> None:
        try:
            await self.connection_phase()
            await self.command_phase()
        finally:
            await self._work(self._close)
            self._thread.shutdown(wait=False)

    @property
    def client_charset(self) -> CharacterSet:
        return self._charset("character_set_client")

    @property
    def server_charset(self) -> CharacterSet:
        return self._charset("character_set_results")

    def _charset(self, name: str) -> CharacterSet:
        told = str((self.inner or self.session).variables[name])
        try:
            codecs.lookup(told)
            return CharacterSet[told]
        except LookupError:  # binary, NULL, utf8mb4 by its long name
            return CharacterSet.utf8mb4

    def _begun(self, user: str, name: str | None) -> Session:
        """In the character set of the handshake."""
        begun = Session(self._database, user, name, self.connection_id, self._kill_other)
        for part in variables.CHARSETS:
            variables.set_system(begun.variables, part, self.session.variables["character_set_client"])
        return begun

    def _close(self) -> None:
        if self.inner is not None:
            self.inner.close()
            self.inner = None

    async def _work(self, work: Callable[[], T]) -> T:
        """Off the loop: one slow statement holds up nobody else. Raises MysqlError."""
        with _as_mysql():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def authenticate(
        self, username: str, auth_response: bytes, client_plugin_name: str | None, *_a: Any, **_k: Any
    ) -> None:
        user = self._database.catalog.user(username)
        nonce = (self.handshake_auth_data or b"").rstrip(b"\0")
        if client_plugin_name == SHA2:  # MySQL 9's client has no other
            auth_response = await self._switch(SHA2, nonce)
            matches = user is not None and accounts.sha2_matches(user, auth_response, nonce)
            if matches:
                await self.stream.write(packets.make_auth_more_data(_FAST_AUTH_SUCCESS))
        else:
            if client_plugin_name not in (None, NATIVE):
                auth_response = await self._switch(NATIVE, nonce)
            matches = user is not None and accounts.native_matches(user, auth_response, nonce)
        if not matches:
            used = "YES" if auth_response else "NO"
            text = f"Access denied for user '{username}'@'localhost' (using password: {used})"
            await self.stream.write(self.error(msg=text, code=1045))
            raise Denied
        named = self.session.database or self._default
        await self._work(self._close)
        try:
            self.inner = await self._work(lambda: self._begun(username, named))
        except MysqlError as error:
            await self.stream.write(self.error(msg=error.msg, code=error.code))
            raise Denied from None
        await self.stream.write(self.ok())

    async def _switch(self, plugin: str, nonce: bytes) -> bytes:
        request = packets.make_auth_switch_request(self.server_charset, plugin, nonce + b"\0")
        await self.stream.write(request)
        answer: bytes = await self.stream.read()
        return answer

    async def handle_query(self, data: bytes) -> None:
        try:
            sql = packets.parse_com_query(self.capabilities, self.client_charset, data).sql
        except UnicodeDecodeError:  # _binary'...' with the bytes as they are, as PyMySQL writes them
            attributes = 2 if Capabilities.CLIENT_QUERY_ATTRIBUTES in self.capabilities else 0
            sql = data[attributes:].decode(self.client_charset.codec, "surrogateescape")
        result = await self._run(sql)
        if result.columns:
            await self.write_text_resultset(_rows(result, self.server_charset))
        else:
            await self.stream.write(self._ok(result))

    async def handle_stmt_prepare(self, data: bytes) -> None:
        with _as_mysql():
            statement = Prepared.of(next(self.prepared_stmt_seq), self.client_charset.decode(data))
        self.prepared_stmts[statement.stmt_id] = statement
        for packet in self.com_stmt_prepare_response(statement):
            await self.stream.write(packet, drain=False)
        await self.stream.drain()

    async def handle_stmt_execute(self, data: bytes) -> None:
        result = await self._run(self._filled(data))
        if not result.columns:
            await self.stream.write(self._ok(result))
            return
        found = _rows(result, self.server_charset)
        await self.stream.write(uint_len(len(found.columns)), drain=False)
        for column in found.columns:
            await self.stream.write(
                packets.make_column_definition_41(
                    self.server_charset,
                    name=column.name,
                    column_type=column.type,
                    character_set=column.character_set,
                ),
                drain=False,
            )
        if not self.deprecate_eof():
            await self.stream.write(self.eof(), drain=False)
        for row in found.rows:
            await self.stream.write(packets.make_binary_resultrow(row, found.columns), drain=False)
        await self.stream.write(self.ok_or_eof())

    def _filled(self, data: bytes) -> str:
        """The statement's text with its parameters as literals. Raises MysqlError."""
        reader = io.BytesIO(data)
        statement: Prepared = self.get_stmt(read_uint_4(reader))
        _, has_count = packets._read_cursor_flags(reader)
        read_uint_4(reader)
        count, has_attributes = statement.num_params, Capabilities.CLIENT_QUERY_ATTRIBUTES in self.capabilities
        if has_attributes and (count or has_count):
            count = read_uint_len(reader)
        with _as_mysql():
            found = prepared.literals(statement, reader, count, self.client_charset, are_named=has_attributes)
        statement.param_buffers = None
        return statement.filled(found)

    async def handle_init_db(self, data: bytes) -> None:
        name = packets.parse_com_init_db(self.client_charset, data)
        session = self._session()
        await self._work(lambda: session.use(name))
        await self.stream.write(self.ok())

    async def handle_change_user(self, data: bytes) -> None:
        try:
            await super().handle_change_user(data)
        except Denied:
            self.stream.writer.close()  # as MySQL does

    async def handle_reset_connection(self, data: bytes) -> None:  # noqa: ARG002
        session = self._session()
        name, user = session.name, session.user_name

        def begin_anew() -> Session:
            session.close()
            return self._begun(user, name)

        self.inner = await self._work(begin_anew)
        await self.stream.write(self.ok())

    async def handle_field_list(self, data: bytes) -> None:
        """What a client completes names by."""
        table = packets.parse_com_field_list(self.client_charset, data).table
        session = self._session()
        name = table.replace("`", "``")
        result = await self._work(lambda: session.run(f"SHOW COLUMNS FROM `{name}`"))
        for row in result.rows:
            packet = packets.make_column_definition_41(
                self.server_charset, table=table, name=row[0], is_com_field_list=True, default=None
            )
            await self.stream.write(packet, drain=False)
        await self.stream.write(self.ok_or_eof())

    async def _run(self, sql: str) -> Result:
        session = self._session()
        result = await self._work(lambda: session.run(sql))
        if wanted := result.wanted:
            if Capabilities.CLIENT_LOCAL_FILES not in self.capabilities:
                raise MysqlError(
                    "Loading local data is disabled; this must be enabled on both the client and server sides",
                    3948,
                )
            data = await self._file(wanted.path)
            result = await self._work(lambda: session.receive(wanted, data))
        self.status_flags = ServerStatus(0)
        if session.variables["autocommit"]:
            self.status_flags |= ServerStatus.SERVER_STATUS_AUTOCOMMIT
        if session.in_transaction:
            self.status_flags |= ServerStatus.SERVER_STATUS_IN_TRANS
        return result

    async def _file(self, path: str) -> bytes:
        """The client's file: packets up to an empty one."""
        await self.stream.write(_INFILE + path.encode())
        parts = []
        while part := await self.stream.read():
            parts.append(part)
        return b"".join(parts)

    def _session(self) -> Session:
        if self.inner is None:
            raise Denied
        return self.inner

    def _ok(self, result: Result) -> bytes:
        warnings = len(self.inner.warnings) if self.inner else 0
        packet: bytes = self.ok(affected_rows=result.affected, last_insert_id=result.last_id, warnings=warnings)
        return packet + (str_len(result.info.encode()) if result.info else b"")

    def error(self, msg: Any = "", code: int = UNKNOWN, **_kwargs: Any) -> bytes:
        """With the state of MySQL's own numbers; mysql-mimic knows only its own."""
        state = STATES.get(int(code), "HY000").encode()
        text = str(msg).encode(self.server_charset.codec, "replace")
        return b"\xff" + int(code).to_bytes(2, "little") + b"#" + state + text


@contextmanager
def _as_mysql() -> Iterator[None]:
    """What mysql-mimic tells the client."""
    try:
        yield
    except SqlError as error:
        raise MysqlError(error.message, error.code) from None


class _Whole:
    """A reader whose `read(4)` is never less: mysql-mimic takes a packet's head by it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def read(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError:
            return b""

    async def readexactly(self, size: int) -> bytes:
        return await self._reader.readexactly(size)


def _rows(result: Result, charset: CharacterSet) -> ResultSet:
    is_narrow = charset.codec != CharacterSet.utf8mb4.codec
    columns = [
        ResultColumn(
            _fitting(each.name, charset) if is_narrow else each.name,
            _kind(each.kind),
            CharacterSet.binary if each.kind == "BLOB" else charset,
            text_encoder=_FLOATS.get(each.kind),
        )
        for each in result.columns
    ]
    rows: Any = result.rows
    if any(each.kind == "TIME" or each.kind.startswith("DECIMAL") for each in result.columns):
        rows = [[_told(cell) for cell in row] for row in rows]
    if is_narrow:
        rows = [[_fitting(cell, charset) if isinstance(cell, str) else cell for cell in row] for row in rows]
    return ResultSet(rows, columns)


def _fitting(text: str, charset: CharacterSet) -> str:
    """With ? for what the client's character set does not have."""
    return text.encode(charset.codec, "replace").decode(charset.codec)


def _told(cell: Any) -> Any:
    """0.0000000000 and not Python's 0E-10."""
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return str(cell) if isinstance(cell, time) else cell


def _double(_column: ResultColumn, value: Any) -> bytes:
    """As MySQL writes it: 3 for 3.0, 1e20 for 1e+20."""
    return repr(value).removesuffix(".0").replace("e+", "e").encode()


def _float(_column: ResultColumn, value: Any) -> bytes:
    return f"{value:.6g}".replace("e+", "e").encode()


_FLOATS = {"DOUBLE": _double, "FLOAT": _float}


def _kind(duck: str) -> ColumnType:
    if duck.startswith("DECIMAL"):
        return ColumnType.NEWDECIMAL
    return _KINDS.get(duck, ColumnType.VAR_STRING)
