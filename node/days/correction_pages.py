"""补签与申诉页: what waits to be decided, the bulk sign-in after an outage, terminals out of order.

Every request is decided by another person; both names stand in the log.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance.corrections import checked_reason, chosen
from node.days import corrections, day_lists
from node.days.day_facts import moment_text
from node.days.day_pages import moment_of
from node.days.timetables import labels
from node.desk import actor, hall, today
from node.hall import Hall
from node.presence.raw_punches import last_reported
from node.staff.members import members
from node.terminals.terminals import terminals
from standards.errors import Invalid
from standards.records import AttendanceRequest, TerminalOutage
from standards.records.attendance import CHANGES, DAY_STATES, MATTERS, SLOT_STATES
from standards.records.presence import PUNCH_WAYS
from web import access, logs, page

pages = Blueprint("corrections", __name__, url_prefix="/corrections")

MOST_MOMENTS = 8
_MOST_SHOWN = 60
_DECIDERS = ("supervisor", "administrator")
Answer = tuple[str, int] | Response


def names(here: Hall) -> dict[str, str]:
    """Staff number -> masked name."""
    return {one.staff_no: one.masked_name for one in members(here)}


def places(here: Hall) -> dict[str, str]:
    """Terminal -> its name; one that reports and has no name by its number."""
    reporting = {terminal: terminal for terminal in last_reported(here)}
    return reporting | {one.id: one.name for one in terminals(here)}


@pages.get("")
@access.roles(*_DECIDERS)
def listing() -> str:
    """What waits, and what was decided lately."""
    here = hall()
    return render_template(
        "corrections/listing.html",
        waiting_list=corrections.open_requests(here),
        exceptions=corrections.open_exceptions(here),
        decided=corrections.decided_requests(here),
        matters=MATTERS,
        changes=CHANGES,
        states=DAY_STATES,
        names=names(here),
        done=request.args.get("done", ""),
    )


@pages.get("/<uuid:request_id>")
@access.roles(*_DECIDERS)
def one(request_id: object) -> str:
    """One request, and the form to decide it."""
    return _one(str(request_id), {})


def _one(request_id: str, wrong: dict[str, str]) -> str:
    here = hall()
    asked = corrections.request_of(here, request_id)
    if asked is None:
        raise NotFound()
    exception = corrections.exception_of(here, asked.request.about) if asked.request.about else None
    first = asked.request.staff[0]
    return render_template(
        "corrections/one.html",
        asked=asked,
        exception=exception,
        signs=corrections.signs_of(here, asked.request)[:_MOST_SHOWN],
        ways=PUNCH_WAYS,
        result=day_lists.now_of(here, first, asked.request.day),
        may=actor() != asked.by and actor() not in asked.request.staff,
        names=names(here),
        places=places(here),
        matters=MATTERS,
        states=DAY_STATES,
        slot_states=SLOT_STATES,
        changes=CHANGES,
        shapes=day_lists.SHAPES,
        errors=wrong,
        typed=request.form,
    )


@pages.post("/<uuid:request_id>")
@access.roles(*_DECIDERS)
def decide(request_id: object) -> Answer:
    """Grant or refuse."""
    asked_id, granted = str(request_id), request.form.get("granted") == "1"
    try:
        reason = checked_reason(request.form.get("reason", ""))

        def effect() -> str:
            asked = corrections.decide(hall(), asked_id, granted, reason, actor())
            matter = asked.request.matter
            logs.event("attendance.decided", request=asked_id, matter=matter, granted=granted)
            return url_for("corrections.listing", done="granted" if granted else "refused")

        return page.answer_once(effect)
    except Invalid as wrong:
        return _one(asked_id, wrong.fields), 422


# --- after an outage ------------------------------------------------------------------------------


@pages.get("/bulk")
@access.roles("supervisor")
def bulk() -> str:
    """Choose day, people, times, terminal and reason."""
    return _bulk({})


def _bulk(wrong: dict[str, str]) -> str:
    here, day = hall(), _day_typed()
    lines = [
        line
        for line in day_lists.day_lines(here, day)
        if line.member.staff.active and line.member.staff_no != actor()
    ]
    return render_template(
        "corrections/bulk.html",
        day=day,
        today=today(),
        lines=lines,
        tables=labels(here),
        places=places(here),
        slot_states=SLOT_STATES,
        errors=wrong,
        typed=request.form,
    )


def _day_typed() -> date:
    try:
        asked = date.fromisoformat(request.values.get("day", ""))
    except ValueError:
        return today()
    return min(asked, today())


@pages.post("/bulk")
@access.roles("supervisor")
def ask_bulk() -> Answer:
    """Ask for it; a second person confirms."""
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        asked = _bulk_request(hall(), _day_typed())
    except Invalid as wrong:
        return _bulk(wrong.fields), 422

    def effect() -> str:
        request_id = corrections.ask(hall(), asked, actor())
        logs.event("attendance.asked", request=request_id, matter="bulk")
        return url_for("corrections.listing", done="bulk")

    return page.answer_once(effect)


def _bulk_request(here: Hall, day: date) -> AttendanceRequest:
    known = {one.staff_no for one in members(here) if one.staff.active} - {actor()}
    moments = sorted({moment_of(day, text, "times") for text in _times()})
    if not 0 < len(moments) <= MOST_MOMENTS:
        raise Invalid({"times": f"请填写补签时间，最多 {MOST_MOMENTS} 个"})
    terminal = request.form.get("terminal", "")
    if terminal and terminal not in places(here):
        raise Invalid({"terminal": "请从列表中选择终端"})
    return AttendanceRequest(
        matter="bulk",
        staff=chosen(request.form.getlist("staff"), known, "staff", "请勾选补签人员"),
        day=day,
        moments=tuple(moment_text(moment) for moment in moments),
        terminal=terminal,
        reason=checked_reason(request.form.get("reason", "")),
    )


def _times() -> list[str]:
    text = request.form.get("times", "")
    for mark in "，,、；;":
        text = text.replace(mark, " ")
    return text.split()


# --- a terminal out of order ----------------------------------------------------------------------


@pages.get("/outage")
@access.roles("supervisor")
def outage() -> str:
    """Say that a terminal could tell nothing for a while."""
    return _outage({})


def _outage(wrong: dict[str, str]) -> str:
    here = hall()
    rows = here.db.query(
        "SELECT * FROM terminal_outage WHERE hall = :hall ORDER BY since DESC LIMIT 50",
        hall=here.settings.hall,
    )
    return render_template(
        "corrections/outage.html",
        outages=[(row, here.logs.opened(TerminalOutage, row)) for row in rows],
        places=places(here),
        errors=wrong,
        typed=request.form,
        today=today(),
        done=request.args.get("done", ""),
    )


@pages.post("/outage")
@access.roles("supervisor")
def declare_outage() -> Answer:
    """Days do not wait for this terminal in this period."""
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        said = _outage_said(hall())
    except Invalid as wrong:
        return _outage(wrong.fields), 422

    def effect() -> str:
        hall().write(said, actor=actor())
        logs.event("attendance.outage", terminal=said.terminal)
        return url_for("corrections.outage", done="outage")

    return page.answer_once(effect)


def _outage_said(here: Hall) -> TerminalOutage:
    terminal = request.form.get("terminal", "")
    if terminal not in places(here):
        raise Invalid({"terminal": "请选择终端"})
    since, until = _moment("since"), _moment("until")
    if until <= since or until - since > timedelta(days=31):
        raise Invalid({"until": "截止应晚于开始，最长 31 天"})
    return TerminalOutage(
        terminal=terminal,
        since=moment_text(since),
        until=moment_text(until),
        reason=checked_reason(request.form.get("reason", "")),
    )


def _moment(name: str) -> datetime:
    try:
        return datetime.fromisoformat(request.form.get(name, "")).replace(tzinfo=None)
    except ValueError:
        raise Invalid({name: "请选择日期和时间"}) from None


# --- exceptions of frozen months ------------------------------------------------------------------


@pages.post("/exceptions/<uuid:exception_id>")
@access.roles("supervisor")
def propose(exception_id: object) -> Answer:
    """Propose to adopt the new result, or to leave the frozen one; a second person confirms."""
    about = str(exception_id)
    exception = corrections.exception_of(hall(), about)
    if exception is None or exception.staff_no == actor():
        raise NotFound()
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        asked = AttendanceRequest(
            matter="exception",
            staff=(exception.staff_no,),
            day=exception.day,
            about=about,
            adopt=request.form.get("adopt") == "1",
            reason=checked_reason(request.form.get("reason", "")),
        )
    except Invalid:
        return redirect(url_for("corrections.listing", done="no-reason"), 303)

    def effect() -> str:
        request_id = corrections.ask(hall(), asked, actor())
        logs.event("attendance.asked", request=request_id, matter="exception")
        return url_for("corrections.listing", done="exception")

    return page.answer_once(effect)
