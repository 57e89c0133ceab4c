"""What a paired kiosk sends and asks (``/t/v1``): state, time, frames, events, reports, orders.

Every request is signed (``kiosk_line``). Described for other implementers in docs/terminals.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

import msgspec
from flask import Blueprint, Response, current_app, jsonify, request

from attendance.errors import FaceError
from attendance.liveness import STEPS
from node.desk import faces, hall
from node.hall import Hall
from node.staff.cards import staff_with_card
from node.staff.face_gallery import templates
from node.terminals import (
    terminal_blobs,
    terminal_events,
    terminal_keys,
    terminal_orders,
    terminal_reports,
    terminal_roster,
    terminals,
)
from node.terminals.kiosk_line import Caller, Refused, body_as, signed, signed_by_any_key
from node.terminals.kiosk_sessions import Answer, Sessions
from node.terminals.terminal_events import MOST_EVENTS, Ack, Cloned
from node.terminals.terminal_keys import DeviceKey
from node.terminals.terminal_orders import WaitingRoom
from node.terminals.terminal_reports import Clocks, Report
from web import access, logs

views = Blueprint("terminal", __name__, url_prefix="/t/v1")

SESSIONS = "onehall.kiosk_sessions"
WAITING = "onehall.kiosk_waiting"
EVENTS_BODY: Final = 1024 * 1024
_AGAIN = frozenset({"engine_busy", "engine_failed"})


class Events(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events as texts, in order: their hashes are of the text."""

    events: Annotated[list[str], msgspec.Meta(max_length=MOST_EVENTS)]
    clocks: Clocks | None = None


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that shall follow, and its own signature."""

    public: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{130}$")]
    proof: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}$")]


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of an order."""

    result: Annotated[str, msgspec.Meta(max_length=200)] = ""


def standing_of(here: Hall, key: DeviceKey) -> dict[str, Any]:
    """How a kiosk stands, and what the hall can be known by."""
    known, ours = terminals.terminal(here, key.terminal), terminal_keys.hall_keys(here)
    return {
        "terminal": key.terminal,
        "key": key.key_id,
        "key_epoch": key.key_epoch,
        "state": key.state,
        "name": known.name if known else "",
        "hall": here.settings.name,
        "hall_signing": ours.signing.hex(),
        "hall_sealing": ours.sealing.hex(),
        "server_time": here.clock.stamp(),
    }


@views.get("/state")
@signed_by_any_key
def state(caller: Caller) -> Response:
    """What the idle page shows, and whether this key may sign people in."""
    here, key = hall(), caller.key
    told = standing_of(here, key)
    if key.state == "approved":
        acked, missing = terminal_events.standing(here, key)
        last = terminal_events.last_seq(here, key)
        told |= {
            # Where nobody is enrolled the camera would only waste people's time.
            "faces": bool(templates(here)) and faces().health()[0],
            "cards": bool(staff_with_card(here)),
            "liveness": here.settings.liveness,
            "acked_through": acked,
            "missing": missing,
            "last_seq": last,
            "last_hash": terminal_events.last_hash(here, key, last),
        }
    return jsonify(told)


@views.get("/time")
@signed
def time_now(caller: Caller) -> Response:
    """The node's time, and an anchor for the page's own."""
    here = hall()
    names = ("boot_id", "wall")
    numbers = ("mono_ms", "rtt_ms")
    try:
        asked: dict[str, Any] = {name: request.args[name] for name in names}
        asked |= {name: int(request.args[name]) for name in numbers if name in request.args}
        clocks = msgspec.convert(asked, Clocks)
    except (ValueError, KeyError, msgspec.ValidationError) as wrong:
        raise Refused(400, "malformed") from wrong
    if not terminal_reports.note_clocks(here, caller.terminal, clocks):
        raise Refused(400, "malformed")
    return jsonify(server_time=here.clock.stamp(), zone="Asia/Shanghai", health="ok")


@views.post("/sessions")
@signed
def begin(caller: Caller) -> Response:
    """Somebody stands before the camera."""
    return jsonify(session=_sessions().begin(caller.terminal).id)


@views.post("/sessions/<session_id>/frames")
@signed
@access.limits(body=terminal_blobs.PICTURE_BYTES)
def look(caller: Caller, session_id: str) -> Response:
    """One frame of the camera, a JPEG; answers what to show next."""
    session = _sessions().of(caller.terminal, session_id)
    if session is None:
        raise Refused(404, "session")
    try:
        at = _milliseconds(request.args["at"]) / 1000
        answer = _sessions().look(session, request.get_data(), at)
    except (KeyError, ValueError) as wrong:
        raise Refused(400, "malformed") from wrong
    except FaceError as refused:
        raise Refused(503 if refused.code in _AGAIN else 422, refused.code) from refused
    if answer.outcome:
        logs.event("kiosk.looked", outcome=answer.outcome, terminal=caller.terminal)
    return jsonify(_said(answer))


def _milliseconds(text: str) -> float:
    """A time on the kiosk's own clock. Raises ValueError, also for what is no number of time."""
    given = float(text)
    if not 0 <= given < 1e12:
        raise ValueError("no time")
    return given


def _said(answer: Answer) -> dict[str, Any]:
    said = {name: getattr(answer, name) for name in answer.__dataclass_fields__}
    said["steps"] = [STEPS[step] for step in answer.steps]  # type: ignore[index]
    return said


@views.put("/blobs/<digest>")
@signed
@access.limits(body=terminal_blobs.BLOB_BYTES)
def blob(caller: Caller, digest: str) -> Response:
    """A picture under the node's key, before the event that names it."""
    if not terminal_blobs.keep(hall(), caller.terminal, digest, request.get_data()):
        raise Refused(422, "malformed")
    return jsonify(kept=digest)


@views.post("/events")
@signed
@access.limits(body=EVENTS_BODY)
def events(caller: Caller) -> Response:
    """What happened, in order; answers how far the kiosk may forget."""
    here, sent = hall(), body_as(Events)
    if sent.clocks is not None:
        terminal_reports.note_clocks(here, caller.terminal, sent.clocks)
    try:
        ack = terminal_events.take(here, faces(), caller.key, sent.events)
    except ValueError as wrong:
        raise Refused(422, "malformed") from wrong
    except Cloned as cloned:
        logs.event("terminal.cloned", terminal=caller.terminal)
        raise Refused(409, "clone") from cloned
    for result in ack.results:
        logs.event("kiosk.event", status=result.status, terminal=caller.terminal)
    return jsonify(_acked(here, ack))


def _acked(here: Hall, ack: Ack) -> dict[str, Any]:
    return {
        "acked_through": ack.acked_through,
        "results": [msgspec.to_builtins(result) for result in ack.results],
        "missing": ack.missing,
        "server_time": here.clock.stamp(),
    }


@views.get("/roster")
@signed
def roster(caller: Caller) -> Response:
    """Numbers and masked names, signed by the hall."""
    text, signature = terminal_roster.roster(hall(), request.args.get("since", ""))
    return jsonify(roster=text, signature=signature)


@views.post("/heartbeat")
@signed
def heartbeat(caller: Caller) -> Response:
    """What the kiosk says of itself, once a minute."""
    here, report = hall(), body_as(Report)
    if not terminal_reports.keep_report(here, caller.terminal, report):
        raise Refused(400, "malformed")
    acked, missing = terminal_events.standing(here, caller.key)
    terminal_events.check_gaps(here)
    return jsonify(server_time=here.clock.stamp(), acked_through=acked, missing=missing)


@views.get("/commands")
@signed
def commands(caller: Caller) -> Response:
    """What the administrator asks of this kiosk; waits for it a while."""
    wait = request.args.get("wait", "0")
    seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 4 else 0
    room = cast(WaitingRoom, current_app.extensions[WAITING])
    found = room.orders(hall(), caller.terminal, seconds)
    return jsonify(commands=[msgspec.to_builtins(order) for order in found])


@views.post("/commands/<int:order_id>")
@signed
def command_done(caller: Caller, order_id: int) -> Response:
    """An order was carried out, or could not be."""
    new = terminal_orders.done(hall(), caller.terminal, order_id, body_as(Done).result)
    return jsonify(noted=new)


@views.post("/keys")
@signed
def rotate(caller: Caller) -> Response:
    """Go over to a new key; signed by the old one as every request, and by the new one inside."""
    here, new = hall(), body_as(NewKey)
    made = terminal_keys.rotate(
        here, caller.key, bytes.fromhex(new.public), bytes.fromhex(new.proof)
    )
    if made is None:
        raise Refused(422, "malformed")
    logs.event("terminal.rotated", terminal=caller.terminal)
    return jsonify(standing_of(here, made))


def _sessions() -> Sessions:
    return cast(Sessions, current_app.extensions[SESSIONS])
