"""Users and what they may, as they are written down: Q-09."""

from pathlib import Path

import pytest

from local_test.sql import accounts
from local_test.sql.accounts import Grant, Scope, User
from tests.unit.local_test.sql.conftest import Client, opened


def lines(client: Client, user: str) -> list[str]:
    return [row[0] for row in client.rows(f"SHOW GRANTS FOR {user}")]


@pytest.mark.parametrize(
    ("statements", "shown"),
    [
        (["GRANT INVOKE SAGEMAKER ON *.* TO 'user1'@'%' WITH GRANT OPTION"],
         ["GRANT INVOKE SAGEMAKER ON *.* TO `user1`@`%` WITH GRANT OPTION"]),
        (["GRANT AWS_SAGEMAKER_ACCESS TO user1@'%'"], ["GRANT `AWS_SAGEMAKER_ACCESS`@`%` TO `user1`@`%`"]),
        (["GRANT 'AWS_SAGEMAKER_ACCESS'@'%' TO user1", "REVOKE AWS_SAGEMAKER_ACCESS FROM user1"], []),
        (["GRANT SELECT, INSERT ON test.t TO user1", "REVOKE INSERT ON test.t FROM user1"],
         ["GRANT SELECT ON `test`.`t` TO `user1`@`%`"]),
        (["GRANT ALL PRIVILEGES ON test.* TO user1"], ["GRANT ALL PRIVILEGES ON `test`.* TO `user1`@`%`"]),
        (["GRANT EXECUTE ON FUNCTION f TO user1"], ["GRANT EXECUTE ON FUNCTION `test`.`f` TO `user1`@`%`"]),
    ],
)  # fmt: skip
def test_what_is_granted_is_shown_and_kept(
    tmp_path: Path, client: Client, statements: list[str], shown: list[str]
) -> None:
    client.count("CREATE USER IF NOT EXISTS 'user1'@'%' IDENTIFIED BY 'x'")
    client.count("CREATE USER IF NOT EXISTS user1 IDENTIFIED BY 'y'")
    for statement in statements:
        client.count(statement)
    assert lines(client, "'user1'@'%'") == ["GRANT USAGE ON *.* TO `user1`@`%`", *shown]
    kept = client.session.shared.catalog.user("user1")
    client.session.close()
    client.session.shared.close()
    with opened(tmp_path) as again:
        assert again.catalog.user("user1") == kept
        assert again.catalog.function("test", "F") is not None


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("CREATE USER admin IDENTIFIED BY 'x'", 1396),
        ("CREATE USER new", 1819),
        ("CREATE USER new IDENTIFIED BY ''", 1819),
        ("ALTER USER nobody IDENTIFIED BY 'x'", 1396),
        ("ALTER USER admin IDENTIFIED BY 'x'", 1235),
        ("DROP USER nobody", 1396),
        ("DROP USER admin", 1396),
        ("GRANT SELECT ON *.* TO nobody", 1410),
        ("GRANT 'no_such_role' TO admin", 3523),
        ("GRANT NONSENSE ON *.* TO admin", 1064),
        ("REVOKE SELECT ON *.* FROM nobody", 1396),
        ("SHOW GRANTS FOR nobody", 1141),
        ("SET ROLE no_such_role", 3530),
    ],
)
def test_what_is_refused(client: Client, sql: str, code: int) -> None:
    assert client.error(sql)[0] == code


def test_scopes() -> None:
    user = User(
        "u", grants=frozenset([Grant("SELECT", Scope("d")), Grant("EXECUTE", Scope("d", "f", is_function=True))])
    )
    assert user.has("SELECT", Scope("d", "any"))
    assert not user.has("SELECT", Scope("e", "any"))
    assert user.has("EXECUTE", Scope("d", "f", is_function=True))
    assert user.has("EXECUTE", Scope("d", "F", is_function=True))
    assert not user.has("EXECUTE", Scope("d", "f"))
    assert not user.has("EXECUTE", Scope("d", "g", is_function=True))


def test_an_empty_password_matches_nothing() -> None:
    native, sha2 = accounts.hashes("")
    nonce = b"n" * 20
    for user in (User("u"), User("u", native=native, sha2=sha2)):
        assert not accounts.native_matches(user, b"", nonce)
        assert not accounts.sha2_matches(user, b"", nonce)
