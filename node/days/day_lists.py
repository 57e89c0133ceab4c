"""日考勤 as pages show it: a day of everybody, a month of one person, a day with its history.

Reads what was worked out; works nothing out. Names are masked.
"""

from __future__ import annotations

from calendar import Calendar as MonthWeeks
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from node.days.voids import Void, voids_of
from node.hall import Hall
from node.staff.members import Member, members
from standards.records import DayResult, Punch
from standards.records.attendance import DAY_STATES, SlotResult
from standards.records.declare import parts_of
from sync.storage.store import Row
from sync.storage.tables import as_record

# Shape of the chip of a day or of a sign; anything else is an idle one.
SHAPES = {
    "normal": "ok",
    "ok": "ok",
    **dict.fromkeys(("late", "early", "late_early", "missing"), "warn"),
    **dict.fromkeys(("absent_half", "absent", "over"), "danger"),
    **dict.fromkeys(("leave", "leave_part", "duty", "excused", "covered"), "info"),
    **dict.fromkeys(("unsure",), "warn"),
}
BAD = ("late", "early", "late_early", "missing", "absent_half", "absent", "unsure")


@dataclass(frozen=True)
class DayLine:
    """One person's day in a list."""

    member: Member
    result: DayResult | None
    revision: int

    @property
    def changed(self) -> bool:
        """Whether it was changed after it was over."""
        return self.result is not None and was_changed(self.result)

    def columns(self, count: int = 4) -> list[SlotResult | None]:
        """The signs in so many columns: of fewer signs the last one stands in the last column."""
        slots = list(self.result.slots) if self.result else []
        if 0 < len(slots) < count:
            return [*slots[:-1], *[None] * (count - len(slots)), slots[-1]]
        return [*slots[:count], *[None] * (count - len(slots))]


# What happens on the day itself is no change that anybody has to be told of.
_IN_COURSE = ("first", "running", "terminal")


def was_changed(result: DayResult) -> bool:
    """Whether this revision changed what had been said when the day was over."""
    return result.change not in _IN_COURSE


_read_value = parts_of(DayResult).read_logged.decode


def _of_value(row: Row) -> DayResult:
    logged: Any = _read_value(row["value"].encode())
    return DayResult(**{name: getattr(logged, name) for name in logged.__struct_fields__})


def day_lines(hall: Hall, day: date) -> list[DayLine]:
    """Everybody who has a shift on a day, and everybody on post, in the order of their numbers."""
    rows = hall.db.query("SELECT * FROM day_now WHERE day = :day", day=day.isoformat())
    by_person = {row["staff_no"]: row for row in rows}
    found = []
    for one in members(hall):
        row = by_person.get(one.staff_no)
        if row is not None:
            found.append(DayLine(one, _of_value(row), row["revision"]))
        elif one.staff.active:
            found.append(DayLine(one, None, 0))
    return found


@dataclass(frozen=True)
class MonthSheet:
    """One person's month: weeks of days, and what it comes to."""

    first: date
    weeks: list[list[tuple[date, DayResult | None, int]]]
    counts: dict[str, int] = field(default_factory=dict)
    late: int = 0
    early: int = 0
    halves: int = 0
    leave: int = 0

    @property
    def month(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def before(self) -> str:
        return f"{self.first - timedelta(days=1):%Y-%m}"

    @property
    def after(self) -> str:
        return f"{self.first + timedelta(days=32):%Y-%m}"


def month_of(hall: Hall, staff_no: str, first: date) -> MonthSheet:
    """One person's month by its first day; days of other months fill the weeks and are empty."""
    rows = hall.db.query(
        "SELECT * FROM day_now WHERE staff_no = :staff_no AND day LIKE :month",
        staff_no=staff_no,
        month=f"{first:%Y-%m}-%",
    )
    known = {date.fromisoformat(row["day"]): (_of_value(row), row["revision"]) for row in rows}
    weeks = [
        [(day, *known.get(day, (None, 0))) for day in week]
        for week in MonthWeeks().monthdatescalendar(first.year, first.month)
    ]
    results = [result for result, _ in known.values()]
    counts = {code: sum(one.status == code for one in results) for code in DAY_STATES}
    return MonthSheet(
        first,
        weeks,
        {code: count for code, count in counts.items() if count},
        sum(one.late for one in results),
        sum(one.early for one in results),
        sum(one.halves for one in results),
        sum(one.leave for one in results),
    )


@dataclass(frozen=True)
class Revision:
    """One written result of a day."""

    id: str
    at: str
    result: DayResult


def history(hall: Hall, staff_no: str, day: date) -> list[Revision]:
    """Every revision of a day, the first one first."""
    rows = hall.db.query(
        "SELECT * FROM day_result WHERE hall = :hall AND staff_no = :staff_no AND day = :day "
        "ORDER BY revision, length(origin), origin, idx",
        hall=hall.settings.hall,
        staff_no=staff_no,
        day=day.isoformat(),
    )
    return [Revision(row["id"], row["at"], as_record(DayResult, row)) for row in rows]


def now_of(hall: Hall, staff_no: str, day: date) -> DayResult | None:
    """A day as it stands, written or not yet."""
    rows = hall.db.query(
        "SELECT * FROM day_now WHERE staff_no = :staff_no AND day = :day",
        staff_no=staff_no,
        day=day.isoformat(),
    )
    return _of_value(rows[0]) if rows else None


@dataclass(frozen=True)
class Seen:
    """A punch of a day, and whether it counts for a sign."""

    id: str
    punch: Punch
    used_for: str
    doubtful: bool
    void: Void | None = None
    against: bool = False
    """another key was pressed at the terminal than the sign that it counts for"""


def punches_of_day(hall: Hall, result: DayResult | None, staff_no: str, day: date) -> list[Seen]:
    """What a person signed on a day and in the night after it, and what came of each punch."""
    rows = hall.db.query(
        "SELECT * FROM punch WHERE hall = :hall AND staff_no = :staff_no "
        "AND punched_at >= :since AND punched_at < :until ORDER BY punched_at",
        hall=hall.settings.hall,
        staff_no=staff_no,
        since=day.isoformat(),
        until=_until(result, day),
    )
    used = {slot.punch: place for place, slot in enumerate(result.slots)} if result else {}
    doubtful = result.doubtful if result else ()
    gone = voids_of(hall, staff_no)
    heard = any(row["hint"] == "out" for row in rows)
    return [
        Seen(
            row["id"],
            as_record(Punch, row),
            result.slots[used[row["id"]]].label if result and row["id"] in used else "",
            row["id"] in doubtful,
            gone.get(row["id"]),
            heard and row["hint"] == ("in", "out")[(used.get(row["id"], 0) + 1) % 2],
        )
        for row in rows
    ]


def _until(result: DayResult | None, day: date) -> str:
    """The end of the day; of a shift over midnight, the end of the next one."""
    next_day = (day + timedelta(days=1)).isoformat()
    if result and result.slots and result.slots[-1].due >= next_day:
        return (day + timedelta(days=2)).isoformat()
    return next_day
