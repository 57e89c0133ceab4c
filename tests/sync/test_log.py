"""The log: one transaction for entry, row and personal part; edits are found by their place."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from standards.records import CaseReceived, CaseStep, FaceConsent
from sync.applied.applying import rebuild
from sync.errors import Malformed, UnknownLog
from sync.log import LogStore
from sync.merkle import EMPTY_ROOT, leaf_hash, root_of
from sync.notes import COSIGNATURE, Checkpoint, Signer
from tests.sync.stores import STORES, Failing, Outage, content, log_store

ORIGIN = "c.example/T01/1"
DAY = date(2026, 11, 24)
TABLES = ("log", "entry", "personal", "personal_term", "case_received", "case_standing")


def case(number: int) -> CaseReceived:
    return CaseReceived(
        case_no=f"T01-{number}",
        item="GA001",
        guide_version=1,
        received_on=DAY,
        applicant_name="欧阳娜娜",
        paper_no="11010519491231002X",
        mobile="13812345678",
    )


@pytest.fixture(params=STORES)
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    store = STORES[request.param](tmp_path)
    found = log_store(store)
    found.open(ORIGIN, "T01", own=True)
    yield found
    store.close()


def write(logs: LogStore, count: int = 1) -> None:
    for number in range(count):
        logs.write(ORIGIN, case(number), actor="T01-001")


def test_a_record_is_entry_row_personal_part_and_search_term_at_once(logs: LogStore):
    entry = logs.write(ORIGIN, case(1), actor="T01-001")
    assert logs.state(ORIGIN).size == 1
    assert logs.read(CaseReceived, entry.leaf.id) == case(1)
    assert logs.find_personal("paper_no", "11010519491231002X") == [(ORIGIN, 0)]
    (standing,) = logs.db.query("SELECT * FROM case_standing")
    assert (standing["id"], standing["stage"]) == (entry.leaf.id, "received")


def test_nothing_personal_stands_in_the_leaf_or_in_a_plain_column(logs: LogStore):
    write(logs)
    (leaf,) = logs.leaves(ORIGIN, 0, 1)
    everything = repr(content(logs.db, [*logs.tables.names(), "log", "personal_term"])).encode()
    for canary in ("欧阳娜娜", "11010519491231002X", "13812345678"):
        assert canary.encode() not in leaf + everything


def test_an_outage_at_any_statement_of_a_write_leaves_nothing_of_it(logs: LogStore):
    store = Failing(logs.db)
    before = content(logs.db, TABLES)
    logs.db = store
    broken = 0
    for left in range(1, 100):
        store.left = left
        try:
            write(logs)
        except Outage:
            store.left = 0
            broken += 1
            assert content(store, TABLES) == before
        else:
            store.left = 0
            break
    assert broken > 5
    assert logs.state(ORIGIN).size == 1
    assert logs.verify(ORIGIN) is None


def test_a_record_that_cannot_follow_is_refused_and_not_numbered(logs: LogStore):
    nowhere = CaseStep(case_id="0" * 36, step="accepted", day=DAY)
    with pytest.raises(ValueError, match="never received"):
        logs.write(ORIGIN, nowhere, actor="T01-001")
    assert logs.state(ORIGIN).size == 0
    assert logs.leaves(ORIGIN, 0, 9) == []


def test_only_the_writer_of_a_log_appends_to_it(logs: LogStore):
    logs.open("c.example/standards/1", "center", own=False)
    with pytest.raises(Malformed, match="only the writer"):
        logs.write("c.example/standards/1", case(1), actor="T01-001")


def test_a_log_that_was_never_opened_is_not_known(logs: LogStore):
    with pytest.raises(UnknownLog):
        logs.state("c.example/T09/1")


def test_opening_a_log_again_changes_nothing(logs: LogStore):
    write(logs, 3)
    assert logs.open(ORIGIN, "T01", own=True).size == 3


def test_the_root_at_every_size_is_the_root_of_the_leaves_before_it(logs: LogStore):
    write(logs, 9)
    logs.move_mark(ORIGIN, 5)
    hashes = [leaf_hash(leaf) for leaf in logs.leaves(ORIGIN, 0, 9)]
    assert logs.hashes(ORIGIN, 0, 9) == hashes
    assert logs.root_at(ORIGIN, 0) == EMPTY_ROOT
    for size in range(1, 10):
        assert logs.root_at(ORIGIN, size) == root_of(hashes[:size])
        assert logs.frontier_at(ORIGIN, size).size == size
    with pytest.raises(UnknownLog):
        logs.root_at(ORIGIN, 10)


def test_a_frontier_found_before_is_used_as_long_as_its_entries_stand(
    logs: LogStore, monkeypatch: pytest.MonkeyPatch
):
    write(logs, 9)
    hashes = [leaf_hash(leaf) for leaf in logs.leaves(ORIGIN, 0, 9)]
    assert logs.root_at(ORIGIN, 6) == root_of(hashes[:6])
    read: list[int] = []
    real = logs.hashes

    def counted(origin: str, start: int, stop: int) -> list[bytes]:
        read.extend(range(start, stop))
        return real(origin, start, stop)

    monkeypatch.setattr(logs, "hashes", counted)
    assert logs.root_at(ORIGIN, 8) == root_of(hashes[:8])
    assert read == [5, 6, 7]
    read.clear()
    assert [logs.root_at(ORIGIN, size) for size in (6, 8)] == [root_of(hashes[:n]) for n in (6, 8)]
    assert read == [5, 7]
    # The history of another life was put in its place.
    others = [leaf_hash(b"%d" % n) for n in range(9)]
    for n, other in enumerate(others):
        logs.db.execute("UPDATE entry SET hash = :hash WHERE idx = :n", hash=other, n=n)
    assert logs.root_at(ORIGIN, 8) == root_of(others[:8])


def test_the_mark_never_moves_back(logs: LogStore):
    write(logs, 6)
    for size, reached in ((4, 4), (2, 4), (6, 6), (0, 6)):
        logs.move_mark(ORIGIN, size)
        mark = logs.state(ORIGIN).mark
        assert (mark.size, mark.root) == (reached, logs.root_at(ORIGIN, reached))


def test_a_kept_receipt_stands_and_the_latest_is_found(logs: LogStore):
    write(logs, 3)
    for size, note in ((1, b"one"), (3, b"three"), (1, b"other")):
        logs.keep_receipt(ORIGIN, size, "c.example/receipts", note)
    assert logs.receipt(ORIGIN, "c.example/receipts") == b"three"
    assert logs.receipt(ORIGIN, "c.example/receipts", 1) == b"one"
    assert logs.receipt(ORIGIN, "c.example/receipts", 2) is None
    assert logs.receipt(ORIGIN, "somebody else") is None


def test_rebuilding_gives_the_same_tables(logs: LogStore):
    write(logs, 4)
    first = logs.db.query("SELECT id FROM case_received ORDER BY idx")[0]["id"]
    logs.write(ORIGIN, CaseStep(case_id=first, step="accepted", day=DAY), actor="T01-002")
    logs.write(
        ORIGIN,
        FaceConsent(staff_no="T01-001", notice_version=1, given=True, day=DAY),
        actor="T01-001",
    )
    before = content(logs.db, logs.tables.names())
    assert rebuild(logs) == 6
    after = content(logs.db, logs.tables.names())
    assert {n: sorted(map(repr, rows)) for n, rows in after.items()} == {
        n: sorted(map(repr, rows)) for n, rows in before.items()
    }


def test_rebuilding_that_breaks_leaves_the_old_tables(logs: LogStore):
    write(logs, 3)
    before = content(logs.db, logs.tables.names())
    store = Failing(logs.db)
    logs.db, store.left = store, 18
    with pytest.raises(Outage):
        rebuild(logs)
    store.left = 0
    assert content(store, logs.tables.names()) == before


# --- by hand, with the sqlite3 command --------------------------------------------------------

SIZE, AT = 10, 4
Hand = Callable[[LogStore], None]


def _leaf(logs: LogStore, index: int) -> bytes:
    return logs.leaves(ORIGIN, index, index + 1)[0]


def _put(logs: LogStore, index: int, leaf: bytes, hashed: bytes | None = None) -> None:
    logs.db.execute(
        "UPDATE entry SET leaf = :leaf, hash = coalesce(:hash, hash) WHERE idx = :idx",
        leaf=leaf,
        hash=hashed,
        idx=index,
    )


def edit(logs: LogStore) -> None:
    _put(logs, AT, _leaf(logs, AT).replace(b"2026-11-24", b"2026-11-20", 1))


def edit_with_hash(logs: LogStore) -> None:
    leaf = _leaf(logs, AT).replace(b'"received_on":"2026-11-24"', b'"received_on":"2026-11-20"')
    assert leaf != _leaf(logs, AT)
    _put(logs, AT, leaf, leaf_hash(leaf))


def flip_a_bit_of_the_hash(logs: LogStore) -> None:
    (hashed,) = logs.hashes(ORIGIN, AT, AT + 1)
    _put(logs, AT, _leaf(logs, AT), bytes([hashed[0] ^ 1]) + hashed[1:])


def delete(logs: LogStore) -> None:
    logs.db.execute("DELETE FROM entry WHERE idx = :idx", idx=AT)


def delete_and_close_up(logs: LogStore) -> None:
    delete(logs)
    for index in range(AT + 1, SIZE):
        _move(logs, index, index - 1)


def insert(logs: LogStore) -> None:
    for index in reversed(range(AT, SIZE)):
        _move(logs, index, index + 1)
    leaf = _leaf(logs, 0)
    logs.db.execute(
        "INSERT INTO entry VALUES (:origin, :idx, :leaf, :hash, '')",
        origin=ORIGIN,
        idx=AT,
        leaf=leaf,
        hash=leaf_hash(leaf),
    )


def _move(logs: LogStore, index: int, to: int) -> None:
    logs.db.execute("UPDATE entry SET idx = :to WHERE idx = :idx", idx=index, to=to)


def reorder(logs: LogStore) -> None:
    for index, to in ((AT, 99), (AT + 2, AT), (99, AT + 2)):
        _move(logs, index, to)


def reorder_leaves(logs: LogStore) -> None:
    one, other = _leaf(logs, AT), _leaf(logs, AT + 2)
    _put(logs, AT, other)
    _put(logs, AT + 2, one)


HANDS = (
    *(edit, edit_with_hash, flip_a_bit_of_the_hash, delete, delete_and_close_up),
    *(insert, reorder, reorder_leaves),
)


@pytest.mark.parametrize("by_hand", HANDS, ids=lambda hand: hand.__name__)
def test_verifying_names_the_first_entry_that_was_changed_by_hand(logs: LogStore, by_hand: Hand):
    write(logs, SIZE)
    assert logs.verify(ORIGIN) is None
    by_hand(logs)
    assert logs.verify(ORIGIN) == AT


def test_verifying_finds_an_entry_put_in_at_the_end_and_one_taken_from_it(logs: LogStore):
    write(logs, SIZE)
    leaf = _leaf(logs, 0)
    row = {"origin": ORIGIN, "idx": SIZE, "leaf": leaf, "hash": leaf_hash(leaf)}
    logs.db.execute("INSERT INTO entry VALUES (:origin, :idx, :leaf, :hash, '')", **row)
    assert logs.verify(ORIGIN) == SIZE
    logs.db.execute("DELETE FROM entry WHERE idx >= :idx", idx=SIZE - 1)
    assert logs.verify(ORIGIN) == SIZE - 1


def test_an_edit_that_covered_its_traces_is_placed_after_the_last_good_receipt(logs: LogStore):
    write(logs, SIZE)
    center = Signer("c.example/receipts", b"c" * 32, COSIGNATURE)
    hall = Signer("c.example/T01", b"h" * 32)
    for size in (2, 3, 6):
        text = Checkpoint(ORIGIN, size, logs.root_at(ORIGIN, size)).text
        logs.keep_receipt(ORIGIN, size, center.name, hall.sign(text) + center.cosign(text, 1))
    edit_with_hash(logs)
    logs.db.execute("UPDATE case_received SET received_on = '2026-11-20' WHERE idx = :i", i=AT)
    assert logs.verify(ORIGIN) == 3
