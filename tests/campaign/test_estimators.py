"""Every estimator that scikit-learn lists, by its name: trained and asked, or refused by a sentence."""

import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils import all_estimators

from examples.tabular import estimators
from tests.unit.examples.jobs import PEOPLE, ask, load, tabular
from tiffin.errors import BadJob

# With scikit-learn 1.9 and skops 0.16 they were 94 and 39 of 208; fewer than these would be our own doing.
LEAST = {"skops": 90, "joblib": 35}


def outcome(folder: Path, kind: type[Any]) -> tuple[str, str]:
    """How its artifact is stored, or `refused` and the sentence."""
    name = f"{kind.__module__.partition('._')[0]}.{kind.__name__}"
    given = {"estimator": name, "ignore": "left"}
    for stored in ("skops", "joblib"):
        try:
            built = estimators.build(name, {}, 0)
            task = estimators.task(built)
            if task == "regression":
                given |= {"target": "spend"}
            elif task == "classification" or built.__sklearn_tags__().target_tags.required:
                given |= {"target": "left", "ignore": ""}
            served = load(tabular(folder / stored, PEOPLE, given | {"format": stored}))
        except BadJob as refusal:
            if stored == "joblib" or not str(refusal).startswith("skops "):
                return "refused", str(refusal)
            continue
        head, *lines = PEOPLE.splitlines()
        names = head.split(",")
        wanted = [names.index(column) for column in served.model.schema.names]
        rows = "\n".join(",".join(line.split(",")[i] for i in wanted) for line in lines)
        assert len(ask(served, rows)) == len(lines)
        if task == "classification":
            codes = served.model.pipeline.predict(served.model.schema.features(_table(rows)))
            assert ask(served, rows) == [[("no", "yes")[int(code)]] for code in codes]
        return stored, ""
    raise AssertionError


def _table(rows: str) -> Any:
    from tiffin.codecs import csv

    return csv.decode(rows)


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # the estimators' own, of forty rows
def test_every_estimator_is_served_or_refused_by_a_sentence(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    for number, (_, kind) in enumerate(all_estimators()):
        assert inspect.isclass(kind)
        how, sentence = outcome(tmp_path / str(number), kind)
        tally[how] += 1
        if how == "refused":
            assert "Traceback" not in sentence
            assert len(sentence) > 30, sentence
            print(f"{kind.__name__}: {sentence[:160]}")
    print(dict(tally), np.sum(list(tally.values())), "estimators")
    assert all(tally[how] >= least for how, least in LEAST.items())
