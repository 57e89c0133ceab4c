"""From what a terminal saw to the fact that is recorded: who, when, by which way, how proven.

Pure. Face, PIN and the supervisor's hand are ways of equal right (人脸识别技术应用安全管理办法:
face must not be the only way). The record that travels is ``standards.records.presence.Punch``; the
decision with its distances stays beside it, in the hall. In or out is derived later, from all
punches of a day; nothing is dropped here, a second punch a minute later included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from attendance.errors import FaceError
from attendance.gallery import Decision
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
class RawPunch:
    """One sign-in as it happened."""

    punch: Punch
    """what is logged and travels"""
    decision: Decision | None
    """what the face was compared with; never leaves the hall"""


def punch_by_face(decision: Decision, occasion: Occasion, pin_of: str | None = None) -> RawPunch:
    """A sign-in in front of the camera; ``pin_of`` is whose number and PIN were given, if any.

    Who is not recognised signs in by PIN just as well. Raises FaceError: pin_needed, unknown,
    not_this_person (the face is clearly somebody else's than the PIN).
    """
    if decision.outcome == "accepted":
        return _by_accepted_face(decision, occasion, pin_of)
    if pin_of is None:
        raise FaceError("unknown" if decision.outcome == "unknown" else "pin_needed")
    if decision.supports(pin_of):
        return _raw(pin_of, "face_pin", occasion, decision)
    return _raw(pin_of, "pin", occasion, decision)


def punch_by_pin(staff_no: str, occasion: Occasion) -> RawPunch:
    """A sign-in with number and PIN, which the caller has checked."""
    return _raw(staff_no, "pin", occasion, None)


def punch_by_supervisor(staff_no: str, occasion: Occasion, reason: str) -> RawPunch:
    """补签: the supervisor named as witness signs for somebody, and says why.

    Raises FaceError supervisor_needed without a supervisor, a reason, or when they are the same.
    """
    if not occasion.witness or occasion.witness == staff_no or not reason.strip():
        raise FaceError("supervisor_needed")
    return _raw(staff_no, "supervisor", occasion, None, reason.strip())


def _by_accepted_face(decision: Decision, occasion: Occasion, pin_of: str | None) -> RawPunch:
    if decision.staff_no is None or pin_of not in (None, decision.staff_no):
        raise FaceError("not_this_person")
    way = "face" if pin_of is None else "face_pin"
    return _raw(decision.staff_no, way, occasion, decision)


_GRADES = {"face": "B", "face_pin": "B", "pin": "C", "supervisor": "D"}


def grade_of(way: str, witness: str) -> str:
    """How strong the evidence is: a sign-in that a supervisor saw counts as witnessed (A)."""
    return "A" if witness and way != "supervisor" else _GRADES[way]


def _raw(
    staff_no: str, way: str, occasion: Occasion, decision: Decision | None, reason: str = ""
) -> RawPunch:
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
    return RawPunch(punch, decision)
