"""Personal parts at rest: packed, encrypted, and opened again as they were."""

import os

import pytest

from sync.errors import Malformed
from sync.log import LogStore
from tests.simulation.disk import Disk
from tests.sync.pairs import HALL, Pair, case
from tests.sync.stores import log_store

LONG = b'{"subject":"' + "现场情况说明".encode() * 100 + b'"}'


either_way = pytest.mark.parametrize("alone", [(), (3,)], ids=["together", "alone"])


@pytest.fixture
def logs() -> LogStore:
    return log_store(Disk())


def sealed(logs: LogStore) -> list[bytes]:
    found = logs.db.cells("SELECT sealed FROM personal_pack ORDER BY origin, start")
    return [row[0] for row in found]


def parts(*indexes: int) -> dict[int, bytes]:
    """Parts that are alike but for their opening and number."""
    return {i: os.urandom(32) + LONG[:-2] + b'%d"}' % i for i in indexes}


@pytest.mark.parametrize(
    "payload", [b"{}", LONG, os.urandom(500), b"\x28\xb5\x2f\xfd" + LONG, b"\x28\xb5\x2f\xfd"]
)
@either_way
def test_a_part_is_opened_as_it_was(logs: LogStore, payload: bytes, alone: tuple[int]):
    part = os.urandom(32) + payload
    logs.keep_personal(HALL, {3: part}, alone)
    assert logs.personal(HALL, 0, 9) == {3: part}
    assert logs.payload(HALL, 3) == payload


@either_way
def test_what_repeats_itself_takes_less_room(logs: LogStore, alone: tuple[int]):
    logs.keep_personal(HALL, {3: os.urandom(32) + LONG}, alone)
    ((one,),) = logs.db.cells("SELECT sealed FROM personal UNION SELECT sealed FROM personal_pack")
    assert len(one) < len(LONG) // 3


def test_a_row_of_an_earlier_program_is_opened_as_well(logs: LogStore):
    part = os.urandom(32) + LONG
    row = {"origin": HALL, "idx": 3, "sealed": logs.vault.lock(part, f"{HALL}/3")}
    logs.db.executemany("INSERT INTO personal VALUES (:origin, :idx, :sealed)", [row])
    after = parts(4, 5)
    logs.keep_personal(HALL, after, ())
    assert logs.personal(HALL, 0, 9) == {3: part, **after}


def test_a_term_of_an_earlier_program_is_found_and_forgotten_as_well(logs: LogStore):
    term = logs.vault.blind("mobile", "13812345678")
    logs.db.insert("personal_index", ("term", "origin", "idx"), [(term, HALL, 3), (term, HALL, 4)])
    logs.parts.index([(logs.vault.term("mobile", "13812345678"), HALL, 7)])
    assert logs.find_personal("mobile", "13812345678") == [(HALL, 3), (HALL, 4), (HALL, 7)]
    logs.parts.erase(HALL, 4, 8)
    assert logs.find_personal("mobile", "13812345678") == [(HALL, 3)]


def test_many_parts_stand_together_and_each_is_read_by_itself(logs: LogStore):
    many = parts(*range(3, 400, 3))
    logs.keep_personal(HALL, many, ())
    assert len(sealed(logs)) == 3
    assert logs.personal(HALL, 0, 1_000) == many
    for start, stop in ((3, 4), (4, 6), (0, 3), (190, 200), (396, 397), (399, 500)):
        wanted = {i: part for i, part in many.items() if start <= i < stop}
        assert logs.personal(HALL, start, stop) == wanted
    assert logs.payload(HALL, 9) == many[9][32:]


def test_a_part_that_cannot_stand_with_others_stands_alone(logs: LogStore):
    odd = {1: os.urandom(32) + b'{"a":\n1}', 2: os.urandom(32) + b"{}", 3: os.urandom(20)}
    logs.keep_personal(HALL, odd, ())
    assert sealed(logs) == []
    assert logs.personal(HALL, 0, 9) == odd


@pytest.mark.parametrize("erased", [(3, 4), (195, 196), (0, 12), (190, 250), (0, 1_000)])
def test_what_is_erased_of_many_is_gone_and_the_others_stay(
    logs: LogStore, erased: tuple[int, int]
):
    many = parts(*range(3, 400, 3))
    logs.keep_personal(HALL, many, ())
    before = sealed(logs)
    left = {i: part for i, part in many.items() if not erased[0] <= i < erased[1]}
    assert logs.parts.erase(HALL, *erased) == len(many) - len(left)
    assert logs.personal(HALL, 0, 1_000) == left
    assert [i for i in range(401) if logs.parts.stands(HALL, i)] == sorted(left)
    assert logs.parts.erase(HALL, *erased) == 0
    packs = [range(3, 193, 3), range(195, 385, 3), range(387, 400, 3)]
    stay = [not set(pack) & set(range(*erased)) for pack in packs]
    assert [one in sealed(logs) for one in before] == stay


def test_a_part_whose_entry_names_files_stands_in_a_row_of_its_own(logs: LogStore):
    many = parts(*range(9))
    logs.keep_personal(HALL, many, {4, 7, 99})
    assert logs.db.cells("SELECT idx FROM personal ORDER BY idx") == [(4,), (7,)]
    assert logs.personal(HALL, 0, 9) == many
    assert logs.parts.erase(HALL, 3, 6) == 3
    assert set(logs.personal(HALL, 0, 9)) == {0, 1, 2, 6, 7, 8}
    assert [logs.parts.stands(HALL, i) for i in (2, 4, 7, 9)] == [True, False, True, False]


def test_a_pack_is_bound_to_its_place(logs: LogStore):
    logs.keep_personal(HALL, parts(1, 2), ())
    logs.db.execute("UPDATE personal_pack SET stop = 4")
    with pytest.raises(Malformed):
        logs.personal(HALL, 0, 9)


def test_a_part_that_was_erased_after_it_was_received_is_not_remembered():
    pair = Pair()
    pair.write(case(1), case(2))
    pair.send_all()
    pair.center.parts.erase(HALL, 1, 2)
    assert list(pair.center.personal(HALL, 0, 2)) == [0]
    pair.center.db.execute("DELETE FROM personal_pack")
    assert pair.center.personal(HALL, 0, 2) == {}


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
