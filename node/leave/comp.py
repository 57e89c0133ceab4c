"""加班与调休: overtime is written down, a supervisor confirms it, and it is taken as time off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
from flask import Blueprint, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance.leave_balance import expiry
from node.desk import actor, hall, today
from node.leave import balances, leave_words, leavebook
from node.leave.leave_sight import names, tabs
from node.leave.leavebook import OvertimeLine
from node.staff import members
from standards.errors import Invalid
from standards.leave_rules import minute_of
from standards.records import Overtime, OvertimeDecision
from web import access, logs, page

pages = Blueprint("comp", __name__, url_prefix="/leave/overtime")

STATES = {
    "waiting": ("info", "待核定"),
    "confirmed": ("ok", "已核定"),
    "refused": ("danger", "未核定"),
}
_LATEST = timedelta(days=31)
_LONGEST_MINUTES = 16 * 60


@pages.get("")
@access.anyone_signed_in
def listing() -> str:
    """The own ledger and the form; for a supervisor, what waits to be confirmed."""
    return _page({}, {})


def _page(typed: Mapping[str, str], wrong: Mapping[str, str], about: str = "") -> str:
    here, rules = hall(), leavebook.rules(hall())
    oversees = access.current_staff().holds("supervisor")
    mine = leavebook.overtime_of(here, actor())
    ledger = balances.comp(here, actor(), today())
    left = {(one.day, one.expires_on, one.minutes): rest for one, rest in ledger.by_lot}
    waiting = [line for line in leavebook.overtime_of(here) if line.state == "waiting"]
    return render_template(
        "leave/overtime.html",
        tabs=tabs("comp.listing"),
        form=page.form(Overtime, typed, wrong),
        errors=wrong,
        about=about,
        ledger=ledger,
        left=left,
        mine=mine,
        spent=sorted(balances.spent_of(here, actor()), reverse=True),
        waiting=[one for one in waiting if one.overtime.staff_no != actor()] if oversees else [],
        states=STATES,
        words=leave_words,
        rules=rules,
        names=names(),
        done=request.args.get("done", ""),
    )


@pages.post("")
@access.anyone_signed_in
def enter() -> tuple[str, int] | Response:
    """Write down the own overtime."""
    try:
        return page.answer_once(_enter)
    except Invalid as wrong:
        return _page(request.form, wrong.fields), 422


def _enter() -> str:
    if (who := members.member(hall(), actor())) is None or not who.staff.active:
        raise Invalid({"": "工作人员名单里没有您的工号，请督导先新增"})
    read = page.read(Overtime, request.form, staff_no=actor(), minutes=0)
    minutes = minute_of(read.ends) - minute_of(read.begins)
    wrong = {}
    if not 0 < minutes <= _LONGEST_MINUTES:
        wrong["ends"] = "结束时间应晚于开始时间"
    if read.day > today():
        wrong["day"] = "加班以后再登记"
    elif today() - read.day > _LATEST:
        wrong["day"] = f"请在{_LATEST.days}天内登记"
    if not read.reason:
        wrong["reason"] = "请写明加班事由"
    if any(_same_time(line.overtime, read) for line in leavebook.overtime_of(hall(), actor())):
        wrong["begins"] = "这段时间已经登记过"
    if wrong:
        raise Invalid(wrong)
    entry = hall().write(msgspec.structs.replace(read, minutes=minutes), actor=actor())
    logs.event("overtime.entered", overtime=entry.leaf.id)
    return url_for("comp.listing", done="entered")


def _same_time(one: Overtime, other: Overtime) -> bool:
    return one.day == other.day and one.begins < other.ends and other.begins < one.ends


@pages.post("/<uuid:overtime_id>")
@access.roles("supervisor")
def decide(overtime_id: object) -> tuple[str, int] | Response:
    """Confirm somebody's overtime, whole or in part, or do not; never the own."""
    line = leavebook.overtime_line(hall(), str(overtime_id))
    if line is None:
        raise NotFound()

    def effect() -> str:
        _decide(line)
        return url_for("comp.listing", done="decided")

    try:
        return page.answer_once(effect)
    except Invalid as wrong:
        return _page({}, wrong.fields, about=line.id), 422


def _decide(line: OvertimeLine) -> None:
    here, rule = hall(), leavebook.rules(hall()).comp
    now = leavebook.overtime_line(here, line.id)
    if line.overtime.staff_no == actor() or now is None or now.decision is not None:
        raise Invalid({"": "不能核定自己的加班，也不能核定两次"})
    read = page.read(OvertimeDecision, request.form, overtime_id=line.id, minutes=0)
    typed = request.form.get("hours", "").strip() if request.form.get("granted") == "1" else "0"
    minutes = _minutes(typed, line.overtime.minutes)
    if not minutes and not read.opinion:
        raise Invalid({"opinion": "请写明不核定的理由"})
    record = msgspec.structs.replace(
        read,
        minutes=minutes,
        expires_on=expiry(line.overtime.day, rule.expires_months) if minutes else None,
    )
    here.write(record, actor=actor())
    logs.event("overtime.decided", overtime=line.id)


def _minutes(typed: str, most: int) -> int:
    try:
        hours = float(typed)
    except ValueError:
        raise Invalid({"hours": "请填写核定的小时数，如 3 或 2.5"}) from None
    minutes = round(hours * 60) if 0 <= hours <= 24 else most + 1
    if minutes > most:
        raise Invalid({"hours": "核定的时长不能超过登记的时长"})
    return minutes
