"""Two models with code, whose modules have the same names (M-13): each has to go on with its own."""

import re
from pathlib import Path

from local_test.verify.models import Models
from local_test.verify.server import OK
from local_test.verify.verdict import Seen, failed, passed, skipped
from local_test.verify.wire import Answer

NAMES = ("c2a1f0e49b7d4c5a8e6f1b3d5a7c9e0b", "d7e5c3a1908f4b6d8a2c4e6f0b1d3f5a")
MODULE = "neighbour"
# The handlers of AWS's toolkit (K-02): who runs an artifact's code at all, runs these.
CODE = f"""import {MODULE}


def model_fn(model_dir):
    return {MODULE}.NAME


def input_fn(body, content_type):
    return body


def predict_fn(data, model):
    import {MODULE} as found_now

    return f"{{model}} {{{MODULE}.NAME}} {{found_now.NAME}}"


def output_fn(prediction, accept):
    return prediction
"""
MULTIPLE = 300
TIMES = 2


def lay_out(shelf: Path) -> None:
    for name in NAMES:
        code = shelf / name / "model" / "code"
        code.mkdir(parents=True)
        (code / "inference.py").write_text(CODE)
        (code / f"{MODULE}.py").write_text(f'NAME = "{_says(name)}"\n')


def _says(name: str) -> str:
    return f"model-{name[:8]}"


def apart(models: Models) -> Seen:
    if models.server.payload is None:
        return skipped("give --payload FILE")
    try:
        loaded = [models.load(name) for name in NAMES]
        if unloaded := [answer for answer in loaded if not OK <= answer.status < MULTIPLE]:
            return _not_run(unloaded[0])
        answers = [(name, models.invoke(name)) for _ in range(TIMES) for name in NAMES]
    finally:
        for name in NAMES:
            models.unload(name)
    for name, answer in answers:
        heard = re.findall(r"model-[0-9a-f]{8}", answer.text)
        if answer.status != OK or not heard:
            return _not_run(answer)
        if set(heard) != {_says(name)}:
            return failed(f"of two models with a module {MODULE}.py each, one finds the other's: {answer.text[:80]!r}")
    return passed(f"two models with a module {MODULE}.py each find their own")


def _not_run(answer: Answer) -> Seen:
    return skipped(f"it runs no code/inference.py of an artifact: {answer}: {answer.text[:60].strip()!r}")
