import subprocess
import sys

from local_test.engine import owner


def test_a_process_is_known_until_it_ends() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = owner.of(process.pid)
    assert known is not None
    assert owner.is_alive(known)
    assert not owner.is_alive(known.replace(".", ".9", 1))  # another process, under the number of one that ended
    process.communicate()
    assert owner.of(process.pid) is None
    assert not owner.is_alive(known)


def test_this_process_lives_and_nonsense_does_not() -> None:
    assert owner.is_alive(owner.this_process())
    assert [owner.is_alive(text) for text in ("", "x", ".1.2")] == [False, False, False]
