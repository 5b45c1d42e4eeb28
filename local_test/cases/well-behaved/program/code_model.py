"""A model whose artifact has code: in a process of its own, where its modules meet no other model's."""

import json
import os
import subprocess
import sys

RUN = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/code")
import inference
model = inference.model_fn(sys.argv[1])
print(flush=True)
for line in sys.stdin:
    data = inference.input_fn(json.loads(line), "text/csv")
    print(json.dumps(inference.output_fn(inference.predict_fn(data, model), "text/csv")), flush=True)
"""


def has_code(folder):
    return os.path.exists(os.path.join(folder, "code", "inference.py"))


class Program:
    def __init__(self, folder):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, "-c", RUN, folder], **pipes)
        if not self.process.stdout.readline():
            raise ValueError("its code does not start")

    def answer(self, body):
        self.process.stdin.write(json.dumps(body.decode()) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.communicate("")
