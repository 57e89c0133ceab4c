"""人脸库: the encrypted face templates of this hall, and the gallery that terminals compare with.

Templates and decisions are local: no record type has a place for them, so nothing here can travel.
A template is only in the gallery while its owner has consented and is on post, and is overwritten
before it is deleted. It knows no picture and no page.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from attendance.engine import FaceEngine
from attendance.errors import FaceError
from attendance.gallery import Decision, Enrolled, Gallery
from attendance.quality import FaceFound
from node.hall import Hall
from node.staff import face_frames, members
from sync.clock import Clock

TABLES = (
    """CREATE TABLE IF NOT EXISTS face_template (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        staff_no TEXT NOT NULL UNIQUE,
        model_id TEXT NOT NULL,
        sealed BLOB NOT NULL,
        pictures INTEGER NOT NULL,
        enrolled_at TEXT NOT NULL,
        enrolled_by TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS face_decision (
        punch_id TEXT PRIMARY KEY,
        decided_at TEXT NOT NULL,
        decision TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS face_decision_at ON face_decision (decided_at)",
)

DECISIONS_KEPT: Final = timedelta(days=180)
"""How long the numbers of a decision are kept for an appeal."""


@dataclass(frozen=True)
class Template:
    """What pages may know of a template: that it is there, and since when."""

    staff_no: str
    model_id: str
    pictures: int
    enrolled_at: str
    enrolled_by: str


def templates(hall: Hall) -> dict[str, Template]:
    """Every template by staff number."""
    rows = hall.db.query(
        "SELECT staff_no, model_id, pictures, enrolled_at, enrolled_by FROM face_template"
    )
    return {str(row["staff_no"]): Template(**row) for row in rows}


def keep_template(hall: Hall, person: Enrolled, actor: str) -> None:
    """Encrypt and keep a person's vectors; an earlier template is deleted first."""
    with hall.db.transaction():
        delete_template(hall, person.staff_no)
        hall.db.execute(
            "INSERT INTO face_template "
            "(staff_no, model_id, sealed, pictures, enrolled_at, enrolled_by) "
            "VALUES (:staff_no, :model_id, :sealed, :pictures, :at, :by)",
            staff_no=person.staff_no,
            model_id=person.model_id,
            sealed=hall.vault.lock(person.packed(), _place(person.staff_no, person.model_id)),
            pictures=len(person.vectors),
            at=hall.clock.stamp(),
            by=actor,
        )


def delete_template(hall: Hall, staff_no: str) -> bool:
    """Overwrite and delete a person's template; whether there was one."""
    with hall.db.transaction():
        # Deleting alone would leave the bytes in a free page of the file.
        hall.db.execute(
            "UPDATE face_template SET sealed = zeroblob(length(sealed)) WHERE staff_no = :no",
            no=staff_no,
        )
        deleted = hall.db.execute("DELETE FROM face_template WHERE staff_no = :no", no=staff_no)
        face_frames.forget_frames(hall, staff_no)
    return deleted > 0


def delete_templates_without_ground(hall: Hall) -> None:
    """Delete what a restored database brought back after consent was withdrawn or a post left."""
    allowed = members.may_be_recognised(hall)
    for staff_no in templates(hall).keys() - allowed:
        delete_template(hall, staff_no)


def keep_decision(hall: Hall, punch_id: str, decision: Decision) -> None:
    """Keep the numbers a face was decided by, beside its punch; in the punch's transaction."""
    hall.db.execute(
        "DELETE FROM face_decision WHERE decided_at < :old", old=_stamp_before(hall.clock)
    )
    hall.db.execute(
        "INSERT INTO face_decision VALUES (:punch_id, :at, :decision)",
        punch_id=punch_id,
        at=hall.clock.stamp(),
        decision=msgspec.json.encode(decision).decode(),
    )


def decision_of(hall: Hall, punch_id: str) -> Decision | None:
    """The numbers that a punch was decided by; None for a punch without a face."""
    rows = hall.db.query(
        "SELECT decision FROM face_decision WHERE punch_id = :punch_id", punch_id=punch_id
    )
    return msgspec.json.decode(rows[0]["decision"], type=Decision) if rows else None


def decisions_since(hall: Hall, days: int) -> list[Decision]:
    """What faces were decided by in the last days, oldest first."""
    rows = hall.db.query(
        "SELECT decision FROM face_decision WHERE decided_at >= :since ORDER BY decided_at",
        since=(hall.clock.now() - timedelta(days=days)).isoformat(timespec="milliseconds")[:23],
    )
    return [msgspec.json.decode(row["decision"], type=Decision) for row in rows]


def tidy(hall: Hall) -> None:
    """Delete what is kept for a time and is over it, and templates that nobody agrees to."""
    with hall.db.transaction():
        old = _stamp_before(hall.clock)
        hall.db.execute("DELETE FROM face_decision WHERE decided_at < :old", old=old)
        face_frames.forget_old(hall)
        delete_templates_without_ground(hall)


def person_of(hall: Hall, staff_no: str) -> Enrolled | None:
    """Somebody's enrolled vectors, for adding to them."""
    rows = hall.db.query(
        "SELECT model_id, sealed FROM face_template WHERE staff_no = :no", no=staff_no
    )
    if not rows:
        return None
    model_id = str(rows[0]["model_id"])
    opened = hall.vault.unlock(bytes(rows[0]["sealed"]), _place(staff_no, model_id))
    return Enrolled.unpacked(staff_no, opened, model_id)


def _stamp_before(clock: Clock) -> str:
    return (clock.now() - DECISIONS_KEPT).isoformat(timespec="milliseconds")[:23] + "Z"


def _place(staff_no: str, model_id: str) -> str:
    return f"face_template/{staff_no}/{model_id}"


class Faces:
    """The hall's faces for one application: the engine, and the gallery built when it changed.

    Args:
        engine: None where none runs; every picture is then refused with ``engine_failed``.
    """

    def __init__(self, hall: Hall, engine: FaceEngine | None) -> None:
        self._hall, self._engine = hall, engine
        self._lock = threading.Lock()
        self._built: tuple[object, Gallery] | None = None

    def measure(self, picture: bytes) -> FaceFound:
        """The one face of a picture. Raises FaceError."""
        if self._engine is None:
            raise FaceError("engine_failed")
        return self._engine.measure(picture)

    def measured(self, picture: bytes) -> FaceFound | FaceError:
        """The same, a refusal as a value."""
        try:
            return self.measure(picture)
        except FaceError as refused:
            return refused

    def gallery(self, model_id: str) -> Gallery:
        """Everybody who may be recognised with these weights."""
        allowed = frozenset(members.may_be_recognised(self._hall))
        rows = self._hall.db.query("SELECT id FROM face_template ORDER BY id")
        state = (model_id, allowed, tuple(row["id"] for row in rows))
        with self._lock:
            if self._built is None or self._built[0] != state:
                self._built = (state, self._read(model_id, allowed))
            return self._built[1]

    def _read(self, model_id: str, allowed: frozenset[str]) -> Gallery:
        rows = self._hall.db.query(
            "SELECT staff_no, sealed FROM face_template WHERE model_id = :model", model=model_id
        )
        unlock = self._hall.vault.unlock
        people = [
            Enrolled.unpacked(no, unlock(bytes(row["sealed"]), _place(no, model_id)), model_id)
            for row in rows
            if (no := str(row["staff_no"])) in allowed
        ]
        return Gallery(model_id, people)

    def look_alikes(self, staff_no: str) -> list[str]:
        """Numbers of enrolled people whom the terminal may take for this one."""
        known = templates(self._hall).get(staff_no)
        if known is None:
            return []
        gallery = self.gallery(known.model_id)
        own = next((p for p in gallery.people if p.staff_no == staff_no), None)
        return [near.staff_no for near in gallery.look_alikes(own)] if own else []

    def health(self) -> tuple[bool, str]:
        """For ``/healthz``: a face engine that is down matters only where somebody is enrolled."""
        if self._engine is not None and self._engine.alive:
            why = self._engine.status().refused
            told = f"; slowly, because the fast one was refused: {why}" if why else ""
            return True, f"the face engine answers{told}"
        if not templates(self._hall):
            return True, "the face engine is down, and nobody signs in by face"
        return False, "the face engine is down; staff sign in with number and PIN meanwhile"
