"""请假 for whoever asks: the own requests with the balances, and the form with what it comes to.

Everybody who is signed in asks for themselves; what was typed is shown with its length, balances
and approvals before it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from attendance.leave_request import Draft
from node.days import absent
from node.desk import actor, hall, today
from node.leave import balances, leave, leave_form, leave_words, leavebook, own_hours
from node.leave.leave_sight import colleagues, line_of, tabs
from node.staff import members
from standards.errors import Invalid
from web import access, logs, page

pages = Blueprint("leave", __name__, url_prefix="/leave")


@pages.get("")
@access.anyone_signed_in
def listing() -> str:
    """The own requests and balances."""
    here, staff_no = hall(), actor()
    rules = leavebook.rules(here)
    mine = leavebook.of_person(here, staff_no)
    return render_template(
        "leave/listing.html",
        tabs=tabs("leave.listing"),
        who=members.member(here, staff_no),
        lines=[line_of(one) for one in mine],
        annual=balances.annual(here, staff_no, today()),
        comp=balances.comp(here, staff_no, today()),
        words=leave_words,
        rules=rules,
        year=today().year,
        warned=absent.warned(here, staff_no),
        done=request.args.get("done", ""),
    )


# --- asking --------------------------------------------------------------------------------------


@pages.get("/new")
@access.anyone_signed_in
def new() -> str:
    """Ask for everything a request needs."""
    return _form({"first-0": request.args.get("day", "")[:10]}, {})


def _form(typed: Mapping[str, str], wrong: Mapping[str, str], **more: object) -> str:
    here = hall()
    rules = leavebook.rules(here)
    begins, ends = leave_form.points(rules, own_hours.reach_of(here, actor()))
    known: dict[str, object] = {"outlook": None, "mark": ""}
    return render_template(
        "leave/new.html",
        who=members.member(here, actor()),
        choices=leave_form.choices(rules),
        begins=begins,
        ends=ends,
        legs=range(leave_form.MOST_LEGS),
        colleagues=colleagues(),
        typed=typed,
        errors=wrong,
        rules=rules,
        annual=balances.annual(here, actor(), today()),
        comp=balances.comp(here, actor(), today()),
        words=leave_words,
        **(known | more),
    )


@pages.post("/new")
@access.anyone_signed_in
def create() -> str | tuple[str, int] | Response:
    """Show what a request comes to; sent again as it was shown, write it."""
    here, typed = hall(), request.form
    who = members.member(here, actor())
    try:
        if typed.get("wish") == "send" and page.earlier_answer() is not None:
            return page.answer_once(lambda: url_for("leave.listing"))
        if who is None or not who.staff.active:
            raise Invalid({"": "工作人员名单里没有您的工号，请督导先新增"})
        draft = leave_form.read(
            typed, actor(), leavebook.rules(here), own_hours.reach_of(here, actor())
        )
        leave.check(here, draft)
        shown = leave_form.mark(draft)
        if typed.get("wish") != "send" or typed.get("mark") != shown:
            look = leave_form.outlook(here, draft)
            return _form(typed, {}, outlook=look, draft=draft, mark=shown)
        return page.answer_once(lambda: _asked(draft))
    except Invalid as wrong:
        return _form(typed, wrong.fields), 422


def _asked(draft: Draft) -> str:
    request_id = leave.ask(hall(), draft)
    logs.event("leave.asked", leave=request_id)
    return url_for("leave_steps.one", request_id=request_id, done="asked")
