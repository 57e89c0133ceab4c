"""Whose number at which terminal: entries of the log, put an end to and taken back by others."""

from __future__ import annotations

from datetime import date

from attendance.holders import Holding
from node.hall import Hall
from node.presence import holders
from standards.records import NumberHeld
from sync.storage.tables import records
from tests.node.hall import how_many

WANG, SONG, CHEN = "T01-031", "T01-032", "T01-006"
SINCE = date(2026, 1, 1)

# As the program kept it before it was written to the log.
BEFORE = """CREATE TABLE IF NOT EXISTS terminal_number (
    id INTEGER PRIMARY KEY, pin TEXT NOT NULL, device TEXT NOT NULL, staff_no TEXT NOT NULL,
    valid_from TEXT NOT NULL, valid_to TEXT, said_by TEXT NOT NULL, said_at TEXT NOT NULL)"""


def held(pin: str = "37", staff_no: str = WANG, until: date | None = None) -> Holding:
    return Holding(pin, staff_no, "", SINCE, until)


def said(hall: Hall) -> list[tuple[str, date | None, str]]:
    found = holders.all_said(hall)
    return [(one.holding.staff_no, one.holding.valid_to, one.said_by) for one in found]


def test_a_line_is_ended_or_taken_back_by_another_entry_and_none_is_changed(bare_hall: Hall):
    holders.say(bare_hall, held(), CHEN)
    (first,) = holders.all_said(bare_hall)
    until = date(2026, 6, 1)
    assert holders.end(bare_hall, first.id, until, "T01-005")
    assert said(bare_hall) == [(WANG, until, "T01-005")]
    assert not holders.end(bare_hall, first.id, until, CHEN)
    (second,) = holders.all_said(bare_hall)
    assert holders.take_back(bare_hall, second.id, CHEN)
    assert said(bare_hall) == [] and not holders.take_back(bare_hall, second.id, CHEN)
    assert holders.holdings_of(bare_hall, ["37"]) == {}
    holders.say(bare_hall, held(staff_no=SONG), CHEN)
    assert [one.staff_no for one in holders.holdings_of(bare_hall, ["37"])["37"]] == [SONG]
    kept = [
        (one.staff_no, bool(one.replaces), one.void) for one in records(bare_hall.db, NumberHeld)
    ]
    assert kept == [(WANG, False, False), (WANG, True, False), (WANG, True, True), (SONG, 0, 0)]


def test_what_an_earlier_program_kept_beside_the_log_is_written_to_it_once(bare_hall: Hall):
    assert holders.adopt(bare_hall) == 0
    bare_hall.db.create([BEFORE])
    for pin, until in (("37", None), ("38", "2026-06-01")):
        bare_hall.db.execute(
            "INSERT INTO terminal_number (pin, device, staff_no, valid_from, valid_to, said_by, "
            "said_at) VALUES (:pin, 'SN1', :who, '2026-01-01', :until, 'T01-005', 'then')",
            pin=pin,
            who=WANG,
            until=until,
        )
    assert holders.adopt(bare_hall) == 2 and holders.adopt(bare_hall) == 0
    assert said(bare_hall) == [(WANG, None, "T01-005"), (WANG, date(2026, 6, 1), "T01-005")]
    assert holders.all_said(bare_hall)[0].holding.device == "SN1"
    assert how_many(bare_hall, "number_held") == 2
