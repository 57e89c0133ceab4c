"""签到作废页: ask that signs written for the wrong person count no more; another person decides.

From a person's day, for some of its signs; or from a line of the list of numbers that was wrong,
for all that was written because of it: then the line is taken back at once, and the right one said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance.corrections import checked_reason, chosen
from node.days import corrections, day_lists, voids
from node.days.voids import Sign
from node.desk import actor, hall
from node.presence import holders, raw_punches
from node.presence.holders import Said
from node.staff.members import member, members
from standards.errors import Invalid
from standards.records import AttendanceRequest
from standards.records.attendance import MOST_VOIDED
from standards.records.presence import GRADES, PUNCH_WAYS
from web import access, logs, page

pages = Blueprint("voids", __name__, url_prefix="/corrections/void")

_DECIDERS = ("supervisor", "administrator")
Answer = tuple[str, int] | Response


@dataclass(frozen=True)
class Subject:
    """Whose signs it is about, and because of what; ``said``: the wrong line of the numbers."""

    staff_no: str
    signs: Sequence[Sign]
    day: date | None = None
    said: Said | None = None


def _subject() -> Subject:
    if number := request.args.get("number", ""):
        said = holders.said_of(hall(), number)
        if said is None:
            raise NotFound()
        return Subject(said.holding.staff_no, voids.of_number(hall(), said), said=said)
    staff_no = request.args.get("staff_no", "")
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        raise NotFound() from None
    if member(hall(), staff_no) is None:
        raise NotFound()
    return Subject(staff_no, _signs_of(staff_no, day), day=day)


def _signs_of(staff_no: str, day: date) -> list[Sign]:
    result, gone = day_lists.now_of(hall(), staff_no, day), voids.spoken_for(hall())
    seen = day_lists.punches_of_day(hall(), result, staff_no, day)
    return [Sign(one.id, one.punch) for one in seen if one.id not in gone]


@pages.get("")
@access.roles(*_DECIDERS)
def form() -> str:
    """The signs, who they belong to, and the reason."""
    return _form(_subject(), {})


def _form(subject: Subject, wrong: dict[str, str]) -> str:
    return render_template(
        "corrections/void.html",
        subject=subject,
        who=member(hall(), subject.staff_no),
        people=[one for one in members(hall()) if one.staff_no != subject.staff_no],
        picked=request.form.getlist("punch") or [request.args.get("punch", "")],
        ways=PUNCH_WAYS,
        grades=GRADES,
        errors=wrong,
        typed=request.form,
    )


@pages.post("")
@access.roles(*_DECIDERS)
def ask() -> Answer:
    """Ask for it; a wrong line of the numbers is taken back at once."""
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    subject = _subject()
    try:
        asked = _requests(subject)
    except Invalid as wrong:
        return _form(subject, wrong.fields), 422

    def effect() -> str:
        with hall().db.transaction():
            if subject.said is not None:
                _put_right(subject.said, _belongs_to())
            for one in asked:
                request_id = corrections.ask(hall(), one, actor())
                logs.event("attendance.asked", request=request_id, matter="void")
        if not asked:
            return url_for("numbers.listing", done="taken-back")
        return url_for("corrections.listing", done="void")

    try:
        return page.answer_once(effect)
    except Invalid as wrong:
        return _form(subject, wrong.fields), 422


def _belongs_to() -> str:
    text = request.form.get("belongs_to", "").strip().upper()
    if text and member(hall(), text) is None:
        raise Invalid({"belongs_to": "工作人员名单里没有这个工号"})
    return text


def _requests(subject: Subject) -> list[AttendanceRequest]:
    """One for each row of signs that an entry can name."""
    signs, belongs_to = list(subject.signs), _belongs_to()
    if subject.said is None:
        known = {one.id for one in signs}
        picked = chosen(request.form.getlist("punch"), known, "punch", "请勾选要作废的签到")
        signs = [one for one in signs if one.id in picked]
    if not signs:
        return []
    voids.refuse_asking(signs, belongs_to, actor())
    reason = checked_reason(request.form.get("reason", ""))
    return [
        AttendanceRequest(
            matter="void",
            staff=(subject.staff_no, *([belongs_to] if belongs_to else [])),
            day=date.fromisoformat(some[0].punch.punched_at[:10]),
            punches=tuple(one.id for one in some),
            belongs_to=belongs_to,
            reason=reason,
        )
        for some in _in_rows(signs)
    ]


def _in_rows(signs: Sequence[Sign]) -> list[Sequence[Sign]]:
    return [signs[start : start + MOST_VOIDED] for start in range(0, len(signs), MOST_VOIDED)]


def _put_right(said: Said, belongs_to: str) -> None:
    """The wrong line goes; where it is known whose the number is, the right one stands instead."""
    if not holders.take_back(hall(), said.id, actor()):
        raise Invalid({"": "这条对照已经改过了"})
    if belongs_to:
        holders.say(hall(), replace(said.holding, staff_no=belongs_to), actor())
        raw_punches.attribute(hall(), [said.holding.pin])
    logs.event("numbers.taken_back", member=said.holding.staff_no)
