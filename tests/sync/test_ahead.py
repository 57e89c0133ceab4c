"""A batch is packed while an answer is on its way, and used only when it is what is wanted."""

from dataclasses import replace

import pytest

from sync.batch import claimed_stop, unpack
from sync.contact.ahead import PackedAhead, Wanted
from sync.errors import Malformed
from sync.log import LogStore
from sync.merkle import Frontier
from sync.notes import Signer
from sync.private.sealing import Recipient, SealingKey
from tests.sync.pairs import HALL, SEALING, SIGNER, Pair, consent

FIRST = Wanted(HALL, 0, SIGNER, Recipient(SEALING.public, together=True))
OTHERS = {
    "another log": replace(FIRST, origin="c.example/T01/2"),
    "another start": replace(FIRST, start=2),
    "another key": replace(FIRST, signer=Signer("c.example/T01/2", b"k" * 32)),
    "another form": replace(FIRST, to=Recipient(SEALING.public, together=False)),
    "another receiver": replace(FIRST, to=Recipient(SealingKey(b"o" * 32).public, together=True)),
}


@pytest.fixture
def hall() -> LogStore:
    """Ten entries, four in a batch."""
    pair = Pair()
    pair.write(*(consent() for _ in range(10)))
    pair.hall.open("c.example/T01/2", "T01", own=True)
    return pair.hall


def span(raw: bytes | None) -> tuple[int, int]:
    assert raw is not None
    header = unpack(raw, [SIGNER.verifier]).header
    return header.start, header.stop


@pytest.fixture
def packed(hall: LogStore) -> list[int]:
    """The size at each packing: it is promised before anything is signed."""
    sizes: list[int] = []
    hall.promise = lambda origin, size: sizes.append(size)
    return sizes


def test_a_batch_that_was_packed_before_is_the_one_that_is_sent_and_is_used_once(
    hall: LogStore, packed: list[int]
):
    batches = PackedAhead(hall)
    batches.prepare(FIRST)
    assert span(batches.batch(FIRST)) == (0, 4)
    assert packed == [10]
    batches.batch(FIRST)
    assert packed == [10, 10]


def test_what_was_packed_before_another_entry_is_packed_anew(hall: LogStore, packed: list[int]):
    batches = PackedAhead(hall)
    batches.prepare(FIRST)
    Pair(hall=hall).write(consent())
    raw = batches.batch(FIRST)
    assert raw is not None and unpack(raw, [SIGNER.verifier]).header.log_size == 11
    assert packed == [10, 11]


def test_entries_that_left_the_log_meanwhile_are_not_sent_in_it(hall: LogStore):
    batches = PackedAhead(hall)
    batches.prepare(FIRST)
    hall.db.execute(
        "UPDATE log SET size = 0, frontier = :none WHERE origin = :origin",
        none=Frontier().to_bytes(),
        origin=HALL,
    )
    assert batches.batch(FIRST) is None


@pytest.mark.parametrize("wanted", OTHERS.values(), ids=OTHERS.keys())
def test_anything_else_is_packed_anew(hall: LogStore, wanted: Wanted):
    batches = PackedAhead(hall)
    batches.prepare(FIRST)
    raw = batches.batch(wanted)
    if wanted.origin != HALL:
        assert raw is None
        return
    assert raw is not None
    batch = unpack(raw, [wanted.signer.verifier])
    assert (batch.header.origin, batch.header.start) == (wanted.origin, wanted.start)


def test_smaller_portions_are_packed_anew(hall: LogStore):
    batches = PackedAhead(hall)
    batches.prepare(FIRST)
    hall.portions = replace(hall.portions, batch_entries=3)
    assert span(batches.batch(FIRST)) == (0, 3)


def test_what_fails_beforehand_is_met_when_it_is_asked_for(hall: LogStore):
    def full(origin: str, size: int) -> None:
        raise OSError("no space left")

    batches, promise = PackedAhead(hall), hall.promise
    hall.promise = full
    batches.prepare(FIRST)
    with pytest.raises(OSError, match="no space"):
        batches.batch(FIRST)
    hall.promise = promise
    assert span(batches.batch(FIRST)) == (0, 4)


def test_an_entry_written_after_nothing_was_left_is_not_overlooked(hall: LogStore):
    batches, last = PackedAhead(hall), replace(FIRST, start=10)
    batches.prepare(last)
    Pair(hall=hall).write(consent())
    assert span(batches.batch(last)) == (10, 11)


def test_what_is_no_batch_has_no_stop():
    with pytest.raises(Malformed):
        claimed_stop(b"onehall-batch/1 3 0\nabc")
