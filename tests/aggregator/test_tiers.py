"""Tiers: a county's center hands a hall's log on to a city's center, and the city can prove it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.receiving.apply import apply_all
from aggregator.receiving.rounds import take_batch
from aggregator.tiers.tiers import forward, held, pin_county, take
from standards.records import CaseReceived
from sync.batch import Contents, pack_relayed, unpack_relayed
from sync.contact.forwarding import Forwarded
from sync.contact.sending import next_batch
from sync.errors import Fork, Gap, KeySetRefused, Malformed, SyncError, UnknownKey, WrongLog
from sync.keys.keyfiles import key_file
from sync.keys.keysets import HallKeys, sign_hall
from sync.log import LogStore, Portions
from sync.notes import Checkpoint, Signer, open_note
from tests.aggregator.intake_desk import NAME, Asker, Desk, open_desk
from tests.simulation.disk import Disk
from tests.sync.pairs import CANARY, case, consent
from tests.sync.stores import log_store

ORIGIN = f"{NAME}/T01/1"
OTHER = Signer(f"{NAME}/T01", b"o" * 32)


@dataclass
class Tiers:
    """A hall, its county, and the city above."""

    hall: LogStore
    desk: Desk
    city: Center

    @property
    def county(self) -> Center:
        return self.desk.center

    @property
    def asker(self) -> Asker:
        return self.desk.halls["T01"]

    def forwarded(self, start: int) -> bytes:
        """What the county sends next."""
        raw = forward(self.county, ORIGIN, start, self.city.sealing.public)
        assert raw is not None
        return raw

    def take(self, raw: bytes) -> bytes:
        return take(self.city, NAME, raw)

    def take_all(self) -> bytes:
        receipt = b""
        while raw := forward(
            self.county, ORIGIN, held(self.city, ORIGIN), self.city.sealing.public
        ):
            receipt = self.take(raw)
        return receipt


@pytest.fixture
def tiers(tmp_path: Path) -> Iterator[Tiers]:
    """The county holds six entries of the hall, in batches of four and two."""
    desk = open_desk(tmp_path / "county")
    city = Center(tmp_path / "city", CenterSettings(center="city.example", name="市"))
    create_tables(city)
    pin_county(city, desk.center.root)
    hall = log_store(Disk())
    hall.portions = Portions(batch_entries=4)
    hall.open(ORIGIN, "T01", own=True)
    found = Tiers(hall, desk, city)
    for record in (case(0), consent(), case(2), case(3), consent(), case(5)):
        hall.write(ORIGIN, record, actor="T01-001")
    for start in (0, 4):
        raw = next_batch(hall, ORIGIN, start, found.asker.signer, desk.center.sealing.public)
        assert raw is not None
        take_batch(desk.center, ("T01", "1"), raw)
    yield found
    desk.center.close()
    city.close()


def test_the_city_holds_the_halls_log_under_the_halls_signature_and_both_cosignatures(
    tiers: Tiers,
):
    receipt = tiers.take_all()
    city, county = tiers.city, tiers.county
    assert city.logs.leaves(ORIGIN, 0, 6) == tiers.hall.leaves(ORIGIN, 0, 6)
    assert city.logs.state(ORIGIN).frontier == tiers.hall.state(ORIGIN).frontier
    assert city.logs.personal(ORIGIN, 0, 6) == tiers.hall.personal(ORIGIN, 0, 6)
    assert city.logs.verify(ORIGIN) is None
    keys = [tiers.asker.signer.verifier, county.cosigner.verifier, city.cosigner.verifier]
    assert open_note(receipt, keys).signed_by == {key.name for key in keys}
    assert Checkpoint.parse(open_note(receipt, keys).text).root == tiers.hall.root_at(ORIGIN, 6)
    for row in city.db.query("SELECT head FROM batch"):
        assert open_note(bytes(row["head"]), keys).signed_by == {key.name for key in keys[:2]}


def test_the_city_applies_it_and_judges_nothing_anew(tiers: Tiers):
    tiers.take_all()
    assert apply_all(tiers.city) == 6
    rows = tiers.city.db.query("SELECT hall, id FROM case_received ORDER BY idx")
    assert [row["hall"] for row in rows] == [f"{NAME}/T01"] * 4
    first = tiers.city.logs.read(CaseReceived, rows[0]["id"])
    assert first is not None
    assert first.applicant_name == CANARY
    assert tiers.city.db.query("SELECT * FROM finding") == []
    assert tiers.city.db.query("SELECT * FROM quarantine") == []


def test_the_same_again_gets_the_same_receipt_and_a_gap_is_told(tiers: Tiers):
    with pytest.raises(Gap) as told:
        tiers.take(tiers.forwarded(4))
    assert told.value.facts["size"] == 0
    first = tiers.forwarded(0)
    assert tiers.take(first) == tiers.take(first)
    assert held(tiers.city, ORIGIN) == 4


def test_no_byte_of_a_person_is_readable_on_the_way(tiers: Tiers):
    assert CANARY.encode() not in tiers.forwarded(0)


def nothing_changed(tiers: Tiers) -> bool:
    return held(tiers.city, ORIGIN) == 0 and tiers.city.db.query("SELECT * FROM batch") == []


def test_a_byte_altered_anywhere_is_refused(tiers: Tiers):
    raw = tiers.forwarded(0)
    for at in range(0, len(raw), 3):
        spoilt = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(SyncError):
            tiers.take(spoilt)
    with pytest.raises(SyncError):
        tiers.take(raw[:-1])
    assert nothing_changed(tiers)


def remade(tiers: Tiers, leaves: list[bytes], head: bytes | None = None) -> bytes:
    """What a county might send that changed the hall's log."""
    sent = Forwarded.unpack(tiers.forwarded(0))
    keeper = [tiers.county.signer.verifier]
    batch = unpack_relayed(sent.batch, keeper, [tiers.asker.signer.verifier])
    contents: Contents = (leaves, {}, tiers.city.sealing.public)
    point = (batch.head, head or batch.head_note)
    relayed = pack_relayed(tiers.county.signer, point, 0, 6, contents)
    return Forwarded(sent.keys_note, sent.hall_note, relayed).pack()


def test_a_county_that_reorders_or_edits_is_refused(tiers: Tiers):
    leaves = tiers.hall.leaves(ORIGIN, 0, 4)
    edited = [leaves[0].replace(b"GA001", b"GA002"), *leaves[1:]]
    for changed in (leaves[::-1], edited, [leaves[0], leaves[0], *leaves[2:]]):
        with pytest.raises(Fork):
            tiers.take(remade(tiers, changed))
    with pytest.raises(Malformed):
        tiers.take(remade(tiers, leaves[:3]))
    assert nothing_changed(tiers)
    tiers.take(remade(tiers, leaves))


def test_a_head_that_the_hall_did_not_sign_or_the_county_did_not_cosign_is_refused(tiers: Tiers):
    leaves = tiers.hall.leaves(ORIGIN, 0, 4)
    head = Checkpoint(ORIGIN, 4, tiers.hall.root_at(ORIGIN, 4)).text
    hall, county = tiers.asker.signer, tiers.county
    for note in (
        OTHER.sign(head) + county.cosigner.cosign(head, 1),
        county.signer.sign(head) + county.cosigner.cosign(head, 1),
        hall.sign(head),
        hall.sign(head) + tiers.city.cosigner.cosign(head, 1),
    ):
        with pytest.raises(UnknownKey):
            tiers.take(remade(tiers, leaves, note))
    assert nothing_changed(tiers)
    tiers.take(remade(tiers, leaves, hall.sign(head) + county.cosigner.cosign(head, 1)))


def test_keys_that_do_not_come_from_the_pinned_county_are_refused(tiers: Tiers, tmp_path: Path):
    sent = Forwarded.unpack(tiers.forwarded(0))
    impostor = open_desk(tmp_path / "impostor")
    theirs = Forwarded.unpack(forwarded_by(impostor, tiers))
    stolen = HallKeys.open(sent.hall_note, tiers.county.roster.verifier)
    note = sign_hall(impostor.center.roster, stolen)
    for forged in (
        theirs,
        Forwarded(sent.keys_note, theirs.hall_note, theirs.batch),
        Forwarded(sent.keys_note, note, sent.batch),
    ):
        with pytest.raises(UnknownKey):
            tiers.take(forged.pack())
    with pytest.raises(SyncError):
        take(tiers.city, "d.example", sent.pack())
    impostor.center.close()
    assert nothing_changed(tiers)


def forwarded_by(desk: Desk, tiers: Tiers) -> bytes:
    """What another center of the same name would forward."""
    asker = desk.halls["T01"]
    raw = next_batch(tiers.hall, ORIGIN, 0, asker.signer, desk.center.sealing.public)
    assert raw is not None
    take_batch(desk.center, ("T01", "1"), raw)
    found = forward(desk.center, ORIGIN, 0, tiers.city.sealing.public)
    assert found is not None
    return found


def test_the_roster_note_of_another_hall_is_refused(tiers: Tiers):
    tiers.desk.admit(Asker("T02"))
    sent = Forwarded.unpack(tiers.forwarded(0))
    rows = tiers.county.db.query("SELECT note FROM hall_key WHERE hall = 'T02'")
    with pytest.raises(WrongLog):
        tiers.take(Forwarded(sent.keys_note, bytes(rows[0]["note"]), sent.batch).pack())
    assert nothing_changed(tiers)


def test_an_older_key_set_than_one_that_was_seen_is_refused(tiers: Tiers):
    tiers.take(tiers.forwarded(0))
    keys = tiers.county.keys.ring.keys
    later = keys.text.replace("\n1\n", "\n2\n", 1)
    root = Signer(tiers.county.root.name, key_file(tiers.county.data / "keys", "root"))
    tiers.city.db.execute("UPDATE county SET keys = :note", note=root.sign(later))
    with pytest.raises(KeySetRefused):
        tiers.take(tiers.forwarded(4))
