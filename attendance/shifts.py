"""班次: which shift a person has on a day, from assignments, stand-ins, timetables and calendar.

Pure. A shift belongs to the day on which it begins, also when it ends after midnight; its windows
are moments of the hall's clock. Where the windows of two shifts of one person would overlap, the
earlier one ends half-way between its last and the other's first due moment, so that a punch counts
for one shift only. Knows no punch and no leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal

from standards.timetables import Direction, Half, Published, Timetable
from standards.workdays import Calendar

Target = Literal["person", "window", "department", "hall"]
# Which assignment goes before: the one nearest to the person, then the later written.
NEAREST: dict[str, int] = {"person": 3, "window": 2, "department": 1, "hall": 0}

_ONE_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Slot:
    """One sign that a shift asks for; naive moments of the hall's clock.

    ``waived``: by leave or duty; ``moved``: part of the work is covered by either.
    """

    label: str
    sign: Direction
    half: Half
    opens: datetime
    due: datetime
    closes: datetime
    waived: str = ""
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """What one day asks of a person; no slots on a day of rest."""

    day: date
    terms: Timetable | None = None
    slots: tuple[Slot, ...] = ()
    holds_for: str = ""
    """whose post is held (顶岗)"""
    held_by: str = ""
    """who holds this post instead, so that nothing is asked"""

    @property
    def opens(self) -> datetime:
        """From when on a punch counts for it."""
        return self.slots[0].opens if self.slots else datetime.combine(self.day, time.min)

    @property
    def ends(self) -> datetime:
        """When nothing can come any more: its last window closes."""
        if not self.slots:
            return datetime.combine(self.day + _ONE_DAY, time.min)
        return max(slot.closes for slot in self.slots)


@dataclass(frozen=True, slots=True)
class Assignment:
    """By which timetable a person, a window, a department or the whole hall works.

    ``order``: of two equally near ones the higher stands. ``timetable`` "" gives rest.
    ``every_day``: on each of its days, whatever the calendar says (a roster).
    """

    order: int
    target: Target
    whose: str
    timetable: str
    first: date
    last: date | None = None
    every_day: bool = False

    def covers(self, day: date) -> bool:
        """Whether a day lies in it."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class StandIn:
    """顶岗: one person holds another's post, by the hours of that post.

    ``frees``: nothing is asked of the other one (a swap); otherwise only leave does that.
    ``own_hours``: the post is held beside the own one, for a part of the day.
    """

    order: int
    staff_no: str
    post_of: str
    first: date
    last: date
    frees: bool = False
    own_hours: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """Where somebody works from a day on; ``active`` False once gone."""

    since: date
    department: str = ""
    window: str = ""
    active: bool = True


@dataclass(frozen=True)
class Roster:
    """Everything that decides about shifts; builds each shift once for all who have it."""

    assignments: tuple[Assignment, ...]
    stand_ins: tuple[StandIn, ...]
    posts: dict[str, tuple[Post, ...]]
    """staff number -> where that person works, earliest first"""
    books: tuple[Published, ...]
    """which timetables hold from which day on, earliest first"""
    calendar: Calendar
    _built: dict[tuple[str, date, bool], Shift] = field(default_factory=dict, repr=False)
    _tables: list[tuple[date, dict[str, Timetable]]] = field(default_factory=list, repr=False)
    _spans: dict[object, tuple[Shift, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._tables.extend((since, book.by_code()) for since, book in reversed(self.books))

    def shifts(self, staff_no: str, first: date, last: date) -> tuple[Shift, ...]:
        """One person's shifts of these days, windows that overlap parted; days of rest included.

        Days without any assignment are left out: nobody is rated before somebody said by what.
        """
        own, posts = self._applying(staff_no, first, last), self.posts.get(staff_no, ())
        holds = [one for one in self.stand_ins if staff_no in (one.staff_no, one.post_of)]
        # Most people of a hall have the same assignments and no history: their shifts are shared.
        settled = not holds and len(posts) == 1 and posts[0].since < first
        key = (tuple(own), posts[0].active, first, last) if settled else None
        if key is not None and key in self._spans:
            return self._spans[key]
        wanted = [self._shift(staff_no, day, own, holds) for day in days(first - _ONE_DAY, last)]
        after = self._shift(staff_no, last + _ONE_DAY, own, holds)
        found = parted([shift for shift in (*wanted, after) if shift is not None])
        made = tuple(shift for shift in found if first <= shift.day <= last)
        if key is not None:
            self._spans[key] = made
        return made

    def _applying(self, staff_no: str, first: date, last: date) -> list[Assignment]:
        """The assignments that could hold for a person, nearest and latest first."""
        names = {("person", staff_no), ("hall", "")}
        for post in self.posts.get(staff_no, ()):
            names |= {("window", post.window), ("department", post.department)}
        found = [
            one
            for one in self.assignments
            if (one.target, one.whose) in names
            and one.first <= last + _ONE_DAY
            and (one.last is None or one.last >= first - _ONE_DAY)
        ]
        return sorted(found, key=lambda one: (-NEAREST[one.target], -one.order))

    def _shift(
        self, staff_no: str, day: date, own: Sequence[Assignment], holds: Sequence[StandIn]
    ) -> Shift | None:
        mine = self._assigned(staff_no, day, own)
        today = [one for one in holds if one.first <= day <= one.last]
        for one in sorted(today, key=lambda one: -one.order):
            if one.staff_no == staff_no:
                post = self._post_held(one, day, mine)
                if post is not None and post.slots:
                    return replace(post, holds_for=one.post_of)
            elif one.frees and mine is not None:
                return replace(mine, slots=(), held_by=one.staff_no)
        return mine

    def _post_held(self, one: StandIn, day: date, mine: Shift | None) -> Shift | None:
        if one.own_hours:
            return mine
        return self._assigned(one.post_of, day, self._applying(one.post_of, day, day))

    def _assigned(self, staff_no: str, day: date, own: Sequence[Assignment]) -> Shift | None:
        post = _post_on(self.posts.get(staff_no, ()), day)
        for one in own:
            if one.covers(day) and _holds_for(one, post):
                return self._built_shift(one.timetable, day, one.every_day)
        return None

    def _built_shift(self, code: str, day: date, every_day: bool) -> Shift | None:
        key = (code, day, every_day)
        if key not in self._built:
            known = next((some for since, some in self._tables if since <= day), {})
            table = known.get(code)
            if table is None and code:
                # A timetable that this hall does not know yet must not rate anybody.
                return None
            works = table is not None and (every_day or works_on(table, day, self.calendar))
            self._built[key] = _of_day(table, day) if table and works else Shift(day, table)
        return self._built[key]


def _holds_for(assignment: Assignment, post: Post | None) -> bool:
    """A person's own assignment holds always; the others for who is on post there that day."""
    if post is not None and not post.active:
        return False
    if assignment.target == "person":
        return True
    if post is None:
        return False
    return {
        "window": bool(post.window) and assignment.whose == post.window,
        "department": bool(post.department) and assignment.whose == post.department,
        "hall": True,
    }[assignment.target]


def _post_on(posts: Sequence[Post], day: date) -> Post | None:
    return next((post for post in reversed(posts) if post.since <= day), None)


def works_on(table: Timetable, day: date, calendar: Calendar) -> bool:
    """Whether a timetable asks for anything on a day."""
    if table.weekdays:
        return day.weekday() in table.weekdays
    return calendar.is_working_day(day)


def _of_day(table: Timetable, day: date) -> Shift:
    season, midnight = table.season_on(day), datetime.combine(day, time.min)
    slots = tuple(
        Slot(
            rule.label,
            rule.sign,
            rule.half,
            midnight + timedelta(minutes=rule.opens),
            midnight + timedelta(minutes=rule.due),
            midnight + timedelta(minutes=rule.closes),
        )
        for rule in (season.slots if season else ())
    )
    return Shift(day, table, slots)


def days(first: date, last: date) -> Iterable[date]:
    """Every day from one to another, both included."""
    return (first + timedelta(days=after) for after in range((last - first).days + 1))


def worked_on(shifts: Iterable[Shift]) -> dict[date, tuple[tuple[int, int], ...]]:
    """Day -> from when to when work is due, in minutes after midnight; nothing on a day of rest.

    What a shift of the night has of the morning stands on the day of the morning.
    """
    found: dict[date, list[tuple[int, int]]] = {}
    for shift in shifts:
        midnight = datetime.combine(shift.day, time.min)
        today = found.setdefault(shift.day, [])
        for came, left in zip(shift.slots[::2], shift.slots[1::2], strict=True):
            start, end = (int((one.due - midnight) / _MINUTE) for one in (came, left))
            if start < min(end, _DAY):
                today.append((start, min(end, _DAY)))
            if end > _DAY:
                morning = found.setdefault(shift.day + _ONE_DAY, [])
                morning.append((max(start, _DAY) - _DAY, end - _DAY))
    return {day: tuple(sorted(spans)) for day, spans in found.items()}


def parted(shifts: Sequence[Shift]) -> list[Shift]:
    """Shifts of one person in the order of their days, each ending before the next one begins."""
    found = list(shifts)
    working = [place for place, shift in enumerate(found) if shift.slots]
    for before, after in pairwise(working):
        one, other = found[before], found[after]
        if one.ends < other.opens:
            continue
        last_due, first_due = one.slots[-1].due, other.slots[0].due
        border = last_due + (first_due - last_due) / 2
        found[before] = replace(one, slots=tuple(_ended(slot, border) for slot in one.slots))
        found[after] = replace(other, slots=tuple(_begun(slot, border) for slot in other.slots))
    return found


def _ended(slot: Slot, border: datetime) -> Slot:
    # One second apart, because both ends of a window belong to it.
    return replace(slot, closes=max(slot.opens, min(slot.closes, border - timedelta(seconds=1))))


def _begun(slot: Slot, border: datetime) -> Slot:
    return replace(slot, opens=max(slot.opens, border))
