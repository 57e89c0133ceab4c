"""From what a terminal saw to the fact that is recorded: who, when, by which way, how proven.

Every way in makes a :class:`RawPunch`, whatever terminal it comes from; a :class:`SignIn` is one
whose person the hall has proved itself, by face, PIN, card or a supervisor's word.

Pure. Face, PIN, card and the supervisor's hand are ways of equal right
(人脸识别技术应用安全管理办法: face must not be the only way). The record that travels is
``standards.records.presence.Punch``; the decision with its distances stays beside it, in the hall.
In or out is derived later, from all punches of a day; nothing is dropped here, a second punch a
minute later included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from attendance.errors import FaceError
from attendance.gallery import Decision
from attendance.local_time import zone_of
from standards.records.presence import Punch


@dataclass(frozen=True)
class Occasion:
    """When and where somebody signed in, and before whom."""

    at: datetime
    """with its offset from UTC"""
    terminal: str = ""
    witness: str = ""
    """number of the supervisor who saw it, if one did"""


@dataclass(frozen=True)
class SignIn:
    """One sign-in that the hall proved itself."""

    punch: Punch
    """what is logged and travels"""
    decision: Decision | None
    """what the face was compared with; never leaves the hall"""


Trust = Literal["signed", "vendor-unsigned", "pulled", "manual"]


@dataclass(frozen=True, kw_only=True)
class RawPunch:
    """One sign-in as a terminal told it, before anybody asks who that was.

    Args:
        source: the way in: ``kiosk``, ``supervisor``, ``zkteco`` …
        device: the terminal's own name, for a maker's terminal its serial number,
            never its address.
        pin: the number under which the terminal knows the person; a text, for zeroes lead and
            letters occur.
        local_text: the time exactly as the terminal wrote it.
        zone: in which zone it was read, e.g. ``Asia/Shanghai`` or ``+08:00``.
        t_utc, t_recv: the same moment, and the moment of arrival.
        verify, dir_hint: how the person was checked, and the direction key, as the terminal
            numbers them; people rarely press the right key, so direction is derived later.
        raw_sha: SHA-256 of the bytes that said so, in hex.
        way, clock: how ``Punch`` names the check, and whether the time can be believed.
        device_event_id: the terminal's own name of this event, where it gives one.
    """

    source: str
    device: str
    pin: str
    local_text: str
    zone: str
    t_utc: datetime
    t_recv: datetime
    verify: str
    dir_hint: str
    raw_sha: str
    trust: Trust
    way: str
    clock: str = ""
    device_event_id: str = ""

    @cached_property
    def event_key(self) -> str:
        """What makes it the same event when it is sent again; never a time that was worked out.

        After a zone is put right, a moment in UTC would no longer be found.
        """
        if self.device_event_id:
            return self.device_event_id
        return f"{self.local_text}\t{self.pin}\t{self.dir_hint}\t{self.verify}"


def raw_punch(sign_in: SignIn, received: datetime, event_id: str) -> RawPunch:
    """A sign-in that the hall proved, as the same raw fact that other terminals bring."""
    punch = sign_in.punch
    by_hand = punch.way == "supervisor"
    at = datetime.fromisoformat(punch.punched_at)
    return RawPunch(
        source="kiosk" if punch.terminal else "supervisor",
        device=punch.terminal or punch.witness,
        device_event_id=event_id,
        pin=punch.staff_no,
        local_text=punch.punched_at,
        zone=punch.punched_at[-6:],
        t_utc=at.astimezone(UTC),
        t_recv=received,
        verify=punch.way,
        dir_hint="",
        raw_sha=punch.line_sha,
        trust="manual" if by_hand else "signed",
        way=punch.way,
        clock=punch.clock,
    )


# A break is left and come back from, as the work of a day is.
_HINTS = {
    **dict.fromkeys(("in", "break_in", "ot_in"), "in"),
    **dict.fromkeys(("out", "break_out", "ot_out"), "out"),
}


def punch_of(raw: RawPunch, staff_no: str) -> Punch:
    """The fact that is recorded when a terminal of another maker named this person.

    Nothing signs what such a terminal says, so the grade is V, however well it looked.
    """
    at = raw.t_utc.astimezone(zone_of(raw.zone))
    return Punch(
        staff_no=staff_no,
        punched_at=at.isoformat(timespec="seconds"),
        way=raw.way,
        grade="D" if raw.trust == "manual" else "V",
        terminal=raw.device,
        clock=raw.clock,
        line_sha=raw.raw_sha,
        hint=_HINTS.get(raw.dir_hint, ""),
    )


def punch_by_face(decision: Decision, occasion: Occasion, pin_of: str | None = None) -> SignIn:
    """A sign-in in front of the camera; ``pin_of`` is whose number and PIN were given, if any.

    Who is not recognised signs in by PIN just as well. Raises FaceError: pin_needed, unknown,
    not_this_person (the face is clearly somebody else's than the PIN).
    """
    if decision.outcome == "accepted":
        return _by_accepted_face(decision, occasion, pin_of)
    if pin_of is None:
        raise FaceError("unknown" if decision.outcome == "unknown" else "pin_needed")
    if decision.supports(pin_of):
        return _sign_in(pin_of, "face_pin", occasion, decision)
    return _sign_in(pin_of, "pin", occasion, decision)


def punch_by_pin(staff_no: str, occasion: Occasion) -> SignIn:
    """A sign-in with number and PIN, which the caller has checked."""
    return _sign_in(staff_no, "pin", occasion, None)


def punch_by_code(staff_no: str, occasion: Occasion) -> SignIn:
    """A sign-in with the code of the person's own page, which the caller has checked."""
    return _sign_in(staff_no, "qr", occasion, None)


def punch_by_card(staff_no: str, occasion: Occasion) -> SignIn:
    """A sign-in with the person's card, whose owner the caller has looked up."""
    return _sign_in(staff_no, "card", occasion, None)


def punch_by_supervisor(staff_no: str, occasion: Occasion, reason: str) -> SignIn:
    """补签: the supervisor named as witness signs for somebody, and says why.

    Raises FaceError supervisor_needed without a supervisor, a reason, or when they are the same.
    """
    if not occasion.witness or occasion.witness == staff_no or not reason.strip():
        raise FaceError("supervisor_needed")
    return _sign_in(staff_no, "supervisor", occasion, None, reason.strip())


def _by_accepted_face(decision: Decision, occasion: Occasion, pin_of: str | None) -> SignIn:
    if decision.staff_no is None or pin_of not in (None, decision.staff_no):
        raise FaceError("not_this_person")
    way = "face" if pin_of is None else "face_pin"
    return _sign_in(decision.staff_no, way, occasion, decision)


_GRADES = {"face": "B", "face_pin": "B", "pin": "C", "qr": "C", "card": "C", "supervisor": "D"}


def grade_of(way: str, witness: str) -> str:
    """How strong the evidence is: a sign-in that a supervisor saw counts as witnessed (A)."""
    return "A" if witness and way != "supervisor" else _GRADES[way]


def _sign_in(
    staff_no: str, way: str, occasion: Occasion, decision: Decision | None, reason: str = ""
) -> SignIn:
    if occasion.at.tzinfo is None:
        raise ValueError("a punch needs the offset of its time from UTC")
    punch = Punch(
        staff_no=staff_no,
        punched_at=occasion.at.isoformat(timespec="seconds"),
        way=way,
        grade=grade_of(way, occasion.witness),
        terminal=occasion.terminal,
        witness=occasion.witness,
        reason=reason,
    )
    return SignIn(punch, decision)
