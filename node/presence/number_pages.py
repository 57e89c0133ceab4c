"""工号对照页: "工号 37 是谁?" — whose number at which terminal, from which day to which.

What was held back for want of a name is written the moment somebody gives it.
"""

from __future__ import annotations

from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance.holders import Holding
from attendance.terminals.zkteco_lines import LONGEST_PIN
from node.desk import actor, hall, today
from node.presence import holders, raw_punches
from node.staff import members
from node.zkteco.zkteco_notes import forget_names, name_at
from node.zkteco.zkteco_terminals import zkteco_terminals
from standards.errors import Invalid
from web import access, logs, page

pages = Blueprint("numbers", __name__, url_prefix="/terminals/numbers")

_ANYWHERE = ""


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Numbers without a name, the whole list, and the form that gives a name."""
    return _listing({})


def _listing(wrong: dict[str, str]) -> str:
    here = hall()
    unknown = raw_punches.unknown_numbers(here)
    return render_template(
        "numbers/listing.html",
        unknown=unknown,
        shown={(one.device, one.pin): name_at(here, one.device, one.pin) for one in unknown},
        said=holders.all_said(here),
        people={one.staff_no: one for one in members.members(here)},
        terminals={_ANYWHERE: "所有终端"} | {t.serial: t.name for t in zkteco_terminals(here)},
        today=today(),
        errors=wrong,
        typed=request.form or request.args,
        written=request.args.get("written", ""),
        done=request.args.get("done", ""),
    )


@pages.post("")
@access.roles("supervisor", "administrator")
def say() -> tuple[str, int] | Response:
    """Say whose number it is; its punches are written at once."""
    try:
        holding = _holding()

        def effect() -> str:
            with hall().db.transaction():
                holders.say(hall(), holding, actor())
                forget_names(hall(), holding.pin)
                written = raw_punches.attribute(hall(), [holding.pin])
            logs.event("numbers.said", member=holding.staff_no, punches=written)
            return url_for("numbers.listing", written=written)

        return page.answer_once(effect)
    except Invalid as wrong:
        return _listing(wrong.fields), 422


def _holding() -> Holding:
    form, wrong = request.form, {}
    pin, device = form.get("pin", "").strip(), form.get("device", "")
    if not pin or len(pin) > LONGEST_PIN or not pin.isprintable():
        wrong["pin"] = "请填写终端上的工号"
    if device != _ANYWHERE and device not in {one.serial for one in zkteco_terminals(hall())}:
        wrong["device"] = "没有这台终端"
    who = members.member(hall(), form.get("staff_no", "").strip().upper())
    if who is None:
        wrong["staff_no"] = "工作人员名单里没有这个工号"
    days: dict[str, date | None] = {}
    for name, words in (("valid_from", "开始日期"), ("valid_to", "结束日期")):
        text = form.get(name, "").strip()
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError:
            wrong[name] = f"请填写{words}，如 2026-01-31"
    start = days.get("valid_from")
    if start is None:
        wrong.setdefault("valid_from", "请填写开始日期，如 2026-01-31")
    if wrong or who is None or start is None:
        raise Invalid(wrong)
    return Holding(pin, who.staff_no, device, start, days["valid_to"])


@pages.post("/<uuid:said_id>/end")
@access.roles("supervisor", "administrator")
def end(said_id: object) -> Response:
    """From today on the number is nobody's."""
    if not holders.end(hall(), str(said_id), today(), actor()):
        raise NotFound()
    return redirect(url_for("numbers.listing"), 303)
