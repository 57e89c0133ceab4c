"""A hall and the rotations of its center's keys: followed upwards, within a contact, for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from aggregator.halls import roster
from aggregator.keys import ceremony, rotation
from aggregator.keys.keyring import KeyRing
from aggregator.receiving.rounds import take_batch
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.outbox.syncing import contact
from standards.records import StaffMember
from sync.contact import messages
from sync.contact.messages import RoundAnswer
from sync.contact.sending import accept_receipt, next_batch
from sync.errors import KeySetRefused, NotOurs, SyncError, UnknownKey
from sync.keys.keysets import CenterKeys, HallKeys, sign_hall
from sync.notes import COSIGNATURE, Signer, open_note
from sync.private.sealing import SealingKey
from tests.aggregator.rotations import rotate, signed, take_root_away
from tests.independent.center import CENTER, Listening, office
from tests.node.contacts import Forged, enrolled, hall, line_of, new_hall

__all__ = ["hall", "office"]

RECORD = StaffMember(staff_no="T01-003", name="赵小明")


@pytest.fixture
def safe(tmp_path: Path, office: Listening) -> Path:
    take_root_away(office.center, tmp_path / "safe")
    return tmp_path / "safe"


def write(hall: Hall, times: int = 1) -> None:
    for _ in range(times):
        hall.write(RECORD, actor="T01-003")


def meet(hall: Hall, office: Listening) -> int:
    return contact(hall, line_of(hall, office.url)).sent


def keys_of(hall: Hall) -> CenterKeys:
    peer = enrolment.peer(hall)
    assert peer is not None
    return peer.keys


def in_step(hall: Hall, office: Listening) -> bool:
    size = hall.state().size
    return size == hall.state().mark.size == office.center.logs.state(hall.origin).size


def test_a_hall_that_was_away_for_several_rotations_comes_back_by_itself(
    hall: Hall, office: Listening, safe: Path
):
    write(hall, 2)
    meet(hall, office)
    write(hall, 3)
    for _ in range(3):
        rotate(office.center, safe)
    assert meet(hall, office) == 3, "pushed within the contact that brought the new keys"
    assert in_step(hall, office)
    assert keys_of(hall) == office.center.keys.ring.keys and keys_of(hall).version == 4


def test_what_was_taken_over_stays_after_a_power_cut(
    hall: Hall, office: Listening, safe: Path, tmp_path: Path
):
    rotate(office.center, safe)
    meet(hall, office)
    again = Hall(hall.data, hall.settings)
    assert keys_of(again).version == 2
    again.close()


def test_old_receipts_still_prove_what_was_delivered_and_the_head_is_receipted_anew(
    hall: Hall, office: Listening, safe: Path
):
    write(hall, 2)
    meet(hall, office)
    old = office.center.cosigner.verifier
    rotate(office.center, safe, ["receipts"])
    meet(hall, office)
    keys = keys_of(hall)
    before = hall.logs.receipt(hall.origin, old.name, 2)
    after = hall.logs.receipt(hall.origin, keys.receipts.name, 2)
    assert before and after
    for note in (before, after):
        assert open_note(note, keys.receipts_keys).times
    with pytest.raises(UnknownKey):
        accept_receipt(hall.logs, hall.origin, before, keys.receipts)


def test_parts_sealed_to_the_old_key_are_opened_when_they_come_late(
    hall: Hall, office: Listening, safe: Path
):
    write(hall)
    old = keys_of(hall)
    rotate(office.center, safe, ["sealing"])
    peer = enrolment.peer(hall)
    assert peer is not None and peer.keys == old
    # A batch on a stick that was packed before the rotation.
    raw = next_batch(hall.logs, hall.origin, 0, hall.signer, old.sealing)
    assert raw is not None
    take_batch(office.center, ("T01", "1"), raw)
    meet(hall, office)
    assert in_step(hall, office)
    assert "赵小明" in (office.center.logs.payload(hall.origin, 0) or b"").decode()


def test_an_idle_round_carries_the_key_set_once_only(hall: Hall, office: Listening, safe: Path):
    answers: list[RoundAnswer] = []

    def heard(raw: bytes) -> bytes:
        if raw.startswith(b"{"):
            answers.append(messages.read(raw, RoundAnswer))
        return raw

    for _ in range(2):
        contact(hall, Forged(line_of(hall, office.url), heard))
        rotate(office.center, safe)
        contact(hall, Forged(line_of(hall, office.url), heard))
    assert [bool(answer.keys) for answer in answers] == [False, True, False, True]


def test_a_hall_that_hears_of_no_new_keys_for_ever_goes_on_working(hall: Hall, office: Listening):
    """Freeze: nothing in a key set expires."""
    for _ in range(3):
        write(hall)
        meet(hall, office)
    assert keys_of(hall).version == 1 and in_step(hall, office)


# --- attacks ------------------------------------------------------------------------------------


def answering(change: Callable[[RoundAnswer], RoundAnswer]) -> Callable[[bytes], bytes]:
    def forge(raw: bytes) -> bytes:
        if not raw.startswith(b"{"):
            return raw
        return messages.write(change(messages.read(raw, RoundAnswer)))

    return forge


def with_keys(note: bytes) -> Callable[[RoundAnswer], RoundAnswer]:
    return lambda answer: msgspec.structs.replace(answer, keys=note.decode())


def refused(hall: Hall, office: Listening, change: Callable[[RoundAnswer], RoundAnswer]) -> str:
    """The refusal's code; nothing of the trust has changed."""
    before = enrolment.trust(hall)
    with pytest.raises(SyncError) as found:
        contact(hall, Forged(line_of(hall, office.url), answering(change)))
    assert enrolment.trust(hall) == before
    return found.value.code


def test_an_older_key_set_that_the_root_did_sign_is_refused(
    hall: Hall, office: Listening, safe: Path
):
    first = office.center.keys.note()
    rotate(office.center, safe)
    meet(hall, office)
    assert refused(hall, office, with_keys(first)) == KeySetRefused.code
    write(hall)
    meet(hall, office)
    assert in_step(hall, office), "and the hall goes on with the set it has"


def test_a_leap_of_the_version_is_refused_and_the_next_version_is_taken(
    hall: Hall, office: Listening, safe: Path
):
    root = ceremony.open_root(safe)
    for version in (1 << 31, (1 << 63) - 1):
        leap = replace(office.center.keys.ring.keys, version=version)
        assert refused(hall, office, with_keys(root.sign(leap.text))) == KeySetRefused.code
    rotate(office.center, safe)
    meet(hall, office)
    assert keys_of(hall).version == 2


def test_a_key_set_that_the_pinned_root_did_not_sign_is_refused(
    hall: Hall, office: Listening, safe: Path, tmp_path: Path
):
    text = office.center.keys.wish(["log"]).text
    ceremony.new_root(tmp_path / "foreign", CENTER)
    foreign = ceremony.open_root(tmp_path / "foreign")
    for signer in (foreign, office.center.roster, office.center.signer):
        assert refused(hall, office, with_keys(signer.sign(text))) == UnknownKey.code
    cosigned = text.encode() + b"\n" + Signer(foreign.name, b"c" * 32, COSIGNATURE).cosign(text, 1)
    assert refused(hall, office, with_keys(cosigned)) == UnknownKey.code


def test_a_signature_of_the_root_over_something_else_is_no_key_set(
    hall: Hall, office: Listening, safe: Path
):
    root = ceremony.open_root(safe)
    entry = HallKeys.open(enrolment.trust(hall).hall, office.center.roster.verifier)  # type: ignore[union-attr]
    assert refused(hall, office, with_keys(root.sign(entry.text))) == "malformed"


def test_a_roster_note_of_another_hall_or_center_or_with_other_keys_is_refused(
    hall: Hall, office: Listening
):
    roster, known = office.center.roster, enrolment.trust(hall)
    assert known is not None
    mine = HallKeys.open(known.hall, roster.verifier)
    later = replace(mine, first_epoch=2)
    strange = Signer(f"{CENTER}/T01/2", b"s" * 32).verifier
    wrong = [
        replace(mine, hall="T02"),
        replace(mine, center="other.example"),
        replace(later, signing=strange),
        replace(later, sealing=SealingKey(b"s" * 32).public),
    ]
    for entry in wrong:
        note = sign_hall(roster, entry).decode()
        change = lambda answer, n=note: msgspec.structs.replace(answer, hall=n)  # noqa: E731
        assert refused(hall, office, change) == NotOurs.code
    note = sign_hall(office.center.signer, mine).decode()
    forged = refused(hall, office, lambda a: msgspec.structs.replace(a, hall=note))
    assert forged == UnknownKey.code, "the log key signs no roster"


def test_standards_signed_by_the_receipts_key_or_by_a_retired_log_key_are_refused(
    hall: Hall, office: Listening, safe: Path
):
    ring = office.center.keys.ring
    note = signed(office.center, safe, ["log"])
    rotation.install(office.center, note, "C-006")
    meet(hall, office)

    def by(signer: Signer) -> Callable[[RoundAnswer], RoundAnswer]:
        def change(answer: RoundAnswer) -> RoundAnswer:
            heads = [
                msgspec.structs.replace(
                    head, note=signer.sign(head.note.partition("\n\n")[0] + "\n").decode()
                )
                if "/standards/" in head.origin
                else head
                for head in answer.logs
            ]
            return msgspec.structs.replace(answer, logs=tuple(heads))

        return change

    receipts = Signer(ring.log.name, b"r" * 32)
    for signer in (ring.log, receipts):
        assert refused(hall, office, by(signer)) == UnknownKey.code


def test_after_a_new_root_a_hall_believes_nothing_until_two_people_compared_digits_again(
    hall: Hall, office: Listening, safe: Path, tmp_path: Path
):
    write(hall)
    meet(hall, office)
    center, before = office.center, enrolment.trust(hall)
    public = ceremony.new_root(tmp_path / "new", CENTER)
    ceremony.adopt_root(center.data / "keys", str(public), CENTER)
    center.keys = KeyRing(center.data / "keys", CENTER, center.db, center.clock, make=False)
    assert not center.keys.ring.note and center.keys.ring.keys.version == 2
    rotation.install(center, signed(center, tmp_path / "new", ()), "C-006")
    write(hall)
    with pytest.raises(UnknownKey):
        meet(hall, office)
    assert enrolment.trust(hall) == before

    line = line_of(hall, office.url)
    asked = enrolment.ask(hall, line, office.url, office.code_for("T01"), anew=True)
    (waiting,) = [e for e in roster.pending(center) if e.digits == asked.digits]
    roster.approve(center, waiting.id, "C-006", replaces=True)
    enrolment.ask_again(hall, line)
    for _ in range(2):
        meet(hall, office)
    known = enrolment.trust(hall)
    assert known is not None and known.root == public and in_step(hall, office)


def test_a_hall_of_the_same_settings_without_its_keys_is_nobody(tmp_path: Path, office: Listening):
    with new_hall(tmp_path / "one") as one:
        enrolled(one, office)
    with new_hall(tmp_path / "two") as two:
        settings = HallSettings(hall="T01", name="", center=CENTER)
        assert two.settings.hall == settings.hall
        with pytest.raises(UnknownKey):
            line_of(two, office.url).send("POST", "/sync/v1/round", b"{}", "application/json")
