"""A model that cannot be loaded: its files are there, and hold garbage."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from local_test.verify.checks.check import Check, run_all, skip_all
from local_test.verify.probe import Mount, NotStarted
from local_test.verify.server import OK, Server, serving
from local_test.verify.subject import Court
from local_test.verify.verdict import Seen, Verdict, failed, passed, skipped, warned

PATIENCE = 10.0  # seconds for an invocation
GARBAGE = b"\x93 this is not the model that was here \x00\xff\n"


def says_so(server: Server) -> Seen:
    if not server.readiness.ready:
        return passed(f"a model whose files are garbage never makes /ping 200: {_short(server)}")
    if server.payload is None:
        return skipped("give --payload FILE: /ping is 200, and only an invocation tells whether a model is behind it")
    answer = server.invoke(patience=PATIENCE)
    if answer.status == OK:
        return skipped("it predicts although the files of its model are garbage: it does not read them")
    return failed(f"the files of the model are garbage, /ping is 200, and an invocation is answered {answer}")


def gives_up(server: Server) -> Seen:
    """B-11: a job pings for half an hour otherwise."""
    if server.readiness.ready:
        return skipped("/ping is 200 (H-06)")
    if server.readiness.exit_code is None:
        return warned(f"a model whose files are garbage: it lives on, {_short(server)}")
    if server.readiness.exit_code == 0:
        return warned("a model whose files are garbage ends it with exit code 0, as if nothing were wrong")
    return passed(f"a model whose files are garbage ends it with exit code {server.readiness.exit_code}")


def _short(server: Server) -> str:
    readiness = server.readiness
    return f"exit code {readiness.exit_code}" if readiness.exit_code is not None else f"/ping is {readiness.ping}"


CHECKS = (
    Check("H-06", "not ready when the model cannot be loaded", says_so),
    Check("B-11", "ends when the model cannot be loaded", gives_up),
)


def judge(court: Court, window: float) -> Iterator[Verdict]:
    """`window`: seconds that a start with a good model takes, with room."""
    files = [path for path in court.model.rglob("*") if path.is_file()]
    if not files:
        yield from skip_all(CHECKS, "there is no artifact: give --model, or --channel to train one", court.wanted)
        return
    broken = court.workspace("garbage")
    for file in files:
        _spoil(file, broken / file.relative_to(court.model))
    mount = Mount(broken, "/opt/ml/model", court.writable_model)
    try:
        with serving(court, court.serve(mounts=(mount,)), window=window) as server:
            yield from run_all(CHECKS, server, court.wanted)
    except NotStarted:
        return


def _spoil(file: Path, target: Path) -> None:
    """Code stays as it is: it is the model's data that cannot be read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix in (".py", ".R"):
        shutil.copy(file, target)
    else:
        target.write_bytes(GARBAGE)
