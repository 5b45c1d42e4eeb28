"""moto is held at its insides: these fail when a new one has moved them, and say which."""

from collections.abc import Callable
from typing import Any

import pytest

from local_test.api import hooks, late

POINTS: dict[str, Callable[[], bool]] = hooks.points()


@pytest.mark.parametrize("what", POINTS)
def test_hook_is_where_it_was(what: str) -> None:
    assert POINTS[what](), f"moto has moved {what}"


@pytest.mark.parametrize("what", POINTS)
def test_a_moved_hook_is_named(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody: Any = None
    monkeypatch.setattr(hooks, "points", lambda: POINTS | {what: lambda: False})
    with pytest.raises(late.HookMoved) as raised:
        hooks.install(nobody)
    assert what in str(raised.value)
    assert "pip install" in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ({"VpcConfig": {}, "Name": "n"}, {"Name": "n"}),
        ({"A": {"B": {"C": {}}}}, {}),
        ({"A": [{"B": None, "C": 0}], "D": [], "E": False, "F": ""}, {"A": [{"C": 0}], "D": [], "E": False, "F": ""}),
    ],
)
def test_empty_structures_are_left_out(answer: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert hooks.pruned(answer) == wanted
