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
