"""The image's compiled pass against scikit-learn's own predict, in the image, over a grid and over odd bodies."""

import json
import subprocess

import pytest

from tests.container.conftest import COLOUR

pytestmark = pytest.mark.container

COMPARE = """
import json, sys
from itertools import product
import numpy as np
from model import artifact, colour
from model.compiled import compiled
from model.dataset import read
from model.estimators import fit
from pathlib import Path
from tiffin.job import Channel

rows = read(Channel("train", Path("/opt/program/model/data")))
grid = np.array(list(product(range(0, 256, 8), repeat=3)))
body = "\\n".join(",".join(map(str, row)) for row in grid.tolist()).encode()
found = {}
for space in ("rgb", "lab", "lab-linear"):
    estimator = fit("tree", colour.to_features(rows.rgb, space), rows.labels, 0, max_leaf_nodes=200)
    raw = compiled(artifact.model_of(estimator, "tree", space, {}))
    expected = estimator.predict(colour.to_features(grid, space))
    got = np.array(raw([body])[0].decode().splitlines())
    found[space] = [len(got), int((got != expected).sum())]
odd = json.loads(sys.argv[1])
found["odd"] = [answer and answer.decode() for answer in raw([text.encode() for text in odd])]
forest = fit("forest", colour.to_features(rows.rgb[:300], "lab"), rows.labels[:300], 0, n_estimators=3)
found["forest"] = compiled(artifact.model_of(forest, "forest", "lab", {})) is None
print(json.dumps(found))
"""

ODD = {
    "0,0,255\n": "blue\n",
    "0,0,255\r\n\r\n000,0,255": "blue\nblue\n",
    "": None,
    "\n\n": None,
    "0,0,256\n": None,
    "0,0,-1\n": None,
    "0,0,1.0\n": None,
    "0,0\n": None,
    "0,0,0,0\n": None,
    "0,0,0000\n": None,
    "0, 0,0\n": None,
    "#ff0000\n": None,
    '"0","0","0"\n': None,
    "0,0,255\nx\n": None,
    "0,0,255\r0,0,255": None,
    "0,0,99999999999999999999\n": None,
    "0,0,255\x00": None,
    "é,0,0": None,
}


def test_labels_are_scikit_learns_and_odd_bodies_go_the_long_way() -> None:
    done = subprocess.run(
        ["docker", "run", "--rm", COLOUR, "python", "-c", COMPARE, json.dumps(list(ODD))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for space in ("rgb", "lab", "lab-linear"):
        assert found[space] == [2**15, 0], space
    assert dict(zip(ODD, found["odd"], strict=True)) == ODD
    assert found["forest"] is True
