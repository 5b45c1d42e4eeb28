"""The notebooks of examples/notebooks, executed in a copy of the project, from top to bottom.

python -m tests.notebooks NAME.ipynb … writes them anew with the outputs that they have now; that of AWS wants Docker.
"""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.localaws import up
from tests.server import ROOT

FOLDER = Path("examples") / "notebooks"
PATIENCE = 600  # seconds for one cell
KEPT = ("image/png", "text/plain")  # the first of these that there is
NOISE = "stderr"  # progress, with times and addresses: for who runs it
AWS, PROJECT = "2-to-aws.ipynb", "colours"
# container/engine.sh bootstraps a base where no registry is in reach, and `push` refuses such a one
ON_ANY_BASE = {'deploy("push")': 'deploy("push --force")'}


@contextmanager
def project() -> Iterator[Path]:
    """A copy of what a clone has, so that a notebook leaves nothing in this one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="tiffin-notebooks-") as folder:
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        yield Path(folder)


def execute(
    name: str, copy: Path, changes: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> Any:
    """The executed notebook; a cell that errs raises with its traceback. `changes`: in its code, each found once."""
    book = nbformat.read(copy / FOLDER / name, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    for old, new in (changes or {}).items():
        (cell,) = [each for each in code if old in each.source]
        cell.source = cell.source.replace(old, new)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SAGEMAKER_", "TIFFIN_", "AWS_"))}
    own = {"PYTHONPATH": str(copy), "IPYTHONDIR": str(copy / ".ipython"), "MPLBACKEND": "", "R_PROFILE_USER": ""}
    client = NotebookClient(
        book, timeout=PATIENCE, record_timing=False, resources={"metadata": {"path": str(copy / FOLDER)}}
    )
    return client.execute(env={**inherited, **own, **(environ or {})})


def texts(book: Any) -> list[str]:
    """What each code cell shows as text, noise left out."""
    return ["".join(_text(output) for output in cell.outputs) for cell in book.cells if cell.cell_type == "code"]


def pictures(book: Any) -> list[bytes]:
    return [
        base64.b64decode(output.data["image/png"])
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def clean(executed: Any, original: Any) -> Any:
    """As it is committed: the sources of `original`, and of the outputs what is the same every time."""
    for cell, done in zip(original.cells, executed.cells, strict=True):
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = (
                done.execution_count,
                [_kept(each) for each in done.outputs if _is_kept(each)],
            )
    return original


def write(name: str) -> None:
    original = nbformat.read(ROOT / FOLDER / name, as_version=4)
    with ExitStack() as stack:
        copy = stack.enter_context(project())
        if name == AWS:
            aws = stack.enter_context(up(copy / "state", "--docker"))
            done = execute(name, copy, ON_ANY_BASE, aws.variables)
        else:
            done = execute(name, copy)
    nbformat.write(clean(done, original), ROOT / FOLDER / name)


def _is_kept(output: Any) -> bool:
    return bool(output.get("name") != NOISE and output.output_type != "error")


def _kept(output: Any) -> Any:
    if "data" in output:
        shown = [kind for kind in KEPT if kind in output.data][:1]
        output.data = {kind: output.data[kind] for kind in shown}
        output.metadata = {}
    return output


def _text(output: Any) -> str:
    if not _is_kept(output):
        return ""
    if output.output_type == "stream":
        return str(output.text)
    return "" if "image/png" in output.data else f"{output.data.get('text/plain', '')}\n"


if __name__ == "__main__":
    for each in sys.argv[1:]:
        write(each)
