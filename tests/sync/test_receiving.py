"""Taking a batch in: all or nothing, kept before it is receipted, the same answer each time."""

import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync.batch import MAX_BATCH_BYTES, join_leaves, pack
from sync.contact.receiving import receive
from sync.contact.sending import accept_receipt
from sync.errors import (
    Behind,
    DiskFull,
    EpochClosed,
    Fork,
    Gap,
    Malformed,
    Revoked,
    SyncError,
    TooLarge,
    UnknownKey,
    UnknownLog,
)
from sync.log import LogStore
from sync.merkle import leaf_hash, root_of
from sync.notes import Checkpoint, Signer, open_note
from sync.private.sealing import OPENING_BYTES, SealingKey
from tests.simulation.disk import Disk
from tests.sync.pairs import (
    CANARY,
    COSIGNER,
    HALL,
    RECEIVER,
    SEALING,
    SIGNER,
    Pair,
    case,
    consent,
    reach,
)
from tests.sync.stores import FILES, STORES, Failing, Outage, content, log_store

KEPT = ("log", "batch", "personal", "receipt")


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_a_batch_is_kept_as_it_came_and_receipted_at_its_end(pair: Pair):
    pair.write(case(), consent(), case())
    receipt = pair.take(pair.batch(0))
    assert reach(receipt) == pair.held() == 3
    assert pair.center.leaves(HALL, 0, 3) == pair.hall.leaves(HALL, 0, 3)
    assert pair.center.root_at(HALL, 3) == pair.hall.root_at(HALL, 3)
    assert pair.center.verify(HALL) is None
    (row,) = pair.center.db.query("SELECT header, head, leaves FROM batch")
    assert join_leaves(pair.hall.leaves(HALL, 0, 3)) != bytes(row["leaves"])
    for note in (row["header"], row["head"]):
        assert open_note(bytes(note), [SIGNER.verifier]).signed_by == {SIGNER.name}


def test_personal_parts_arrive_readable_and_rest_encrypted(pair: Pair):
    pair.write(case(), consent())
    pair.take(pair.batch(0))
    assert CANARY.encode() in (pair.center.payload(HALL, 0) or b"")
    assert pair.center.payload(HALL, 1) is None
    assert CANARY not in repr(content(pair.center.db, KEPT))
    assert CANARY.encode() not in repr(content(pair.center.db, KEPT)).encode()


@pytest.mark.parametrize("ended", [{"revoked_above": 2}, {"closed": True}])
def test_a_right_that_ends_while_a_batch_waits_for_its_turn_is_asked_for_again(pair: Pair, ended):
    pair.write(*map(case, range(4)))
    asked = iter([pair.writer, replace(pair.writer, **ended)])
    with pytest.raises((Revoked, EpochClosed)):
        receive(pair.center, pair.batch(0), lambda origin: next(asked), RECEIVER)
    assert pair.held() == 0


def test_a_key_that_is_exchanged_while_a_batch_waits_for_its_turn_vouches_for_nothing(pair: Pair):
    pair.write(case())
    other = Signer("c.example/T01", b"o" * 32)
    asked = iter([pair.writer, replace(pair.writer, verifier=other.verifier)])
    with pytest.raises(UnknownKey):
        receive(pair.center, pair.batch(0), lambda origin: next(asked), RECEIVER)
    assert pair.held() == 0


def test_an_identical_replay_gets_the_same_receipt(pair: Pair):
    pair.write(*map(case, range(4)))
    raw = pair.batch(0)
    first = pair.take(raw)
    before = content(pair.center.db, KEPT)
    assert pair.take(raw) == first
    assert content(pair.center.db, KEPT) == before


def test_a_replay_costs_no_more_memory_however_much_is_held(pair: Pair):
    """Whoever once saw a batch go by can send it again for ever."""
    pair.write(*(case(n) for n in range(12)))
    first = pair.batch(0)
    pair.send_all()
    # What the log has grown to since: sections that a replay has no business to read.
    pair.center.db.execute("UPDATE batch SET leaves = zeroblob(8000000)")
    tracemalloc.start()
    try:
        pair.take(first)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


def test_a_replay_packed_anew_gets_the_receipt_of_its_own_size_only(pair: Pair):
    """S2: never the latest receipt for a batch that ended before it."""
    pair.write(*map(case, range(8)))
    first = pair.take(pair.batch(0))
    pair.take(pair.batch(4))
    assert pair.take(pair.batch(0)) == first
    assert reach(first) == 4


def test_a_replay_that_ends_where_no_receipt_was_given_is_told_the_size(pair: Pair):
    pair.write(*map(case, range(8)))
    pair.send_all()
    with pytest.raises(Gap) as refused:
        pair.take(pair.batch(1))
    assert refused.value.facts["size"] == 8
    assert reach(str(refused.value.facts["receipt"]).encode()) == 8


def test_a_batch_that_skips_entries_is_told_where_to_go_on(pair: Pair):
    pair.write(*map(case, range(8)))
    pair.take(pair.batch(0))
    with pytest.raises(Gap) as refused:
        pair.take(pair.batch(5))
    assert refused.value.answer()["size"] == 4


def test_a_batch_that_is_older_than_what_is_held_gets_the_receipt_of_then(pair: Pair):
    pair.write(*map(case, range(4)))
    old = pair.batch(0)
    first = pair.take(old)
    pair.write(*map(case, range(4)))
    pair.send_all()
    before = content(pair.center.db, KEPT)
    assert pair.take(old) == first
    assert content(pair.center.db, KEPT) == before


def test_a_shorter_log_that_leads_elsewhere_is_told_that_it_is_behind(pair: Pair):
    pair.write(*map(case, range(8)))
    pair.send_all()
    restored = Pair(center=pair.center)
    restored.write(*map(case, range(4)))
    before = content(pair.center.db, KEPT)
    with pytest.raises(Behind) as refused:
        restored.take(restored.batch(0))
    assert refused.value.answer()["size"] == 8
    assert content(pair.center.db, KEPT) == before


def test_a_batch_of_nobody_on_the_roster_is_refused_and_leaves_nothing(pair: Pair):
    stranger = Signer("c.example/T09", b"x" * 32)
    head = Checkpoint("c.example/T09/1", 1, root_of([leaf_hash(b"{}")]))
    raw = pack(stranger, head, 0, 1, ([b"{}"], {}, SEALING.public))
    with pytest.raises(UnknownLog):
        pair.take(raw)
    assert content(pair.center.db, KEPT) == {name: [] for name in KEPT}


def packed(pair: Pair, leaves: list[bytes], parts: dict[int, bytes], root: bytes) -> bytes:
    """A batch that a faulty or hostile hall signs."""
    head = Checkpoint(HALL, len(leaves), root)
    return pack(SIGNER, head, 0, len(leaves), (leaves, parts, SEALING.public))


def wrong(pair: Pair) -> Iterator[tuple[str, bytes, type[SyncError]]]:
    pair.write(case(), case())
    leaves, parts = pair.hall.leaves(HALL, 0, 2), pair.hall.personal(HALL, 0, 2)
    root = pair.hall.root_at(HALL, 2)
    yield "an edited leaf", packed(pair, [leaves[0], leaves[1] + b" "], parts, root), Fork
    yield "leaves in another order", packed(pair, leaves[::-1], parts, root), Fork
    yield (
        "the parts of two people exchanged",
        packed(pair, leaves, {0: parts[1], 1: parts[0]}, root),
        Malformed,
    )
    other = parts[0][:OPENING_BYTES] + b"{}"
    yield "a part that was never committed to", packed(pair, leaves, {0: other}, root), Malformed
    sealed = SealingKey(b"z" * 32).public
    head = Checkpoint(HALL, 2, root)
    stray = pack(SIGNER, head, 0, 2, (leaves, parts, sealed))
    yield "sealed to somebody else", stray, Malformed
    yield "above the cap", b"x" * (MAX_BATCH_BYTES + 70_000), TooLarge


def test_whatever_is_wrong_with_a_batch_nothing_of_it_is_kept(pair: Pair):
    names = []
    for name, raw, error in wrong(pair):
        with pytest.raises(error):
            pair.take(raw)
        names.append(name)
        assert pair.held() == 0, name
        assert content(pair.center.db, KEPT[1:]) == {table: [] for table in KEPT[1:]}, name
    assert len(names) == 6
    pair.send_all()
    assert pair.held() == 2


def test_an_outage_at_any_statement_keeps_nothing_and_the_same_batch_may_come_again():
    store = Failing(Disk())
    pair = Pair(center=log_store(store))
    pair.write(*map(case, range(3)))
    raw = pair.batch(0)
    broken = 0
    for left in range(1, 100):
        store.left = left
        try:
            pair.take(raw)
        except Outage:
            store.left = 0
            broken += 1
            assert content(store, KEPT[1:]) == {name: [] for name in KEPT[1:]}
        else:
            store.left = 0
            break
    assert broken > 5
    assert pair.held() == 3
    assert reach(pair.center.receipt(HALL, COSIGNER.name) or b"") == 3


def test_a_full_disk_at_the_center_keeps_nothing(pair: Pair):
    pair.write(case())
    disk = pair.center.db
    assert isinstance(disk, Disk)
    pair.center.open(HALL, "T01", own=False)
    disk.arm(3, "full")
    with pytest.raises(DiskFull):
        pair.take(pair.batch(0))
    assert content(disk, KEPT[1:]) == {name: [] for name in KEPT[1:]}
    pair.send_all()
    assert pair.held() == 1


@pytest.mark.parametrize("name", FILES)
def test_one_batch_from_many_sides_at_once_is_kept_once(name: str, tmp_path: Path):
    store = STORES[name](tmp_path)
    pair = Pair(center=log_store(store))
    pair.write(*map(case, range(4)))
    raw = pair.batch(0)
    receipts: list[bytes] = []
    threads = [threading.Thread(target=lambda: receipts.append(pair.take(raw))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 6
    assert len(set(receipts)) == 1
    assert pair.held() == 4
    assert len(store.query("SELECT start FROM batch")) == 1
    store.close()


class Receiving(RuleBasedStateMachine):
    """The copy is always a prefix, and a believed receipt never speaks of more than is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.seen: list[bytes] = []
        self.receipts: list[bytes] = []

    @rule(count=st.integers(1, 5))
    def hall_writes(self, count: int) -> None:
        self.pair.write(*(consent() for _ in range(count)))

    @precondition(lambda self: self.pair.hall.state(HALL).size > 0)
    @rule(share=st.floats(0, 1, exclude_max=True))
    def hall_packs(self, share: float) -> None:
        self.seen.append(self.pair.batch(int(share * self.pair.hall.state(HALL).size)))

    @precondition(lambda self: self.seen)
    @rule(number=st.integers(0, 50), power_fails_after=st.none() | st.integers(1, 25))
    def any_batch_arrives(self, number: int, power_fails_after: int | None) -> None:
        raw = self.seen[number % len(self.seen)]
        disk = self.pair.center.db
        assert isinstance(disk, Disk)
        if power_fails_after is not None:
            disk.arm(power_fails_after, "full")
        try:
            self.receipts.append(self.pair.take(raw))
        except (Gap, DiskFull):
            pass
        finally:
            disk.disarm()

    @precondition(lambda self: self.receipts)
    @rule(number=st.integers(0, 50))
    def any_receipt_arrives(self, number: int) -> None:
        raw = self.receipts[number % len(self.receipts)]
        accept_receipt(self.pair.hall, HALL, raw, COSIGNER.verifier)

    @invariant()
    def the_copy_is_a_prefix(self) -> None:
        size = self.pair.held()
        if size:
            mine = self.pair.hall.leaves(HALL, 0, size)
            assert self.pair.center.leaves(HALL, 0, size) == mine
            assert self.pair.center.verify(HALL) is None

    @invariant()
    def nothing_is_believed_that_is_not_kept(self) -> None:
        assert self.pair.hall.state(HALL).mark.size <= self.pair.held()


TestReceivingInAnyOrder = Receiving.TestCase
TestReceivingInAnyOrder.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_a_receiver_that_holds_nothing_has_no_log(pair: Pair):
    logs: LogStore = pair.center
    with pytest.raises(UnknownLog):
        logs.state(HALL)
