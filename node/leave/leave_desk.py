"""待办 of leave: the stand-in's list, the approver's list by beginning, and who is away.

An approver sees who else of the same window is away, so that not both of A and B go. Kinds of leave
are shown to those who decide or oversee; everybody else sees that somebody is away, not why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, render_template, request

from attendance.leave import minutes_by_day
from node.desk import actor, hall, today
from node.leave import leavebook, offices, own_hours
from node.leave.leave_sight import beside, day_of, line_of, names, tabs, to_confirm, to_decide
from node.staff import members
from node.staff.members import Member
from standards.records import LeaveStanding
from web import access

pages = Blueprint("leave_desk", __name__, url_prefix="/leave")

_DAYS_SHOWN = 14
_WEEKDAYS = "一二三四五六日"


@pages.get("/stand-in")
@access.anyone_signed_in
def stand_in() -> str:
    """Requests that wait for the signed-in person's word, and those covered from now on."""
    promised = [
        one
        for one in leavebook.between(hall(), today(), today() + timedelta(days=366))
        if one.stand_in == actor() and one.stage in ("pending", "granted")
    ]
    return render_template(
        "leave/stand_in.html",
        tabs=tabs("leave_desk.stand_in"),
        waiting=[line_of(one) for one in to_confirm()],
        promised=[line_of(one) for one in promised],
        names=names(),
    )


@pages.get("/inbox")
@access.anyone_signed_in
def inbox() -> str:
    """Requests that the signed-in person may decide on, the first to begin at the top."""
    waiting = to_decide()
    others = {one.id: [line for line, same in beside(one) if same] for one in waiting}
    seats = offices.seats(hall())
    return render_template(
        "leave/inbox.html",
        tabs=tabs("leave_desk.inbox"),
        lines=[line_of(one) for one in waiting],
        others=others,
        mates=_window_mates(),
        papers=leavebook.with_papers(hall(), (one.id for one in waiting)),
        names=names(),
        held=[
            leavebook.rules(hall()).office_name(code) for code in sorted(seats.offices_of(actor()))
        ],
        today=today(),
    )


def _window_mates() -> dict[str, int]:
    """How many others sit at each person's window; nothing for who sits at none."""
    people = [who.staff for who in members.members(hall()) if who.staff.active and who.staff.window]
    at_window = Counter(one.window for one in people)
    return {one.staff_no: at_window[one.window] - 1 for one in people}


# --- who is away ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One person on one day: the first letter of the kind, and how sure it is."""

    text: str = ""
    state: str = ""
    """granted, pending, or empty; rest on a day off"""
    half: bool = False
    request: str = ""


@dataclass(frozen=True)
class Row:
    """One person over the days shown."""

    member: Member
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Group:
    """The people of one department and window, and how many of them are away each day."""

    name: str
    rows: tuple[Row, ...]

    @property
    def away(self) -> list[int]:
        """How many are away for the whole of each day, asked for or granted."""
        return [
            sum(bool(row.cells[day].text) and not row.cells[day].half for row in self.rows)
            for day in range(_DAYS_SHOWN)
        ]


@pages.get("/away")
@access.anyone_signed_in
def away() -> str:
    """Two weeks: who is away, by department and window."""
    monday = today() - timedelta(days=today().weekday())
    first = day_of(request.args.get("from", ""), monday)
    shown = [first + timedelta(days=offset) for offset in range(_DAYS_SHOWN)]
    seats = offices.seats(hall())
    oversees = access.current_staff().holds("supervisor", "administrator")
    calendar = hall().shelf().calendar
    return render_template(
        "leave/away.html",
        tabs=tabs("leave_desk.away"),
        days=shown,
        weekdays=[_WEEKDAYS[day.weekday()] for day in shown],
        worked=[calendar.is_working_day(day) for day in shown],
        groups=_groups(shown, oversees or bool(seats.offices_of(actor()))),
        before=first - timedelta(days=_DAYS_SHOWN),
        after=first + timedelta(days=_DAYS_SHOWN),
        today=today(),
    )


def _groups(shown: list[date], with_kinds: bool) -> list[Group]:
    by_person: dict[str, list[LeaveStanding]] = {}
    for one in leavebook.between(hall(), shown[0], shown[-1]):
        by_person.setdefault(one.staff_no, []).append(one)
    grouped: dict[tuple[str, str], list[Row]] = {}
    for who in members.members(hall()):
        if who.staff.active:
            cells = _cells(by_person.get(who.staff_no, ()), shown, with_kinds)
            key = who.staff.department or "未填部门", who.staff.window
            grouped.setdefault(key, []).append(Row(who, cells))
    return [
        Group(department + (f" · {window}窗口" if window else ""), tuple(rows))
        for (department, window), rows in sorted(grouped.items())
    ]


def _cells(some: Iterable[LeaveStanding], shown: list[date], with_kinds: bool) -> tuple[Cell, ...]:
    rules, calendar = leavebook.rules(hall()), hall().shelf().calendar
    found: dict[date, tuple[str, str, int, str]] = {}
    for one in some:
        state = "granted" if one.stage in ("granted", "returned") else "pending"
        legs = leavebook.legs_taken(one, rules)
        own = own_hours.calendar_for(hall(), one.staff_no, legs)
        for leg in legs:
            kind = rules.kind_or_plain(leg.leave)
            letter = kind.name[0] if with_kinds else "休"
            for day, minutes in minutes_by_day(leg, kind, rules.clock, own).items():
                before = found[day][2] if day in found else 0
                found[day] = letter, state, before + minutes, one.id
    return tuple(
        _cell(found[day], rules.clock.day_minutes)
        if day in found
        else Cell(state="" if calendar.is_working_day(day) else "rest")
        for day in shown
    )


def _cell(found: tuple[str, str, int, str], whole: int) -> Cell:
    letter, state, minutes, request_id = found
    return Cell(letter, state, minutes < whole, request_id)
