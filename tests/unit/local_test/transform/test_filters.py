from typing import Any

import pytest

from local_test.transform.filters import FilterError, JsonPath

DOCUMENT = {"id": 7, "f": [1, 2, 3], "o": {"a": 1, "b": {"c": 2}}, "list": [{"n": 1}, {"n": 2}], "key.dot": 0}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", DOCUMENT),
        ("$.id", 7),
        ("$.o.b.c", 2),
        ("$['id']", 7),
        ('$["o"]["a"]', 1),
        ("$['key.dot']", 0),
        ("$['id','f']", {"id": 7, "f": [1, 2, 3]}),
        ("$.o['a', 'b']", {"a": 1, "b": {"c": 2}}),
        ("$.o.['a','b']", {"a": 1, "b": {"c": 2}}),  # as AWS's page has it
        ("$.o.*", [1, {"c": 2}]),
        ("$.o[*]", [1, {"c": 2}]),
        ("$.f.*", [1, 2, 3]),
        ("$.f[0]", 1),
        ("$.f[-1]", 3),
        ("$.f[0,-1]", [1, 3]),
        ("$.f[ 2 , 0 ]", [3, 1]),
        ("$.f[1:]", [2, 3]),
        ("$.f[:2]", [1, 2]),
        ("$.f[0:1]", [1]),
        ("$.f[-2:]", [2, 3]),
        ("$.f[:-1]", [1, 2]),
        ("$.f[1:9]", [2, 3]),
        ("$.f[:]", [1, 2, 3]),
        ("$.list[*].n", [1, 2]),
        ("$.list[0].n", 1),
        ("$.list[0,1].n", [1, 2]),
        ("$.list[*]['n']", [1, 2]),
    ],
)
def test_selects(path: str, found: Any) -> None:  # B-09
    assert JsonPath.parse(path).select(DOCUMENT) == found


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("$", ["a", "b", "c"]),
        ("$[0]", ["a"]),
        ("$[0,-1]", ["a", "c"]),
        ("$[2,0,1]", ["c", "a", "b"]),
        ("$[1:]", ["b", "c"]),
        ("$[0:1]", ["a"]),
        ("$[:-1]", ["a", "b"]),
        ("$.*", ["a", "b", "c"]),
        ("$[*]", ["a", "b", "c"]),
    ],
)
def test_takes_columns_of_a_row(path: str, columns: list[str]) -> None:
    assert list(JsonPath.parse(path).of_rows()(["a", "b", "c"])) == columns


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "begin with $"),
        ("id", "begin with $"),
        ("$id", "from 'id' on"),
        ("$.", "from '.' on"),
        ("$..id", "from '..id' on"),
        ("$[", "from '[' on"),
        ("$[]", "single range"),
        ("$['a]", "from"),
        ("$[a]", "from '[a]' on"),
        ("$[0:2,246:]", "only a single range such as [1:5]"),  # aws/sagemaker-python-sdk#1112
        ("$[0,5:]", "only a single range"),
        ("$[0:4:2]", "only a single range"),
        ("$[?(@.a)]", "from '[?(@.a)]' on"),
        ("$.f[0] ", "from ' ' on"),
    ],
)
def test_refuses(path: str, sentence: str) -> None:
    with pytest.raises(FilterError) as refusal:
        JsonPath.parse(path)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("$.x", "there is no 'x'; there is 'id', 'f'"),
        ("$['id','x']", "there is no 'x'"),
        ("$.id.a", ".a needs an object, and there is a number"),
        ("$.f.a", ".a needs an object, and there is an array"),
        ("$.o[0]", "[0] needs an array, and there is an object"),
        ("$.id.*", ".* needs an array, and there is a number"),
        ("$.f[3]", "index 3 is not within 3 elements"),
        ("$.f[-4]", "index -4 is not within 3 elements"),
        ("$.f[3:]", "[3:] takes nothing from 3 elements"),
    ],
)
def test_says_what_is_not_there(path: str, sentence: str) -> None:
    with pytest.raises(FilterError) as refusal:
        JsonPath.parse(path).select(DOCUMENT)
    assert sentence in str(refusal.value)
