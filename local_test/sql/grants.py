"""CREATE USER, GRANT, REVOKE and their kin, word by word; sqlglot reads none of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from local_test.sql import accounts, function
from local_test.sql.accounts import ADMIN, PRIVILEGES, ROLES, Grant, Scope, User
from local_test.sql.catalog import Catalog
from local_test.sql.errors import SqlError, chosen, not_here
from local_test.sql.words import Words

_BY_LENGTH = sorted(PRIVILEGES, key=lambda name: -name.count(" "))


def is_one(words: Words) -> bool:
    firsts = (("GRANT",), ("REVOKE",), ("SET", "DEFAULT", "ROLE"), ("SET", "PASSWORD"))
    users = tuple((verb, "USER") for verb in ("CREATE", "ALTER", "DROP"))
    return any(words.starts(*first) for first in (*firsts, *users))


@dataclass(frozen=True)
class Grants:
    """Runs them for one user, in one database."""

    catalog: Catalog
    user: User
    database: str | None

    def run(self, words: Words) -> None:
        if words.accept("SET", "PASSWORD"):
            self._set_password(words)
            return
        privilege = "GRANT OPTION" if words.starts("GRANT") or words.starts("REVOKE") else "CREATE USER"
        accounts.check_admin(self.user, privilege)
        if words.accept("CREATE", "USER"):
            self._create(words)
        elif words.accept("ALTER", "USER"):
            self._alter(words)
        elif words.accept("DROP", "USER"):
            self._drop(words)
        elif words.accept("SET", "DEFAULT", "ROLE"):
            self._set_default_role(words)
        elif words.accept("GRANT"):
            self._change(words, is_grant=True)
        else:
            words.expect("REVOKE")
            self._change(words, is_grant=False)

    def _create(self, words: Words) -> None:
        is_needed = not words.accept("IF", "NOT", "EXISTS")
        for name, host, password in _identified(words):
            if self.catalog.user(name):
                if is_needed:
                    raise _failed("CREATE USER", name, host)
                continue
            if not password:
                raise SqlError(1819, "Your password does not satisfy the current policy requirements: it is empty")
            native, sha2 = accounts.hashes(password)
            self.catalog.put(User(name, host, native, sha2))
        words.end()

    def _alter(self, words: Words) -> None:
        for name, host, password in _identified(words):
            self._give_password(name, host, password)
        words.end()

    def _set_password(self, words: Words) -> None:
        name, host = self.user.name, self.user.host
        if words.accept("FOR"):
            name, host = _user(words)
        words.expect("=")
        password = words.text()
        words.end()
        if name != self.user.name:
            accounts.check_admin(self.user, "CREATE USER")
        self._give_password(name, host, password)

    def _give_password(self, name: str, host: str, password: str) -> None:
        if name == ADMIN:
            raise not_here("another password for admin: each start of `local_test sql` sets it")
        if not password:
            raise SqlError(1819, "Your password does not satisfy the current policy requirements: it is empty")
        native, sha2 = accounts.hashes(password)
        self.catalog.put(replace(self._known(name, host, "ALTER USER"), native=native, sha2=sha2))

    def _drop(self, words: Words) -> None:
        is_needed = not words.accept("IF", "EXISTS")
        for name, host in _users(words):
            if name == ADMIN or (is_needed and not self.catalog.user(name)):
                raise _failed("DROP USER", name, host)
            self.catalog.remove(name)
        words.end()

    def _set_default_role(self, words: Words) -> None:
        chosen = words.until("TO")
        words.expect("TO")
        for name, host in _users(words):
            user = self._known(name, host, "SET DEFAULT ROLE")
            self.catalog.put(replace(user, default_roles=chosen_roles(chosen, user)))
        words.end()

    def _change(self, words: Words, *, is_grant: bool) -> None:
        towards = "TO" if is_grant else "FROM"
        roles, privileges = _listed(words)
        if roles:
            words.expect(towards)
            for name, host in _users(words):
                user = self._known(name, host, "GRANT" if is_grant else "REVOKE")
                held = user.roles | roles if is_grant else user.roles - roles
                self.catalog.put(replace(user, roles=held, default_roles=user.default_roles & held))
            words.accept("WITH", "ADMIN", "OPTION")
            words.end()
            return
        words.expect("ON")
        scope = self._scope(words)
        words.expect(towards)
        users = list(_users(words))
        with_option = words.accept("WITH", "GRANT", "OPTION")
        words.end()
        for name, host in users:
            user = self._known(name, host, "GRANT" if is_grant else "REVOKE")
            kept = {each for each in user.grants if not (each.scope == scope and each.privilege in privileges)}
            if is_grant:
                kept |= {Grant(each, scope, with_option) for each in privileges}
            elif len(kept) == len(user.grants) and not user.is_admin:
                raise SqlError(1141, f"There is no such grant defined for user '{name}' on host '{host}'")
            self.catalog.put(replace(user, grants=frozenset(kept)))

    def _scope(self, words: Words) -> Scope:
        is_function = words.accept("FUNCTION")
        words.accept("TABLE")
        first = "*" if words.accept("*") else words.name()
        if words.accept("."):
            return Scope(first, "*" if words.accept("*") else words.name(), is_function)
        return Scope(chosen(self.database), first, is_function)

    def _known(self, name: str, host: str, doing: str) -> User:
        if user := self.catalog.user(name):
            return user
        if doing == "GRANT":
            raise SqlError(1410, f"You are not allowed to create a user with GRANT: there is no '{name}'@'{host}'")
        raise _failed(doing, name, host)


def chosen_roles(text: str, user: User) -> frozenset[str]:
    """Of `SET [DEFAULT] ROLE ...`: ALL, NONE, DEFAULT or names. Raises SqlError 3530 for one that was not granted."""
    words = Words(text)
    if words.accept("ALL"):
        found = user.roles
    elif words.accept("NONE"):
        found = frozenset()
    elif words.accept("DEFAULT"):
        found = user.default_roles
    else:
        found = frozenset(name.upper() for name, _ in _users(words))
    words.end()
    if missing := sorted(found - user.roles):
        raise SqlError(3530, f"`{missing[0]}`@`%` is not granted to `{user.name}`@`{user.host}`")
    return found


def shown(user: User) -> Iterator[str]:
    """The lines of SHOW GRANTS."""
    to = f"TO `{user.name}`@`{user.host}`"
    yield f"GRANT USAGE ON *.* {to}"
    for each in sorted(user.grants, key=lambda grant: (str(grant.scope), grant.privilege)):
        named = "ALL PRIVILEGES" if each.privilege == "ALL" else each.privilege
        yield f"GRANT {named} ON {each.scope} {to}" + (" WITH GRANT OPTION" if each.with_option else "")
    if user.roles:
        yield f"GRANT {','.join(f'`{role}`@`%`' for role in sorted(user.roles))} {to}"


def _listed(words: Words) -> tuple[frozenset[str], frozenset[str]]:
    """Roles, or privileges; a statement has one of the two."""
    roles, privileges = set(), set()
    while True:
        if role := next((role for role in ROLES if words.accept(role)), None):
            roles.add(role)
        elif words.is_text():
            name, _ = _user(words)
            if name.upper() not in ROLES:
                raise SqlError(3523, f"Unknown authorization ID `{name}`@`%`")
            roles.add(name.upper())
        else:
            privileges.add(_privilege(words))
        if not words.accept(","):
            return frozenset(roles), frozenset(privileges)


def _privilege(words: Words) -> str:
    for name in _BY_LENGTH:
        if words.accept(*name.split()):
            if name == "ALL":
                words.accept("PRIVILEGES")
            return name
    raise words.wrong()


def _identified(words: Words) -> Iterator[tuple[str, str, str]]:
    while True:
        name, host = _user(words)
        password = ""
        if words.accept("IDENTIFIED"):
            if words.accept("WITH"):
                _ = words.text() if words.is_text() else words.name()
            words.expect("BY")
            password = words.text()
        yield name, host, password
        if not words.accept(","):
            return


def _users(words: Words) -> Iterator[tuple[str, str]]:
    yield _user(words)
    while words.accept(","):
        yield _user(words)


def _user(words: Words) -> tuple[str, str]:
    name, _, host = function.user(words).rpartition("@")
    return name, host


def _failed(doing: str, name: str, host: str) -> SqlError:
    return SqlError(1396, f"Operation {doing} failed for '{name}'@'{host}'")
