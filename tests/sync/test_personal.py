"""Personal parts at rest: packed, encrypted, and opened again as they were."""

import os

import pytest

from sync.log import LogStore
from tests.simulation.disk import Disk
from tests.sync.pairs import HALL, Pair, case
from tests.sync.stores import log_store

LONG = b'{"subject":"' + "现场情况说明".encode() * 100 + b'"}'


@pytest.fixture
def logs() -> LogStore:
    return log_store(Disk())


def sealed(logs: LogStore) -> list[bytes]:
    rows = logs.db.query("SELECT sealed FROM personal ORDER BY origin, idx")
    return [bytes(row["sealed"]) for row in rows]


@pytest.mark.parametrize(
    "payload", [b"{}", LONG, os.urandom(500), b"\x28\xb5\x2f\xfd" + LONG, b"\x28\xb5\x2f\xfd"]
)
def test_a_part_is_opened_as_it_was(logs: LogStore, payload: bytes):
    part = os.urandom(32) + payload
    logs.keep_personal(HALL, {3: part})
    assert logs.personal(HALL, 0, 9) == {3: part}
    assert logs.payload(HALL, 3) == payload


def test_what_repeats_itself_takes_less_room(logs: LogStore):
    logs.keep_personal(HALL, {3: os.urandom(32) + LONG})
    assert len(sealed(logs)[0]) < len(LONG) // 3


def test_a_row_of_an_earlier_program_is_opened_as_well(logs: LogStore):
    part = os.urandom(32) + LONG
    row = {"origin": HALL, "idx": 3, "sealed": logs.vault.lock(part, f"{HALL}/3")}
    logs.db.executemany("INSERT INTO personal VALUES (:origin, :idx, :sealed)", [row])
    assert logs.personal(HALL, 0, 9) == {3: part}


def test_a_part_that_was_erased_after_it_was_received_is_not_remembered():
    pair = Pair()
    pair.write(case(1), case(2))
    pair.send_all()
    pair.center.db.execute("DELETE FROM personal WHERE idx = 1")
    assert list(pair.center.personal(HALL, 0, 2)) == [0]


def test_what_is_remembered_is_bounded():
    pair = Pair()
    pair.write(*(case(i) for i in range(40)))
    pair.send_all()
    fresh = pair.center.parts._fresh
    fresh.most = 1_000
    pair.write(*(case(i) for i in range(40)))
    pair.send_all()
    assert fresh.size <= 1_000
    assert len(pair.center.personal(HALL, 0, 80)) == 80


def test_the_blind_index_finds_by_the_same_terms_in_every_version():
    """Golden: a term that changed would hide every person entered before."""
    logs = log_store(Disk())
    assert logs.vault.blind("mobile", "13812345678").hex() == "8c9a03f6d98048439eebe4111da04d5e"
