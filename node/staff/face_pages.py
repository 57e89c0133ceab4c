"""人脸登记: the notice, a colleague's own consent to it, the pictures, and the way back.

Consent is signed by the person with their own PIN on the screen in front of them; nobody can give
it for another. Pictures are measured in the engine's child and kept nowhere: only the encrypted
vectors stay. Withdrawing deletes them at once; punches stay.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from attendance import consent
from attendance.enrolment import Refusal, check_enrolment, enrol
from attendance.errors import FaceError
from attendance.gallery import FEWEST_PICTURES, TWINS, Enrolled
from attendance.quality import FaceFound
from node.desk import actor, faces, hall
from node.staff import face_frames, face_gallery, members, pins
from node.staff.members import Member
from node.staff.staff import known
from standards.errors import Invalid
from web import access, logs, page

pages = Blueprint("faces", __name__)

MOST_PICTURES = 8
# Beyond this a picture is refused by its size before anything looks at it.
UPLOAD_BYTES = 7 * 1024 * 1024
ENGINE_DOWN = frozenset({"engine_busy", "engine_failed"})


@pages.get("/staff/<staff_no>/consent")
@access.roles("supervisor", "administrator")
def notice(staff_no: str) -> str:
    """Show the notice to the person, who signs or declines."""
    return _notice(known(staff_no), {})


def _notice(who: Member, wrong: dict[str, str]) -> str:
    here = hall()
    return render_template(
        "members/consent.html",
        who=who,
        notice=consent.notice().worded(here.settings.name, "督导或管理员"),
        has_pin=who.staff_no in pins.staff_with_pin(here),
        errors=wrong,
    )


@pages.post("/staff/<staff_no>/consent")
@access.roles("supervisor", "administrator")
def consent_to_faces(staff_no: str) -> tuple[str, int] | Response:
    """Write the person's consent, signed with their PIN."""
    who = known(staff_no)
    try:
        _check_signature(who)
    except Invalid as wrong:
        return _notice(who, wrong.fields), 422

    def effect() -> str:
        members.write_consent(hall(), staff_no, True, actor())
        logs.event("face.consent", member=staff_no)
        return url_for("faces.pictures", staff_no=staff_no)

    return page.answer_once(effect)


def _check_signature(who: Member) -> None:
    if not who.staff.active:
        raise Invalid({"": "已离岗，不能登记人脸；请先恢复在岗"})
    if request.form.get("agree") != "1":
        raise Invalid({"agree": "请本人读完告知书并勾选同意；不同意可以不登记，用口令签到"})
    place = f"screen:{access.origin_of_request().address}"
    try:
        if pins.pin_is(hall(), who.staff_no, request.form.get("pin", ""), place):
            return
    except pins.Locked as locked:
        raise Invalid({"pin": "口令输错次数过多，请十分钟后再试"}) from locked
    raise Invalid({"pin": "口令不对，请本人输入自己的口令"})


@pages.post("/staff/<staff_no>/consent/withdraw")
@access.roles("supervisor", "administrator")
def withdraw(staff_no: str) -> Response:
    """End the consent at the person's wish."""
    known(staff_no)

    def effect() -> str:
        withdraw_consent(staff_no)
        return url_for("members.one", staff_no=staff_no, done="withdraw")

    return page.answer_once(effect)


def withdraw_consent(staff_no: str) -> None:
    """Write that consent has ended and delete the template; in the caller's transaction."""
    here = hall()
    said = members.consent_of(here, staff_no)
    if said is not None and said.given:
        members.write_consent(here, staff_no, False, actor())
    face_gallery.delete_template(here, staff_no)
    logs.event("face.withdrawn", member=staff_no)


@pages.get("/staff/<staff_no>/face")
@access.roles("supervisor", "administrator")
def pictures(staff_no: str) -> str | Response:
    """Ask for at least three pictures, by camera or upload."""
    who = known(staff_no)
    if not members.may_enrol(hall(), staff_no):
        return redirect(url_for("faces.notice", staff_no=staff_no), 303)
    return _pictures(who, [])


def _pictures(who: Member, refusals: list[Refusal]) -> str:
    return render_template(
        "members/face.html",
        who=who,
        refusals=refusals,
        fewest=FEWEST_PICTURES,
        most=MOST_PICTURES,
        face=face_gallery.templates(hall()).get(who.staff_no),
    )


@pages.post("/staff/<staff_no>/face")
@access.roles("supervisor", "administrator")
@access.limits(body=UPLOAD_BYTES, fields=MOST_PICTURES + 5)
def enrol_face(staff_no: str) -> tuple[str, int] | Response:
    """Measure the pictures; keep the vectors, or say of each picture what is wrong with it."""
    who = known(staff_no)
    if not members.may_enrol(hall(), staff_no):
        return redirect(url_for("faces.notice", staff_no=staff_no), 303)
    if page.earlier_answer() is not None:
        return redirect(url_for("members.one", staff_no=staff_no, done="face"), 303)
    measured = _measured(_sent())
    refusals = check_enrolment(measured)
    if not refusals:
        person = enrol(staff_no, [one for one in measured if isinstance(one, FaceFound)])
        refusals = _too_alike(person)
    if refusals:
        logs.event("face.refused", member=staff_no, codes=[one.code for one in refusals])
        return _pictures(who, refusals), 422

    def effect() -> str:
        # Between measuring and keeping, consent may have ended on another screen.
        if not members.may_enrol(hall(), staff_no):
            return url_for("faces.notice", staff_no=staff_no)
        face_gallery.keep_template(hall(), person, actor())
        logs.event("face.enrolled", member=staff_no, pictures=len(person.vectors))
        return url_for("members.one", staff_no=staff_no, done="face")

    return page.answer_once(effect)


@pages.post("/staff/<staff_no>/face/frame")
@access.roles("supervisor", "administrator")
def add_frame(staff_no: str) -> Response:
    """Add what the person confirmed with the PIN; the supervisor has asked them."""
    known(staff_no)

    def effect() -> str:
        done = "frame" if _add_frame(staff_no) else "no_frame"
        return url_for("members.one", staff_no=staff_no, done=done)

    return page.answer_once(effect)


def _add_frame(staff_no: str) -> bool:
    here = hall()
    frame, person = face_frames.frame_of(here, staff_no), face_gallery.person_of(here, staff_no)
    if frame is None or person is None or not members.may_enrol(here, staff_no):
        return False
    grown = face_frames.with_frame(here, frame, person, MOST_PICTURES)
    if grown is None or _too_alike(grown):
        return False
    face_gallery.keep_template(here, grown, actor())
    logs.event("face.frame_added", member=staff_no, pictures=len(grown.vectors))
    return True


def _sent() -> list[bytes]:
    sent = [file.read() for file in request.files.getlist("pictures") if file.filename]
    return sent[:MOST_PICTURES]


def _measured(sent: list[bytes]) -> list[FaceFound | FaceError]:
    found: list[FaceFound | FaceError] = []
    for picture in sent:
        found.append(faces().measured(picture))
        if isinstance(found[-1], FaceError) and found[-1].code in ENGINE_DOWN:
            # Asking for each further picture would hold this page for seconds more.
            return found
    return found


def _too_alike(person: Enrolled) -> list[Refusal]:
    """One face under two numbers is refused; people who are merely alike are told about later."""
    others = faces().gallery(person.model_id).without_person(person.staff_no)
    nearest = others.nearest(person.template, count=1)
    if not nearest or nearest[0].distance >= TWINS:
        return []
    reason = (
        f"与已登记的 {nearest[0].staff_no} 几乎相同，没有登记。请核对是不是同一个人；"
        "确实是两个人（如双胞胎）的，请用工号和口令签到。"
    )
    return [Refusal(None, "already_enrolled", reason)]
