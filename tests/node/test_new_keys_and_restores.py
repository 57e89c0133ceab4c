"""Keys that changed while a machine was put back, or while its power went: it comes back alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.halls import roster
from aggregator.keys import keybook
from aggregator.receiving import deliveries
from node.hall import Hall
from node.keys import enrolment, rotation
from node.keys.keyring import HallRing
from node.outbox import epochs
from node.outbox.syncing import Syncing, contact
from standards.records import EpochOpened, NumberScheme, StaffMember
from sync.client import Line
from sync.contact import messages
from sync.contact.messages import LogHead, RoundAsk
from sync.errors import EnrolmentRefused
from sync.keys.keysets import HallKeys
from sync.notes import COSIGNATURE, Checkpoint, Signer, open_note
from tests.independent.center import CENTER, Listening, office
from tests.node.contacts import enrolled, line_of, meet, new_hall

__all__ = ["office"]

FILES = ("node.db", "node.db-wal", "node.db-shm")


@pytest.fixture
def data(tmp_path: Path, office: Listening) -> Path:
    """The folder of an enrolled hall."""
    with new_hall(tmp_path / "hall") as hall:
        enrolled(hall, office)
        return hall.data


@contextmanager
def opened(data: Path) -> Iterator[Hall]:
    with new_hall(data) as hall:
        yield hall


def write(hall: Hall, number: int) -> None:
    hall.write(StaffMember(staff_no=f"T01-{number:03}", name="赵小明"), actor="T01-001")


def copied(data: Path) -> dict[str, bytes]:
    return {name: (data / name).read_bytes() for name in FILES if (data / name).exists()}


def put_back(data: Path, copy: dict[str, bytes]) -> None:
    for name in FILES:
        (data / name).unlink(missing_ok=True)
    for name, content in copy.items():
        (data / name).write_bytes(content)


def in_step(hall: Hall, office: Listening) -> list[str]:
    """Staff numbers in the hall's logs, all of which stand at the center as they stand here."""
    for state in hall.logs.states():
        if state.own and state.size:
            assert office.center.logs.state(state.origin).frontier == state.frontier == state.mark
    at_center = office.center.db.query("SELECT staff_no FROM staff_member ORDER BY staff_no")
    assert not office.center.db.query("SELECT idx FROM quarantine")
    return [str(row["staff_no"]) for row in at_center]


def revoked(office: Listening) -> None:
    with office.center.db.transaction():
        place = keybook.held_place(office.center, "T01")
        keybook.revoke(office.center, "T01", place, ("演练", "C-006"))


def asked_anew(hall: Hall, office: Listening) -> None:
    line = line_of(hall, office.url)
    enrolment.ask(hall, line, office.url, office.code_for("T01"), anew=True)


def admitted(hall: Hall, office: Listening) -> None:
    known = enrolment.trust(hall)
    assert known is not None
    (asked,) = [e for e in roster.pending(office.center) if e.digits == known.digits]
    roster.approve(office.center, asked.id, "C-006", replaces=True)


def test_a_database_from_before_the_new_keys_hears_of_them_again_and_gets_its_history_back(
    data: Path, office: Listening
):
    with opened(data) as hall:
        write(hall, 1)
        meet(hall, office)
    copy = copied(data)
    with opened(data) as hall:
        rotation.ask(hall, "T01-006")
        for _ in range(3):
            meet(hall, office)
        write(hall, 2)
        meet(hall, office)
        assert hall.origin == f"{CENTER}/T01/2"
    put_back(data, copy)
    with opened(data) as hall:
        assert [keys.first_epoch for keys in enrolment.listed_keys(hall)] == [1]
        write(hall, 3)
        for _ in range(2):
            meet(hall, office)
        assert [keys.first_epoch for keys in enrolment.listed_keys(hall)] == [1, 2]
        assert in_step(hall, office) == ["T01-001", "T01-002", "T01-003"]


def test_an_epoch_that_was_opened_before_new_keys_were_heard_of_is_signed_anew(
    data: Path, office: Listening
):
    with opened(data) as hall:
        rotation.ask(hall, "T01-006")
        meet(hall, office)
        # As after a restore: under the old key, in the number that the center gave to the new one.
        opened_anew = EpochOpened(cause="restored", previous=1, branched_at=1, known_size=1)
        epochs.open_next(hall, opened_anew)
        write(hall, 1)
        old = hall.signer.verifier
        assert [row.keys.first_epoch for row in keybook.keys_of(office.center, "T01")] == [1, 2]
        for _ in range(2):
            meet(hall, office)
        assert hall.origin == f"{CENTER}/T01/2" and hall.signer.verifier != old
        assert in_step(hall, office) == ["T01-001"]


def test_power_may_go_after_approved_keys_got_their_number(
    data: Path, office: Listening, monkeypatch: pytest.MonkeyPatch
):
    with opened(data) as hall:
        write(hall, 1)
        meet(hall, office)
        revoked(office)
        asked_anew(hall, office)
        admitted(hall, office)
        take = HallRing.take

        def cut(ring: HallRing, entry: HallKeys) -> bool:
            take(ring, entry)
            raise OSError("power cut")

        monkeypatch.setattr(HallRing, "take", cut)
        with pytest.raises(OSError, match="power cut"):
            enrolment.ask_again(hall, line_of(hall, office.url))
        monkeypatch.undo()
    with opened(data) as hall:
        assert hall.keys.current.first_epoch == 2, "numbered, and the database knows nothing of it"
        syncing = Syncing(hall)
        assert [syncing.turn().error_code for _ in range(2)] == ["", ""]
        write(hall, 2)
        meet(hall, office)
        assert in_step(hall, office) == ["T01-001", "T01-002"]


def test_a_database_from_while_it_waited_asks_anew_with_other_keys(data: Path, office: Listening):
    with opened(data) as hall:
        meet(hall, office)
        revoked(office)
        asked_anew(hall, office)
    copy = copied(data)
    for _ in range(2):
        with opened(data) as hall:
            admitted(hall, office)
            enrolment.ask_again(hall, line_of(hall, office.url))
            meet(hall, office)
            revoked(office)
            asked_anew(hall, office)
    with opened(data) as hall:
        admitted(hall, office)
        enrolment.ask_again(hall, line_of(hall, office.url))
        meet(hall, office)
    put_back(data, copy)
    with opened(data) as hall:
        line = line_of(hall, office.url)
        with pytest.raises(EnrolmentRefused):
            enrolment.ask_again(hall, line)
        enrolment.ask(hall, line, office.url, office.code_for("T01"))
        admitted(hall, office)
        enrolment.ask_again(hall, line)
        write(hall, 1)
        for _ in range(2):
            meet(hall, office)
        assert in_step(hall, office) == ["T01-001"]


class Noting:
    """A line that keeps what the hall says in its rounds."""

    def __init__(self, line: Line) -> None:
        self._line, self.said = line, [RoundAsk(hall="", clock="", software="", logs=())]

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        if target.endswith("/round"):
            self.said.append(messages.read(body, RoundAsk))
        return self._line.send(method, target, body, media_type)


def test_what_was_delivered_to_the_old_keys_is_proved_by_the_new_ones(
    data: Path, office: Listening
):
    """Else a center that lost the proof would show the hall nothing more."""
    office.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
    with opened(data) as hall:
        rotation.ask(hall, "T01-006")
        for _ in range(3):
            meet(hall, office)
        assert hall.keys.current.first_epoch == 2
        hall.logs.delivered.clear()
        line = Noting(line_of(hall, office.url))
        contact(hall, line)
        said = {head.origin: head for head in line.said[-1].logs}[hall.standards_origin]
        note = open_note(said.note.encode(), [hall.cosigner.verifier])
        assert note.times and Checkpoint.parse(note.text).size == said.size == 1


def test_a_hall_that_says_without_proof_that_it_holds_more_is_shown_nothing_yet(
    data: Path, office: Listening
):
    origin = office.center.standards_origin
    bare, shown = LogHead(origin=origin, size=2), LogHead(origin=origin, size=2, note="x")
    assert deliveries.is_unproved(office.center, "T01", bare, 1)
    assert not deliveries.is_unproved(office.center, "T01", shown, 1)


def test_a_proof_of_delivery_under_a_forgotten_key_of_the_same_name_is_not_shown(
    data: Path, office: Listening
):
    """A center that was restored gives a number again that it forgot."""
    office.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
    with opened(data) as hall:
        meet(hall, office)
        origin, by = hall.standards_origin, hall.cosigner.name
        note = hall.logs.receipt(origin, by)
        assert note is not None
        text, forgotten = note.partition(b"\n\n")[0] + b"\n", Signer(by, b"f" * 32, COSIGNATURE)
        head = note[: note.rindex("— ".encode() + by.encode())]
        other = head + forgotten.cosign(text.decode(), 1)
        hall.db.execute(
            "UPDATE receipt SET note = :note WHERE origin = :origin AND signer = :by",
            note=other,
            origin=origin,
            by=by,
        )
        hall.logs.delivered.clear()
        write(hall, 1)
        meet(hall, office)
        assert in_step(hall, office) == ["T01-001"]
