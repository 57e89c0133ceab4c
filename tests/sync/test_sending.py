"""What is sent next, and which receipts are believed."""

import pytest

from sync.batch import unpack
from sync.contact.sending import accept_receipt, next_batch, signed_head
from sync.errors import Fork, Malformed, SyncError, UnknownKey
from sync.log import Portions
from sync.notes import COSIGNATURE, Checkpoint, Signer, open_note
from sync.private.sealing import Recipient, SealingKey
from sync.sticks.stick_export import Rest, batches
from tests.simulation.disk import Crash, Disk
from tests.sync.pairs import CANARY, COSIGNER, HALL, SEALING, SIGNER, Pair, case, consent


@pytest.fixture
def pair() -> Pair:
    found = Pair()
    found.write(*map(case, range(6)))
    return found


def mark(pair: Pair) -> int:
    return pair.hall.state(HALL).mark.size


def receipt(size: int, root: bytes, signer: Signer = COSIGNER, origin: str = HALL) -> bytes:
    text = Checkpoint(origin, size, root).text
    return SIGNER.sign(text) + signer.cosign(text, 1_800_000_000)


def test_batches_follow_each_other_up_to_the_end_of_the_log(pair: Pair):
    first = unpack(pair.batch(0), [SIGNER.verifier])
    second = unpack(pair.batch(4), [SIGNER.verifier])
    spans = [(b.header.start, b.header.stop, b.header.log_size) for b in (first, second)]
    assert spans == [(0, 4, 6), (4, 6, 6)]
    assert first.leaves() + second.leaves() == pair.hall.leaves(HALL, 0, 6)
    assert second.head.root == pair.hall.root_at(HALL, 6)
    assert next_batch(pair.hall, HALL, 6, SIGNER, SEALING.public) is None


def test_a_batch_stays_under_the_bytes_of_its_portion_but_never_empty(pair: Pair):
    leaf = len(pair.hall.leaves(HALL, 0, 1)[0]) + 1
    for plain, entries in ((1, 1), (leaf, 1), (2 * leaf + leaf // 2, 2)):
        pair.hall.portions = Portions(batch_plain_bytes=plain)
        header = unpack(pair.batch(0), [SIGNER.verifier]).header
        assert header.stop == entries


def test_personal_parts_travel_sealed_to_the_receiver_only(pair: Pair):
    pair.write(consent())
    raw = pair.batch(4)
    assert CANARY.encode() not in raw
    batch = unpack(raw, [SIGNER.verifier])
    parts = batch.personal(SEALING)
    assert sorted(parts) == [4, 5]
    assert CANARY.encode() in parts[4]
    with pytest.raises(Malformed):
        batch.personal(SealingKey(b"o" * 32))


def test_the_signed_head_names_the_present_size(pair: Pair):
    point = Checkpoint.parse(
        open_note(signed_head(pair.hall, HALL, SIGNER), [SIGNER.verifier]).text
    )
    assert point == Checkpoint(HALL, 6, pair.hall.root_at(HALL, 6))


def test_a_receipt_of_the_center_moves_the_mark_and_is_kept(pair: Pair):
    note = pair.take(pair.batch(0))
    assert accept_receipt(pair.hall, HALL, note, COSIGNER.verifier) == 4
    assert mark(pair) == 4
    assert pair.hall.receipt(HALL, COSIGNER.name) == note


def test_an_older_receipt_that_comes_late_does_no_harm(pair: Pair):
    first, second = pair.take(pair.batch(0)), pair.take(pair.batch(4))
    assert accept_receipt(pair.hall, HALL, second, COSIGNER.verifier) == 6
    assert accept_receipt(pair.hall, HALL, first, COSIGNER.verifier) == 6
    assert mark(pair) == 6


def test_receipts_that_are_not_believed(pair: Pair):
    root = pair.hall.root_at(HALL, 4)
    text = Checkpoint(HALL, 4, root).text
    stranger = Signer(COSIGNER.name, b"x" * 32, COSIGNATURE)
    plain = Signer(COSIGNER.name, b"r" * 32)
    cases: dict[str, tuple[bytes, type[SyncError]]] = {
        "another history than ours (S3)": (receipt(4, b"\0" * 32), Fork),
        "entries that we do not have": (receipt(9, root), Fork),
        "another size than its root": (receipt(5, root), Fork),
        "another log": (receipt(4, root, origin="c.example/T02/1"), Malformed),
        "another key of the same name": (receipt(4, root, stranger), UnknownKey),
        "a signature instead of a cosignature": (plain.sign(text), UnknownKey),
        "our own signature alone": (SIGNER.sign(text), UnknownKey),
        "a page of a captive portal": (b"<html>Please sign in</html>", Malformed),
        "nothing": (b"", Malformed),
    }
    for name, (note, error) in cases.items():
        with pytest.raises(error):
            accept_receipt(pair.hall, HALL, note, COSIGNER.verifier)
        assert mark(pair) == 0, name
        assert pair.hall.receipt(HALL, COSIGNER.name) is None, name


def test_a_receipt_with_any_byte_changed_never_moves_the_mark_elsewhere(pair: Pair):
    """What is still believed may differ in the spelling of its base64 alone."""
    note = pair.take(pair.batch(0))
    for at in range(len(note)):
        for bit in (1, 2, 32):
            altered = note[:at] + bytes([note[at] ^ bit]) + note[at + 1 :]
            try:
                assert accept_receipt(pair.hall, HALL, altered, COSIGNER.verifier) == 4
            except SyncError:
                continue
    assert mark(pair) in (0, 4)


def test_the_power_may_fail_at_any_touch_while_a_receipt_is_taken_in(pair: Pair):
    note = pair.take(pair.batch(0))
    disk = pair.hall.db
    assert isinstance(disk, Disk)
    marks = []
    for touches in range(1, 60):
        disk.arm(touches)
        try:
            accept_receipt(pair.hall, HALL, note, COSIGNER.verifier)
        except Crash:
            disk.lose_power()
        disk.disarm()
        kept = pair.hall.receipt(HALL, COSIGNER.name)
        assert (mark(pair), kept) in ((0, None), (4, note))
        marks.append(mark(pair))
    assert marks == sorted(marks)
    assert {0, 4} == set(marks)


def test_a_whole_log_is_packed_with_each_entry_hashed_once(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    """Without a receipt on the way the mark stands still: each batch would begin at the start."""
    pair.write(*(consent() for _ in range(34)))
    read: list[int] = []
    real = pair.hall.own_entries

    def counted(origin: str, start: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        read.extend(range(start, stop))
        return real(origin, start, stop)

    monkeypatch.setattr(pair.hall, "own_entries", counted)
    monkeypatch.setattr(pair.hall, "hashes", lambda *span: pytest.fail(f"hashed again: {span}"))
    packed = [
        *batches(pair.hall, Rest(HALL, 0, frozenset({6, 39})), SIGNER, Recipient(SEALING.public))
    ]
    assert [content.stop for content in packed] == [4, 6, *range(10, 39, 4), 39, 40]
    assert sorted(read) == [*range(40)]
    for content in packed:
        pair.take(content.plain)
    assert pair.held() == 40
