"""一条签到怎么算: from an event of a kiosk to a sign-in, or to the reason why there is none.

The node's own ticket says who was recognised; a PIN or a card comes under the node's key and
is checked here, also days later; pictures that were taken while the node was away are measured here
and then gone. Writes nothing but what counting wrong PINs and cards needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from attendance import gallery
from attendance.errors import MESSAGES, FaceError
from attendance.gallery import Decision
from attendance.punches import (
    Occasion,
    SignIn,
    punch_by_card,
    punch_by_code,
    punch_by_face,
    punch_by_pin,
)
from attendance.terminals.anchors import Told
from attendance.terminals.kiosk import Event
from node.hall import Hall
from node.presence import sign_in_codes
from node.staff import cards, members, pins
from node.staff.face_gallery import Faces, templates
from node.terminals import terminal_keys
from node.terminals.device_keys import BadKey
from node.terminals.kiosk_line import unbase64
from node.terminals.kiosk_sessions import Ticket, decision_of_match, read_ticket
from sync.clock import BEIJING

TICKET_LATE: Final = timedelta(minutes=15)
"""An event and the ticket in it are of one occasion."""
SENTENCES: Final = {
    "pin": "工号或口令不对，请再输一次。",
    "pin_locked": "口令输错次数过多，请过几分钟再试，或请督导代签。",
    "card": "这张卡没有登记或已删除。请用其他方式签到，或请督导登记这张卡。",
    "card_locked": "没有登记的卡刷得太多，请过几分钟再试，或用其他方式签到。",
    "sealed": "签到机保存的内容打不开，请管理员重新配对签到机。",
    "ticket": "这次识别的凭据无效，请重新签到。",
    "blobs_gone": "断网期间的画面已不在，请督导核实后代签。",
    "unknown": "断网期间的画面没有认出是谁，请督导核实后代签。",
    "pin_needed": "断网期间的画面不足以确认本人，请督导核实后代签。",
    "not_this_person": "画面中的人与输入的工号不是同一个人，请本人签到。",
    "not_on_post": "此人已不在岗，请督导核实。",
    "repeated": "有一张画面与以前某次完全相同，可能是重放，请督导抽查。",
}
_AGAIN = frozenset({"engine_busy", "engine_failed"})


@dataclass(frozen=True)
class Judged:
    """What became of an event."""

    status: str
    """``stored``, ``held`` (a person must look) or ``rejected`` (no sign-in, for good)"""
    reason: str = ""
    sign_in: SignIn | None = None
    match_id: str | None = None

    @property
    def message(self) -> str:
        """For the kiosk's screen and for the terminals page."""
        return SENTENCES.get(self.reason) or MESSAGES.get(self.reason, "")


@dataclass(frozen=True)
class Sent:
    """An event with what the node knows around it: when it was, and the pictures that came."""

    terminal: str
    event: Event
    told: Told
    pictures: tuple[bytes, ...] | None = None


def judge(here: Hall, faces: Faces, sent: Sent) -> Judged:
    """Who signed in.

    Raises:
        FaceError: engine_busy or engine_failed; the event must come again.
    """
    event = sent.event
    if event.kind == "match":
        return _by_ticket(here, sent)
    if event.kind == "manual":
        return _by_pin(here, sent)
    if event.kind == "card":
        return _by_card(here, sent)
    if event.kind == "frame":
        return _by_pictures(here, faces, sent)
    return Judged("stored")


def _ticket(here: Hall, sent: Sent) -> Ticket | None:
    ticket = read_ticket(here, sent.event.ticket)
    if ticket is None or ticket.terminal != sent.terminal:
        return None
    apart = abs(datetime.fromisoformat(ticket.at) - sent.told.at)
    return ticket if apart <= TICKET_LATE or sent.told.clock else None


def _by_ticket(here: Hall, sent: Sent) -> Judged:
    ticket = _ticket(here, sent)
    if ticket is None or ticket.outcome != "accepted":
        return Judged("rejected", "ticket")
    decision = decision_of_match(here, ticket.id)
    occasion = Occasion(datetime.fromisoformat(ticket.at), sent.terminal)
    if decision is not None:
        made = punch_by_face(decision, occasion)
    else:
        made = _without_numbers(ticket, occasion)
    return _kept(here, _live(made, ticket), ticket)


def _without_numbers(ticket: Ticket, occasion: Occasion) -> SignIn:
    """The node was restored since: its word stands, the numbers behind it are gone."""
    made = punch_by_pin(ticket.staff_no, occasion)
    return SignIn(replace(made.punch, way="face", grade="B"), None)


def _live(made: SignIn, ticket: Ticket | None) -> SignIn:
    if ticket is None or not ticket.live or "face" not in made.punch.way:
        return made
    return SignIn(replace(made.punch, grade="L"), made.decision)


def _kept(here: Hall, made: SignIn, ticket: Ticket | None = None) -> Judged:
    who = members.member(here, made.punch.staff_no)
    doubt = "repeated" if ticket and ticket.repeated else ""
    status, reason = ("stored", doubt) if who and who.staff.active else ("held", "not_on_post")
    match_id = ticket.id if ticket else None
    return Judged(status, reason, made if status == "stored" else None, match_id)


def _by_pin(here: Hall, sent: Sent) -> Judged:
    ticket = _ticket(here, sent) if sent.event.ticket else None
    decision = decision_of_match(here, ticket.id) if ticket else None
    at = datetime.fromisoformat(ticket.at) if ticket else sent.told.at.astimezone(BEIJING)
    staff_no, reason = _who_gave_the_pin(here, sent)
    prove = punch_by_code if reason == "code" else punch_by_pin
    if staff_no is None:
        return Judged("held" if reason in ("pin_locked", "sealed") else "rejected", reason)
    occasion = Occasion(at, sent.terminal)
    try:
        made = (
            punch_by_face(decision, occasion, staff_no)
            if decision is not None
            else prove(staff_no, occasion)
        )
    except FaceError as refused:
        return Judged("rejected", refused.code)
    if not ticket:
        made = SignIn(replace(made.punch, clock=sent.told.clock), made.decision)
    return _kept(here, _live(made, ticket), ticket)


def _who_gave_the_pin(here: Hall, sent: Sent) -> tuple[str | None, str]:
    event = sent.event
    pin = _unsealed(here, sent, event.pin)
    if pin is None:
        return None, "sealed"
    who = members.active_member(here, event.staff_no)
    staff_no = who.staff_no if who else event.staff_no.strip().upper()
    if who and sign_in_codes.is_code(pin):
        # A wrong code goes on as a wrong PIN, so that tries are counted alike.
        use = (f"{sent.terminal}/{event.event_id}", sent.told.at)
        if sign_in_codes.take(here, staff_no, pin, use):
            return staff_no, "code"
    try:
        if pins.pin_is(here, staff_no, pin, f"terminal:{sent.terminal}") and who:
            return staff_no, ""
    except pins.Locked:
        return None, "pin_locked"
    return None, "pin"


def _by_card(here: Hall, sent: Sent) -> Judged:
    number = _unsealed(here, sent, sent.event.card)
    if number is None:
        return Judged("held", "sealed")
    try:
        staff_no = cards.owner_of(here, number, sent.told.at, f"terminal:{sent.terminal}")
    except cards.Locked:
        return Judged("held", "card_locked")
    if staff_no is None:
        return Judged("rejected", "card")
    made = punch_by_card(staff_no, Occasion(sent.told.at.astimezone(BEIJING), sent.terminal))
    return _kept(here, SignIn(replace(made.punch, clock=sent.told.clock), made.decision))


def _unsealed(here: Hall, sent: Sent, sealed: str) -> str | None:
    """What was typed or read, under the node's key and for this event alone; None: not so."""
    place = f"{sent.terminal}/{sent.event.event_id}"
    try:
        return terminal_keys.hall_keys(here).open(unbase64(sealed), place).decode()
    except (BadKey, UnicodeDecodeError):
        return None


def _by_pictures(here: Hall, faces: Faces, sent: Sent) -> Judged:
    if sent.pictures is None:
        return Judged("held", "blobs_gone")
    try:
        seen = [faces.measure(picture) for picture in sent.pictures]
        known = faces.gallery(seen[0].model_id)
        if not known.people and templates(here):
            raise FaceError("model_changed")
        decision: Decision = gallery.decide(known, seen)
        at = sent.told.at.astimezone(BEIJING)
        made = punch_by_face(decision, Occasion(at, sent.terminal))
    except FaceError as refused:
        if refused.code in _AGAIN:
            raise
        return Judged("held", refused.code)
    made = SignIn(replace(made.punch, clock=sent.told.clock), made.decision)
    return _kept(here, made)
