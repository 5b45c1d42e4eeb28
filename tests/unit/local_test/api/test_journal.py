import resource
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from local_test.api.journal import Call, Fact, Journal, newest

CALL = Call("POST", "/", {"x-amz-target": "SageMaker.CreateModel"}, b"\x00\xff", 7, 1.5)


def test_what_is_added_is_read(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "a" / "journal")) as journal:
        journal.add(CALL)
        journal.add(Fact("kind", "key", {"n": [1]}))
        assert journal.read() == ([CALL, Fact("kind", "key", {"n": [1]})], 0)


def test_torn_and_foreign_lines_cost_themselves(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    with closing(Journal(file)) as journal:
        journal.add(CALL)
    with file.open("ab") as stream:
        stream.write(b'\xff\xfe\n[]\n{"call": "PUT"}\n{"fact": "k", "key": "a", "val')
    with closing(Journal(file)) as journal:
        journal.add(Fact("k", "b", 1))
        assert journal.read() == ([CALL, Fact("k", "b", 1)], 4)


def test_of_a_fact_the_newest_is_kept_in_its_place(tmp_path: Path) -> None:
    entries: list[Call | Fact] = [Fact("k", "a", 1), CALL, Fact("k", "b", 1), Fact("k", "a", 2), Fact("l", "a", 3)]
    kept = list(newest(entries))
    assert kept == [CALL, Fact("k", "b", 1), Fact("k", "a", 2), Fact("l", "a", 3)]
    with closing(Journal(tmp_path / "journal")) as journal:
        journal.rewrite(iter(kept))
        journal.add(Fact("m", "a", 1))
        assert journal.read() == ([*kept, Fact("m", "a", 1)], 0)


def test_an_entry_that_does_not_fit_leaves_no_part_of_itself(tmp_path: Path) -> None:
    """In a process of its own: a limit of a file's size stands for a full disk."""
    code = f"""if True:
        import pathlib
        from local_test.api.journal import Fact, Journal
        journal = Journal(pathlib.Path({str(tmp_path / "journal")!r}))
        journal.add(Fact("k", "a", "x" * 500))
        try:
            journal.add(Fact("k", "b", "x" * 2000))
        except OSError:
            journal.add(Fact("k", "c", "x"))
            print("said")
    """

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = subprocess.run([sys.executable, "-c", code], preexec_fn=limit, capture_output=True, text=True, check=True)
    assert done.stdout == "said\n"
    with closing(Journal(tmp_path / "journal")) as journal:
        assert journal.read() == ([Fact("k", "a", "x" * 500), Fact("k", "c", "x")], 0)
