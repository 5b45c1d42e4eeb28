"""Users of the database, their passwords and what they may: MySQL's privileges as far as the SageMaker functions need.

A user is a name; the host that a statement gives is shown again and is not compared: all come from this machine.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from local_test.sql.errors import SqlError

ADMIN = "admin"
ROLES = (  # Aurora MySQL 3's, Q-09
    "AWS_SAGEMAKER_ACCESS",
    "AWS_COMPREHEND_ACCESS",
    "AWS_BEDROCK_ACCESS",
    "AWS_LAMBDA_ACCESS",
    "AWS_LOAD_S3_ACCESS",
    "AWS_SELECT_S3_ACCESS",
)
SAGEMAKER_ROLE = ROLES[0]
INVOKE = "INVOKE SAGEMAKER"  # Aurora MySQL 2's, Q-09
PRIVILEGES = (
    "ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "EXECUTE",
    "CREATE ROUTINE", "ALTER ROUTINE", "CREATE VIEW", "SHOW VIEW", "CREATE TEMPORARY TABLES", "LOCK TABLES", "TRIGGER",
    "EVENT", "CREATE USER", "RELOAD", "PROCESS", "SHOW DATABASES", "REPLICATION CLIENT", "REPLICATION SLAVE", INVOKE,
    "INVOKE COMPREHEND", "INVOKE LAMBDA", "LOAD FROM S3", "SELECT INTO S3", "USAGE",
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """Where a privilege holds: everywhere, in a database, of one table, or of one function."""

    database: str = "*"
    name: str = "*"
    is_function: bool = False

    def __str__(self) -> str:
        kind = "FUNCTION " if self.is_function else ""
        return kind + ".".join(part if part == "*" else f"`{part}`" for part in (self.database, self.name))

    def covers(self, other: "Scope") -> bool:
        if self.database not in ("*", other.database):
            return False
        if self.name == "*":
            return True
        if self.is_function and other.is_function:  # whose names know no case
            return self.name.lower() == other.name.lower()
        return self.name == other.name and self.is_function == other.is_function


@dataclass(frozen=True)
class Grant:
    privilege: str
    scope: Scope
    with_option: bool = False


@dataclass(frozen=True)
class User:
    name: str
    host: str = "%"
    native: str = ""  # mysql_native_password: SHA1(SHA1(password)), hexadecimal
    sha2: str = ""  # caching_sha2_password: SHA256(SHA256(password))
    grants: frozenset[Grant] = field(default_factory=frozenset)
    roles: frozenset[str] = field(default_factory=frozenset)
    default_roles: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_admin(self) -> bool:
        return self.name == ADMIN

    def has(self, privilege: str, scope: Scope) -> bool:
        if self.is_admin:
            return True
        return any(each.privilege in ("ALL", privilege) and each.scope.covers(scope) for each in self.grants)


def hashes(password: str) -> tuple[str, str]:
    """native, sha2."""
    text = password.encode()
    native = hashlib.sha1(hashlib.sha1(text).digest()).hexdigest()  # noqa: S324  the protocol's own
    return native, hashlib.sha256(hashlib.sha256(text).digest()).hexdigest()


def native_matches(user: User, scramble: bytes, nonce: bytes) -> bool:
    """mysql_native_password: the scramble is SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password)))."""
    if len(scramble) != hashlib.sha1().digest_size or not user.native:  # noqa: S324
        return False
    stored = bytes.fromhex(user.native)
    mask = hashlib.sha1(nonce + stored).digest()  # noqa: S324
    return hashlib.sha1(_xor(scramble, mask)).digest() == stored  # noqa: S324


def sha2_matches(user: User, scramble: bytes, nonce: bytes) -> bool:
    """caching_sha2_password's short way: SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce)."""
    if len(scramble) != hashlib.sha256().digest_size or not user.sha2:
        return False
    stored = bytes.fromhex(user.sha2)
    mask = hashlib.sha256(stored + nonce).digest()
    return hashlib.sha256(_xor(scramble, mask)).digest() == stored


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def check_table(user: User, privilege: str, database: str, table: str) -> None:
    if not user.has(privilege, Scope(database, table)):
        raise SqlError(1142, f"{privilege} command denied to user '{user.name}'@'{user.host}' for table '{table}'")


def check_database(user: User, database: str) -> None:
    seen = database.lower() == "information_schema" or user.is_admin
    if not seen and not any(each.scope.database in ("*", database) for each in user.grants):
        raise SqlError(1044, f"Access denied for user '{user.name}'@'{user.host}' to database '{database}'")


def check_function(user: User, active: Iterable[str], database: str, name: str) -> None:
    """EXECUTE on the function, and the right to call SageMaker (Q-09): an active role, or version 2's grant."""
    if user.is_admin:
        return
    if not user.has("EXECUTE", Scope(database, name, is_function=True)):
        raise SqlError(
            1370, f"execute command denied to user '{user.name}'@'{user.host}' for routine '{database}.{name}'"
        )
    if SAGEMAKER_ROLE in active or user.has(INVOKE, Scope()):
        return
    granted = SAGEMAKER_ROLE in user.roles
    more = f"; the role is granted and not active: SET ROLE {SAGEMAKER_ROLE}" if granted else ""
    raise SqlError(
        1227,
        f"Access denied; you need (at least one of) the {SAGEMAKER_ROLE} or {INVOKE} privilege(s) for this operation"
        + more,
    )


def check_admin(user: User, privilege: str) -> None:
    if not user.has(privilege, Scope()):
        raise SqlError(
            1227, f"Access denied; you need (at least one of) the {privilege} privilege(s) for this operation"
        )
