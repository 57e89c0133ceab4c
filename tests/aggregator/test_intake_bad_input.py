"""Whatever comes as a batch: a clear refusal in English, and nothing is changed."""

import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aggregator.halls import roster
from aggregator.receiving.apply import apply_all
from sync.batch import MAX_BATCH_BYTES, MEDIA_TYPE, Header, unpack
from sync.notes import Checkpoint, b64, open_note
from sync.private.sealing import commitment
from tests.aggregator.intake_desk import JSON, LEAVES, Asker, Desk, refusal
from tests.source import ROOT

PORTAL = b"<!doctype html><title>Sign in to the wifi</title><form action=/login>"


@pytest.fixture
def hall(desk: Desk) -> Asker:
    return desk.halls["T01"]


def test_a_good_batch_is_receipted_and_its_replay_gets_the_same_bytes(
    desk: Desk, hall: Asker
) -> None:
    raw = desk.packed(hall, 0, 5)
    first = desk.push(raw)
    assert first.status_code == 200 and first.headers["OneHall"] == "1"
    assert first.content_type == "text/plain; charset=utf-8"
    desk.hands.turn(hours=3)
    assert desk.push(raw).data == first.data
    again = desk.packed(hall, 2, 5)
    assert again != raw and desk.push(again).data == first.data
    note = open_note(first.data, [desk.center.cosigner.verifier])
    assert note.times and Checkpoint.parse(note.text).size == desk.size(hall) == 5


def test_an_unsigned_batch_and_one_signed_by_a_stranger_are_refused(
    desk: Desk, hall: Asker
) -> None:
    stranger = Asker("T01", b"another machine".ljust(31, b"-"))
    assert refusal(desk.push(desk.packed(stranger, 0, 5))) == (403, "unknown_key")
    raw = desk.packed(hall, 0, 5)
    unsigned = raw.replace(b"c.example/T01 ", b"c.example/T09 ")
    assert unsigned != raw
    assert refusal(desk.push(unsigned)) == (403, "unknown_key")
    assert desk.size(hall) == 0


def test_a_batch_of_another_hall_is_refused_and_touches_neither_log(
    desk: Desk, hall: Asker
) -> None:
    other = Asker("T02")
    desk.admit(other)
    assert refusal(desk.push(desk.packed(other, 0, 5), "T01")) == (403, "wrong_log")
    forged = desk.packed(other, 0, 5, origin=hall.origin)
    assert refusal(desk.push(forged, "T01")) == (403, "unknown_key")
    assert refusal(desk.push(forged, "T02")) == (403, "wrong_log")
    assert desk.size(hall) == desk.size(other) == 0


def test_a_batch_for_a_log_that_nobody_has_is_not_found(desk: Desk) -> None:
    stranger = Asker("T99")
    assert refusal(desk.push(desk.packed(stranger, 0, 5), "T99")) == (404, "unknown_log")
    roster.register_hall(desk.center, "T98", "未入网")
    assert refusal(desk.push(desk.packed(Asker("T98"), 0, 5), "T98")) == (404, "unknown_log")
    never = desk.packed(desk.halls["T01"], 0, 5, origin="c.example/T01/0")
    assert refusal(desk.post("/logs/T01/0", never, MEDIA_TYPE)) == (404, "unknown_log")


def test_gap_behind_and_fork_are_told_with_the_size_that_is_held(desk: Desk, hall: Asker) -> None:
    assert desk.push(desk.packed(hall, 0, 10)).status_code == 200
    gap = desk.push(desk.packed(hall, 12, 15))
    assert refusal(gap) == (409, "gap") and json.loads(gap.data)["size"] == 10
    overlapping = desk.push(desk.packed(hall, 5, 15))
    assert refusal(overlapping) == (409, "gap") and json.loads(overlapping.data)["size"] == 10
    changed = [*LEAVES]
    changed[3] = LEAVES[3].replace(b"T01-003", b"T01-004")
    behind = desk.push(desk.packed(hall, 0, 5, leaves=changed, log_size=5))
    assert refusal(behind) == (409, "behind") and json.loads(behind.data)["size"] == 10
    replayed = desk.push(desk.packed(hall, 0, 10, leaves=changed))
    assert refusal(replayed) == (422, "fork")
    assert {"size": 10, "at": 10}.items() <= json.loads(replayed.data).items()
    assert refusal(desk.push(desk.packed(hall, 10, 20, leaves=changed))) == (422, "fork")
    assert desk.size(hall) == 10
    assert desk.push(desk.packed(hall, 10, 20)).status_code == 200


def test_entries_that_are_held_under_other_cuts_are_answered_with_the_latest_receipt(
    desk: Desk, hall: Asker
) -> None:
    desk.push(desk.packed(hall, 0, 10))
    answer = desk.push(desk.packed(hall, 0, 7, log_size=10))
    assert refusal(answer) == (409, "gap")
    facts = json.loads(answer.data)
    note = open_note(facts["receipt"].encode(), [desk.center.cosigner.verifier])
    assert facts["size"] == Checkpoint.parse(note.text).size == 10


@pytest.mark.parametrize("media_type", ["", JSON, "text/html", "application/octet-stream"])
def test_a_batch_of_another_content_type_is_refused(still: Desk, media_type: str) -> None:
    hall = still.halls["T01"]
    answer = still.push(still.packed(hall, 0, 5), media_type=media_type)
    assert refusal(answer) == (400, "malformed")
    assert MEDIA_TYPE in json.loads(answer.data)["rule"]


@pytest.mark.parametrize(
    "raw", [b"", b"\0", PORTAL, b"{}", b"onehall-batch/1 5 5\n", b"\xff" * 100_000]
)
def test_what_is_not_a_batch_is_refused(still: Desk, raw: bytes) -> None:
    assert refusal(still.push(raw)) == (400, "malformed")


def test_a_batch_above_the_cap_is_refused_without_being_read(still: Desk) -> None:
    raw = b"onehall-batch/1 5 5\n" + bytes(MAX_BATCH_BYTES + 64 * 1024)
    assert refusal(still.push(raw)) == (413, "too_large")


def bomb(plain: int, claimed: Callable[[int], int]) -> Callable[[Desk, Asker], bytes]:
    """A batch whose leaves inflate to ``plain`` zeroes; its signed header claims another size."""

    def packed(desk: Desk, hall: Asker) -> bytes:
        maker = zstandard.ZstdCompressor(level=3).compressobj()
        block = bytes(1 << 20)
        parts = [maker.compress(block) for _ in range(plain >> 20)]
        section = b"".join(parts) + maker.flush()
        good = unpack(desk.packed(hall, 0, 5), [hall.signer.verifier])
        header = Header(
            *(hall.origin, 0, 5, 5, len(section), claimed(len(section))),
            *(sha256(section).hexdigest(), 0, sha256(b"").hexdigest()),
        )
        note = hall.signer.sign(header.text)
        line = b"onehall-batch/1 %d %d\n" % (len(note), len(good.head_note))
        return line + note + good.head_note + section

    return packed


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (bomb(1 << 28, lambda size: 200 * size), (400, "malformed")),
        (bomb(1 << 28, lambda size: 500), (400, "malformed")),
        (bomb(1 << 28, lambda size: 1 << 24), (413, "too_large")),
        (bomb(1 << 28, lambda size: 1 << 28), (413, "too_large")),
    ],
)
def test_a_zstd_bomb_is_refused_whatever_it_claims(
    still: Desk, packed: Callable[[Desk, Asker], bytes], expected: tuple[int, str]
) -> None:
    hall = still.halls["T01"]
    assert refusal(still.push(packed(still, hall))) == expected
    assert still.size(hall) == 0


MEMORY = """
import resource, sys
from pathlib import Path
from tests.aggregator.intake_desk import open_desk, refusal
from tests.aggregator.test_intake_bad_input import bomb

desk = open_desk(Path(sys.argv[1]))
hall = desk.halls["T01"]
bombs = [bomb(1 << 30, claimed)(desk, hall)
         for claimed in (lambda size: min(200 * size, 1 << 24), lambda size: 1 << 24)]
assert desk.push(desk.packed(hall, 0, 5)).status_code == 200
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for raw in bombs:
    assert refusal(desk.push(raw))[0] in (400, 413)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_bomb_of_a_gigabyte_costs_less_than_sixty_four_megabytes(tmp_path: Path) -> None:
    """In a process of its own, whose high-water mark nothing else has raised."""
    command = [sys.executable, "-c", MEMORY, str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) * 1024 < 64 * 1024 * 1024


def test_a_personal_part_that_does_not_open_its_commitment_is_refused(
    desk: Desk, hall: Asker
) -> None:
    promised = b64(commitment(b"o" * 32, b"{}")).encode()
    leaf = LEAVES[0].replace(b'"id"', b'"commitment":"' + promised + b'","id"')
    good = desk.packed(hall, 0, 1, leaves=[leaf], parts={0: b"o" * 32 + b"{}"})
    for part in (b"o" * 32 + b"[]", b"p" * 32 + b"{}", b"", b"o" * 32):
        raw = desk.packed(hall, 0, 1, leaves=[leaf], parts={0: part})
        assert refusal(desk.push(raw)) == (400, "malformed")
    assert desk.size(hall) == 0
    assert desk.push(good).status_code == 200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_batch_with_flipped_bytes_is_refused_and_never_breaks_the_center(
    still: Desk, data: st.DataObject
) -> None:
    hall = still.halls["T01"]
    good = still.packed(hall, 0, 5)
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    assume(raw != good)
    status, _ = refusal(still.push(bytes(raw)))
    assert status in (400, 403, 404, 413)
    assert still.size(hall) == 0


# What a full disk is on PostgreSQL is in tests/sync/test_store_contract.py.
@pytest.mark.parametrize("engine", ["SQLite"], indirect=True)
def test_a_batch_is_refused_whole_when_the_disk_is_full_and_taken_when_there_is_room(
    desk: Desk, hall: Asker
) -> None:
    leaves = [
        b'{"actor":"a","at":"2026-11-24T00:29:57.123Z","body":{"t":"%d%s"},"kind":"noise","v":1}'
        % (n, b64(bytes((n * m * 7919 >> 3) % 256 for m in range(30_000))).encode())
        for n in range(30)
    ]
    raw = desk.packed(hall, 0, 30, leaves=leaves)
    pages = desk.center.db.query("PRAGMA page_count")[0]["page_count"]
    with desk.center.db.transaction():
        desk.center.db.query(f"PRAGMA max_page_count = {pages + 4}")
    answer = desk.push(raw)
    assert refusal(answer) == (503, "try_later")
    assert int(answer.headers["Retry-After"]) > 0
    assert desk.size(hall) == 0 and desk.center.logs.receipt(hall.origin, "") is None
    with desk.center.db.transaction():
        desk.center.db.query(f"PRAGMA max_page_count = {pages + 10_000}")
    assert desk.push(raw).status_code == 200 and desk.size(hall) == 30


def test_a_payload_that_nobody_could_open_is_quarantined_and_holds_back_nothing_else(
    desk: Desk, hall: Asker
) -> None:
    body = b'{"done_on":"2026-11-24","finding_id":"%s","measure":"planned"}' % (b"0" * 36)
    leaves, parts = [], {}
    for number, payload in enumerate((b'{"text":5}', b'{"text":"ok"}', b'{"text":' + b"[" * 9000)):
        parts[number] = b"o" * 32 + payload
        promised = b64(commitment(b"o" * 32, payload)).encode()
        leaf = LEAVES[number].replace(b'"a_later_kind"', b'"finding_answer"')
        leaf = leaf.replace(b'"id"', b'"commitment":"' + promised + b'","id"')
        leaves.append(leaf.replace(b'"body":{}', b'"body":' + body))
    answer = desk.push(desk.packed(hall, 0, 3, leaves=leaves, parts=parts))
    assert answer.status_code == 200
    apply_all(desk.center)
    quarantined = desk.center.db.query("SELECT idx FROM quarantine ORDER BY idx")
    assert [row["idx"] for row in quarantined] == [0, 2]
    assert desk.center.logs.state(hall.origin).applied == 3
