"""请假: asking, standing in, deciding, withdrawing, coming back; what days must know of it.

Each step is a record of its own, written in one transaction; the person's days, and the stand-in's,
are derived anew when leave becomes effective, is withdrawn, or ends otherwise than planned. Knows
no page.
"""

from __future__ import annotations

from datetime import date, datetime, time

from attendance.days import Absence
from attendance.leave import away, end_minute, length, start_minute
from attendance.leave_chain import Applicant, check_decision, may_decide, steps_for
from attendance.leave_request import (
    Around,
    Draft,
    check_request,
    needs_certificate,
    work_begins,
)
from node.days import days
from node.hall import Hall
from node.leave import balances, leavebook, offices, own_hours, stand_ins
from node.staff import members
from standards.errors import Invalid
from standards.leave_life import EFFECTIVE, OPEN
from standards.records import (
    LeaveDecision,
    LeaveRequest,
    LeaveReturned,
    LeaveStandIn,
    LeaveStanding,
    LeaveWithdrawn,
)
from standards.records.declare import Record
from standards.records.leave import LeaveStep, Leg
from sync.entries import new_id

TABLES = (*leavebook.INDEXES, *offices.INDEXES, *stand_ins.INDEXES)


def absences(hall: Hall, first: date, last: date) -> list[Absence]:
    """The granted leave of everybody on these days, as days needs it; moments without zone."""
    table = leavebook.rules(hall)
    effects = {kind.code: kind.effect for kind in table.kind}
    start = datetime.combine(first, time.min)
    return [
        Absence(one.staff_no, each.start, each.end, each.leave, effects.get(each.leave, "leave"))
        for one in leavebook.between(hall, first, last, EFFECTIVE)
        for each in away(leavebook.legs_taken(one, table), table.clock)
        if each.end > start and each.start.date() <= last
    ]


def local_now(hall: Hall) -> datetime:
    """The moment on the hall's clock, without zone."""
    return hall.clock.local().replace(tzinfo=None)


# --- asking --------------------------------------------------------------------------------------


def around(hall: Hall, draft: Draft) -> Around:
    """What a request is held against."""
    first = min((leg.first for leg in draft.legs), default=hall.clock.today())
    last = max((leg.last for leg in draft.legs), default=first)
    same_time = leavebook.between(hall, first, last)
    staff_no, other = draft.staff_no, draft.stand_in
    return Around(
        now=local_now(hall),
        rules=leavebook.rules(hall),
        calendar=own_hours.calendar_for(hall, staff_no, draft.legs),
        own=_legs(hall, [one for one in same_time if one.staff_no == staff_no]),
        stands_in=_legs(hall, [one for one in same_time if one.stand_in == staff_no]),
        of_stand_in=_legs(
            hall, [one for one in same_time if other and other in (one.staff_no, one.stand_in)]
        ),
        annual=lambda on: balances.annual(hall, staff_no, on),
        earned=balances.earned_of(hall, staff_no),
        spent=balances.spent_of(hall, staff_no),
        used=balances.used_of(hall, staff_no, draft.legs),
    )


def _legs(hall: Hall, some: list[LeaveStanding]) -> tuple[Leg, ...]:
    table = leavebook.rules(hall)
    return tuple(leg for one in some for leg in leavebook.legs_taken(one, table))


def minutes_of(hall: Hall, staff_no: str, legs: tuple[Leg, ...]) -> int:
    """How long legs of one person are together."""
    calendar = own_hours.calendar_for(hall, staff_no, legs)
    return length(legs, leavebook.rules(hall), calendar)


def department_of(hall: Hall, staff_no: str) -> str:
    """The department that somebody belongs to."""
    who = members.member(hall, staff_no)
    return who.staff.department if who else ""


def steps_of(hall: Hall, draft: Draft) -> tuple[LeaveStep, ...]:
    """The approvals that a request needs. Raises Invalid: nobody may decide."""
    table = leavebook.rules(hall)
    groups = {table.kind_of(leg.leave).group for leg in draft.legs}
    who = Applicant(draft.staff_no, department_of(hall, draft.staff_no))
    return steps_for(
        table, offices.seats(hall), who, groups, minutes_of(hall, draft.staff_no, draft.legs)
    )


def check(hall: Hall, draft: Draft) -> None:
    """Whether a draft may be sent as it is. Raises Invalid."""
    check_request(draft, around(hall, draft))
    stand_in = members.member(hall, draft.stand_in) if draft.stand_in else None
    if draft.stand_in and (stand_in is None or not stand_in.staff.active):
        raise Invalid({"stand_in": "顶岗人不在岗位上，请另选一位"})
    if draft.told_to and members.member(hall, draft.told_to) is None:
        raise Invalid({"told_to": "没有这个工号"})


def ask(hall: Hall, draft: Draft) -> str:
    """Write a request; answers its id.

    Raises:
        Invalid: it may not be asked for as things stand.
    """
    with hall.db.transaction():
        check(hall, draft)
        request_id = new_id(hall.clock.posix_ms())
        record = LeaveRequest(
            staff_no=draft.staff_no,
            first=min(leg.first for leg in draft.legs),
            last=max(leg.last for leg in draft.legs),
            legs=draft.legs,
            steps=steps_of(hall, draft),
            minutes=minutes_of(hall, draft.staff_no, draft.legs),
            rules_version=leavebook.rules(hall).version,
            stand_in=draft.stand_in,
            told_to=draft.told_to,
            told_at=draft.told_at,
            grounds=" ".join(claim.text() for claim in draft.claims),
            reason=draft.reason.strip(),
        )
        hall.write(record, actor=draft.staff_no, record_id=request_id)
    return request_id


# --- what follows --------------------------------------------------------------------------------


def answer_stand_in(hall: Hall, one: LeaveStanding, actor: str, agreed: bool, opinion: str) -> None:
    """The stand-in says whether the post is covered. Raises Invalid."""
    if one.stage != "asked" or actor != one.stand_in:
        raise Invalid({"": "这次请假不需要您确认，或您已经确认过"})
    if not agreed and not opinion.strip():
        raise Invalid({"opinion": "请写明不能顶岗的原因"})
    record = LeaveStandIn(request_id=one.id, agreed=agreed, opinion=opinion.strip())
    _write(hall, record, actor, one)


def offices_for(hall: Hall, one: LeaveStanding, actor: str) -> tuple[str, ...]:
    """The offices for which somebody may decide on a request now."""
    who = Applicant(actor, department_of(hall, one.staff_no))
    return may_decide(one, leavebook.rules(hall), offices.seats(hall), who)


def decide(hall: Hall, one: LeaveStanding, actor: str, record: LeaveDecision) -> None:
    """One office decides. Raises Invalid."""
    allowed = offices_for(hall, one, actor)
    check_decision(one, record.office, allowed, record.granted, record.opinion)
    _write(hall, record, actor, one)


def has_begun(hall: Hall, one: LeaveStanding) -> bool:
    """Whether the first minute of work that somebody is away has come."""
    draft = Draft(one.staff_no, one.legs)
    calendar = own_hours.calendar_for(hall, one.staff_no, one.legs)
    now = Around(local_now(hall), leavebook.rules(hall), calendar)
    return work_begins(draft, now) <= now.now


def may_withdraw(hall: Hall, one: LeaveStanding, actor: str) -> bool:
    """The applicant may, until it is decided, or until the leave has begun."""
    if actor != one.staff_no:
        return False
    return one.stage in OPEN or (one.stage == "granted" and not has_begun(hall, one))


def withdraw(hall: Hall, one: LeaveStanding, actor: str) -> None:
    """The applicant does not go after all. Raises Invalid."""
    if not may_withdraw(hall, one, actor):
        raise Invalid({"": "已经开始或已经办结的请假不能撤回；提前回来请销假"})
    _write(hall, LeaveWithdrawn(request_id=one.id), actor, one)


def may_return(hall: Hall, one: LeaveStanding) -> bool:
    """Whether somebody can come back from this leave now."""
    return one.stage == "granted" and has_begun(hall, one)


def come_back(hall: Hall, one: LeaveStanding, actor: str, record: LeaveReturned) -> None:
    """销假. Raises Invalid."""
    if not may_return(hall, one):
        raise Invalid({"": "还没有开始的请假不用销假，可以撤回"})
    clock = leavebook.rules(hall).clock
    back = datetime.combine(record.back_on, time.min)
    if record.back_on < one.first:
        raise Invalid({"back_on": "到岗日期早于请假开始日期"})
    if back.date() > hall.clock.today():
        raise Invalid({"back_on": "到岗以后再销假，不能填以后的日期"})
    if record.back_on == hall.clock.today():
        now = local_now(hall)
        if start_minute(record.back_from, clock) > now.hour * 60 + now.minute:
            raise Invalid({"back_from": "到岗时间还没有到"})
    _write(hall, record, actor, one)


def is_late(hall: Hall, one: LeaveStanding) -> bool:
    """Whether somebody came back after the leave was over, or is over time now (逾期未归)."""
    clock, calendar = leavebook.rules(hall).clock, hall.shelf().calendar
    end = max(one.legs, key=lambda leg: (leg.last, end_minute(leg.ends, clock)))
    if one.back_on is None:
        return False
    if one.back_on == end.last:
        return start_minute(one.back_from, clock) > end_minute(end.ends, clock)
    between = (end.last.toordinal() + 1, one.back_on.toordinal())
    missed = any(calendar.is_working_day(date.fromordinal(day)) for day in range(*between))
    half_left = end.ends != "pm" and calendar.is_working_day(end.last)
    return one.back_on > end.last and (missed or half_left or one.back_from != "am")


def needs_paper(hall: Hall, one: LeaveStanding) -> bool:
    """Whether a certificate is needed for this leave, as far as it was taken."""
    table = leavebook.rules(hall)
    legs = leavebook.legs_taken(one, table)
    return needs_certificate(legs, table, own_hours.calendar_for(hall, one.staff_no, legs))


def lacking_papers(hall: Hall, since: date) -> list[LeaveStanding]:
    """Granted leave since a day for which a certificate is needed and none was handed in."""
    some = leavebook.between(hall, since, hall.clock.today(), EFFECTIVE)
    found = [one for one in some if needs_paper(hall, one)]
    there = leavebook.with_papers(hall, (one.id for one in found))
    return [one for one in found if one.id not in there]


_REASONS = {"withdrawn": "leave_withdrawn", "returned": "returned"}


def _write(hall: Hall, record: Record, actor: str, before: LeaveStanding) -> None:
    with hall.db.transaction():
        now = leavebook.standing_of(hall, before.id)
        if now != before:
            raise Invalid({"": "这次请假刚刚有了新进展，请看最新情况后再办"})
        hall.write(record, actor=actor)
        after = leavebook.standing_of(hall, before.id)
        assert after is not None
        if EFFECTIVE & {before.stage, after.stage}:
            last = max(after.last, after.back_on or after.last)
            reason = _REASONS.get(after.stage, "leave")
            days.recompute(hall, after.staff_no, after.first, last, reason)
            stand_ins.follow(hall, after, actor)
