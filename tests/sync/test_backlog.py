"""A backlog of any length takes bounded memory on both sides, and goes on where it broke off."""

import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest

from sync.applied.applying import apply_pending
from sync.errors import StoreBusy
from sync.log import Portions
from tests.sync.pairs import HALL, Pair, case

PORTION = 100


def backlog(length: int) -> Pair:
    pair = Pair()
    for logs in (pair.hall, pair.center):
        logs.portions = Portions(batch_entries=PORTION, chunk_entries=PORTION)
        logs.parts._fresh.most = 0
    with pair.hall.db.transaction():
        pair.write(*(case(i) for i in range(length)))
    return pair


def peak(action: Callable[[], object]) -> int:
    """The most memory that an action holds at one time beyond what stood before it."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("side", ["sending and receiving", "applying"])
def test_a_backlog_eight_times_as_long_is_not_held_in_memory(side: str):
    found = []
    for portions in (2, 2, 16):
        pair = backlog(portions * PORTION)
        if side == "applying":
            pair.send_all()
            found.append(peak(partial(apply_pending, pair.center, HALL)))
        else:
            found.append(peak(pair.send_all))
        assert pair.center.state(HALL).size == portions * PORTION
    # The first run fills the caches of statements and decoders.
    _, short, long = found
    assert long < short * 3


def test_applying_a_backlog_that_broke_off_goes_on_where_it_was():
    pair = backlog(5 * PORTION)
    pair.send_all()
    chunks = 0

    def effect(entries: object) -> None:
        nonlocal chunks
        chunks += 1
        if chunks == 3:
            raise StoreBusy("gone")

    with pytest.raises(StoreBusy):
        apply_pending(pair.center, HALL, effect=effect)
    assert pair.center.state(HALL).applied == 2 * PORTION
    assert apply_pending(pair.center, HALL) == 3 * PORTION
    rows = pair.center.db.query("SELECT COUNT(*) AS n FROM case_standing")
    assert rows[0]["n"] == 5 * PORTION


def test_no_table_is_left_that_a_backlog_needed_on_its_way():
    pair = backlog(3 * PORTION)
    before = pair.center.db.tables()
    pair.send_all()
    apply_pending(pair.center, HALL)
    assert pair.center.db.tables() == before
    assert pair.center.parts._fresh.size == 0
