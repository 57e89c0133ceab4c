"""确认过的一帧: what a face looked like when its owner had to confirm with the PIN, for one day.

A supervisor may add it to the person's template, with the person beside; nothing ever does so by
itself. Sealed like a template, kept only for people who were told (notice version 2), gone after a
day, with the consent, with the post, and when it is used. It knows no page and no picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from attendance import consent
from attendance.gallery import Enrolled, session
from attendance.quality import FaceFound
from node.hall import Hall
from node.staff import members

TABLES = (
    """CREATE TABLE IF NOT EXISTS face_frame (
        match_id TEXT PRIMARY KEY,
        staff_no TEXT NOT NULL,
        model_id TEXT NOT NULL,
        sealed BLOB NOT NULL,
        at TEXT NOT NULL,
        confirmed INTEGER NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS face_frame_of ON face_frame (staff_no)",
)

KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Frame:
    """That a frame can be added, and since when."""

    match_id: str
    staff_no: str
    at: str


def keep(hall: Hall, match_id: str, staff_no: str | None, frames: list[FaceFound]) -> None:
    """Keep the mean of a session that the PIN may confirm; not yet to be seen by anybody."""
    said = members.consent_of(hall, staff_no) if staff_no else None
    told = said is not None and said.given and said.notice_version >= consent.CONFIRMED_FRAMES
    if staff_no is None or not told or not frames:
        return
    with hall.db.transaction():
        forget_old(hall)
        hall.db.execute(
            "INSERT INTO face_frame VALUES (:id, :staff_no, :model_id, :sealed, :at, 0)",
            id=match_id,
            staff_no=staff_no,
            model_id=frames[0].model_id,
            sealed=hall.vault.lock(session(frames), _place(match_id, staff_no)),
            at=hall.clock.stamp(),
        )


def settle(hall: Hall, match_id: str, staff_no: str, way: str) -> None:
    """The PIN was given, or another way was taken: the frame can be added, or is gone."""
    confirmed = hall.db.execute(
        "UPDATE face_frame SET confirmed = 1 WHERE match_id = :id AND staff_no = :no AND :ok = 1",
        id=match_id,
        no=staff_no,
        ok=int(way == "face_pin"),
    )
    if confirmed:
        _forget(hall, [row["match_id"] for row in _others(hall, match_id, staff_no)])
    else:
        _forget(hall, [match_id])


def _others(hall: Hall, match_id: str, staff_no: str) -> list[dict[str, str]]:
    rows = hall.db.query(
        "SELECT match_id FROM face_frame WHERE staff_no = :no AND match_id <> :id",
        no=staff_no,
        id=match_id,
    )
    return [dict(row) for row in rows]


def frame_of(hall: Hall, staff_no: str) -> Frame | None:
    """The person's confirmed frame of the last day."""
    rows = hall.db.query(
        "SELECT match_id, staff_no, at FROM face_frame "
        "WHERE staff_no = :no AND confirmed = 1 AND at >= :since ORDER BY at DESC",
        no=staff_no,
        since=_since(hall),
    )
    return Frame(**rows[0]) if rows else None


def with_frame(hall: Hall, frame: Frame, person: Enrolled, most: int) -> Enrolled | None:
    """The person with the frame as one more picture; the oldest makes room. None: it is gone."""
    rows = hall.db.query(
        "SELECT sealed FROM face_frame WHERE match_id = :id AND model_id = :model AND at >= :since",
        id=frame.match_id,
        model=person.model_id,
        since=_since(hall),
    )
    if not rows:
        return None
    opened = hall.vault.unlock(bytes(rows[0]["sealed"]), _place(frame.match_id, frame.staff_no))
    return person.with_session(opened, most)


def forget_frames(hall: Hall, staff_no: str) -> None:
    """Overwrite and delete a person's frames."""
    _forget(hall, [row["match_id"] for row in _others(hall, "", staff_no)])


def forget_old(hall: Hall) -> int:
    """Delete what is older than a day; how many there were."""
    rows = hall.db.query("SELECT match_id FROM face_frame WHERE at < :since", since=_since(hall))
    _forget(hall, [row["match_id"] for row in rows])
    return len(rows)


def _forget(hall: Hall, match_ids: list[str]) -> None:
    with hall.db.transaction():
        for match_id in match_ids:
            # Deleting alone would leave the bytes in a free page of the file.
            hall.db.execute(
                "UPDATE face_frame SET sealed = zeroblob(length(sealed)) WHERE match_id = :id",
                id=match_id,
            )
            hall.db.execute("DELETE FROM face_frame WHERE match_id = :id", id=match_id)


def _since(hall: Hall) -> str:
    since: datetime = hall.clock.now() - KEPT
    return since.isoformat(timespec="milliseconds")[:23] + "Z"


def _place(match_id: str, staff_no: str) -> str:
    return f"face_frame/{staff_no}/{match_id}"
