"""工作人员: the pages on which a supervisor keeps the hall's staff, their PINs and their posts.

Names are masked on every page; a change form shows no old name, an empty field keeps it. Consent
and faces have pages of their own (`node.face_pages`).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from flask import Blueprint, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance import consent
from attendance.drift import DAYS, drifts
from node.desk import actor, faces, hall
from node.hall import Hall
from node.presence import sign_in_codes
from node.staff import cards, face_frames, face_gallery, members, pins
from node.staff.members import Member
from standards.errors import Invalid
from standards.records import StaffMember
from web import access, logs, page

pages = Blueprint("members", __name__, url_prefix="/staff")

TABLES = (
    *members.INDEXES,
    *face_gallery.TABLES,
    *face_frames.TABLES,
    *sign_in_codes.TABLES,
    *pins.TABLES,
    *cards.TABLES,
)


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Everybody, with how they may sign in."""
    here = hall()
    return render_template(
        "members/listing.html",
        members=members.members(here),
        faces=face_gallery.templates(here),
        pins=pins.staff_with_pin(here),
        cards=cards.staff_with_card(here),
    )


@pages.get("/new")
@access.roles("supervisor", "administrator")
def new() -> str:
    """Ask for the data of a new member of staff."""
    return _form("members/new.html", {}, {})


@pages.post("")
@access.roles("supervisor", "administrator")
def create() -> tuple[str, int] | Response:
    """Take somebody in."""
    try:
        return page.answer_once(_create)
    except Invalid as wrong:
        return _form("members/new.html", request.form, wrong.fields), 422


def _create() -> str:
    here, typed = hall(), request.form.copy()
    typed["staff_no"] = typed.get("staff_no", "").strip().upper()
    new = page.read(StaffMember, typed, active=True)
    if members.member(here, new.staff_no) is not None:
        raise Invalid({"staff_no": "这个工号已有人使用；离岗人员请在列表中“恢复在岗”"})
    here.write(new, actor=actor())
    logs.event("member.created", member=new.staff_no)
    return url_for("members.one", staff_no=new.staff_no)


def _form(template: str, typed: Mapping[str, str], wrong: Mapping[str, str], **more: object) -> str:
    return render_template(
        template, form=page.form(StaffMember, typed, wrong), errors=wrong, **more
    )


@pages.get("/<staff_no>")
@access.roles("supervisor", "administrator")
def one(staff_no: str) -> str:
    """One member of staff, and what can be done."""
    return shown(known(staff_no), {})


def shown(who: Member, wrong: Mapping[str, str]) -> str:
    """The page of one member of staff, with what was wrong in its form."""
    here, staff_no = hall(), who.staff_no
    return render_template(
        "members/one.html",
        who=who,
        errors=wrong,
        has_card=staff_no in cards.staff_with_card(here),
        said=members.consent_of(here, staff_no),
        current_notice=consent.CURRENT,
        face=face_gallery.templates(here).get(staff_no),
        look_alikes=faces().look_alikes(staff_no),
        has_pin=staff_no in pins.staff_with_pin(here),
        drift=drifts(face_gallery.decisions_since(here, DAYS)).get(staff_no),
        frame=face_frames.frame_of(here, staff_no),
        done=request.args.get("done", ""),
    )


def known(staff_no: str) -> Member:
    """The member of staff of an address. Raises NotFound."""
    found = members.member(hall(), staff_no)
    if found is None:
        raise NotFound()
    return found


@pages.get("/<staff_no>/change")
@access.roles("supervisor", "administrator")
def change(staff_no: str) -> str:
    """Ask what has changed; name and mobile stay as they are when left empty."""
    who = known(staff_no)
    start = {"department": who.staff.department, "window": who.staff.window}
    return _form("members/change.html", start, {}, who=who)


@pages.post("/<staff_no>/change")
@access.roles("supervisor", "administrator")
def save_change(staff_no: str) -> tuple[str, int] | Response:
    """Write the member of staff anew."""
    who = known(staff_no)
    try:
        return page.answer_once(lambda: _change(hall(), who.staff))
    except Invalid as wrong:
        return _form("members/change.html", request.form, wrong.fields, who=who), 422


def _change(here: Hall, old: StaffMember) -> str:
    typed: MultiDict[str, str] = request.form.copy()
    for name in ("name", "mobile"):
        if not typed.get(name, "").strip():
            typed[name] = getattr(old, name)
    changed = page.read(StaffMember, typed, staff_no=old.staff_no, active=old.active)
    if changed != old:
        here.write(changed, actor=actor())
        logs.event("member.changed", member=old.staff_no)
    return url_for("members.one", staff_no=old.staff_no, done="change")


@pages.post("/<staff_no>/leave")
@access.roles("supervisor", "administrator")
def leave(staff_no: str) -> Response:
    """The person leaves: consent ends, face, PIN and card are deleted, punches stay."""

    def effect() -> str:
        here, who = hall(), known(staff_no)
        if who.staff.active:
            here.write(msgspec.structs.replace(who.staff, active=False), actor=actor())
        if who.consented:
            members.write_consent(here, staff_no, False, actor())
        face_gallery.delete_template(here, staff_no)
        pins.forget_pin(here, staff_no)
        cards.forget_card(here, staff_no)
        logs.event("member.left", member=staff_no)
        return url_for("members.one", staff_no=staff_no, done="leave")

    return page.answer_once(effect)


@pages.post("/<staff_no>/return")
@access.roles("supervisor", "administrator")
def come_back(staff_no: str) -> Response:
    """The person is on post again; consent and face begin anew."""

    def effect() -> str:
        here, who = hall(), known(staff_no)
        if not who.staff.active:
            here.write(msgspec.structs.replace(who.staff, active=True), actor=actor())
            logs.event("member.returned", member=staff_no)
        return url_for("members.one", staff_no=staff_no, done="return")

    return page.answer_once(effect)


@pages.get("/<staff_no>/pin")
@access.roles("supervisor", "administrator")
def pin(staff_no: str) -> str:
    """Let the person type a PIN, on this screen, unseen."""
    return render_template("members/pin.html", who=known(staff_no), errors={})


@pages.post("/<staff_no>/pin")
@access.roles("supervisor", "administrator")
def set_pin(staff_no: str) -> tuple[str, int] | Response:
    """Keep the person's PIN."""
    here, who = hall(), known(staff_no)
    try:
        if not who.staff.active:
            raise Invalid({"": "已离岗，不能设口令；请先恢复在岗"})
        typed = pins.check_new_pin(request.form.get("pin", ""), request.form.get("again", ""))
    except Invalid as wrong:
        return render_template("members/pin.html", who=who, errors=wrong.fields), 422

    def effect() -> str:
        pins.set_pin(here, staff_no, typed)
        logs.event("member.pin", member=staff_no)
        return url_for("members.one", staff_no=staff_no, done="pin")

    return page.answer_once(effect)
