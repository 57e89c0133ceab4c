"""刷脸过程: one sign-in before the camera, frame by frame, from the first look to a ticket.

A session lives in memory for a minute and holds what the engine measured, never a picture. Its
outcome is a ticket, which the kiosk puts into its event: the node's own word, under its own key,
on who was recognised and when. So an event that is sent again to a restored node still counts.
"""

from __future__ import annotations

import hmac
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import SystemRandom
from typing import Final

import msgspec

from attendance import gallery, liveness
from attendance.errors import MESSAGES, FaceError
from attendance.gallery import Decision
from attendance.liveness import Challenge, Seen
from attendance.quality import SIGN_IN, FaceFound, refusal
from node.hall import Hall
from node.staff import face_frames
from node.staff.face_gallery import Faces, templates
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS kiosk_match (
        id TEXT PRIMARY KEY,
        terminal TEXT NOT NULL,
        at TEXT NOT NULL,
        decision TEXT NOT NULL
    )""",
)

MATCHES_KEPT: Final = timedelta(days=7)
LIFE: Final = timedelta(minutes=1)
MOST_FRAMES: Final = 120
MOST_DIGESTS: Final = 20_000
"""Of the last frames, for finding one that is shown again; 32 bytes each."""
_RANDOM = SystemRandom()
_AGAIN = frozenset({"engine_busy", "engine_failed"})


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What the node says of one session. ``staff_no`` only where the face alone was enough."""

    id: str
    terminal: str
    at: str
    outcome: str
    staff_no: str = ""
    live: bool = False
    repeated: bool = False
    """whether one of its frames was byte for byte one of an earlier session"""


@dataclass
class Session:
    """One person before one camera."""

    id: str
    terminal: str
    until: datetime
    frames: list[Seen] = field(default_factory=list)
    decision: Decision | None = None
    challenge: Challenge | None = None
    asked_at: datetime | None = None
    repeated: bool = False
    ticket: str = ""


@dataclass(frozen=True)
class Answer:
    """What the kiosk shows next."""

    state: str
    message: str
    taken: int = 0
    steps: tuple[str, ...] = ()
    done: int = 0
    outcome: str = ""
    ticket: str = ""
    staff_no: str = ""


class Sessions:
    """The sessions of this process: one for each terminal, a new one ends the one before."""

    def __init__(self, hall: Hall, faces: Faces) -> None:
        self._hall, self._faces = hall, faces
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}
        self._seen: OrderedDict[bytes, str] = OrderedDict()

    def begin(self, terminal: str) -> Session:
        """Somebody stands before this terminal."""
        made = Session(f"{_RANDOM.getrandbits(128):032x}", terminal, self._hall.clock.now() + LIFE)
        with self._lock:
            self._open[terminal] = made
        return made

    def of(self, terminal: str, session_id: str) -> Session | None:
        """The session that this terminal names, while it lasts."""
        with self._lock:
            found = self._open.get(terminal)
        ended = found is None or found.id != session_id or found.ticket != ""
        return None if ended or found is None or found.until < self._hall.clock.now() else found

    def _is_repeated(self, session: Session, picture: bytes) -> bool:
        """Whether an earlier session showed the same bytes: no camera takes one picture twice."""
        digest = sha256(picture).digest()
        with self._lock:
            earlier = self._seen.setdefault(digest, session.id)
            while len(self._seen) > MOST_DIGESTS:
                self._seen.popitem(last=False)
        return earlier != session.id

    def look(self, session: Session, picture: bytes, at: float) -> Answer:
        """One more frame, taken ``at`` seconds on the kiosk's own clock. Raises FaceError."""
        session.repeated |= self._is_repeated(session, picture)
        found = self._faces.measured(picture)
        if isinstance(found, FaceError) and found.code in _AGAIN:
            raise found
        session.frames.append(Seen(at, found))
        if len(session.frames) > MOST_FRAMES:
            raise FaceError("too_few_pictures")
        return self._asked(session) if session.challenge else self._recognised(session, found)

    def _recognised(self, session: Session, found: FaceFound | FaceError) -> Answer:
        refused = found if isinstance(found, FaceError) else refusal(found.quality, SIGN_IN)
        good = liveness.session_frames(session.frames)
        if refused is not None:
            return Answer(refused.code, refused.message, len(good))
        if len(good) < gallery.FRAMES:
            return Answer("hold", "请正对镜头，站稳", len(good))
        assert isinstance(found, FaceFound)
        try:
            session.decision = self._decide(good)
        except FaceError as wrong:
            session.frames.clear()
            return Answer(wrong.code, wrong.message)
        outcome = session.decision.outcome
        if outcome == "unknown":
            return Answer("unknown", MESSAGES["unknown"], len(good), outcome=outcome)
        if self._hall.settings.liveness != "off":
            return self._challenged(session, found)
        return self._ended(session, live=False)

    def _decide(self, good: list[FaceFound]) -> Decision:
        known = self._faces.gallery(good[0].model_id)
        if not known.people and templates(self._hall):
            raise FaceError("model_changed")
        return gallery.decide(known, good[-gallery.FRAMES :])

    def _challenged(self, session: Session, found: FaceFound) -> Answer:
        eyes = found.quality.eyes is not None
        session.asked_at = self._hall.clock.now()
        session.challenge = liveness.challenge(_RANDOM, session.frames[-1].at, eyes=eyes)
        return self._steps(session, 0)

    def _steps(self, session: Session, done: int) -> Answer:
        assert session.challenge is not None
        steps = session.challenge.steps
        told = liveness.STEPS[steps[min(done, len(steps) - 1)]]
        return Answer("challenge", told, gallery.FRAMES, steps, done)

    def _asked(self, session: Session) -> Answer:
        assert session.challenge is not None and session.asked_at is not None
        verdict = liveness.judge(session.challenge, session.frames)
        if verdict.live:
            return self._ended(session, live=True)
        # The kiosk's own clock tells when a frame was taken; ours, how long it had in all.
        ours = self._hall.clock.now() - session.asked_at > timedelta(seconds=2 * liveness.SECONDS)
        if session.frames[-1].at <= session.challenge.until and not ours:
            return self._steps(session, len(verdict.done))
        return self._ended(session, live=False)

    def _ended(self, session: Session, *, live: bool) -> Answer:
        decision = session.decision
        assert decision is not None
        # Without a met challenge the face is one half where the hall asks for one: PIN beside it.
        must = self._hall.settings.liveness == "must" and not live
        outcome = "confirm" if must and decision.outcome == "accepted" else decision.outcome
        accepted = outcome == "accepted"
        made = Ticket(
            id=f"{_RANDOM.getrandbits(128):032x}",
            terminal=session.terminal,
            at=self._hall.clock.local().isoformat(timespec="milliseconds"),
            outcome=outcome,
            staff_no=(decision.staff_no or "") if accepted else "",
            live=live and not session.repeated,
            repeated=session.repeated,
        )
        _keep_match(self._hall, made, decision)
        if outcome in ("confirm", "pin_required"):
            good = liveness.session_frames(session.frames)[-gallery.FRAMES :]
            face_frames.keep(self._hall, made.id, decision.staff_no, good)
        session.ticket = _written(self._hall, made)
        session.frames.clear()
        message = "" if accepted else MESSAGES["pin_needed"]
        return Answer(
            "matched" if accepted else outcome,
            message,
            gallery.FRAMES,
            outcome=outcome,
            ticket=session.ticket,
            staff_no=made.staff_no,
        )


def _keep_match(here: Hall, ticket: Ticket, decision: Decision) -> None:
    old = here.clock.now() - MATCHES_KEPT
    with here.db.transaction():
        here.db.execute("DELETE FROM kiosk_match WHERE at < :old", old=old.isoformat())
        here.db.execute(
            "INSERT INTO kiosk_match VALUES (:id, :terminal, :at, :decision)",
            id=ticket.id,
            terminal=ticket.terminal,
            at=here.clock.now().isoformat(),
            decision=msgspec.json.encode(decision).decode(),
        )


def decision_of_match(here: Hall, match_id: str) -> Decision | None:
    """What a session was decided by; None when it is too long ago, or the node was restored."""
    rows: list[Row] = here.db.query("SELECT decision FROM kiosk_match WHERE id = :id", id=match_id)
    return msgspec.json.decode(rows[0]["decision"], type=Decision) if rows else None


def _written(here: Hall, ticket: Ticket) -> str:
    said = urlsafe_b64encode(msgspec.json.encode(ticket)).decode()
    return f"{said}.{here.vault.blind('kiosk ticket', said).hex()}"


def read_ticket(here: Hall, text: str) -> Ticket | None:
    """The ticket, if this hall gave it."""
    said, _, mark = text.partition(".")
    if not hmac.compare_digest(mark, here.vault.blind("kiosk ticket", said).hex()):
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(said), type=Ticket)
    except (msgspec.MsgspecError, NotBase64, ValueError):
        return None
