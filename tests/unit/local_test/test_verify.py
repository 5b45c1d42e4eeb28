"""The judge's words: what is printed, written and explained, and its exit status. To judge takes containers."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import cast
from xml.etree import ElementTree

import pytest

from local_test.engine import kernel
from local_test.verify import causes, command, report
from local_test.verify.checkpoints import Traces
from local_test.verify.checks import load
from local_test.verify.checks.image import Image, address, exec_form
from local_test.verify.checks.stopping import Stopped, ends
from local_test.verify.judge import checked
from local_test.verify.payload import Payload
from local_test.verify.probe import Engine, Peeked
from local_test.verify.server import Server, tail
from local_test.verify.statements import explain, statements
from local_test.verify.subject import Court, Subject
from local_test.verify.verdict import Judgement, Status, Verdict
from local_test.verify.wire import Address, Answer
from tests.server import ROOT

FAIL = Verdict("H-18", "ends on SIGTERM", Status.FAIL, "it still ran 30 s after SIGTERM \x1b[31m<now>", seconds=30.5)
WARN = Verdict("H-03", "/ping", Status.WARN, "POST 405", "route POST too")
PASS = Verdict("C-01", "`serve` starts it", Status.PASS, "it runs")
NOT = Verdict("M-01", "starts without a model", Status.NOT_APPLICABLE, "no label")
ALL = Judgement("mine:1", (WARN, FAIL, NOT, PASS), 12.4)


class TestTable:
    def test_is_in_the_contracts_order_with_what_mends_it(self) -> None:
        lines = [line.strip() for line in report.table(ALL, colour=False).splitlines() if line.strip()]
        heads = [line.split(": ")[0] for line in lines if line.startswith(("pass", "fail", "warn"))]
        assert heads == ["pass C-01 `serve` starts it", "warn H-03 /ping", "fail H-18 ends on SIGTERM"]
        assert "mend: route POST too" in lines
        assert any(line.startswith("mend: Handle SIGTERM in PID 1") for line in lines)
        assert "no label: M-01" in lines
        assert lines[-1] == "mine:1: 1 fail, 1 warn, 1 pass, 1 n/a, in 12 s"

    def test_fits_a_terminal(self) -> None:
        long = Judgement("mine:1", (Verdict("H-03", "/ping", Status.WARN, "word " * 100),), 1.0)
        assert max(map(len, report.table(long, colour=False).splitlines())) <= report.WIDTH

    def test_says_when_nothing_was_judged(self) -> None:
        assert "nothing was judged" in report.table(Judgement("mine:1", (NOT,), 0.1), colour=False)


@pytest.mark.parametrize(
    ("verdicts", "status"), [((PASS, WARN, NOT), 0), ((PASS, FAIL), 1), ((), 0)], ids=["warns", "fails", "nothing"]
)
def test_exit_status(verdicts: tuple[Verdict, ...], status: int) -> None:
    assert Judgement("mine:1", verdicts, 1.0).exit_status == status


def test_junit_is_xml_that_tells_fails_from_what_was_left_out() -> None:
    suite = ElementTree.fromstring(report.as_junit(ALL))  # noqa: S314  our own
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "skipped": "1",
    }
    failed = suite.find("testcase[failure]")
    assert failed is not None
    assert (failed.get("classname"), failed.get("name"), failed.get("time")) == (
        "Real-time hosting",
        "H-18 ends on SIGTERM",
        "30.500",
    )
    assert "<now>" in (failed[0].get("message") or "")
    warned = suite.find("testcase[@name='H-03 /ping']/system-out")
    assert warned is not None
    assert warned.text == "POST 405\nwarning: route POST too"


def test_json_has_every_verdict() -> None:
    document = json.loads(report.as_json(ALL))
    assert (document["image"], document["exit_status"]) == ("mine:1", 1)
    assert [(one["id"], one["status"]) for one in document["verdicts"]] == [
        *(("C-01", "pass"), ("H-03", "warn"), ("H-18", "fail"), ("M-01", "n/a"))
    ]
    assert document["verdicts"][1]["mend"] == "route POST too"


class TestStatements:
    def test_each_line_is_checked_or_says_why_not(self) -> None:
        known = statements()
        assert checked() - known.keys() == set()
        assert {one for one in known if bool(known[one].untested) == (one in checked())} == set()

    def test_each_checked_line_says_how_to_mend_it(self) -> None:
        assert [one for one in sorted(checked()) if not statements()[one].mend] == []

    def test_every_line_of_the_contracts_page_is_known(self) -> None:
        page = (ROOT / "docs" / "02-contract.md").read_text(encoding="utf-8")
        listed = {
            row[2:6] for row in page.splitlines() if row.startswith("| ") and row[2] in "CTHWMBPQ" and row[3] == "-"
        }
        assert listed - statements().keys() == set()

    def test_explains(self) -> None:
        text = explain("h-18")
        assert text.startswith("H-18  Real-time hosting\n")
        assert "To mend it: Handle SIGTERM in PID 1" in text
        assert "Not judged: needs a GPU" in explain("M-12")


class Stub:
    """An engine as far as a start that fails is explained by it."""

    platform = "linux/amd64"

    def __init__(self, files: Mapping[str, Peeked] = MappingProxyType({}), machine: str = "amd64", **config: object):
        self.files = files
        self.attributes = {"Os": "linux", "Architecture": machine, "Config": config}

    def peek(self, paths: Sequence[str]) -> Mapping[str, Peeked]:
        return {path: self.files[path] for path in paths if path in self.files}


REFUSED = "runc create failed: unable to start container process: "
NOT_FOUND = f'{REFUSED}exec: "serve": executable file not found in $PATH: unknown'
PATH = ["PATH=/usr/bin:/opt/program"]


class TestWhyItDoesNotStart:
    @pytest.mark.parametrize(
        ("engine", "said", "identity", "seen", "mend"),
        [
            (Stub(Env=PATH), NOT_FOUND, "C-02", "executable file not found in $PATH", ""),
            (Stub({"/opt/program/serve": Peeked(0o644, b"")}, Env=PATH), NOT_FOUND, "C-02", "not executable", "chmod"),
            (Stub(Env=PATH, Cmd=["bash"]), NOT_FOUND, "C-02", "found in $PATH", ""),
            (Stub(Env=PATH, Cmd=["gunicorn", "app"]), NOT_FOUND, "C-02", "its CMD, `gunicorn app`", "ENTRYPOINT"),
            (
                Stub({"/s": Peeked(0o755, b"#!/bin/sh\r\n")}),
                "exec /s: no such file or directory",
                "C-02",
                r"sh\r'",
                "LF",
            ),
            (Stub({"/s": Peeked(0o755, b"#!/bin/zsh\n")}), "exec /s: no such file or directory", "C-02", "zsh", "#!"),
            (Stub(), "exec /opt/serve: exec format error", "C-02", "exec format error", "#!"),
            (Stub(machine="arm64"), "exec /opt/serve: exec format error", "C-13", "is for linux/arm64", "--platform"),
            (Stub(), "python3: can't open file '/app/serve': [Errno 2]", "C-01", "can't open", "interpreter"),
            (Stub(), "Error: No such command 'serve'.", "C-01", "No such command", "argument"),
            (Stub(), "the engine is out of space", "C-01", "out of space", ""),
        ],
    )
    def test_is_named_with_what_was_seen(self, engine: Stub, said: str, identity: str, seen: str, mend: str) -> None:
        found, what = causes.not_started(cast("Engine", engine), "serve", said)
        assert (found, what.status) == (identity, Status.FAIL)
        assert what.text.startswith("`docker run IMAGE serve`: ")
        assert REFUSED not in what.text
        assert seen in what.text
        assert mend in what.mend
        assert ("its CMD" in what.text) is ("its CMD" in seen)

    @pytest.mark.parametrize(
        ("log", "is_of_a_start"),
        [
            ("env: 'python3\\r': No such file or directory", True),
            ("ValueError: could not convert string to float: '1\\r'", False),
            ("ModuleNotFoundError: No module named 'joblib'", False),
        ],
    )
    def test_is_told_from_a_program_that_began(self, log: str, is_of_a_start: bool) -> None:
        assert causes.is_of_a_start(log) is is_of_a_start


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (["/opt/program/serve"], Status.PASS),
        (["python3", "-c", "import app"], Status.PASS),
        (["/bin/sh", "-c", "python3 app.py"], Status.FAIL),
        (["/bin/bash", "-o", "pipefail", "-c", "cd /app && python3 app.py"], Status.FAIL),
        (["/bin/sh", "-c", "exec python3 app.py"], Status.WARN),
    ],
)
def test_shell_form_is_known_by_any_shell(entry: list[str], status: Status) -> None:  # C-03
    assert exec_form(Image(cast("Court", None), {}, {"Entrypoint": entry}, {})).status is status


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("mine:1", Status.NOT_APPLICABLE),
        ("me/mine:1", Status.NOT_APPLICABLE),
        ("localhost:5000/mine:1", Status.PASS),
        (f"registry.example/{'m' * 236}:1", Status.PASS),
        (f"registry.example/{'m' * 236}:12", Status.FAIL),
    ],
)
def test_an_address_is_as_long_as_CreateModel_takes(name: str, status: Status) -> None:  # C-14
    court = Court(Subject(name), cast("Engine", None), Path(), Path(), lambda _: True)
    assert address(Image(court, {}, {}, {})).status is status


@pytest.mark.parametrize(("first", "mend"), [("/bin/bash /opt/program/serve", "exec"), ("python3 serve.py", "")])
def test_a_shell_that_hands_no_signal_on_is_named(first: str, mend: str) -> None:  # H-18
    seen = ends(Stopped(None, (), 3.0, None, False, first))
    assert seen.status is Status.FAIL
    assert first in seen.text
    assert mend in seen.mend
    assert bool(seen.mend) is bool(mend)


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("", "(empty)"),
        ("one\n\n  two\n", "one / two"),
        ("\x1b[31mWARNING\x1b[0m: no\n", "WARNING: no"),
        ("x" * 400, "…" + "x" * 300),
    ],
)
def test_the_end_of_a_log_is_text_on_one_line(log: str, shown: str) -> None:
    assert tail(log) == shown


def test_an_answer_that_trickles_in_is_late() -> None:  # H-09
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            peer, _ = listener.accept()
            with peer, suppress(OSError):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    peer.sendall(b".")
                    time.sleep(0.05)

        thread = threading.Thread(target=trickle)
        thread.start()
        answer = Address(*listener.getsockname()).ask("GET", "/ping", patience=0.5)
        thread.join(10)
    assert (answer.status, answer.is_late) == (0, True)
    assert answer.seconds < 5


class TestCommand:
    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "local_test", *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)

    def test_explain(self) -> None:
        for arguments in (["explain", "H-18"], ["verify", "--explain", "H-18"]):
            done = self._run(*arguments)
            assert (done.returncode, done.stdout.partition("\n")[0]) == (0, "H-18  Real-time hosting")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["explain", "H-999"], "verify: there is no H-999; there are H-01, H-02"),
            (["verify"], "verify: which image?"),
            (["verify", "mine", "--payload", "no.csv"], "verify: there is no no.csv"),
            (["verify", "mine", "--payload", "README.md"], "verify: the name README.md does not tell its Content-Type"),
            (["verify", "mine", "--only", "H-18,Z-01"], "verify: --only: there is no Z-01"),
            (["verify", "mine", "--train", ".", "--pipe", "test"], "verify: --pipe test: there is no such channel"),
            (["verify", "mine", "--metric", "loss=("], "verify: --metric loss: '(' is no regular expression"),
            (["verify", "mine", "--metric", "loss=loss=.*"], "verify: --metric loss: 'loss=.*' has no group"),
        ],
    )
    def test_what_cannot_be_judged_is_2_and_a_sentence(self, arguments: list[str], sentence: str) -> None:
        done = self._run(*arguments)
        assert (done.returncode, done.stdout) == (command.COULD_NOT_JUDGE, "")
        assert done.stderr.startswith(sentence)


@pytest.mark.parametrize(
    ("job", "went_on"),
    [
        (lambda file: file.read_bytes(), True),
        (lambda file: (file.read_bytes(), file.unlink()), True),
        (lambda file: file.with_name("next").replace(file), False),
        (lambda file: file.unlink(), False),
        (lambda file: file.write_bytes(b"anew"), False),
        (lambda file: list(file.parent.iterdir()), False),
    ],
    ids=["reads", "reads and removes", "replaces", "removes", "overwrites", "lists"],
)
def test_whether_a_job_read_its_checkpoints(tmp_path: Path, job: Callable[[Path], object], went_on: bool) -> None:
    for folder in ("left", "restored", "aside"):
        (tmp_path / folder).mkdir()
    (tmp_path / "left" / "step.json").write_text("3")
    traces = Traces.of(tmp_path / "left", tmp_path / "restored", tmp_path / "aside")
    (tmp_path / "restored" / "next").write_text("4")
    assert traces.are_kept
    job(tmp_path / "restored" / "step.json")
    assert traces.were_read() is went_on


class TestPayload:
    def test_rows_of_csv_are_its_lines_over_and_over(self) -> None:
        assert Payload(b"1,2\r\n3,4", "text/csv; charset=utf-8").rows(3) == b"1,2\n3,4\n1,2\n"

    @pytest.mark.parametrize(
        ("document", "three"),
        [
            ([[1, 2]], [[1, 2]] * 3),
            ({"instances": [{"a": 1}], "k": 5}, {"instances": [{"a": 1}] * 3, "k": 5}),
            ({"a": 1}, None),
            ([1, 2], None),
        ],
    )
    def test_rows_of_json_are_those_of_its_list(self, document: object, three: object) -> None:
        rows = Payload(json.dumps(document).encode(), "application/json").rows(3)
        assert (json.loads(rows) if rows else None) == three

    @pytest.mark.parametrize("size", [1000, 6_000_000])
    def test_grows_to_just_under_a_size(self, size: int) -> None:
        grown = Payload(b"1,2\n30,400\n", "text/csv").grown(size)
        assert grown is not None
        assert 0.95 * size < len(grown) <= size

    def test_other_formats_do_not_grow(self) -> None:
        assert Payload(b"\x89PNG", "image/png").grown(1000) is None


def test_a_process_without_a_command_line_says_nothing_of_its_signals() -> None:  # T-35
    """As the engine's own in the midst of becoming the program, and as one that has ended and was not waited for."""
    handles = "import signal, sys; signal.signal(signal.SIGTERM, print); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", handles], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout  # noqa: PT018
        process.stdout.readline()
        assert kernel.hears_sigterm(process.pid) is True
        process.stdin.close()
        deadline = time.monotonic() + 30
        while kernel.command_line(process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert kernel.hears_sigterm(process.pid) is None


def _busy(ping: float = 0.1, connect: float = 0.01, *, status: int = 200, lost: int = 0) -> load.Busy:
    pings = (Answer(200, seconds=0.01), Answer(status, seconds=ping))
    return load.Busy(pings, (0.001, connect), 10.0, 24, (Answer(0, error="cut"),) * lost)


@pytest.mark.parametrize(
    ("seen", "failing"),
    [
        ([_busy()], set()),
        ([_busy(ping=2.1), _busy()], set()),
        ([_busy(connect=0.3), _busy(connect=0.26), _busy(connect=0.2)], set()),
        ([_busy(ping=2.1), _busy(connect=0.4)], set()),  # the best of each
        ([_busy(connect=0.3)] * 3, {"connections under load"}),
        ([_busy(ping=2.1)] * 3, {"/ping under load"}),
        ([_busy(ping=4.1)], {"/ping under load"}),  # no machine's doing
        ([_busy(connect=1.01)], {"connections under load"}),  # TCP's first retry
        ([_busy(ping=2.1), _busy(status=503)], {"/ping under load"}),
        ([_busy(ping=2.1), _busy(lost=1)], {"many callers at once"}),
        ([_busy(ping=2.1, lost=1)], {"/ping under load", "many callers at once"}),
    ],
)
def test_what_is_late_by_a_little_is_measured_again(  # H-02, H-08
    seen: Sequence[load.Busy], failing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(seen)
    monkeypatch.setattr(load, "busy", lambda _: next(left))
    found = load.measured(cast(Server, None))
    assert {check.title for check in load.CHECKS if check.see(found).status is Status.FAIL} == failing
    assert next(left, None) is None, "it was measured as often as this takes"


def test_a_start_needs_no_docker_library() -> None:
    code = "import sys, local_test.__main__; print(*sys.modules)"
    environ = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert "docker" not in done.stdout.split()


def test_a_model_as_a_tar_is_unpacked_without_leaving_its_place(tmp_path: Path) -> None:
    import tarfile

    from local_test.verify.subject import SubjectError, unpack

    (tmp_path / "weights.json").write_text("[1]")
    with tarfile.open(tmp_path / "good.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "weights.json", "weights.json")
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "weights.json", "../outside.json")
    assert [path.name for path in unpack(tmp_path / "good.tar.gz", tmp_path / "in").iterdir()] == ["weights.json"]
    with pytest.raises(SubjectError, match=r"is neither a folder nor a model.tar.gz"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "in" / "deeper")
    assert not (tmp_path / "in" / "outside.json").exists()
