"""What is known about days: read from the hall's tables into the values that ``attendance`` takes.

Reads only, and judges nothing but whether the time of a punch is in doubt. Moments become those of
the hall's clock, without zone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter

import msgspec

from attendance.days import Absence, Excuse, Facts, Sign
from attendance.shifts import Assignment, Post, Roster, Shift, StandIn
from node.days.timetables import books
from node.days.voids import voided
from node.hall import Hall
from node.leave import leave
from node.presence.raw_punches import last_reported
from standards.records import DayResult
from sync.clock import BEIJING
from sync.storage.store import Row
from sync.storage.tables import as_record

Place = tuple[str, date]
"""staff number and day"""

_FUTURE = timedelta(minutes=5)
_HALL_ZONE, _AHEAD = "+08:00", timedelta(hours=8)
_at = attrgetter("at")
_ONE_DAY = timedelta(days=1)
# Up to so many people are asked for one by one; of more, everybody's rows of the days are read.
_FEW = 20


@dataclass(frozen=True)
class Known:
    """All that is known about some people's days."""

    roster: Roster
    reported_until: datetime
    now: datetime
    signs: Mapping[str, Sequence[Sign]]
    """earliest first"""
    absences: Mapping[str, list[Absence]]
    excuses: Mapping[Place, list[Excuse]]
    recorded: Mapping[Place, DayResult]
    """the latest revision of each day that was worked out before"""

    def facts(self, staff_no: str, shift: Shift) -> Facts:
        """What is known about one shift. Once final, a day does not wait for terminals again."""
        before = self.recorded.get((staff_no, shift.day))
        final = before is not None and not before.provisional
        signs = self.signs.get(staff_no, ())
        first = bisect_left(signs, shift.opens, key=_at)
        return Facts(
            max(self.reported_until, shift.ends) if final else self.reported_until,
            signs[first : bisect_right(signs, shift.ends, lo=first, key=_at)],
            self.absences.get(staff_no, ()),
            self.excuses.get((staff_no, shift.day), ()),
        )


def known_about(hall: Hall, staff: Collection[str], first: date, last: date) -> Known:
    """What is known about these people from one day to another.

    Args:
        staff: nobody is left out whose number stands here; more may be read.
    """
    now = wall(hall.clock.local())
    away: dict[str, list[Absence]] = {}
    for one in leave.absences(hall, first, last + _ONE_DAY):
        moved = Absence(one.staff_no, wall(one.start), wall(one.end), one.kind, one.effect)
        away.setdefault(one.staff_no, []).append(moved)
    return Known(
        roster_of(hall, first, last),
        reported_until(hall, now),
        now,
        _signs(hall, staff, first, last),
        away,
        _excuses(hall, first, last),
        recorded(hall, staff, first, last),
    )


def wall(moment: datetime) -> datetime:
    """A moment as the hall's clock shows it, without zone; one without zone is that already."""
    return moment.astimezone(BEIJING).replace(tzinfo=None) if moment.tzinfo else moment


def wall_text(text: str) -> datetime:
    """The same of a moment that is written down."""
    if text.endswith(_HALL_ZONE):
        return datetime.fromisoformat(text[:19])
    return wall(datetime.fromisoformat(text))


def moment_text(moment: datetime) -> str:
    """A moment of the hall's clock as records write it."""
    return moment.isoformat(timespec="seconds") + _HALL_ZONE


# --- shifts ---------------------------------------------------------------------------------------


def roster_of(hall: Hall, first: date, last: date) -> Roster:
    """Who works by what, as far as it touches these days."""
    return Roster(
        _assignments(hall, first, last),
        _stand_ins(hall, first, last),
        posts(hall),
        books(hall),
        hall.shelf().calendar,
    )


def _assignments(hall: Hall, first: date, last: date) -> tuple[Assignment, ...]:
    rows = hall.db.query(
        "SELECT target, whose, timetable, first_day, last_day, every_day FROM shift_assigned "
        "WHERE hall = :hall AND void = 0 AND first_day <= :last "
        "AND (last_day IS NULL OR last_day >= :first) AND id NOT IN "
        "(SELECT replaces FROM shift_assigned WHERE hall = :hall) "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
        first=(first - _ONE_DAY).isoformat(),
        last=(last + _ONE_DAY).isoformat(),
    )
    return tuple(
        Assignment(
            order,
            row["target"],
            row["whose"],
            row["timetable"],
            date.fromisoformat(row["first_day"]),
            date.fromisoformat(row["last_day"]) if row["last_day"] else None,
            bool(row["every_day"]),
        )
        for order, row in enumerate(rows)
    )


def _stand_ins(hall: Hall, first: date, last: date) -> tuple[StandIn, ...]:
    rows = hall.db.query(
        "SELECT staff_no, post_of, first_day, last_day, frees, own_hours FROM stand_in "
        "WHERE hall = :hall AND void = 0 AND first_day <= :last AND last_day >= :first "
        "AND id NOT IN (SELECT replaces FROM stand_in WHERE hall = :hall) "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
        first=(first - _ONE_DAY).isoformat(),
        last=(last + _ONE_DAY).isoformat(),
    )
    return tuple(
        StandIn(
            order,
            row["staff_no"],
            row["post_of"],
            date.fromisoformat(row["first_day"]),
            date.fromisoformat(row["last_day"]),
            bool(row["frees"]),
            bool(row["own_hours"]),
        )
        for order, row in enumerate(rows)
    )


def posts(hall: Hall) -> dict[str, tuple[Post, ...]]:
    """Where everybody worked from which day on, by the days on which that was written."""
    rows = hall.db.query(
        'SELECT staff_no, department, "window" AS place, active, at FROM staff_member '
        "WHERE hall = :hall ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    found: dict[str, list[Post]] = {}
    for row in rows:
        since = wall(datetime.fromisoformat(row["at"])).date()
        post = Post(since, row["department"], row["place"], bool(row["active"]))
        found.setdefault(row["staff_no"], []).append(post)
    return {staff_no: tuple(some) for staff_no, some in found.items()}


# --- punches and what people decided --------------------------------------------------------------


def _signs(hall: Hall, staff: Collection[str], first: date, last: date) -> dict[str, list[Sign]]:
    confirmed, void = _confirmed(hall), voided(hall)
    found: dict[str, list[Sign]] = {}
    for row in _punch_rows(hall, staff, first, last):
        at = wall_text(row["punched_at"])
        stands = confirmed.get(row["id"])
        if stands is False or row["id"] in void:
            continue
        doubtful = stands is None and _is_doubtful(row, at)
        sign = Sign(at, row["id"], row["hint"], doubtful)
        found.setdefault(row["staff_no"], []).append(sign)
    for some in found.values():
        some.sort()
    return found


def _is_doubtful(row: Row, at: datetime) -> bool:
    """Its clock was said to be off, or it was written before it happened."""
    if row["clock"]:
        return True
    return at - _FUTURE - _AHEAD > datetime.fromisoformat(row["at"][:19])


def _punch_rows(hall: Hall, staff: Collection[str], first: date, last: date) -> Iterable[Row]:
    span = {
        "hall": hall.settings.hall,
        # A shift may last to the end of the day after, and a text may be of another zone.
        "since": f"{first - _ONE_DAY}T12",
        "until": f"{last + 2 * _ONE_DAY}T12",
    }
    if len(staff) > _FEW:
        return hall.db.query(
            "SELECT id, staff_no, punched_at, clock, hint, at FROM punch "
            "WHERE hall = :hall AND punched_at >= :since AND punched_at < :until",
            **span,
        )
    return [
        row
        for staff_no in staff
        for row in hall.db.query(
            "SELECT id, staff_no, punched_at, clock, hint, at FROM punch WHERE hall = :hall "
            "AND staff_no = :staff_no AND punched_at >= :since AND punched_at < :until",
            staff_no=staff_no,
            **span,
        )
    ]


def _confirmed(hall: Hall) -> dict[str, bool]:
    rows = hall.db.query(
        "SELECT punch, stands FROM punch_confirmed WHERE hall = :hall "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    return {row["punch"]: bool(row["stands"]) for row in rows}


def _excuses(hall: Hall, first: date, last: date) -> dict[Place, list[Excuse]]:
    rows = hall.db.query(
        "SELECT staff_no, day, labels, ground FROM day_excused "
        "WHERE hall = :hall AND day >= :first AND day <= :last",
        hall=hall.settings.hall,
        first=first.isoformat(),
        last=last.isoformat(),
    )
    found: dict[Place, list[Excuse]] = {}
    for row in rows:
        place = row["staff_no"], date.fromisoformat(row["day"])
        labels = msgspec.json.decode(row["labels"], type=list[str])
        found.setdefault(place, []).extend(Excuse(label, row["ground"]) for label in labels)
    return found


def recorded(hall: Hall, staff: Collection[str], first: date, last: date) -> dict[Place, DayResult]:
    """The latest revision of every day of these people that was worked out before."""
    span = {
        "hall": hall.settings.hall,
        "first": first.isoformat(),
        "last": last.isoformat(),
    }
    if len(staff) > _FEW:
        rows = hall.db.query(
            "SELECT * FROM day_result WHERE hall = :hall AND day >= :first AND day <= :last "
            "ORDER BY revision, length(origin), origin, idx",
            **span,
        )
    else:
        rows = [
            row
            for staff_no in staff
            for row in hall.db.query(
                "SELECT * FROM day_result WHERE hall = :hall AND staff_no = :staff_no "
                "AND day >= :first AND day <= :last "
                "ORDER BY revision, length(origin), origin, idx",
                staff_no=staff_no,
                **span,
            )
        ]
    latest = {(row["staff_no"], row["day"]): row for row in rows}
    return {
        (staff_no, date.fromisoformat(day)): as_record(DayResult, row)
        for (staff_no, day), row in latest.items()
    }


# --- up to when everything is known ---------------------------------------------------------------


def reported_until(hall: Hall, now: datetime) -> datetime:
    """The moment up to which every terminal has told what it saw; now where there is none.

    A period for which a supervisor said that a terminal was out of order is not waited for.
    """
    outages = _outages(hall)
    moments = [
        passed_over(wall(moment), outages.get(terminal, ()))
        for terminal, moment in last_reported(hall).items()
    ]
    return min([now, *moments])


def _outages(hall: Hall) -> dict[str, list[tuple[datetime, datetime]]]:
    rows = hall.db.query(
        "SELECT terminal, since, until FROM terminal_outage WHERE hall = :hall ORDER BY since",
        hall=hall.settings.hall,
    )
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in rows:
        span = wall_text(row["since"]), wall_text(row["until"])
        found.setdefault(row["terminal"], []).append(span)
    return found


def passed_over(moment: datetime, outages: Iterable[tuple[datetime, datetime]]) -> datetime:
    """The later moment up to which nothing more can come, in order of the outages' beginnings."""
    for since, until in sorted(outages):
        if since <= moment < until:
            moment = until
    return moment
