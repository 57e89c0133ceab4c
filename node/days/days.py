"""日考勤: which days have to be worked out again, and the results that are written of them.

Whoever changes a fact asks for the days it touches and goes on; the work is done later, in small
pieces (``node.days.reckoning``), and never where somebody waits. A result is written when a day
first becomes known and at each visible change, with the old value; of a frozen month nothing
changes, a later fact is written as an exception. Knows no rule and no page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

import msgspec

from attendance.days import Day, derive
from attendance.shifts import Shift, days
from node.days.day_facts import Known, Place, known_about, moment_text
from node.hall import Hall
from standards.records import DayException, DayResult, Record
from standards.records.attendance import CHANGES, AwaySpan, Outcome, SlotResult
from standards.records.declare import logged_bytes
from sync.drafts import Draft

TABLES = (
    """CREATE TABLE IF NOT EXISTS day_wanted (
        staff_no TEXT NOT NULL,
        day TEXT NOT NULL,
        change TEXT NOT NULL,
        asked INTEGER NOT NULL,
        PRIMARY KEY (staff_no, day)
    )""",
    "CREATE INDEX IF NOT EXISTS day_wanted_day ON day_wanted (day, staff_no)",
    "CREATE INDEX IF NOT EXISTS day_wanted_asked ON day_wanted (asked)",
    """CREATE TABLE IF NOT EXISTS day_now (
        staff_no TEXT NOT NULL,
        day TEXT NOT NULL,
        status TEXT NOT NULL,
        provisional INTEGER NOT NULL,
        again TEXT NOT NULL,
        revision INTEGER NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (staff_no, day)
    )""",
    "CREATE INDEX IF NOT EXISTS day_now_day ON day_now (day)",
    "CREATE INDEX IF NOT EXISTS day_result_person ON day_result (hall, staff_no, day)",
    "CREATE INDEX IF NOT EXISTS day_exception_day ON day_exception (hall, staff_no, day)",
    "CREATE INDEX IF NOT EXISTS day_excused_day ON day_excused (hall, day)",
    "CREATE INDEX IF NOT EXISTS attendance_request_about ON attendance_request (hall, about)",
    "CREATE INDEX IF NOT EXISTS attendance_decision_of ON attendance_decision (hall, request)",
)

SYSTEM = "SYSTEM"
AT_ONCE = 250
"""Days that are written in one transaction: a window's own writing waits for no more."""


def recompute(hall: Hall, staff_no: str, first: date, last: date, reason: str) -> None:
    """Ask for somebody's days to be worked out again; call it where the fact is written.

    Days to come are left out: they are worked out when they come.

    Args:
        reason: a code of ``CHANGES``; it stands in the new revision if the day turns out changed.
    """
    wish(hall, [(staff_no, day) for day in days(first, min(last, hall.clock.today()))], reason)


def wish(hall: Hall, places: Collection[Place], reason: str) -> None:
    """As :func:`recompute`, for any people and days."""
    if reason not in CHANGES:
        raise ValueError(f"no such reason for a day to change: {reason!r}")
    rows = [
        {"staff_no": staff_no, "day": day.isoformat(), "change": reason} for staff_no, day in places
    ]
    with hall.db.transaction():
        # What somebody asked for is a better reason than a punch that came with it.
        hall.db.executemany(
            "INSERT INTO day_wanted VALUES (:staff_no, :day, :change, "
            "(SELECT COALESCE(MAX(asked), 0) + 1 FROM day_wanted)) "
            "ON CONFLICT (staff_no, day) DO UPDATE SET change = CASE "
            "WHEN excluded.change IN ('punch', 'first') THEN day_wanted.change "
            "ELSE excluded.change END, asked = excluded.asked",
            rows,
        )


# --- working out ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worked:
    """A day as it was worked out, beside what was asked."""

    day: Day
    shift: Shift
    change: str


def worked_out(known: Known, wanted: dict[Place, str]) -> list[Worked]:
    """The days that were asked for. A day that asks nothing of anybody any more is told as rest."""
    spans: dict[str, list[date]] = {}
    for staff_no, day in wanted:
        spans.setdefault(staff_no, []).append(day)
    found = []
    for staff_no, some in spans.items():
        shifts = {one.day: one for one in known.roster.shifts(staff_no, min(some), max(some))}
        for day in some:
            shift = shifts.get(day)
            if shift is None and (staff_no, day) not in known.recorded:
                continue
            shift = shift or Shift(day)
            worked = derive(staff_no, shift, known.facts(staff_no, shift))
            found.append(Worked(worked, shift, wanted[staff_no, day]))
    return found


def result_of(day: Day, change: str, old: DayResult | None) -> DayResult:
    """The record of a day, one revision after the old one."""
    return DayResult(
        staff_no=day.staff_no,
        day=day.day,
        revision=old.revision + 1 if old else 1,
        status=day.status,
        provisional=day.provisional,
        timetable=day.timetable,
        late=day.late,
        early=day.early,
        absent=day.absent,
        halves=day.halves,
        leave=day.leave,
        duty=day.duty,
        outings=day.outings,
        away=tuple(
            AwaySpan(since=moment_text(one.start), until=moment_text(one.end), effect=one.effect)
            for one in day.away
        ),
        holds_for=day.holds_for,
        held_by=day.held_by,
        slots=tuple(
            SlotResult(
                label=slot.label,
                state=slot.state,
                due=moment_text(slot.due),
                at=moment_text(slot.at) if slot.at else None,
                punch=slot.punch,
                minutes=slot.minutes,
            )
            for slot in day.slots
        ),
        doubtful=day.doubtful,
        change=change,
        old=outcome_of(old) if old else None,
    )


def outcome_of(result: DayResult) -> Outcome:
    """A result in short."""
    return Outcome(
        revision=result.revision,
        status=result.status,
        provisional=result.provisional,
        late=result.late,
        early=result.early,
        absent=result.absent,
        halves=result.halves,
    )


def shown(result: DayResult) -> DayResult:
    """What people see of a result: without its number, reason and history."""
    return msgspec.structs.replace(result, revision=1, change="first", old=None)


def judged(result: DayResult) -> DayResult:
    """What a day came to: also without when somebody was away, which matters while it lasts."""
    return msgspec.structs.replace(shown(result), away=())


def digest_of(result: DayResult) -> str:
    """Equal for equal days."""
    return sha256(logged_bytes(judged(result))).hexdigest()[:32]


# --- writing --------------------------------------------------------------------------------------


def keep(hall: Hall, known: Known, worked: Sequence[Worked]) -> int:
    """Write what changed, and what pages show, in one transaction; how many records that were."""
    frozen = frozen_months(hall)
    drafts: list[Record] = []
    rows = []
    with hall.db.transaction():
        for one in worked:
            old = known.recorded.get((one.day.staff_no, one.day.day))
            result = result_of(one.day, _reason(one, old, known), old)
            if old is not None and _is_same(one, result, old, known):
                rows.append(_row(one, old))
            elif f"{one.day.day:%Y-%m}" in frozen:
                written = _of_frozen(hall, result, old)
                drafts += written
                rows += [_row(one, row) for row in (*written, old) if isinstance(row, DayResult)][
                    :1
                ]
            elif _is_told(one, old, known):
                drafts.append(result)
                rows.append(_row(one, result))
            else:
                rows.append(_row(one, result, written=False))
        if drafts:
            hall.write_all([Draft(record, SYSTEM) for record in drafts])
        hall.db.executemany(
            "INSERT INTO day_now VALUES (:staff_no, :day, :status, :provisional, :again, "
            ":revision, :value) ON CONFLICT (staff_no, day) DO UPDATE SET "
            "status = excluded.status, provisional = excluded.provisional, again = excluded.again, "
            "revision = excluded.revision, value = excluded.value",
            rows,
        )
    return len(drafts)


def _is_same(one: Worked, result: DayResult, old: DayResult, known: Known) -> bool:
    seen = judged if known.now >= one.shift.ends else shown
    return seen(result) == seen(old)


def _reason(one: Worked, old: DayResult | None, known: Known) -> str:
    if old is None:
        return "first"
    if one.change in ("first", "terminal", "punch") and known.now < one.shift.ends:
        return "running"
    return "terminal" if one.change == "first" else one.change


def _is_told(one: Worked, old: DayResult | None, known: Known) -> bool:
    """Whether a day is written: from its first window on, or when it has been said before."""
    if old is not None:
        return True
    return one.day.status != "rest" and known.now >= one.shift.opens


def _row(one: Worked, result: DayResult, *, written: bool = True) -> dict[str, object]:
    return {
        "staff_no": result.staff_no,
        "day": result.day.isoformat(),
        "status": result.status,
        "provisional": int(result.provisional),
        "again": moment_text(one.shift.opens if not written else _again(one)),
        "revision": result.revision if written else 0,
        "value": logged_bytes(result).decode(),
    }


def _again(one: Worked) -> datetime:
    """When the clock alone changes a running day: the next window closes, or the last one."""
    open_slots = [slot.label for slot in one.day.slots if slot.state == "open"]
    closing = [slot.closes for slot in one.shift.slots if slot.label in open_slots]
    return min([*closing, one.shift.ends])


def _of_frozen(hall: Hall, result: DayResult, old: DayResult | None) -> list[Record]:
    """What is written of a frozen day: an exception, once; the result, when two people said so."""
    if old is None and result.status == "rest":
        return []
    digest = digest_of(result)
    rows = hall.db.query(
        "SELECT e.id, MAX(d.id IS NOT NULL) AS adopted FROM day_exception e "
        "LEFT JOIN attendance_request r ON r.hall = e.hall AND r.about = e.id AND r.adopt = 1 "
        "LEFT JOIN attendance_decision d ON d.hall = e.hall AND d.request = r.id "
        "AND d.granted = 1 WHERE e.hall = :hall AND e.staff_no = :staff_no AND e.day = :day "
        "AND e.digest = :digest GROUP BY e.id",
        hall=hall.settings.hall,
        staff_no=result.staff_no,
        day=result.day.isoformat(),
        digest=digest,
    )
    if any(row["adopted"] for row in rows):
        return [msgspec.structs.replace(result, change="exception")]
    if rows:
        return []
    return [
        DayException(
            staff_no=result.staff_no,
            day=result.day,
            change=result.change,
            standing=outcome_of(old) if old else None,
            found=outcome_of(result),
            digest=digest,
        )
    ]


def frozen_months(hall: Hall) -> set[str]:
    """Months whose results stand."""
    rows = hall.db.query(
        "SELECT month FROM month_frozen WHERE hall = :hall", hall=hall.settings.hall
    )
    return {row["month"] for row in rows}


def work_out(hall: Hall, wanted: dict[Place, str], pause: Callable[[], None] = lambda: None) -> int:
    """Work these days out and write what changed; how many records were written.

    Args:
        pause: called between transactions, so that who waits for the writer's turn gets it.
    """
    if not wanted:
        return 0
    every = [day for _, day in wanted]
    known = known_about(hall, {staff_no for staff_no, _ in wanted}, min(every), max(every))
    worked = worked_out(known, wanted)
    _forget(hall, wanted, worked)
    written = 0
    for start in range(0, len(worked), AT_ONCE):
        pause()
        written += keep(hall, known, worked[start : start + AT_ONCE])
    return written


def _forget(hall: Hall, wanted: dict[Place, str], worked: Sequence[Worked]) -> None:
    """Days that ask nothing any more, and were never written, leave the pages."""
    left = {(one.day.staff_no, one.day.day) for one in worked}
    gone = [place for place in wanted if place not in left]
    hall.db.executemany(
        "DELETE FROM day_now WHERE staff_no = :staff_no AND day = :day",
        [{"staff_no": staff_no, "day": day.isoformat()} for staff_no, day in gone],
    )
