"""What the signed-in person is to a request of leave, and how a request stands in a list.

In one place, so that every page shows the same to the same person: reasons, grounds and papers are
for the applicant, for those who decide and for the supervisor; a stand-in sees when and what.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import url_for
from werkzeug.exceptions import NotFound

from node.desk import actor, hall, today
from node.leave import leave, leave_words, leavebook, offices
from node.leave.leavebook import LeaveFile
from node.staff import members
from standards.records import LeaveStanding
from web import access


def to_confirm() -> list[LeaveStanding]:
    """Requests in which the signed-in person is asked to stand in."""
    return [one for one in leavebook.in_stage(hall(), "asked") if one.stand_in == actor()]


def to_decide() -> list[LeaveStanding]:
    """Requests on which the signed-in person may decide now, the first to begin at the top."""
    waiting = leavebook.in_stage(hall(), "pending")
    return [one for one in waiting if leave.offices_for(hall(), one, actor())]


def to_return() -> list[LeaveStanding]:
    """The own leave that is over and not returned from."""
    mine = leavebook.of_person(hall(), actor())
    return [one for one in mine if one.stage == "granted" and one.last < today()]


def waiting() -> int:
    """How many things about leave wait for the signed-in person."""
    return len(to_confirm()) + len(to_decide()) + len(to_return())


def tabs(current: str) -> list[tuple[str, str, bool, int | None]]:
    """The tabs of the counter for the signed-in person: label, address, current, count."""
    staff = access.current_staff()
    items: list[tuple[str, str, int | None]] = [
        ("我的请假", "leave.listing", None),
        ("待我确认", "leave_desk.stand_in", len(to_confirm())),
        ("待我审批", "leave_desk.inbox", len(to_decide())),
        ("谁不在岗", "leave_desk.away", None),
        ("加班与调休", "comp.listing", None),
    ]
    if staff.holds("supervisor", "administrator"):
        items.append(("休假核定", "leave_facts.listing", None))
        items.append(("任职", "offices.listing", None))
    return [(label, url_for(where), where == current, n) for label, where, n in items]


def names() -> dict[str, str]:
    """Staff number -> masked name, of everybody in this hall."""
    return {one.staff_no: one.masked_name for one in members.members(hall())}


def colleagues() -> dict[str, str]:
    """Who could stand in: number -> words for the list, those of the same department first."""
    own = leave.department_of(hall(), actor())
    found = [one for one in members.members(hall()) if one.staff.active and one.staff_no != actor()]
    found.sort(key=lambda one: (one.staff.department != own, one.staff_no))
    return {
        one.staff_no: " ".join(
            filter(None, (one.staff_no, one.masked_name, one.staff.window, one.staff.department))
        )
        for one in found
    }


@dataclass(frozen=True)
class LeaveLine:
    """One request as a row of a list."""

    standing: LeaveStanding
    kinds: str
    when: str
    length: str
    chip: str
    stage: str
    waits_for: str


def line_of(one: LeaveStanding) -> LeaveLine:
    """A request as a row of a list."""
    rules = leavebook.rules(hall())
    chip, stage = leave_words.stage_of(one, today(), leave.has_begun(hall(), one))
    taken = leavebook.legs_taken(one, rules)
    return LeaveLine(
        one,
        leave_words.kinds_of(one.legs, rules),
        leave_words.told_legs(one.legs),
        leave_words.amount(leave.minutes_of(hall(), one.staff_no, taken), rules),
        chip,
        stage,
        leave_words.waits_for(one, rules),
    )


@dataclass(frozen=True)
class Sight:
    """What the signed-in person is to a request."""

    own: bool
    stands_in: bool
    decides: tuple[str, ...]
    sees_reason: bool


def sight_of(one: LeaveStanding) -> Sight:
    """What the signed-in person may see of a request. Raises NotFound: nothing."""
    own, stands_in = one.staff_no == actor(), one.stand_in == actor()
    decides = leave.offices_for(hall(), one, actor())
    held = offices.seats(hall()).offices_of(actor())
    in_chain = bool(held & {step.office for step in one.steps}) or actor() in one.deciders
    oversees = access.current_staff().holds("supervisor")
    sees = own or oversees or bool(decides) or in_chain
    if not (sees or stands_in):
        raise NotFound()
    return Sight(own, stands_in, decides, sees)


def the_leave(request_id: str) -> LeaveFile:
    """The request of an address. Raises NotFound."""
    found = leavebook.leave_file(hall(), request_id)
    if found is None:
        raise NotFound()
    return found


def beside(one: LeaveStanding) -> list[tuple[LeaveLine, bool]]:
    """Who else is away at that time in the same department or window; whether it is that window."""
    everybody = {who.staff_no: who.staff for who in members.members(hall())}
    own = everybody.get(one.staff_no)
    found = []
    for other in leavebook.between(hall(), one.first, one.last):
        theirs = everybody.get(other.staff_no)
        if other.id == one.id or own is None or theirs is None:
            continue
        if other.back_on is not None and other.back_on <= one.first:
            continue
        same_window = bool(own.window) and own.window == theirs.window
        if same_window or own.department == theirs.department:
            found.append((line_of(other), same_window))
    return found


def day_of(text: str, otherwise: date) -> date:
    """A day of an address; nonsense is another day."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if 2020 <= found.year <= 2099 else otherwise
