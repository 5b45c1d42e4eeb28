import os

from serve.readiness import Board


def taken(board: Board, age: int) -> int:
    place = board.take(age)
    assert place is not None
    return place


def test_ready_when_every_place_is() -> None:
    board = Board(2)
    assert not board.all_ready()
    for age in (1, 2):
        assert not board.all_ready()
        board.sign(taken(board, age))
    assert board.all_ready()


def test_released_place_is_not_ready_until_its_next_owner_is() -> None:
    board = Board(2)
    for age in (1, 2):
        board.sign(taken(board, age))
    board.release(1)
    assert not board.all_ready()
    place = taken(board, 3)
    assert not board.all_ready()
    board.sign(place)
    assert board.all_ready()


def test_more_workers_than_places_get_none_and_change_nothing() -> None:
    board = Board(1)
    board.sign(taken(board, 1))
    assert board.take(2) is None
    board.release(2)
    assert board.all_ready()


def test_a_forked_process_writes_for_all() -> None:
    board = Board(1)
    place = taken(board, 1)
    child = os.fork()
    if child == 0:
        board.sign(place)
        os._exit(0)
    os.waitpid(child, 0)
    assert board.all_ready()
