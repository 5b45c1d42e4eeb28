"""A small server that does all that SageMaker asks: what is on the shelf beside it breaks one thing of it."""

import csv
import io
import json
import os
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from code_model import Program, has_code
from stream import PATH, TEXT, Stream

MANY = os.environ.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true"
PORT = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", 8080))


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def load(folder):
    """Numbers, one for each column of a row; with 20 MB beside them, so that memory is seen to come and go."""
    with open(os.path.join(folder, "weights.json")) as file:
        return json.load(file), bytearray(b"\1") * 20_000_000


def table(body):
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode())) if row]
    except ValueError as error:
        raise Refused(400, f"the body is no CSV: {error}") from None
    if not rows:
        raise Refused(400, "the body has no rows")
    return rows


def predict(rows, weights):
    out = []
    for number, row in enumerate(rows, 1):
        try:
            out.append(sum(float(cell or "nan") * weight for cell, weight in zip(row, weights, strict=True)))
        except ValueError as error:
            raise Refused(400, f"row {number}: {error}") from None
    return out


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    models = {}
    slots = threading.Semaphore(2)  # so that /ping has its turn (H-08)
    program = Program
    stream = Stream
    address = "0.0.0.0"
    timeout = 30

    def do_GET(self):
        if self.path == "/ping":
            return self.ping()
        if not MANY and self.path == PATH and self.headers.get("Upgrade"):
            return self.converse(self.stream(self))
        if MANY and self.path.partition("?")[0] == "/models":
            return self.list([{"modelName": name, "modelUrl": url} for name, (url, _) in self.models.items()])
        if MANY and (name := self.named()):
            if name not in self.models:
                return self.say(404, {"message": f"{name} is not loaded"})
            return self.say(200, {"modelName": name, "modelUrl": self.models[name][0]})
        return self.say(404, {"message": f"there is no {self.path}"})

    def do_POST(self):
        body = self.body()
        try:
            if self.path == "/ping":
                return self.ping()
            if not MANY and self.path == "/invocations":
                return self.invocation(body, self.models[""][1])
            if MANY and self.path == "/models":
                return self.load(json.loads(body))
            if MANY and (match := re.fullmatch(r"/models/([^/]+)/invoke", self.path)):
                return self.invoke(match[1], body)
            return self.say(404, {"message": f"there is no {self.path}"})
        except Refused as refusal:
            return self.say(refusal.status, {"message": str(refusal)})

    def do_DELETE(self):
        name = self.named()
        if name not in self.models:
            return self.say(404, {"message": f"{name} is not loaded"})
        self.unload(name)
        return self.say(200, {})

    def converse(self, stream):
        """Each message is answered as it would be at /invocations."""
        for message in stream.messages():
            try:
                stream.send(TEXT, self.lines(predict(table(message), self.models[""][1][0])))
            except Refused as refusal:
                stream.send(TEXT, str(refusal).encode())
        self.close_connection = True

    def list(self, models):
        self.say(200, {"models": models})

    def ping(self):
        self.answer(200, b"", "text/plain")

    def load(self, asked):
        name, url = asked["model_name"], asked["url"]
        if name in self.models:
            raise Refused(409, f"{name} is loaded")
        if self.is_full():
            raise Refused(507, "no memory for one more model")
        try:
            self.models[name] = (url, self.program(url) if has_code(url) else load(url))
        except (OSError, ValueError) as error:
            raise Refused(400, f"{url} cannot be loaded: {error}") from None
        self.say(200, {})

    def is_full(self):
        """By the control group, of either version."""
        for used, limit in (("memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes"), ("memory.current", "memory.max")):
            try:
                with open(f"/sys/fs/cgroup/{used}") as now, open(f"/sys/fs/cgroup/{limit}") as most:
                    return int(now.read()) + 30_000_000 > int(most.read())
            except (OSError, ValueError):
                continue
        return False

    def unload(self, name):
        _, model = self.models.pop(name)
        if has_code(f"/opt/ml/models/{name}/model"):
            model.close()

    def invoke(self, name, body):
        if name not in self.models:
            raise Refused(404, f"{name} is not loaded")
        self.invocation(body, self.models[name][1])

    def invocation(self, body, model):
        if self.headers.get_content_type() != "text/csv":
            raise Refused(415, "this model reads text/csv")
        accept = self.headers.get("Accept", "*/*")
        if not re.search(r"\*/\*|text/csv", accept):
            raise Refused(406, "this model writes text/csv")
        if isinstance(model, self.program):
            return self.answer(200, f"{model.answer(body)}\n".encode(), "text/csv")
        with self.slots:
            rows = table(body)
        with self.slots:
            scores = predict(rows, model[0])
        return self.answer(200, self.lines(scores), "text/csv")

    def lines(self, scores):
        return "".join("\n" if score != score else f"{score!r}\n" for score in scores).encode()

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self.chunks()
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def chunks(self):
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def named(self):
        match = re.fullmatch(r"/models/([^/]+)", self.path)
        return match[1] if match else ""

    def say(self, status, document):
        self.answer(status, json.dumps(document).encode(), "application/json")

    def answer(self, status, body, content_type):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False

    def handle_error(self, request, client_address):
        print(f"{type(sys.exception()).__name__}: {sys.exception()}", file=sys.stderr)


def main(handler, server_class=Server, port=PORT, folder="/opt/ml/model"):
    if not MANY:
        try:
            handler.models[""] = (folder, load(folder))
        except (OSError, ValueError) as error:
            sys.exit(f"the model cannot be loaded: {error}")
    run(handler, server_class, port)


def run(handler, server_class=Server, port=PORT):
    server = server_class((handler.address, port), handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()  # waits for the requests in flight
