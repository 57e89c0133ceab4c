"""休假核定: since when somebody works, what was carried on, what everybody has left this year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance.leave_balance import Annual, CompTime
from attendance.leave_request import certificate_due
from node.days import absent
from node.desk import actor, hall, today
from node.leave import balances, leave, leave_words, leavebook
from node.leave.leave_sight import line_of, names, tabs
from node.staff import members
from node.staff.members import Member
from standards.errors import Invalid
from standards.records import LeaveFacts
from standards.records.leave import EMPLOYMENTS
from web import access, logs, page

pages = Blueprint("leave_facts", __name__, url_prefix="/leave/facts")


_LOOK_BACK = timedelta(days=90)


@dataclass(frozen=True)
class Line:
    """One member of staff with what is left this year."""

    member: Member
    facts: LeaveFacts | None
    annual: Annual
    comp: CompTime
    unused_before: int | None
    """of the year before, in minutes: what can be carried on at most; None: nothing is known"""


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Everybody's balances of this year."""
    here, year = hall(), today().year
    lines = [_line(who) for who in members.members(here) if who.staff.active]
    return render_template(
        "leave/facts.html",
        tabs=tabs("leave_facts.listing"),
        lines=lines,
        year=year,
        words=leave_words,
        rules=leavebook.rules(here),
        employments=EMPLOYMENTS,
        warned=absent.warned(here),
        lacking=[
            (line_of(one), certificate_due(one, leavebook.rules(here), here.shelf().calendar))
            for one in leave.lacking_papers(here, today() - _LOOK_BACK)
        ],
        names=names(),
        today=today(),
        done=request.args.get("done", ""),
    )


def _line(who: Member) -> Line:
    here, day = hall(), today()
    facts = leavebook.facts_of(here, who.staff_no)
    latest = facts.get(max(facts)) if facts else None
    before = day.replace(year=day.year - 1, month=12, day=31)
    known = before.year in facts or any(
        one.first.year == before.year for one in leavebook.of_person(here, who.staff_no)
    )
    return Line(
        who,
        latest,
        balances.annual(here, who.staff_no, day),
        balances.comp(here, who.staff_no, day),
        balances.annual(here, who.staff_no, before).unused if known else None,
    )


@pages.get("/<staff_no>")
@access.roles("supervisor", "administrator")
def one(staff_no: str) -> str:
    """Ask what is to be settled for one person this year."""
    facts = leavebook.facts_of(hall(), staff_no)
    now = facts.get(today().year)
    latest = facts[max(facts)] if facts else None
    start = {
        "employment": latest.employment if latest else "institution",
        "school_holidays": "1" if latest and latest.school_holidays else "",
        "carried_days": _days(now.carried) if now else "0",
        "taken_days": _days(now.taken_before) if now else "0",
    }
    return _form(staff_no, start, {})


def _days(minutes: int) -> str:
    return f"{minutes / leavebook.rules(hall()).clock.day_minutes:g}"


def _form(staff_no: str, typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    who = members.member(hall(), staff_no)
    if who is None:
        raise NotFound()
    facts = leavebook.facts_of(hall(), staff_no)
    return render_template(
        "leave/facts_of.html",
        line=_line(who),
        form=page.form(LeaveFacts, typed, wrong),
        typed=typed,
        errors=wrong,
        year=today().year,
        has_start=balances.work_start_of(facts) is not None,
        words=leave_words,
        rules=leavebook.rules(hall()),
    )


@pages.post("/<staff_no>")
@access.roles("supervisor", "administrator")
def save(staff_no: str) -> tuple[str, int] | Response:
    """Settle it; the work start stays as it is when left empty."""

    def effect() -> str:
        _save(staff_no)
        return url_for("leave_facts.listing", done=staff_no)

    try:
        return page.answer_once(effect)
    except Invalid as wrong:
        return _form(staff_no, request.form, wrong.fields), 422


def _save(staff_no: str) -> None:
    here = hall()
    if (who := members.member(here, staff_no)) is None:
        raise NotFound()
    typed, facts = request.form.copy(), leavebook.facts_of(here, staff_no)
    known = balances.work_start_of(facts)
    if not typed.get("work_start", "").strip() and known is not None:
        typed["work_start"] = known.isoformat()
    wrong: dict[str, str] = {}
    if not typed.get("work_start", "").strip():
        wrong["work_start"] = "请填写参加工作日期"
    elif typed["work_start"].strip() > today().isoformat():
        wrong["work_start"] = "参加工作日期不能在今天以后"
    carried = _minutes(typed.get("carried_days", ""), "carried_days", wrong)
    most = _line(who).unused_before
    if most is not None and carried > most:
        told = leave_words.amount(most, leavebook.rules(here))
        wrong["carried_days"] = f"上年未休只有{told}，不能多结转"
    if wrong:
        raise Invalid(wrong)
    record = page.read(
        LeaveFacts,
        typed,
        staff_no=staff_no,
        year=today().year,
        carried=carried,
        taken_before=_minutes(typed.get("taken_days", ""), "taken_days", wrong),
    )
    if wrong:
        raise Invalid(wrong)
    here.write(record, actor=actor())
    logs.event("leave.facts", member=staff_no)


def _minutes(text: str, name: str, wrong: dict[str, str]) -> int:
    day = leavebook.rules(hall()).clock.day_minutes
    try:
        halves = float(text.strip() or "0") * 2
    except ValueError:
        halves = -1.0
    if not 0 <= halves <= 60 or halves != int(halves):
        wrong[name] = "请填写天数，可以是半天，如 2 或 1.5"
        return 0
    return int(halves) * day // 2
