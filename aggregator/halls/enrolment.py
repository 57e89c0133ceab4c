"""分厅登记: halls on the roster, one-time codes, and requests compared by telephone.

The pages over ``aggregator.halls.roster``, which decides and signs.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.halls import roster
from aggregator.halls.halls import every_hall, hall_names
from aggregator.office import ADMINISTRATOR, actor, center
from standards.errors import Invalid
from sync.keys.keysets import CODE_MINUTES
from web import access, logs, once

pages = Blueprint("enrolment", __name__, url_prefix="/enrolment")

STATES = {"registered": "待入网", "enrolled": "已入网", "revoked": "密钥已吊销"}
DECISIONS = {"pending": "待核对", "approved": "已同意", "refused": "已拒绝"}


@pages.get("")
@access.roles(ADMINISTRATOR)
def listing() -> str:
    """Halls, requests that wait, and the form for another hall."""
    return _page({})


def _page(errors: dict[str, str]) -> str:
    here = center()
    asked = roster.pending(here)
    return render_template(
        "enrolment/list.html",
        halls=roster.halls(here),
        facts={facts.hall: facts for facts in every_hall(here)},
        pending=[one for one in asked if one.state == "pending"],
        decided=[one for one in asked if one.state != "pending"][:20],
        names=hall_names(here),
        replacing={one.hall for one in asked if roster.is_enrolled(here, one.hall)},
        groups=groups,
        states=STATES,
        decisions=DECISIONS,
        errors=errors,
        given=request.form,
    )


def groups(digits: str) -> list[str]:
    """The 30 digits in 6 groups of 5, as two people read them to each other."""
    plain = "".join(letter for letter in digits if letter.isdigit())
    return [plain[i : i + 5] for i in range(0, len(plain), 5)]


@pages.post("")
@access.roles(ADMINISTRATOR)
def register() -> tuple[str, int] | Response:
    """Put a hall on the roster."""
    hall, name = request.form.get("hall", "").strip().upper(), request.form.get("name", "").strip()

    def effect() -> str:
        roster.register_hall(center(), hall, name)
        logs.event("hall.registered", hall=hall)
        return url_for("enrolment.listing")

    try:
        return once.answer_once(effect)
    except Invalid as wrong:
        return _page(wrong.fields), 422


@pages.post("/<hall>/code")
@access.roles(ADMINISTRATOR)
def new_code(hall: str) -> str | Response:
    """Make a one-time code and show it this once."""
    names = hall_names(center())
    if hall not in names:
        raise NotFound()
    with center().db.transaction():
        if once.earlier_answer() is not None:
            return redirect(url_for("enrolment.listing"), 303)
        code = roster.new_code(center(), hall)
        once.remember_answer(url_for("enrolment.listing"))
    logs.event("hall.code", hall=hall)
    return render_template(
        "enrolment/code.html", hall=hall, name=names[hall], code=code, minutes=CODE_MINUTES
    )


@pages.post("/requests/<enrolment_id>/approve")
@access.roles(ADMINISTRATOR)
def approve(enrolment_id: str) -> tuple[str, int] | Response:
    """The 30 digits were compared by telephone and are the same."""
    if request.form.get("compared") != "1":
        return _page({"": "请先与分厅电话核对30位数字，勾选“数字一致”后再同意"}), 422
    return _decide(enrolment_id, "approve")


@pages.post("/requests/<enrolment_id>/refuse")
@access.roles(ADMINISTRATOR)
def refuse(enrolment_id: str) -> tuple[str, int] | Response:
    """The digits differ, or nobody at the hall asked."""
    return _decide(enrolment_id, "refuse")


def _decide(enrolment_id: str, decision: str) -> tuple[str, int] | Response:
    def effect() -> str:
        if decision == "approve":
            replaces = request.form.get("replaces") == "1"
            roster.approve(center(), enrolment_id, actor(), replaces=replaces)
        else:
            roster.refuse(center(), enrolment_id, actor())
        logs.event("enrolment.decided", decision=decision, enrolment=enrolment_id)
        return url_for("enrolment.listing")

    try:
        return once.answer_once(effect)
    except Invalid as wrong:
        return _page(wrong.fields), 422
