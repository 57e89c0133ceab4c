"""The next batch is packed while the receiver works, and used only when it is what is wanted."""

from dataclasses import replace

import pytest

from sync.batch import claimed_stop, unpack
from sync.contact import ahead
from sync.contact.ahead import PackedAhead
from sync.errors import Malformed
from sync.log import LogStore
from sync.private.sealing import Recipient
from tests.sync.pairs import HALL, SEALING, SIGNER, Pair, consent

TO = Recipient(SEALING.public, together=True)


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> LogStore:
    """Ten entries, four in a batch; each batch is worth being packed ahead."""
    monkeypatch.setattr(ahead, "_WORTH_ENTRIES", 1)
    pair = Pair()
    pair.write(*(consent() for _ in range(10)))
    return pair.hall


def spans(batches: PackedAhead, start: int = 0) -> list[tuple[int, int]]:
    found = []
    while raw := batches.batch_from(start):
        header = unpack(raw, [SIGNER.verifier]).header
        found.append((header.start, header.stop))
        start = header.stop
    return found


def test_the_batches_are_those_that_would_be_packed_one_after_the_other(hall: LogStore):
    assert spans(PackedAhead(hall, HALL, SIGNER, TO)) == [(0, 4), (4, 8), (8, 10)]


def test_another_start_than_expected_is_packed_anew(hall: LogStore):
    batches = PackedAhead(hall, HALL, SIGNER, TO)
    batches.batch_from(0)
    assert spans(batches, 2) == [(2, 6), (6, 10)]


def test_smaller_portions_are_packed_anew(hall: LogStore):
    batches = PackedAhead(hall, HALL, SIGNER, TO)
    batches.batch_from(0)
    hall.portions = replace(hall.portions, batch_entries=3)
    assert spans(batches, 4) == [(4, 7), (7, 10)]


def test_what_is_no_batch_has_no_stop():
    with pytest.raises(Malformed):
        claimed_stop(b"onehall-batch/1 3 0\nabc")
