"""AWS's scikit_bring_your_own predictor.py (X-05, X-06), with its model exchanged for the colour tree."""

import io
from typing import Any

import flask
import pandas as pd
from colour_tree import features, load

app = flask.Flask(__name__)


class ScoringService:
    model: Any = None

    @classmethod
    def get_model(cls) -> Any:
        """Lazily, as AWS does it: by each worker at its first request."""
        if cls.model is None:
            cls.model = load()
        return cls.model

    @classmethod
    def predict(cls, data: Any) -> Any:
        return cls.get_model().predict(features(data.to_numpy()))


@app.route("/ping", methods=["GET"])
def ping() -> flask.Response:
    health = ScoringService.get_model() is not None
    return flask.Response(response="\n", status=200 if health else 404, mimetype="application/json")


@app.route("/invocations", methods=["POST"])
def transformation() -> flask.Response:
    if flask.request.content_type != "text/csv":
        return flask.Response(response="This predictor only supports CSV data", status=415, mimetype="text/plain")
    data = pd.read_csv(io.StringIO(flask.request.data.decode("utf-8")), header=None)
    predictions = ScoringService.predict(data)
    out = io.StringIO()
    pd.DataFrame({"results": predictions}).to_csv(out, header=False, index=False)
    return flask.Response(response=out.getvalue(), status=200, mimetype="text/csv")
