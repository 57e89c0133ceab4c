"""签到簿: the punches of this hall, written with what their faces were decided by, and read by day.

A punch is kept once for one capture, however often a terminal sends it. Knows no page and no
camera; in or out is derived elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from attendance.punches import SignIn, raw_punch
from node.hall import Hall
from node.presence.raw_punches import take_in
from node.staff.face_gallery import keep_decision
from node.staff.members import Member, members
from standards.records import Punch
from sync.entries import new_id
from sync.storage.store import Row
from sync.storage.tables import as_record

TABLES = (
    "CREATE INDEX IF NOT EXISTS punch_day ON punch (hall, punched_at)",
    "CREATE INDEX IF NOT EXISTS punch_person ON punch (hall, staff_no, punched_at)",
)


@dataclass(frozen=True)
class Capture:
    """Which sign-in of which terminal a request is about; given by the terminal."""

    terminal: str
    id: str


def keep_punch(hall: Hall, sign_in: SignIn, capture: Capture | None = None) -> Punch:
    """Keep a sign-in that the hall proved, with what its face was compared by.

    Returns:
        The punch that stands for the capture: an earlier one when the terminal sent it before.
    """
    name = capture.id if capture else new_id(hall.clock.posix_ms())
    raw = raw_punch(sign_in, hall.clock.now(), name)
    with hall.db.transaction():
        taken = take_in(hall, [raw], {name: sign_in})
        if taken.duplicate:
            return _punch_of_id(hall, taken.punch_ids[0]) or sign_in.punch
        if sign_in.decision is not None:
            keep_decision(hall, taken.punch_ids[0], sign_in.decision)
    return sign_in.punch


def punch_of_capture(hall: Hall, capture: Capture) -> Punch | None:
    """The punch that this capture has led to already."""
    rows = hall.db.query(
        "SELECT p.* FROM raw_punch r JOIN punch p ON p.hall = :hall AND p.id = r.punch_id "
        "WHERE r.source = 'kiosk' AND r.device = :terminal AND r.event_key = :capture",
        hall=hall.settings.hall,
        terminal=capture.terminal,
        capture=capture.id,
    )
    return _punch(rows[0]) if rows else None


def punch_of_line(hall: Hall, told: Punch) -> Punch | None:
    """The punch that stands for the same event of a terminal of ours already, however it came."""
    rows = hall.db.query(
        "SELECT * FROM punch WHERE hall = :hall AND staff_no = :staff_no AND punched_at = :at "
        "AND line_sha = :line AND line_sha <> ''",
        hall=hall.settings.hall,
        staff_no=told.staff_no,
        at=told.punched_at,
        line=told.line_sha,
    )
    return _punch(rows[0]) if rows else None


def _punch_of_id(hall: Hall, punch_id: str) -> Punch | None:
    rows = hall.db.query(
        "SELECT * FROM punch WHERE hall = :hall AND id = :id",
        hall=hall.settings.hall,
        id=punch_id,
    )
    return _punch(rows[0]) if rows else None


def punches_on(hall: Hall, day: date) -> list[Punch]:
    """Every punch of a day that counts, earliest first."""
    rows = hall.db.query(
        "SELECT * FROM punch WHERE hall = :hall AND punched_at >= :start AND punched_at < :end "
        "AND id NOT IN (SELECT punch FROM punch_voided WHERE hall = :hall) "
        "ORDER BY punched_at, origin, idx",
        hall=hall.settings.hall,
        start=day.isoformat(),
        end=(day + timedelta(days=1)).isoformat(),
    )
    return [_punch(row) for row in rows]


def punches_of(hall: Hall, staff_no: str, since: date) -> list[tuple[Punch, bool]]:
    """One person's punches from a day on, latest first, and whether each was voided."""
    rows = hall.db.query(
        "SELECT p.*, EXISTS (SELECT 1 FROM punch_voided v WHERE v.hall = p.hall "
        "AND v.punch = p.id) AS voided FROM punch p WHERE p.hall = :hall "
        "AND p.staff_no = :staff_no AND p.punched_at >= :since "
        "ORDER BY p.punched_at DESC, p.origin DESC, p.idx DESC",
        hall=hall.settings.hall,
        staff_no=staff_no,
        since=since.isoformat(),
    )
    return [(_punch(row), bool(row["voided"])) for row in rows]


def _punch(row: Row) -> Punch:
    return cast(Punch, as_record(Punch, row))


@dataclass(frozen=True)
class DayLine:
    """One member of staff on one day."""

    member: Member
    punches: tuple[Punch, ...]

    @property
    def first(self) -> Punch | None:
        return self.punches[0] if self.punches else None

    @property
    def last(self) -> Punch | None:
        return self.punches[-1] if len(self.punches) > 1 else None


def day_list(hall: Hall, day: date) -> list[DayLine]:
    """Everybody on post, and whoever signed in that day, with their punches; in order of number."""
    by_person = _grouped(punches_on(hall, day))
    return [
        DayLine(one, tuple(by_person.get(one.staff_no, ())))
        for one in members(hall)
        if one.staff.active or one.staff_no in by_person
    ]


def _grouped(punches: Iterable[Punch]) -> dict[str, list[Punch]]:
    found: dict[str, list[Punch]] = {}
    for punch in punches:
        found.setdefault(punch.staff_no, []).append(punch)
    return found
