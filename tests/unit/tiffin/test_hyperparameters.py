import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiffin import hyperparameters
from tiffin.errors import BadJob
from tiffin.hyperparameters import Between, Prefixed
from tiffin.limits import RESERVED_HYPERPARAMETERS


@dataclass(frozen=True)
class Declared:
    algorithm: Literal["tree", "forest"] = "tree"
    trees: int = 10
    rate: float = 0.1
    refit: bool = True
    name: str = ""
    depth: Annotated[int, Between(1, 100)] | None = None
    share: Annotated[float, Between(0, 1)] = 0.5
    bounded: Annotated[Optional[int], Between(1, 9)] = None  # noqa: UP045  the older spelling of a type
    note: str | None = None
    mixed: Literal["sqrt", 2, True, None] = "sqrt"


@pytest.mark.parametrize("encode", [str, json.dumps], ids=["plain", "json"])  # T-01, T-02
@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("algorithm", "forest", "forest"),
        ("trees", "12", 12),
        ("trees", "-3", -3),
        ("trees", " 12 ", 12),
        ("trees", "1e3", 1000),
        ("trees", "12.0", 12),
        ("trees", "9007199254740993", 9007199254740993),  # what a float cannot hold
        ("trees", "9" * 300, int("9" * 300)),
        ("rate", "0.001", 0.001),
        ("rate", "1e-3", 0.001),
        ("rate", "5", 5.0),
        ("refit", "false", False),
        ("refit", "True", True),
        ("refit", "0", False),
        ("name", "blue green", "blue green"),
        ("name", "하늘", "하늘"),
        ("name", "null", "null"),
        ("name", '{"a": 1}', '{"a": 1}'),
        ("depth", "7", 7),
        ("depth", "", None),
        ("depth", "None", None),
        ("depth", "null", None),
        ("note", "null", None),
        ("note", "a note", "a note"),
        ("bounded", "none", None),
        ("bounded", "9", 9),
        ("share", "1", 1.0),
        ("mixed", "2", 2),
        ("mixed", "true", True),
        ("mixed", "True", True),
        ("mixed", "null", None),
    ],
)
def test_each_type_in_both_forms(name: str, text: str, value: object, encode: Any) -> None:
    parsed = getattr(hyperparameters.parse(Declared, {name: encode(text)}), name)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"algorithm": "forrest"},
            "hyperparameter algorithm='forrest' is none of tree, forest (did you mean 'forest'?)",
        ),
        ({"algorithm": "svm"}, "hyperparameter algorithm='svm' is none of tree, forest"),
        ({"algorithm": "TREE"}, "hyperparameter algorithm='TREE' is none of tree, forest"),
        ({"trees": "ten"}, "hyperparameter trees='ten' is not a whole number"),
        ({"trees": ""}, "hyperparameter trees='' is not a whole number"),
        ({"trees": "1.5"}, "hyperparameter trees='1.5' is not a whole number"),
        ({"trees": "1_0"}, "hyperparameter trees='1_0' is not a whole number"),
        ({"trees": "nan"}, "hyperparameter trees='nan' is not a whole number"),
        ({"trees": "NaN"}, "hyperparameter trees='NaN' is not a whole number"),
        ({"trees": "[1]"}, "hyperparameter trees='[1]' is not a whole number"),
        ({"trees": "true"}, "hyperparameter trees='true' is not a whole number"),
        ({"trees": "null"}, "hyperparameter trees='null' is not a whole number"),
        ({"trees": "9" * 2000}, "hyperparameter trees='" + "9" * 58 + "… is not a whole number"),
        ({"rate": "0,1"}, "hyperparameter rate='0,1' is not a number"),
        ({"rate": "1e999"}, "hyperparameter rate='1e999' is not a number"),
        ({"rate": "[" * 2500}, "hyperparameter rate='" + "[" * 58 + "… is not a number"),
        ({"refit": "yes"}, "hyperparameter refit='yes' is neither true nor false"),
        ({"depth": "0"}, "hyperparameter depth='0' is not between 1 and 100"),
        ({"depth": "deep"}, "hyperparameter depth='deep' is not a whole number"),
        ({"share": "1.01"}, "hyperparameter share='1.01' is not between 0 and 1"),
        ({"bounded": "10"}, "hyperparameter bounded='10' is not between 1 and 9"),
        ({"mixed": "3"}, "hyperparameter mixed='3' is none of sqrt, 2, True, None"),
        ({"tres": "3"}, "hyperparameter 'tres' is unknown; did you mean 'trees'?"),
        ({"": "3"}, "hyperparameter '' is unknown; known are algorithm, bounded, depth, mixed, name, note, rate, "),
    ],
)
def test_what_cannot_be_read_is_named(given: Mapping[str, str], sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        hyperparameters.parse(Declared, given)
    assert str(raised.value).startswith(sentence)
    assert len(str(raised.value)) < 200


@dataclass(frozen=True)
class Strict:
    max_depth: int
    layers: list[int] = field(default_factory=list)
    low: float = 0
    high: float = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low={self.low:g} is above high={self.high:g}")


@pytest.mark.parametrize("name", ["max_depth", "max-depth"])
def test_a_dash_counts_as_an_underscore(name: str) -> None:
    assert hyperparameters.parse(Strict, {name: "3"}) == Strict(3)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "hyperparameter 'max_depth' is required and missing"),
        (
            {"max-depth": "1", "max_depth": "1"},
            "hyperparameter 'max_depth' is given twice, with a dash and with an und",
        ),
        ({"max_depth": "1", "low": "2"}, "hyperparameters: low=2 is above high=1"),
    ],
)
def test_what_does_not_go_together(given: Mapping[str, str], sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        hyperparameters.parse(Strict, given)
    assert str(raised.value).startswith(sentence)


def test_a_type_that_cannot_be_read_is_the_plugs_defect() -> None:
    with pytest.raises(TypeError, match=r"of type list\[int\] cannot be read; use int, float, bool, str, Literal or"):
        hyperparameters.parse(Strict, {"max_depth": "1", "layers": "[1]"})


@pytest.mark.parametrize("name", sorted(RESERVED_HYPERPARAMETERS))
def test_the_platforms_own_are_passed_over(name: str) -> None:  # T-23
    assert hyperparameters.parse(Declared, {name: "whatever"}) == Declared()
    assert hyperparameters.undeclared({name: "whatever"}) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ('"adam"', "adam"),
        ("adam", "adam"),
        ("[1, 2]", [1, 2]),
        ("true", True),
        ("", ""),
        ("0.10", 0.1),
        ("[" * 2500, "[" * 2500),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_undeclared(text: str, value: object) -> None:
    assert hyperparameters.undeclared({"x": text}) == {"x": value}


@given(st.dictionaries(st.sampled_from(sorted(Declared.__annotations__)) | st.text(), st.text(), max_size=3))
def test_any_hyperparameters_are_read_or_a_bad_job(given: dict[str, str]) -> None:
    with suppress(BadJob):
        assert isinstance(hyperparameters.parse(Declared, given), Declared)


@given(st.text())
def test_any_text_is_an_undeclared_value(text: str) -> None:
    assert list(hyperparameters.undeclared({"x": text})) == ["x"]


def test_a_declaration_that_is_no_dataclass_is_named() -> None:
    class Hyperparameters:
        rounds: int = 1

    with pytest.raises(BadJob, match=r"Hyperparameters is no dataclass; put @dataclass\(frozen=True\) over it"):
        hyperparameters.parse(Hyperparameters, {})


def test_whatever_the_sdk_sends_for_itself_is_not_unknown() -> None:
    assert hyperparameters.undeclared({"sagemaker_estimator_class_name": '"SKLearn"', "rounds": "3"}) == {"rounds": 3}


@dataclass(frozen=True)
class Open:
    own: int = 1
    further: Annotated[Mapping[str, Any], Prefixed("estimator.")] = field(default_factory=dict)


def test_names_behind_a_prefix_are_collected() -> None:
    given = {"own": "2", "estimator.max-iter": "200", "estimator.solver": '"saga"', "estimator.penalty": "l2"}
    found = hyperparameters.parse(Open, given)
    assert (found.own, found.further) == (2, {"max_iter": 200, "solver": "saga", "penalty": "l2"})
    assert hyperparameters.parse(Open, {}).further == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"further": "1"}, "hyperparameter 'further' is unknown; known are estimator.…, own"),
        ({"estimators.C": "1"}, "hyperparameter 'estimators.C' is unknown; known are estimator.…, own"),
        ({"estimator.": "1"}, "hyperparameter 'estimator.' has no name after 'estimator.'"),
        (
            {"estimator.max_iter": "1", "estimator.max-iter": "1"},
            "hyperparameter 'estimator.max_iter' is given twice, with a dash and with an underscore",
        ),
    ],
)
def test_names_behind_a_prefix_that_are_refused(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        hyperparameters.parse(Open, given)
    assert str(raised.value) == sentence
