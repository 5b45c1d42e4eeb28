"""What hosts have seen of a column, put together, is what one host would have seen of all rows."""

import json
from itertools import combinations_with_replacement

import pytest

from examples.tabular.schema import Column, Seen, infer
from tiffin.errors import BadJob

PARTS = [[], ["1", "2.5"], ["", "3"], ["a", "b"], ["true"], ["False", ""], ["NaN"], ["1", "x"]]


@pytest.mark.parametrize("parts", list(combinations_with_replacement(PARTS, 2)), ids=str)
def test_parts_are_as_the_whole(parts: tuple[list[str], ...]) -> None:
    whole = Seen.of([cell for part in parts for cell in part])
    documents = [json.loads(json.dumps(Seen.of(part).shortened(100).document())) for part in parts]
    assert Seen.merged([Seen.from_document(document) for document in documents]) == whole


def test_numbers_on_one_host_and_texts_on_another_are_a_category() -> None:
    merged = Seen.merged([Seen.of(["1", "2"]), Seen.of(["x", ""])])
    assert infer("c", merged, 100, as_category=False) == Column("c", "category", ("1", "2", "x"), missing=True)


def test_more_texts_than_a_category_may_have_are_refused_though_shortened() -> None:
    parts = [Seen.of([f"{host}-{n}" for n in range(50)]).shortened(10) for host in "ab"]
    with pytest.raises(BadJob, match="column 'c' has 22 different texts, such as 'a-0'"):
        infer("c", Seen.merged(parts), 10, as_category=False)
