"""A hall proves that the center holds what it receipted, or keeps evidence (T10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.center import Center
from aggregator.halls.halls import Sign, one_hall, signs
from aggregator.reconciling import comparisons as at_center
from node.commands import main
from node.hall import Hall
from node.outbox import comparisons, epochs
from node.outbox.comparisons import Outcome
from node.outbox.syncing import Syncing
from standards.records import EpochOpened
from sync.batch import hashes_of, pack, split_leaves
from sync.client import Line
from sync.contact import messages
from sync.contact.messages import CompareAsk
from sync.errors import Malformed, NotOurs, UnknownKey, UnknownLog, Unreachable, WrongLog
from sync.evidence import comparison
from sync.evidence.comparison import DAMAGED, DIFFERENT, EQUAL, NOTHING, SHORT, open_answer
from sync.frames import inflate
from sync.merkle import leaf_hash, root_from_inclusion
from sync.notes import Checkpoint, open_note, unb64
from tests.independent.center import Listening, office
from tests.node.contacts import Broken, Forged, enrolled, line_of, new_hall
from tests.sync.pairs import case, consent

__all__ = ["office"]


@pytest.fixture
def hall(tmp_path: Path, office: Listening) -> Iterator[Hall]:
    """An enrolled hall whose twenty entries are at the center."""
    with new_hall(tmp_path / "hall") as made:
        enrolled(made, office)
        for number in range(20):
            made.write(case(number) if number % 3 else consent(), actor="T01-001")
        assert Syncing(made).turn().state == "waiting"
        yield made


def compared(hall: Hall, office: Listening, **options) -> Outcome:
    outcomes = comparisons.compare(hall, line_of(hall, office.url), **options)
    assert len(outcomes) == 1
    return outcomes[0]


def spoil(center: Center, hall: Hall, index: int, *, cover: bool = False) -> None:
    """Somebody at the center changes one kept entry in the database; ``cover``: and its hash."""
    (row,) = center.db.query("SELECT * FROM batch WHERE origin = :o", o=hall.origin)
    leaves = split_leaves(inflate(bytes(row["leaves"]), row["plain_bytes"]), row["stop"])
    leaves[index] = leaves[index].replace(b"T01-001", b"T01-999")
    head = Checkpoint(hall.origin, len(leaves), bytes(32))
    raw = pack(hall.signer, head, 0, len(leaves), (leaves, {}, center.sealing.public))
    first, _, rest = raw.partition(b"\n")
    notes = sum(map(int, first.split(b" ")[1:]))
    plain = sum(len(leaf) + 1 for leaf in leaves)
    center.db.execute(
        "UPDATE batch SET leaves = :leaves, plain_bytes = :plain, hashes = :hashes "
        "WHERE origin = :o",
        leaves=rest[notes:],
        plain=plain,
        hashes=b"".join(hashes_of(leaves)) if cover else bytes(row["hashes"]),
        o=hall.origin,
    )


def edit_hall(hall: Hall, index: int) -> None:
    """Somebody at the hall changes one of its own entries in the database."""
    hall.db.execute(
        "UPDATE entry SET leaf = CAST(REPLACE(CAST(leaf AS TEXT), 'T01-001', 'T01-999') AS BLOB) "
        "WHERE origin = :o AND idx = :i",
        o=hall.origin,
        i=index,
    )


def test_what_both_hold_is_proven_equal_up_to_the_latest_receipt(hall: Hall, office: Listening):
    hall.write(consent(), actor="T01-001")
    found = compared(hall, office).found
    assert (found.state, found.size, found.held) == (EQUAL, 20, 20)
    assert {(d.kind, d.hall, d.center, d.same) for d in found.days} == {
        ("case_received", 13, 13, True),
        ("face_consent", 7, 7, True),
    }
    (there,) = at_center.of_hall(office.center, "T01")
    assert (there.state, there.size, there.equal_size) == (EQUAL, 20, 20)
    assert there.equal_at and there.days == found.days
    assert not (hall.data / "evidence").exists()


@pytest.mark.parametrize("cover", [False, True])
@pytest.mark.parametrize("index", [0, 7, 19])
def test_an_entry_that_the_center_altered_is_found_and_proved_by_its_own_receipt(
    hall: Hall, office: Listening, index: int, cover: bool
):
    spoil(office.center, hall, index, cover=cover)
    outcome = compared(hall, office)
    found = outcome.found
    assert (found.state, found.index, found.proven) == (DIFFERENT, index, True)
    assert found.hall_leaf == hall.logs.leaves(hall.origin, index, index + 1)[0]
    assert found.center_leaf == found.hall_leaf.replace(b"T01-001", b"T01-999")
    assert [d.same for d in found.days].count(False) == 1
    (there,) = at_center.of_hall(office.center, "T01")
    assert (there.state, there.index, there.proven) == (DIFFERENT, index, True)
    assert (there.hall_leaf, there.center_leaf) == (found.hall_leaf, found.center_leaf)
    assert outcome.evidence is not None
    check_evidence(office.center, outcome.evidence)


def check_evidence(center: Center, path: Path) -> None:
    """As a third party does: with the center's public keys and nothing of the hall's word."""
    told = json.loads(path.read_text(encoding="utf-8"))
    note = open_note(told["receipt"].encode(), [center.cosigner.verifier])
    head = Checkpoint.parse(note.text)
    contradictions = 0
    for exchange in told["exchanges"]:
        question = exchange["question"].encode()
        said, _ = open_answer(
            exchange["answer"].encode(), "city.example", question, center.signer.verifier
        )
        asked = json.loads(question)
        whole = asked.get("ranges") == [[0, head.size]]
        contradictions += said.held < head.size
        contradictions += whole and unb64(said.roots[0], "root") != head.root
    assert contradictions
    shown = told["record"]
    leaf = leaf_hash(shown["leaf"].encode())
    steps = [unb64(step, "path") for step in shown["path"]]
    assert root_from_inclusion(leaf, shown["index"], head.size, steps) == head.root


def test_entries_that_the_center_dropped_are_found_and_proved(hall: Hall, office: Listening):
    for number in range(5):
        hall.write(case(100 + number), actor="T01-001")
    Syncing(hall).turn()
    db = office.center.db
    db.execute("DELETE FROM batch WHERE origin = :o AND start = 20", o=hall.origin)
    outcome = compared(hall, office)
    assert (outcome.found.state, outcome.found.index) == (DIFFERENT, 20)
    assert outcome.found.center_leaf is None
    assert outcome.evidence is not None
    check_evidence(office.center, outcome.evidence)


def test_a_center_that_says_it_holds_less_than_it_gave_a_receipt_for_is_found(
    hall: Hall, office: Listening
):
    db = office.center.db
    db.execute("DELETE FROM batch WHERE origin = :o", o=hall.origin)
    db.execute("DELETE FROM log WHERE origin = :o", o=hall.origin)
    outcome = compared(hall, office)
    assert (outcome.found.state, outcome.found.index, outcome.found.held) == (SHORT, 0, 0)
    assert outcome.evidence is not None
    check_evidence(office.center, outcome.evidence)


def test_a_center_that_lies_about_its_roots_is_found_by_the_records_it_shows(
    hall: Hall, office: Listening, monkeypatch: pytest.MonkeyPatch
):
    """It answers with the roots it once had, and keeps another entry."""
    spoil(office.center, hall, 3)
    monkeypatch.setattr(
        comparison,
        "kept_roots",
        lambda logs, origin, ranges: [logs.root_at(origin, stop) for _, stop in ranges],
    )
    assert compared(hall, office, samples=0).found.state == EQUAL
    outcome = compared(hall, office, samples=20)
    assert (outcome.found.state, outcome.found.index) == (DIFFERENT, 3)
    assert outcome.evidence is not None


def test_an_entry_that_somebody_changed_at_the_hall_is_the_halls_own_damage(
    hall: Hall, office: Listening
):
    edit_hall(hall, 5)
    outcome = compared(hall, office)
    assert (outcome.found.state, outcome.found.index) == (DAMAGED, 5)
    assert not outcome.found.proven and outcome.evidence is None
    (there,) = at_center.of_hall(office.center, "T01")
    assert (there.state, there.index, there.proven) == (DAMAGED, 5, False)
    assert b"T01-999" in (there.hall_leaf or b"")


def test_when_all_is_well_again_the_last_difference_is_gone_and_says_since_when(
    hall: Hall, office: Listening
):
    edit_hall(hall, 5)
    compared(hall, office)
    hall.db.execute(
        "UPDATE entry SET leaf = CAST(REPLACE(CAST(leaf AS TEXT), 'T01-999', 'T01-001') AS BLOB) "
        "WHERE origin = :o AND idx = 5",
        o=hall.origin,
    )
    assert compared(hall, office).found.state == EQUAL
    (here,) = comparisons.latest(hall)
    assert (here.state, here.index, here.equal_size) == (EQUAL, None, 20)
    spoil(office.center, hall, 2)
    compared(hall, office)
    (here,) = comparisons.latest(hall)
    assert here.state == DIFFERENT and here.equal_size == 20 and here.equal_at < here.at


def test_every_log_of_a_hall_that_went_on_in_a_new_epoch_is_compared(hall: Hall, office: Listening):
    opened = EpochOpened(cause="restored", previous=1, branched_at=20, known_size=20)
    epochs.open_next(hall, opened)
    hall.write(case(50), actor="T01-001")
    assert Syncing(hall).turn().state == "waiting"
    outcomes = comparisons.compare(hall, line_of(hall, office.url))
    assert [(one.found.origin, one.found.state, one.found.size) for one in outcomes] == [
        ("city.example/T01/1", EQUAL, 20),
        ("city.example/T01/2", EQUAL, 2),
    ]
    assert [one.size for one in at_center.of_hall(office.center, "T01")] == [20, 2]
    spoil(office.center, hall, 1)
    found = [one.found for one in comparisons.compare(hall, line_of(hall, office.url))]
    assert [(one.state, one.index) for one in found] == [(EQUAL, None), (DIFFERENT, 1)]


def test_a_hall_without_a_receipt_has_nothing_to_compare(tmp_path: Path, office: Listening):
    with new_hall(tmp_path / "new", "T02") as hall:
        enrolled(hall, office)
        hall.write(consent(), actor="T02-001")
        (outcome,) = comparisons.compare(hall, line_of(hall, office.url))
        assert outcome.found.state == NOTHING
        assert not comparisons.is_due(hall, hall.clock.now())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda raw: raw.replace(b'held\\":20', b'held\\":21'), NotOurs),
        (lambda raw: raw.replace(b"city.example/log ", b"city.example/lag "), UnknownKey),
    ],
)
def test_an_answer_that_was_changed_on_the_way_is_not_believed(
    hall: Hall, office: Listening, change, error
):
    line = Forged(line_of(hall, office.url), change)
    with pytest.raises(error):
        comparisons.compare(hall, line)


def test_the_answer_to_another_question_is_not_believed(hall: Hall, office: Listening):
    kept: list[bytes] = []

    def first_again(raw: bytes) -> bytes:
        kept.append(raw)
        return kept[0]

    with pytest.raises(NotOurs):
        comparisons.compare(hall, Forged(line_of(hall, office.url), first_again))


# --- when it runs -------------------------------------------------------------------------------


def test_a_contact_compares_once_a_day_and_when_the_center_wishes_it(hall: Hall, office: Listening):
    first = comparisons.latest(hall)
    assert [one.state for one in first] == [EQUAL]
    sync = Syncing(hall)
    sync.turn()
    assert comparisons.latest(hall) == first

    at_center.wish(office.center, "T01", "Z001")
    at_center.wish(office.center, "T01", "Z002")
    sync.turn()
    second = comparisons.latest(hall)
    assert second[0].at > first[0].at
    assert at_center.wished(office.center, "T01") == ""

    sync.compare()
    sync.turn()
    assert comparisons.latest(hall)[0].at > second[0].at


def test_a_comparison_that_fails_is_no_failure_of_the_contact(hall: Hall, office: Listening):
    class NoComparing:
        """The line to a center of before comparisons."""

        def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
            line = Broken(NotOurs("no such page")) if "compare" in target else real
            return line.send(method, target, body, media_type)

    real = line_of(hall, office.url)
    sync = Syncing(hall, lambda url: NoComparing())
    sync.compare()
    assert (sync.turn().state, sync.turn().error_code) == ("waiting", "")


def test_a_hall_is_told_nothing_about_the_log_of_another(
    hall: Hall, tmp_path: Path, office: Listening
):
    receipt = hall.logs.receipt(hall.origin, office.center.cosigner.name)
    assert receipt is not None
    with new_hall(tmp_path / "other", "T02") as other:
        enrolled(other, office)
        line = line_of(other, office.url)

        def ask(**changed) -> bytes:
            given = {"hall": "T02", "origin": hall.origin, "head": receipt.decode(), **changed}
            return messages.write(CompareAsk(**given))

        for question, error in (
            (ask(), UnknownLog),
            (ask(hall="T01"), WrongLog),
            (ask(origin=other.origin), Malformed),
            (ask(origin="city.example/standards/1"), UnknownLog),
        ):
            with pytest.raises(error):
                line.send("POST", "/sync/v1/compare", question, "application/json")


# --- batches that somebody keeps back (T15) -----------------------------------------------------


class KeepsBack:
    """A relay that lets rounds through and drops every batch, with an answer that looks slow."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        if "/logs/" in target and method == "POST":
            raise Unreachable("no answer from the center (ReadTimeout)")
        return self._line.send(method, target, body, media_type)


def test_batches_that_are_kept_back_show_as_local_size_against_received_and_since_when(
    hall: Hall, office: Listening
):
    """The round carries the signed head although no entry gets through."""
    for number in range(7):
        hall.write(case(100 + number), actor="T01-001")
    withheld = Syncing(hall, lambda url: KeepsBack(line_of(hall, office.url)))
    assert withheld.turn().state == "offline"
    found = one_hall(office.center, "T01")
    assert found is not None and (found.local, found.received) == (27, 20)
    said = signs(found, 0, office.center.clock.now() + timedelta(hours=6, minutes=1))
    assert Sign("danger", "本地27条，只收到20条，已6小时") in said

    Syncing(hall).turn()
    found = one_hall(office.center, "T01")
    assert found is not None and (found.local, found.received) == (27, 27)
    assert found.oldest_unsent == ""


# --- commands -----------------------------------------------------------------------------------


def run(hall: Hall, *typed: str) -> Result:
    """The command as an administrator types it, over the hall's folder."""
    hall.settings.save(hall.data)
    return CliRunner().invoke(main, [*typed, "--data", str(hall.data)])


def test_the_command_tells_what_was_proven_and_audit_checks_the_receipts_too(
    hall: Hall, office: Listening
):
    told = run(hall, "compare", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)[0]["state"] == "equal"
    audited = run(hall, "audit")
    assert audited.exit_code == 0, audited.output
    assert "own log: holds" in audited.output and "proven equal up to entry 20" in audited.output

    spoil(office.center, hall, 4)
    audited = run(hall, "audit")
    assert audited.exit_code == 1
    assert "another entry 4 than it gave a receipt for; evidence: " in audited.output
    assert list((hall.data / "evidence").iterdir())


def test_audit_names_the_first_receipt_that_the_own_log_does_not_lead_to(
    hall: Hall, office: Listening
):
    edit_hall(hall, 5)
    audited = run(hall, "audit")
    assert audited.exit_code == 1
    assert "own log: BROKEN at entry 5" in audited.output
    assert "the receipt for 20 entries is for another history" in audited.output
    assert "entry 5 here is not what this hall once signed" in audited.output
