import json as standard
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiffin.codecs import json
from tiffin.errors import BadPayload
from tiffin.table import Envelope, Table

ONE, MANY, INSTANCES = Envelope.ONE, Envelope.MANY, Envelope.INSTANCES
CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    CELLS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


@pytest.mark.parametrize(
    ("text", "rows", "columns", "envelope"),
    [
        ("5", [[5]], None, ONE),
        ('"#495474"', [["#495474"]], None, ONE),
        ("null", [[None]], None, ONE),
        ('{"r":1,"g":2}', [[1, 2]], ("r", "g"), ONE),
        ("[1,2]", [[1], [2]], None, MANY),
        ("[[1,2]]", [[1, 2]], None, MANY),
        ("[[1,true],[null,1.5]]", [[1, True], [None, 1.5]], None, MANY),
        ('[{"r":1,"g":2},{"g":4,"r":3}]', [[1, 2], [3, 4]], ("r", "g"), MANY),
        ("[]", [], None, MANY),
        ("[[]]", [[]], None, MANY),
        ("[{}]", [[]], (), MANY),
        ('{"instances":[[1,2]]}', [[1, 2]], None, INSTANCES),
        ('{"instances":[{"r":1}],"signature_name":"x"}', [[1]], ("r",), INSTANCES),
        ('{"instances":[]}', [], None, INSTANCES),
        ('["\\ud83c\\udfa8"]', [["🎨"]], None, MANY),
        ("", [], None, MANY),
        ('{"R":[73,21],"G":[84,40]}', [[73, 84], [21, 40]], ("R", "G"), MANY),
        ('{"R":[73]}', [[73]], ("R",), MANY),
        ('{"R":[],"G":[]}', [], ("R", "G"), MANY),
        ('{"inputs":5}', [[5]], ("inputs",), ONE),
        ('{"data":[1,2]}', [[1], [2]], ("data",), MANY),
        ('{"columns":["R","G"],"data":[[73,84]]}', [[73, 84]], ("R", "G"), MANY),
        ('{"columns":["R"],"index":[7],"data":[[73]]}', [[73]], ("R",), MANY),
        ('{"dataframe_split":{"columns":["R"],"data":[[73]]}}', [[73]], ("R",), INSTANCES),
        ('{"dataframe_records":[{"R":73}]}', [[73]], ("R",), INSTANCES),
        ('{"inputs":[[73,84]]}', [[73, 84]], None, INSTANCES),
        ('{"inputs":{"R":[73],"G":[84]}}', [[73, 84]], ("R", "G"), INSTANCES),
        ('{"instances":[{"features":[1,2]},{"features":[3,4]}]}', [[1, 2], [3, 4]], None, INSTANCES),
        ('{"instances":[{"data":{"features":{"values":[1,2]}}}]}', [[1, 2]], None, INSTANCES),
        ('{"data":{"features":{"values":[1,2]}}}', [[1, 2]], None, ONE),
        ('{"instances":[{"features":1}]}', [[1]], ("features",), INSTANCES),
    ],
)
def test_decode(text: str, rows: Any, columns: Any, envelope: Envelope) -> None:
    assert json.decode(text) == Table(rows, columns, envelope) or (
        json.decode(text).rows == tuple(rows) == () and envelope is MANY
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("[1,\n2,]", "not JSON: "),
        ("[1] [2]", "not JSON: Extra data at line 1, column 5"),
        ("[NaN]", "not JSON: NaN is not a JSON number"),
        ("[-Infinity]", "not JSON: -Infinity is not a JSON number"),
        ('{"r":1,"g":2,"r":3}', "not JSON: the key 'r' appears twice"),
        ("[" + "9" * 5000 + "]", "not JSON: a number has thousands of digits"),
        ("[" * 100_000, "not read: the JSON is nested too deeply"),
        ('{"a":' * 100_000, "not read: the JSON is nested too deeply"),
        ('["\\ud800"]', "not read: a text holds half of a surrogate pair, which is no character"),
        ('[{"\\uDC00":1}]', "not read: a text holds half of a surrogate pair, which is no character"),
        ('{"instances":5}', "'instances' is 5, not a list of rows"),
        ('{"instances":{"a":1}}', "'instances' is {'a': 1}, not a list of rows"),
        ('{"R":[1,2],"G":[3]}', "column 'G': has 1 cells where column 'R' has 2"),
        ('{"R":[1,2],"G":3}', "row 1, column 'R': [1, 2] is not a single value"),
        ('{"features":[1,2]}', "a lone 'features' is one row or one column; send"),
        ('{"instances":[1],"inputs":[1]}', "the rows may be in 'instances' or in 'inputs'; send one of them"),
        ('{"inputs":[1],"params":{}}', "'params' stands beside 'inputs', and is not taken"),
        ('{"inputs":{"R":1}}', "'inputs' is an object, and not every column in it is a list"),
        ('{"dataframe_records":[[1]]}', "'dataframe_records' is not a list of objects"),
        ('{"dataframe_split":[1]}', "'dataframe_split' is no object with 'columns' and 'data'"),
        ('{"columns":["a","b"],"data":[1,2]}', "row 1: is 1, not a list of cells, beside 'columns'"),
        ('{"columns":["a","b"],"data":[[1]]}', "row 1: has 1 cells where 'columns' has 2"),
        ('{"columns":["a","a"],"data":[[1,2]]}', "column 'a': is in 'columns' twice"),
        ('{"columns":[1],"data":[[1]]}', "'columns' is not a list of names"),
        ('{"columns":["a"],"data":[[1]],"x":1}', "'x' stands beside 'columns' and 'data'"),
        ('{"instances":[{"data":{"features":{"keys":[1],"shape":[9],"values":[1]}}}]}', "row 1: is sparse; send the"),
        ("[[1],2]", "row 2: is not of the same shape as row 1"),
        ("[1,[2]]", "row 2: is not of the same shape as row 1"),
        ('[1,{"a":2}]', "row 2: is not of the same shape as row 1"),
        ('[{"a":2},1]', "row 2: is not of the same shape as row 1"),
        ("[[1,2],[3]]", "row 2: has 1 cells where row 1 has 2"),
        ("[[[1]]]", "row 1: [1] is not a single value"),
        ('[{"a":1},{"a":{"b":2}}]', "row 2, column 'a': {'b': 2} is not a single value"),
        ('[{"a":1,"b":2},{"a":1}]', "row 2, column 'b': is missing"),
        ('[{"a":1},{"a":1,"b":2}]', "row 2, column 'b': is not in row 1"),
    ],
)
def test_decode_what_is_no_table(text: str, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        json.decode(text)
    assert str(raised.value).startswith(sentence)
    assert "sys." not in str(raised.value)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (Table([["blue"]], None, ONE), '"blue"\n'),
        (Table([["blue", 0.5]], None, ONE), '["blue",0.5]\n'),
        (Table([["blue", 0.5]], ("label", "p"), ONE), '{"label":"blue","p":0.5}\n'),
        (Table([["blue"], ["red"]], None, ONE), '["blue","red"]\n'),
        (Table([["blue"]]), '["blue"]\n'),
        (Table([]), "[]\n"),
        (Table([], None, INSTANCES), '{"predictions":[]}\n'),
        (Table([["blue"]], None, INSTANCES), '{"predictions":["blue"]}\n'),
        (Table([[math.nan, math.inf, None, True]]), "[[null,null,null,true]]\n"),
        (Table([["하늘색 🎨\n"]]), '["하늘색 🎨\\n"]\n'),
        (Table([[0.1 + 0.2]]), "[0.30000000000000004]\n"),
    ],
)
def test_encode(table: Table, text: str) -> None:
    assert json.encode(table) == text


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1))
def test_rows_that_are_written_are_read_back(rows: list[list[Any]]) -> None:
    assert json.decode(json.encode(Table(rows))) == Table(rows)


@given(VALUES)
def test_any_json_is_a_table_or_a_bad_payload(value: object) -> None:
    try:
        table = json.decode(standard.dumps(value))
    except BadPayload:
        return
    assert all(len(row) == table.width for row in table.rows)


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"instances":[', '[{"a":'])
def test_any_depth_is_a_table_or_a_bad_payload(opening: str) -> None:
    """Near the interpreter's limit what was just read can be too deep to be shown in the error."""
    closing = opening.replace('"a":', "").replace('"instances":', "")[::-1].translate(str.maketrans("[{", "]}"))
    for depth in range(100, 1100, 3):
        with pytest.raises(BadPayload):
            json.decode(opening * depth + "1" + closing * depth)


def test_a_key_twice_among_many_is_found_at_once() -> None:
    keys = ",".join(f'"key{i}":1' for i in range(100_000))
    started = time.perf_counter()
    with pytest.raises(BadPayload, match="the key 'key99999' appears twice"):
        json.decode(f'{{{keys},"key99999":2}}')
    assert time.perf_counter() - started < 5
