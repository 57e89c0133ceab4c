"""日考勤页: the day of everybody, a person's month, one day with its history, what is asked there.

The supervisor sees everybody; everybody sees the own days, asks for a sign that was missed and
appeals. Nothing is worked out here.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response

from attendance.corrections import checked_reason, chosen
from attendance.shifts import Shift
from node.days import corrections, day_lists
from node.days.day_facts import moment_text, roster_of
from node.days.days import frozen_months
from node.days.timetables import labels
from node.desk import actor, hall, today
from node.staff.members import Member, member
from standards.errors import Invalid
from standards.records import AttendanceRequest, DayException, DayExcused, PunchConfirmed
from standards.records.attendance import (
    CHANGES,
    DAY_STATES,
    GROUNDS,
    MATTERS,
    SLOT_STATES,
)
from standards.records.presence import GRADES, HINTS, PUNCH_WAYS
from standards.timetables import minute_of
from web import access, logs, page

pages = Blueprint("days", __name__, url_prefix="/days")

_EARLIEST, _LATEST = date(2020, 1, 1), date(2100, 1, 1)
ASKED_WITHIN = timedelta(days=62)
"""How far back a missed sign may be asked for and a day appealed."""
_LISTS: dict[str, Any] = {
    "states": DAY_STATES,
    "slot_states": SLOT_STATES,
    "changes": CHANGES,
    "grounds": {code: text for code, text in GROUNDS.items() if code != "appeal"},
    "matters": MATTERS,
    "ways": PUNCH_WAYS,
    "grades": GRADES,
    "hints": HINTS,
    "shapes": day_lists.SHAPES,
    "was_changed": day_lists.was_changed,
}


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Everybody's signs and result of a day."""
    day = _day_asked()
    lines = day_lists.day_lines(hall(), day)
    wanted, place = request.args.get("only", ""), request.args.get("place", "").strip()
    statuses = [line.result.status for line in lines if line.result]
    return render_template(
        "days/listing.html",
        day=day,
        is_today=day == today(),
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
        lines=[line for line in lines if _is_wanted(line, wanted, place)],
        total=len(lines),
        counts={code: statuses.count(code) for code in DAY_STATES},
        bad=sum(status in day_lists.BAD for status in statuses),
        provisional=sum(bool(line.result and line.result.provisional) for line in lines),
        only=wanted,
        place=place,
        tables=labels(hall()),
        **_LISTS,
    )


def _is_wanted(line: day_lists.DayLine, wanted: str, place: str) -> bool:
    staff, status = line.member.staff, line.result.status if line.result else ""
    if place and place not in (staff.window, staff.department, staff.staff_no):
        return False
    if wanted == "bad":
        return status in day_lists.BAD
    return not wanted or status == wanted


def _day_asked() -> date:
    try:
        asked = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return today()
    return min(max(asked, _EARLIEST), today())


def _month_asked() -> date:
    try:
        asked = date.fromisoformat(request.args.get("month", "") + "-01")
    except ValueError:
        return today().replace(day=1)
    return min(max(asked, _EARLIEST), today().replace(day=1))


# --- a person's month -----------------------------------------------------------------------------


@pages.get("/mine")
@access.anyone_signed_in
def mine() -> str:
    """The own month."""
    return _month(actor())


@pages.get("/person/<staff_no>")
@access.roles("supervisor", "administrator")
def month(staff_no: str) -> str:
    """Somebody's month."""
    return _month(_known(staff_no).staff_no)


def _month(staff_no: str) -> str:
    return render_template(
        "days/month.html",
        sheet=day_lists.month_of(hall(), staff_no, _month_asked()),
        who=member(hall(), staff_no),
        staff_no=staff_no,
        own=staff_no == actor(),
        is_last=_month_asked() == today().replace(day=1),
        today=today(),
        done=request.args.get("done", ""),
        **_LISTS,
    )


def _known(staff_no: str) -> Member:
    who = member(hall(), staff_no)
    if who is None:
        raise NotFound()
    return who


# --- one day --------------------------------------------------------------------------------------


@pages.get("/person/<staff_no>/<day>")
@access.anyone_signed_in
def one(staff_no: str, day: str) -> str:
    """One day with its signs, its history, and what can be asked or decided about it."""
    return _one(staff_no, _day(day), {})


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise NotFound() from None
    if not _EARLIEST <= day < _LATEST:
        raise NotFound()
    return day


def _one(staff_no: str, day: date, wrong: dict[str, str]) -> str:
    own = staff_no == actor()
    if not own and not access.current_staff().holds("supervisor", "administrator"):
        raise Forbidden()
    here = hall()
    result = day_lists.now_of(here, staff_no, day)
    recent = today() - ASKED_WITHIN <= day <= today()
    return render_template(
        "days/one.html",
        day=day,
        staff_no=staff_no,
        who=member(here, staff_no),
        own=own,
        result=result,
        history=day_lists.history(here, staff_no, day),
        punches=day_lists.punches_of_day(here, result, staff_no, day),
        requests=corrections.requests_about(here, staff_no, day.isoformat()),
        may_ask=own and recent,
        may_decide=not own and access.current_staff().holds("supervisor"),
        may_void=not own,
        frozen=f"{day:%Y-%m}" in frozen_months(here),
        exceptions=_exceptions(staff_no, day),
        errors=wrong,
        typed=request.form,
        tables=labels(hall()),
        done=request.args.get("done", ""),
        **_LISTS,
    )


def _exceptions(staff_no: str, day: date) -> list[DayException]:
    """What came to be known of a frozen day, and nobody has decided about."""
    some = (found.exception for found in corrections.open_exceptions(hall()))
    return [one for one in some if (one.staff_no, one.day) == (staff_no, day)]


def _own(staff_no: str) -> None:
    if staff_no != actor():
        raise Forbidden()


def _back(staff_no: str, day: date, done: str) -> str:
    return url_for("days.one", staff_no=staff_no, day=day.isoformat(), done=done)


Answer = tuple[str, int] | Response


@pages.post("/person/<staff_no>/<day>/missed")
@access.anyone_signed_in
def missed(staff_no: str, day: str) -> Answer:
    """Ask for signs that one forgot; another person decides."""
    _own(staff_no)
    return _asking(staff_no, _day(day), "missed")


@pages.post("/person/<staff_no>/<day>/appeal")
@access.anyone_signed_in
def appeal(staff_no: str, day: str) -> Answer:
    """Appeal against what a day was said to be; another person answers."""
    _own(staff_no)
    return _asking(staff_no, _day(day), "appeal")


def _asking(staff_no: str, day: date, matter: str) -> Answer:
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        if not today() - ASKED_WITHIN <= day <= today():
            raise Invalid({"": f"只能申请最近 {ASKED_WITHIN.days} 天内的"})
        asked = _missed(staff_no, day) if matter == "missed" else _appealed(staff_no, day)
    except Invalid as wrong:
        return _one(staff_no, day, wrong.fields), 422

    def effect() -> str:
        request_id = corrections.ask(hall(), asked, actor())
        logs.event("attendance.asked", request=request_id, matter=matter)
        return _back(staff_no, day, matter)

    return page.answer_once(effect)


def _missed(staff_no: str, day: date) -> AttendanceRequest:
    shift = shift_of(staff_no, day)
    slots = {slot.label: slot for slot in shift.slots}
    wanted = chosen(request.form.getlist("labels"), slots, "labels", "请勾选漏签的是哪一次")
    moments = []
    for label in wanted:
        place = list(slots).index(label)
        moment = moment_of(day, request.form.get(f"at-{place}", ""), f"at-{place}")
        if not slots[label].opens <= moment <= slots[label].closes:
            raise Invalid({f"at-{place}": f"{label}的时间不在可签到时段内"})
        moments.append(moment_text(moment))
    return AttendanceRequest(
        matter="missed",
        staff=(staff_no,),
        day=day,
        moments=tuple(moments),
        labels=wanted,
        reason=checked_reason(request.form.get("reason", ""), "missed-reason"),
    )


def _appealed(staff_no: str, day: date) -> AttendanceRequest:
    written = day_lists.history(hall(), staff_no, day)
    if not written:
        raise Invalid({"": "这一天还没有结果，不能申诉"})
    latest = written[-1]
    bad = [slot.label for slot in latest.result.slots if slot.state in (*day_lists.BAD, "over")]
    return AttendanceRequest(
        matter="appeal",
        staff=(staff_no,),
        day=day,
        labels=chosen(request.form.getlist("appealed"), bad, "appealed", "请勾选对哪一次有异议"),
        about=latest.id,
        reason=checked_reason(request.form.get("reason", ""), "appeal-reason"),
    )


def shift_of(staff_no: str, day: date) -> Shift:
    """What a day asks of a person.

    Raises:
        Invalid: nothing.
    """
    found = roster_of(hall(), day, day).shifts(staff_no, day, day)
    if not found or not found[0].slots:
        raise Invalid({"": "这一天没有排班，不需要签到"})
    return found[0]


def moment_of(day: date, text: str, name: str) -> datetime:
    """``hh:mm`` of a day as a moment of the hall's clock; after midnight beyond 24:00.

    Raises:
        Invalid: not that form, or still to come.
    """
    try:
        minutes = minute_of(text.strip().replace("：", ":"))
    except ValueError:
        raise Invalid({name: "时间请写成 08:30 的样子"}) from None
    moment = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
    if moment > hall().clock.local().replace(tzinfo=None):
        raise Invalid({name: "时间还没有到"})
    return moment


# --- what the supervisor decides at once ----------------------------------------------------------


@pages.post("/person/<staff_no>/<day>/excuse")
@access.roles("supervisor")
def excuse(staff_no: str, day: str) -> Answer:
    """Not held against somebody: late with an excuse before, or on duty elsewhere."""
    when = _day(day)
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        _refuse_own(staff_no)
        result = day_lists.now_of(hall(), _known(staff_no).staff_no, when)
        known = [slot.label for slot in result.slots] if result else []
        ground = request.form.get("ground", "")
        if ground not in _LISTS["grounds"]:
            raise Invalid({"ground": "请选择依据"})
        excused = DayExcused(
            staff_no=staff_no,
            day=when,
            labels=chosen(request.form.getlist("excused"), known, "excused", "请勾选免计哪一次"),
            ground=ground,
            reason=checked_reason(request.form.get("reason", ""), "excuse-reason"),
        )
    except Invalid as wrong:
        return _one(staff_no, when, wrong.fields), 422

    def effect() -> str:
        hall().write(excused, actor=actor())
        logs.event("attendance.excused", member=staff_no)
        return _back(staff_no, when, "excuse")

    return page.answer_once(effect)


def _refuse_own(staff_no: str) -> None:
    if staff_no == actor():
        raise Invalid({"": "不能办理自己的考勤，请另一位负责人办理"})


@pages.post("/person/<staff_no>/<day>/confirm")
@access.roles("supervisor")
def confirm(staff_no: str, day: str) -> Answer:
    """Say whether a sign whose time was in doubt counts."""
    when = _day(day)
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        _refuse_own(staff_no)
        result = day_lists.now_of(hall(), staff_no, when)
        (punch,) = chosen(
            [request.form.get("punch", "")],
            result.doubtful if result else (),
            "",
            "这次签到不需要核实",
        )
        said = PunchConfirmed(
            punch=punch,
            staff_no=staff_no,
            day=when,
            stands=request.form.get("stands") == "1",
            reason=checked_reason(request.form.get("reason", ""), "confirm-reason"),
        )
    except Invalid as wrong:
        return _one(staff_no, when, wrong.fields), 422

    def effect() -> str:
        hall().write(said, actor=actor())
        logs.event("attendance.confirmed", member=staff_no)
        return _back(staff_no, when, "confirm")

    return page.answer_once(effect)
