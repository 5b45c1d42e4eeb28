"""A multi-model server for a test, its models written here, and what it is made of as the kernel sees it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.server import Response, Server, serving

ECHO = "def model_fn(model_dir): return 'model'\ndef predict_fn(data, model): return data\n"


@dataclass(frozen=True)
class Many:
    server: Server
    base: Path

    def write(self, folder: str, code: str = ECHO, files: Mapping[str, str] | None = None) -> str:
        """An artifact at models/<folder>/model; returns its url."""
        return write(self.base, folder, code, files)

    def load(self, name: str, url: str) -> Response:
        return self.post({"model_name": name, "url": url})

    def post(self, document: object) -> Response:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.server.request("POST", "/models", body, {"Content-Type": "application/json"})

    def bring(self, name: str, code: str = ECHO) -> None:
        """Written, loaded, or the test fails."""
        answer = self.load(name, self.write(name, code))
        assert answer.status == 200, answer

    def invoke(self, name: str, body: bytes = b"1,2\n", content_type: str = "text/csv", **headers: str) -> Response:
        """`headers` by keyword, an underscore for each dash."""
        named = {key.replace("_", "-"): value for key, value in headers.items()} | {"Content-Type": content_type}
        return self.server.request("POST", f"/models/{escaped(name)}/invoke", body, named)

    def get(self, name: str) -> Response:
        return self.server.request("GET", f"/models/{escaped(name)}")

    def unload(self, name: str) -> Response:
        return self.server.request("DELETE", f"/models/{escaped(name)}")

    def names(self) -> list[str]:
        """Of all pages."""
        names, query = [], ""
        while True:
            page = json.loads(self.server.request("GET", f"/models{query}").body)
            names += [model["modelName"] for model in page["models"]]
            if "nextPageToken" not in page:
                return names
            query = f"?next_page_token={quote(page['nextPageToken'])}"

    def processes(self) -> list[int]:
        """All below the server's own."""
        return descendants(self.server.process.pid)

    def keeper(self) -> int:
        """It is the only child of the server's that leads a process group of its own."""
        leaders = [pid for pid in children(self.server.process.pid) if os.getpgid(pid) == pid]
        assert len(leaders) == 1, leaders
        return leaders[0]

    def folder(self) -> Path:
        """Where the sockets are: the keeper listens on one of them."""
        links = [os.readlink(file) for file in Path(f"/proc/{self.keeper()}/fd").iterdir()]  # noqa: PTH115  no path
        rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
        (address,) = {
            row[7] for row in rows if f"socket:[{row[6]}]" in links and row[7:] and row[7].endswith("/keeper")
        }
        return Path(address).parent


def write(base: Path, folder: str, code: str = ECHO, files: Mapping[str, str] | None = None) -> str:
    model = base / "models" / folder / "model"
    for name, text in {"code/inference.py": code, **(files or {})}.items():
        file = model / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return str(model)


def error(answer: Response) -> tuple[int, str]:
    """Status and name."""
    return answer.status, json.loads(answer.body)["error"]


def message(answer: Response) -> str:
    return str(json.loads(answer.body)["message"])


def escaped(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E")


@contextmanager
def many_models(base: Path, environment: Mapping[str, str] | None = None) -> Iterator[Many]:
    (base / "models").mkdir(parents=True, exist_ok=True)
    with serving(base, {"SAGEMAKER_MULTI_MODEL": "true"} | dict(environment or {})) as server:
        yield Many(server, base)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descendants(pid: int) -> list[int]:
    found = []
    try:
        for child in children(pid):
            found += [child, *descendants(child)]
    except FileNotFoundError:  # it has just ended
        pass
    return found


def memory_of(pids: list[int]) -> int:
    """Their proportional share, in bytes."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total
