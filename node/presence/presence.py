"""在岗: who has signed in today and how, the supervisor's hand for others, everybody's own list.

A supervisor signs for somebody with a reason (grade D), or sees somebody sign with the own PIN
(grade A). Knows no camera.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance.errors import FaceError
from attendance.punches import Occasion, SignIn, punch_by_pin, punch_by_supervisor
from node.cases.notices import qr_code
from node.desk import actor, hall, today
from node.presence import sign_in_codes, sign_ins
from node.staff import face_gallery, members, pins
from node.staff.face_pages import withdraw_consent
from node.staff.members import Member
from node.terminals import terminal_events
from node.terminals.kiosk_judging import SENTENCES
from node.terminals.terminals import terminals, thefts
from node.zkteco.zkteco_terminals import zkteco_terminals
from standards.errors import Invalid
from standards.records import Punch
from standards.records.presence import GRADES, PUNCH_WAYS
from web import access, logs, page

pages = Blueprint("presence", __name__, url_prefix="/presence")

OWN_DAYS = timedelta(days=31)
_LONGEST_REASON = 200


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Everybody's sign-ins of a day, today unless another is asked for."""
    day = _day_asked()
    lines = sign_ins.day_list(hall(), day)
    return render_template(
        "presence/listing.html",
        day=day,
        is_today=day == today(),
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
        lines=lines,
        signed=sum(bool(line.punches) for line in lines),
        ways=PUNCH_WAYS,
        grades=GRADES,
        places=_places(),
        flagged=_flagged(),
        doubtful=terminal_events.needing_a_person(hall(), day),
        reasons=SENTENCES,
        done=request.args.get("done", ""),
    )


def _flagged() -> Callable[[Sequence[Punch]], bool]:
    """Whether some of these were sent by a terminal that was gone by then."""
    gone = thefts(hall())

    def is_flagged(punches: Sequence[Punch]) -> bool:
        return any(
            one.terminal in gone and gone[one.terminal].covers(one.punched_at) for one in punches
        )

    return is_flagged


def _day_asked() -> date:
    try:
        asked = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return today()
    return min(max(asked, date(2020, 1, 1)), today())


def _places() -> dict[str, str]:
    makers = {one.serial: one.name for one in zkteco_terminals(hall())}
    return makers | {one.id: one.name for one in terminals(hall())}


@pages.get("/sign/<staff_no>")
@access.roles("supervisor")
def sign(staff_no: str) -> str:
    """Ask how the supervisor vouches for somebody."""
    return _sign_form(staff_no, {})


def _sign_form(staff_no: str, wrong: dict[str, str]) -> str:
    return render_template(
        "presence/sign.html",
        who=_on_post(staff_no),
        has_pin=staff_no in pins.staff_with_pin(hall()),
        own=staff_no == actor(),
        typed=request.form,
        errors=wrong,
    )


def _on_post(staff_no: str) -> Member:
    who = members.member(hall(), staff_no)
    if who is None or not who.staff.active:
        raise NotFound()
    return who


@pages.post("/sign/<staff_no>")
@access.roles("supervisor")
def sign_for(staff_no: str) -> tuple[str, int] | Response:
    """Write the sign-in that the supervisor vouches for."""
    _on_post(staff_no)
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        raw = _vouched(staff_no)
    except Invalid as wrong:
        return _sign_form(staff_no, wrong.fields), 422

    def effect() -> str:
        kept = sign_ins.keep_punch(hall(), raw)
        logs.event("presence.vouched", member=staff_no, way=kept.way, grade=kept.grade)
        return url_for("presence.listing", done=staff_no)

    return page.answer_once(effect)


def _vouched(staff_no: str) -> SignIn:
    occasion = Occasion(hall().clock.local(), witness=actor())
    if request.form.get("how") == "witness":
        return _witnessed(staff_no, occasion)
    reason = request.form.get("reason", "").strip()
    if not reason or len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise Invalid({"reason": f"请写明代签原因，最多 {_LONGEST_REASON} 个字"})
    try:
        return punch_by_supervisor(staff_no, occasion, reason)
    except FaceError as refused:
        raise Invalid({"reason": refused.message}) from refused


def _witnessed(staff_no: str, occasion: Occasion) -> SignIn:
    if staff_no == actor():
        raise Invalid({"pin": "不能见证自己签到，请另一位督导办理"})
    place = f"screen:{access.origin_of_request().address}"
    try:
        if pins.pin_is(hall(), staff_no, request.form.get("pin", ""), place):
            return punch_by_pin(staff_no, occasion)
    except pins.Locked as locked:
        raise Invalid({"pin": "口令输错次数过多，请十分钟后再试，或代签"}) from locked
    raise Invalid({"pin": "口令不对，请本人再输一次"})


@pages.get("/mine")
@access.anyone_signed_in
def mine() -> str:
    """The own sign-ins of the last month, and what the hall keeps about the own face."""
    here, staff_no = hall(), actor()
    return render_template(
        "presence/mine.html",
        punches=sign_ins.punches_of(here, staff_no, today() - OWN_DAYS),
        who=members.member(here, staff_no),
        said=members.consent_of(here, staff_no),
        face=face_gallery.templates(here).get(staff_no),
        has_pin=staff_no in pins.staff_with_pin(here),
        ways=PUNCH_WAYS,
        grades=GRADES,
        places=_places(),
        done=request.args.get("done", ""),
    )


@pages.post("/mine/code")
@access.anyone_signed_in
def code() -> str | Response:
    """A code for the terminal, good once and for a minute and a half; shown, never kept here."""
    here, staff_no = hall(), actor()
    who = members.member(here, staff_no)
    if who is None or not who.staff.active:
        return redirect(url_for("presence.mine"), 303)
    made = sign_in_codes.give(here, staff_no)
    drawn, seconds = qr_code(made.scanned, "code-qr"), int(sign_in_codes.LIFE.total_seconds())
    return render_template("presence/code.html", code=made, qr=drawn, seconds=seconds)


@pages.post("/mine/withdraw")
@access.anyone_signed_in
def withdraw() -> Response:
    """Withdraw the own consent; the template is gone with it."""

    def effect() -> str:
        withdraw_consent(actor())
        return url_for("presence.mine", done="withdraw")

    return page.answer_once(effect)
