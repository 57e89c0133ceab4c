"""补签与申诉: requests about days, who decided them, and what follows. Knows no page.

Punches go in by the one way that every terminal's go; a day then changes because its facts did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter

from attendance.corrections import granted_punches, refuse_decider
from attendance.punches import RawPunch, SignIn
from node.days import voids
from node.hall import Hall
from node.presence.raw_punches import take_in
from standards.errors import Invalid
from standards.records import (
    AttendanceDecision,
    AttendanceRequest,
    DayException,
    DayExcused,
    Punch,
)
from sync.storage.store import Row

_LISTED = 100


@dataclass(frozen=True)
class Asked:
    """A request with who made it, and what was decided."""

    id: str
    by: str
    at: str
    request: AttendanceRequest
    decision: AttendanceDecision | None
    decided_by: str
    decided_at: str

    @property
    def state(self) -> tuple[str, str]:
        """Shape of the chip, and words."""
        if self.decision is None:
            return "warn", "待办"
        return ("done", "已同意") if self.decision.granted else ("idle", "未同意")


def open_requests(hall: Hall) -> list[Asked]:
    """Requests that nobody decided yet, the oldest first."""
    rows = hall.db.query(
        "SELECT r.* FROM attendance_request r WHERE r.hall = :hall AND NOT EXISTS "
        "(SELECT 1 FROM attendance_decision d WHERE d.hall = r.hall AND d.request = r.id) "
        "ORDER BY r.at",
        hall=hall.settings.hall,
    )
    return [_asked(hall, row) for row in rows]


def decided_requests(hall: Hall) -> list[Asked]:
    """The last requests that were decided, the latest first."""
    rows = hall.db.query(
        "SELECT r.* FROM attendance_request r JOIN attendance_decision d "
        "ON d.hall = r.hall AND d.request = r.id WHERE r.hall = :hall "
        "ORDER BY d.at DESC LIMIT :most",
        hall=hall.settings.hall,
        most=_LISTED,
    )
    return [_asked(hall, row) for row in rows]


def count_open(hall: Hall) -> int:
    """How many wait, exceptions of frozen months included."""
    return len(open_requests(hall)) + len(open_exceptions(hall))


def requests_about(hall: Hall, staff_no: str, day: str) -> list[Asked]:
    """Requests about one person's day, the oldest first."""
    rows = hall.db.query(
        "SELECT * FROM attendance_request WHERE hall = :hall AND day = :day ORDER BY at",
        hall=hall.settings.hall,
        day=day,
    )
    found = [_asked(hall, row) for row in rows]
    return [one for one in found if staff_no in one.request.staff]


def request_of(hall: Hall, request_id: str) -> Asked | None:
    """One request, or None."""
    rows = hall.db.query(
        "SELECT * FROM attendance_request WHERE hall = :hall AND id = :id",
        hall=hall.settings.hall,
        id=request_id,
    )
    return _asked(hall, rows[0]) if rows else None


def _asked(hall: Hall, row: Row) -> Asked:
    rows = hall.db.query(
        "SELECT * FROM attendance_decision WHERE hall = :hall AND request = :id "
        "ORDER BY length(origin), origin, idx LIMIT 1",
        hall=hall.settings.hall,
        id=row["id"],
    )
    decision = hall.logs.opened(AttendanceDecision, rows[0]) if rows else None
    by, at = (rows[0]["actor"], rows[0]["at"]) if rows else ("", "")
    request = hall.logs.opened(AttendanceRequest, row)
    return Asked(row["id"], row["actor"], row["at"], request, decision, by, at)


def ask(hall: Hall, request: AttendanceRequest, actor: str) -> str:
    """Write a request; its id."""
    return hall.write(request, actor=actor).leaf.id


def decide(hall: Hall, request_id: str, granted: bool, reason: str, actor: str) -> Asked:
    """Decide a request, with all that follows, in one transaction.

    Raises:
        Invalid: decided already, or by somebody who may not.
    """
    with hall.db.transaction():
        asked = request_of(hall, request_id)
        if asked is None or asked.decision is not None:
            raise Invalid({"": "这件申请已经办过了"})
        refuse_decider(asked.request, asked.by, actor)
        decision = AttendanceDecision(request=request_id, granted=granted, reason=reason)
        hall.write(decision, actor=actor)
        if granted:
            _carry_out(hall, asked, reason, actor)
    return asked


def _carry_out(hall: Hall, asked: Asked, reason: str, actor: str) -> None:
    request = asked.request
    sign_in(hall, granted_punches(request, actor), asked.id, actor)
    if request.matter == "void":
        voids.carry_out(hall, request, (asked.id, asked.by), actor)
    if request.matter == "appeal":
        excused = DayExcused(
            staff_no=request.staff[0],
            day=request.day,
            labels=request.labels,
            ground="appeal",
            request=asked.id,
            reason=reason,
        )
        hall.write(excused, actor=actor)


def sign_in(hall: Hall, punches: Sequence[Punch], request_id: str, actor: str) -> None:
    """Punches by a person's word, each once for its request."""
    now = hall.clock.now()
    proven = {f"{request_id} {one.staff_no} {one.punched_at}": SignIn(one, None) for one in punches}
    raws = [_raw(one.punch, name, now, actor) for name, one in proven.items()]
    if raws:
        take_in(hall, raws, proven)


def _raw(punch: Punch, name: str, now: datetime, actor: str) -> RawPunch:
    return RawPunch(
        source="supervisor",
        device=actor,
        device_event_id=name,
        pin=punch.staff_no,
        local_text=punch.punched_at,
        zone=punch.punched_at[-6:],
        t_utc=datetime.fromisoformat(punch.punched_at).astimezone(UTC),
        t_recv=now,
        verify=punch.way,
        dir_hint="",
        raw_sha="",
        trust="manual",
        way=punch.way,
    )


def signs_of(hall: Hall, request: AttendanceRequest) -> list[Punch]:
    """The signs that a request names, earliest first."""
    found = [hall.read(Punch, punch_id) for punch_id in request.punches]
    return sorted((one for one in found if one is not None), key=attrgetter("punched_at"))


# --- what came after a month was frozen -----------------------------------------------------------


@dataclass(frozen=True)
class Exceptional:
    """A fact that would change a frozen day."""

    id: str
    at: str
    exception: DayException


def open_exceptions(hall: Hall) -> list[Exceptional]:
    """Exceptions that nobody decided or is asked to decide; of one day only the latest."""
    rows = hall.db.query(
        "SELECT e.* FROM day_exception e WHERE e.hall = :hall AND NOT EXISTS "
        "(SELECT 1 FROM attendance_request r LEFT JOIN attendance_decision d "
        "ON d.hall = r.hall AND d.request = r.id WHERE r.hall = e.hall AND r.about = e.id "
        "AND (d.id IS NULL OR d.granted = 1)) AND NOT EXISTS "
        "(SELECT 1 FROM day_exception later WHERE later.hall = e.hall "
        "AND later.staff_no = e.staff_no AND later.day = e.day AND later.at > e.at) "
        "ORDER BY e.at",
        hall=hall.settings.hall,
    )
    return [Exceptional(row["id"], row["at"], hall.logs.opened(DayException, row)) for row in rows]


def exception_of(hall: Hall, exception_id: str) -> DayException | None:
    """One exception, or None."""
    return hall.read(DayException, exception_id)
