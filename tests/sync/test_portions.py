"""A batch on the way stays under every cap of its receiver, whatever the entries weigh."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from node.hall import Hall, HallSettings
from standards.records import FaceConsent, FindingAnswer, Inspection
from sync.batch import MAX_BATCH_BYTES, MAX_LEAVES_BYTES, Batch, unpack
from sync.clock import Clock
from sync.contact.sending import next_batch
from sync.frames import MAX_RATIO
from sync.private.sealing import SealingKey

CENTER = SealingKey(b"c" * 32)
DAY = date(2026, 11, 24)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    clock = Clock(lambda: datetime(2026, 11, 24, tzinfo=UTC), lambda: 7, "boot")
    found = Hall(tmp_path, HallSettings(hall="T01", name="公安分厅", center="c.example"), clock)
    yield found
    found.close()


def batches(hall: Hall) -> list[Batch]:
    """Every batch that the hall would send, one after the other."""
    found, start = [], 0
    while raw := next_batch(hall.logs, hall.origin, start, hall.signer, CENTER.public):
        assert len(raw) < MAX_BATCH_BYTES
        found.append(unpack(raw, [hall.signer.verifier]))
        start = found[-1].header.stop
    return found


def test_long_personal_texts_are_spread_over_batches_that_the_center_takes(hall: Hall) -> None:
    """3,000 texts of 2,000 control characters are 36 MB sealed: one batch is never taken."""
    answer = FindingAnswer(finding_id="0" * 36, measure="planned", done_on=DAY, text="\1" * 2000)
    with hall.db.transaction():
        for _ in range(3000):
            hall.write(answer, actor="T01-003")
    sent = batches(hall)
    assert len(sent) > 1 and sent[-1].header.stop == 3000
    assert [b.header.start for b in sent[1:]] == [b.header.stop for b in sent[:-1]]
    for batch in sent:
        expected = set(range(batch.header.start, batch.header.stop))
        assert batch.personal(CENTER).keys() == expected


def test_long_leaves_are_spread_over_batches_and_the_longest_still_goes_alone(hall: Hall) -> None:
    long = Inspection(
        for_hall="T01", mode="overt", day=DAY, inspector="ZX-07", passed=("材料" * 20,) * 500
    )
    with hall.db.transaction():
        for _ in range(80):
            hall.write(long, actor="T01-003")
    sent = batches(hall)
    assert len(sent) > 1 and sent[-1].header.stop == 80
    assert all(b.header.leaves_plain_bytes <= MAX_LEAVES_BYTES // 4 for b in sent)
    hall.logs.portions = type(hall.logs.portions)(batch_plain_bytes=10)
    assert [b.header.stop - b.header.start for b in batches(hall)] == [1] * 80


def test_entries_that_are_all_alike_do_not_fail_by_how_well_they_compress(hall: Hall) -> None:
    long = Inspection(
        for_hall="T01", mode="overt", day=DAY, inspector="ZX-07", passed=("材" * 200,) * 100
    )
    with hall.db.transaction():
        for _ in range(60):
            hall.write(long, actor="T01-003")
    (only,) = batches(hall)
    assert only.header.leaves_plain_bytes > MAX_RATIO * only.header.leaves_bytes
    assert len(only.leaves()) == 60


def test_short_entries_go_in_one_batch(hall: Hall) -> None:
    consent = FaceConsent(staff_no="T01-003", notice_version=1, given=True, day=DAY)
    with hall.db.transaction():
        for _ in range(300):
            hall.write(consent, actor="T01-003")
    (only,) = batches(hall)
    assert (only.header.start, only.header.stop, only.sealed_section) == (0, 300, b"")
