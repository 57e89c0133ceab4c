"""What a hall without a line wrote arrives, and what the center says comes back."""

from __future__ import annotations

import shutil
from pathlib import Path

from aggregator.receiving.rounds import opens
from node.hall import Hall
from node.keys import enrolment
from standards.records import CaseReceived, NumberScheme
from sync.sticks.usb import FolderSource
from tests.independent.center import CENTER, Listening
from tests.sticks.carrying import arrive, at_center, back, counted, home, out, write
from tests.sync.pairs import CANARY, consent


def test_what_a_hall_wrote_arrives_by_stick_and_what_the_center_says_comes_back(
    hall: Hall, office: Listening, stick: Path
):
    assert out(hall, stick).entries == 6
    assert counted(arrive(office, stick)) == (6, 0, True)
    assert at_center(office) == 6
    found = office.center.logs.read(CaseReceived, hall_cases(hall)[0])
    assert found is not None and found.applicant_name == CANARY

    given = back(office, stick)
    # The judge found each case to name an unknown guide: its findings are on the same stick.
    assert given.entries == 1 + 1 + 6
    taken = home(hall, stick)
    assert (taken.new, taken.receipts, taken.refused) == (8, 1, None)
    assert hall.state().mark.size == hall.state().size == 6
    assert hall.shelf().size == 1
    assert len(hall.db.query("SELECT id FROM finding")) == 7
    # Each stick told which form of sealed parts the other side opens.
    assert enrolment.center_opens(hall) == opens(office.center, "T01") == 2


def hall_cases(hall: Hall) -> list[str]:
    return [row["id"] for row in hall.db.query("SELECT id FROM case_received ORDER BY id")]


def test_only_what_is_not_confirmed_goes_on_the_next_stick_unless_all_is_asked_for(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    arrive(office, stick)
    back(office, stick)
    home(hall, stick)
    write(hall, 1)
    assert out(hall, stick).entries == 1
    assert counted(arrive(office, stick)) == (1, 0, True)
    # The stick also told the center what has reached the hall.
    assert back(office, stick).entries == 1
    assert back(office, stick, everything=True).entries == 9
    assert out(hall, stick, everything=True).entries == 7
    assert counted(arrive(office, stick)) == (0, 7, True)


def test_a_contact_by_stick_stands_in_the_overview_and_an_older_one_sets_nothing_back(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    def known() -> tuple[int, int]:
        row = office.center.db.query("SELECT * FROM hall_contact WHERE hall = 'T01'")[0]
        return row["local_size"], row["standards_size"]

    out(hall, stick)
    shutil.copytree(stick, tmp_path / "old")
    arrive(office, stick)
    assert known() == (6, 0)
    back(office, stick)
    home(hall, stick)
    write(hall, 2)
    out(hall, stick)
    arrive(office, stick)
    assert known() == (8, 1)
    arrive(office, tmp_path / "old")
    assert known() == (8, 1)
    delivered = office.center.logs.receipt(office.center.standards_origin, "T01")
    assert delivered is not None


def test_every_log_the_hall_ever_wrote_goes_out_in_the_order_of_its_epochs(hall: Hall, stick: Path):
    for epoch in (10, 2):
        origin = f"{CENTER}/T01/{epoch}"
        hall.logs.open(origin, "T01", own=True)
        hall.logs.write(origin, consent(), actor="T01-001")
    out(hall, stick)
    index = FolderSource(stick / "ONEHALL/T01/UP").index()
    logs = [(p.origin.rpartition("/")[2], p.start) for p in index.claimed.pieces if p.origin]
    assert logs == [("1", 0), ("1", 4), ("2", 0), ("10", 0)]


def test_whoever_finds_the_stick_learns_nothing_of_any_entry(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    arrive(office, stick)
    back(office, stick)
    everything = b"".join(path.read_bytes() for path in stick.rglob("*") if path.is_file())
    for secret in ("T01-001", "GA001", "case_received", CANARY, "门口", "ZX-07", "number_scheme"):
        assert secret.encode() not in everything


def test_stick_after_stick_comes_in_while_none_has_come_back_yet(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    (tmp_path / "other").mkdir()
    for known in (0, 6, 7, 8):
        out(hall, stick)
        assert counted(arrive(office, stick)) == (hall.state().size - known, known, True)
        write(hall, 1)
    for number in range(2, 5):
        office.center.publish(NumberScheme(version=number, template="x"), actor="ZX-01")
        back(office, tmp_path / "other")
        assert home(hall, tmp_path / "other").refused is None
        assert hall.shelf().size == number


def test_everything_again_fits_whatever_part_the_other_side_confirmed(
    hall: Hall, office: Listening, stick: Path
):
    back(office, stick)
    home(hall, stick)
    out(hall, stick)
    arrive(office, stick)
    # The center holds 6 entries, the hall 1 of 7 orders; both have more to give since.
    back(office, stick)
    home(hall, stick)
    write(hall, 3)
    assert out(hall, stick, everything=True).entries == 9
    assert counted(arrive(office, stick)) == (3, 6, True)
    back(office, stick, everything=True)
    taken = home(hall, stick)
    assert (taken.refused, taken.new) == (None, 3)
