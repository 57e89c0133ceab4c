"""A log goes on unchanged: sealed anew to whoever gets it, under its writer's own heads."""

import pytest

from sync.batch import Contents, pack_relayed, unpack, unpack_relayed
from sync.contact.relaying import relayed_batch
from sync.errors import Malformed, UnknownKey
from sync.notes import Checkpoint, Signer, open_note
from sync.private.sealing import SealingKey
from tests.sync.pairs import CANARY, HALL, SIGNER, Pair, case, consent

KEEPER = Signer("c.example/log", b"k" * 32)
READER = SealingKey(b"q" * 32)


@pytest.fixture
def pair() -> Pair:
    """A center that holds six entries of a hall, in batches of four and two."""
    made = Pair()
    made.write(case(), consent(), case(), case(), consent(), case())
    made.send_all()
    return made


def relayed(pair: Pair, start: int) -> bytes:
    raw = relayed_batch(pair.center, HALL, start, KEEPER, READER.public)
    assert raw is not None
    return raw


def test_it_starts_anywhere_and_ends_where_the_writer_signed_a_head(pair: Pair):
    for start, stop in ((0, 4), (1, 4), (3, 4), (4, 6), (5, 6)):
        batch = unpack_relayed(relayed(pair, start), [KEEPER.verifier], [SIGNER.verifier])
        assert (batch.header.start, batch.header.stop, batch.header.log_size) == (start, stop, 6)
        assert batch.leaves() == pair.hall.leaves(HALL, start, stop)
        assert batch.head == Checkpoint(HALL, stop, pair.hall.root_at(HALL, stop))
        assert open_note(batch.head_note, [SIGNER.verifier]).signed_by == {SIGNER.name}
    assert relayed_batch(pair.center, HALL, 6, KEEPER, READER.public) is None


def test_personal_parts_are_readable_for_its_reader_only(pair: Pair):
    raw = relayed(pair, 0)
    assert CANARY.encode() not in raw
    batch = unpack_relayed(raw, [KEEPER.verifier], [SIGNER.verifier])
    assert batch.personal(READER) == pair.hall.personal(HALL, 0, 4)
    with pytest.raises(Malformed):
        batch.personal(SealingKey(b"z" * 32))


def test_what_was_erased_at_the_keeper_stays_out_of_it(pair: Pair):
    pair.center.parts.erase(HALL, 0, 1)
    batch = unpack_relayed(relayed(pair, 0), [KEEPER.verifier], [SIGNER.verifier])
    assert set(batch.personal(READER)) == {2, 3}


def test_a_keeper_cannot_pass_for_the_writer_nor_a_writer_for_the_keeper(pair: Pair):
    raw = relayed(pair, 0)
    for keepers, writers in (([SIGNER], [SIGNER]), ([KEEPER], [KEEPER])):
        with pytest.raises(UnknownKey):
            unpack_relayed(raw, [k.verifier for k in keepers], [w.verifier for w in writers])
    head = Checkpoint(HALL, 1, pair.hall.root_at(HALL, 1))
    contents: Contents = (pair.hall.leaves(HALL, 0, 1), {}, READER.public)
    forged = pack_relayed(KEEPER, (head, KEEPER.sign(head.text)), 0, 1, contents)
    with pytest.raises(UnknownKey):
        unpack_relayed(forged, [KEEPER.verifier], [SIGNER.verifier])


def test_neither_kind_of_batch_is_taken_for_the_other(pair: Pair):
    with pytest.raises(Malformed):
        unpack(relayed(pair, 0), [KEEPER.verifier, SIGNER.verifier])
    with pytest.raises(Malformed):
        unpack_relayed(pair.batch(0), [SIGNER.verifier], [SIGNER.verifier])
