"""签到机: the application of the terminals' listener, with the kiosk page and what it posts to.

A terminal proves itself by its token. It sends one sign-in at a time: frames of the camera, or a
number with its PIN, or both; the answer says what to tell the person, never who else looks alike.
Frames are measured in the engine's child and kept nowhere. No session, no cookie, no staff page.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from attendance import gallery
from attendance.engine import FaceEngine
from attendance.errors import MESSAGES, FaceError
from attendance.gallery import Decision
from attendance.punches import Occasion, SignIn, punch_by_face, punch_by_pin
from node import members, pins, sign_ins, terminals
from node.desk import FACES, HALL, faces, hall
from node.face_gallery import Faces, templates
from node.hall import Hall
from node.terminals import Terminal
from standards.records import Punch
from standards.records.presence import PUNCH_WAYS
from web import access, logs
from web.app import create_shell
from web.attempts import Attempts
from web.bodies import SealedRequest
from web.shell import Shell, ShellSettings

pages = Blueprint("kiosk", __name__, static_folder="static", static_url_path="/kiosk-static")

FRAME_BYTES = 300 * 1024
MOST_FRAMES = 3
# Base64 takes four characters for three bytes; the rest of a request is short.
PUNCH_BODY = MOST_FRAMES * FRAME_BYTES * 4 // 3 + 4096
_SMALL_BODY = 4096
_AGAIN = frozenset({"engine_busy", "engine_failed"})

_BY_TOKEN = "the terminal's token, given at pairing, in the Authorization header"

# What a refusal says on the kiosk's screen; those about a face are in attendance.errors.
_MESSAGES = {
    "malformed": "签到机发来的内容不完整，请刷新页面再试；仍不行请找管理员。",
    "frame_too_large": "画面文件太大，请刷新页面再试；仍不行请找管理员。",
    "token": "这台签到机没有配对或已被停用，请管理员给出配对码。",
    "code": "配对码不对、已用过或已过期，请管理员重新给出配对码。",
    "too_many": "尝试次数过多，请过几分钟再试，或请大厅督导代签。",
    "pin": "工号或口令不对，请再输一次。",
    "pin_locked": "口令输错次数过多，请过几分钟再试，或请大厅督导代签。",
}


class Refused(Exception):
    """A request that gets no sign-in; ``code`` is one of the messages."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


Body = TypeVar("Body", bound=msgspec.Struct)


class Attempt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sign-in as the terminal sends it.

    ``capture`` is made by the terminal and stays the same while one sign-in lasts. ``frames`` are
    JPEGs in base64, at least half a second apart. Without frames, number and PIN sign in alone.
    """

    capture: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{16,64}$")]
    frames: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=MOST_FRAMES)] = ()
    staff_no: Annotated[str, msgspec.Meta(max_length=20)] = ""
    pin: Annotated[str, msgspec.Meta(max_length=20)] = ""


class Pairing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one-time code as typed at the terminal."""

    code: Annotated[str, msgspec.Meta(max_length=40)]


def create_terminal_app(here: Hall, engine: FaceEngine | None = None) -> Shell:
    """The terminals' application of a hall whose tables exist already.

    Args:
        here: open, and held by this process alone.
        engine: None where none runs; staff then sign in with number and PIN.
    """
    app = create_shell(
        __package__ or "node",
        database=here.db,
        settings=ShellSettings(
            site=f"{here.settings.hall.lower()}-terminals",
            hall_name=here.settings.name,
            roles={},
            trusted_hosts=here.settings.trusted_hosts,
            sign_in=False,
            max_body=_SMALL_BODY,
        ),
        title="签到",
        clock=here.clock.now,
    )
    app.request_class = SealedRequest
    app.extensions[HALL] = here
    app.extensions[FACES] = known = Faces(here, engine)
    app.health.register("faces", known.health)
    app.register_blueprint(pages)
    app.register_error_handler(Refused, _refused)
    return app


def _refused(error: Exception) -> Response:
    assert isinstance(error, Refused)
    message = _MESSAGES.get(error.code) or MESSAGES[error.code]
    made = jsonify(outcome="refused", code=error.code, message=message)
    made.status_code = error.status
    if error.status in (429, 503):
        made.headers["Retry-After"] = "1" if error.status == 503 else "600"
    logs.event("kiosk.refused", code=error.code)
    return made


@pages.get("/")
@access.public
def start() -> AnyResponse:
    """The kiosk page is all there is here."""
    return redirect("/kiosk", 303)


@pages.get("/kiosk")
@access.public
def kiosk() -> str:
    """The page that stays open on the terminal; it says nothing about anybody."""
    return render_template("kiosk/kiosk.html")


@pages.post("/terminal/pair")
@access.signed_by_other_means("a one-time code of the administrator, in the body")
def pair() -> Response:
    """Exchange a one-time code for the token of this terminal."""
    here, place = hall(), request.remote_addr or ""
    attempts = Attempts(here.db, here.clock.now)
    if attempts.locked_until(f"pair:{place}", place) is not None:
        raise Refused(429, "too_many")
    paired = terminals.pair(here, _body(Pairing).code)
    if paired is None:
        attempts.failed(f"pair:{place}", place)
        raise Refused(403, "code")
    terminal, token = paired
    logs.event("terminal.paired", terminal=terminal.id)
    return jsonify(token=token, terminal=terminal.id, name=terminal.name)


@pages.get("/terminal/state")
@access.signed_by_other_means(_BY_TOKEN)
def state() -> Response:
    """What the idle page shows, and that the terminal is still allowed to sign people in."""
    terminal, here = _terminal(), hall()
    return jsonify(
        hall=here.settings.name,
        terminal=terminal.id,
        name=terminal.name,
        time=here.clock.local().isoformat(timespec="seconds"),
        # Where nobody is enrolled the camera would only waste people's time.
        faces=bool(templates(here)) and faces().health()[0],
    )


@pages.post("/terminal/punch")
@access.signed_by_other_means(_BY_TOKEN)
@access.limits(body=PUNCH_BODY)
def punch() -> Response:
    """One sign-in: by face, by face with number and PIN, or by number and PIN alone."""
    terminal, here, attempt = _terminal(), hall(), _body(Attempt)
    capture = sign_ins.Capture(terminal.id, attempt.capture)
    earlier = sign_ins.punch_of_capture(here, capture)
    if earlier is not None:
        return _accepted(here, earlier)
    pin_of = _who_gave_the_pin(here, terminal, attempt)
    decision = _decision(attempt.frames)
    if decision is not None and decision.outcome != "accepted" and pin_of is None:
        logs.event("kiosk.asked", outcome=decision.outcome, terminal=terminal.id)
        code = "unknown" if decision.outcome == "unknown" else "pin_needed"
        return jsonify(outcome=decision.outcome, message=MESSAGES[code])
    raw = _raw_punch(decision, pin_of, Occasion(here.clock.local(), terminal.id))
    kept = sign_ins.keep_punch(here, raw, capture)
    logs.event("kiosk.signed_in", punched_by=kept.staff_no, way=kept.way, terminal=terminal.id)
    return _accepted(here, kept)


def _raw_punch(decision: Decision | None, pin_of: str | None, occasion: Occasion) -> SignIn:
    if decision is None:
        if pin_of is None:
            raise Refused(400, "malformed")
        return punch_by_pin(pin_of, occasion)
    try:
        return punch_by_face(decision, occasion, pin_of)
    except FaceError as refused:
        raise Refused(422, refused.code) from refused


def _accepted(here: Hall, kept: Punch) -> Response:
    who = members.member(here, kept.staff_no)
    at = datetime.fromisoformat(kept.punched_at)
    return jsonify(
        outcome="accepted",
        name=who.masked_name if who else "—",
        at=kept.punched_at,
        way=kept.way,
        grade=kept.grade,
        message=f"签到成功 {at:%H:%M}\n{PUNCH_WAYS[kept.way]}",
    )


def _who_gave_the_pin(here: Hall, terminal: Terminal, attempt: Attempt) -> str | None:
    if not attempt.staff_no.strip() and not attempt.pin:
        return None
    who = members.active_member(here, attempt.staff_no)
    staff_no = who.staff_no if who else attempt.staff_no.strip().upper()
    try:
        if pins.pin_is(here, staff_no, attempt.pin, f"terminal:{terminal.id}") and who:
            return staff_no
    except pins.Locked as locked:
        raise Refused(429, "pin_locked") from locked
    raise Refused(422, "pin")


def _decision(frames: tuple[bytes, ...]) -> Decision | None:
    if not frames:
        return None
    if any(len(frame) > FRAME_BYTES for frame in frames):
        raise Refused(413, "frame_too_large")
    try:
        seen = [faces().measure(frame) for frame in frames]
        known = faces().gallery(seen[0].model_id)
        if not known.people and templates(hall()):
            raise FaceError("model_changed")
        return gallery.decide(known, seen)
    except FaceError as refused:
        raise Refused(503 if refused.code in _AGAIN else 422, refused.code) from refused


def _terminal() -> Terminal:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = terminals.terminal_of_token(hall(), token) if scheme == "Bearer" else None
    if found is None:
        raise Refused(401, "token")
    return found


def _body(kind: type[Body]) -> Body:
    if not request.is_json:
        raise Refused(415, "malformed")
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Refused(400, "malformed") from wrong
