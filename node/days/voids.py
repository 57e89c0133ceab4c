"""签到作废: signs that were written for the wrong person, as a number that was given wrongly does.

One person asks, another decides; nothing is erased: an entry says that a sign counts no more, and
where it belongs to somebody else, another sign is written for that person. Knows no page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from attendance.corrections import moved_punch
from node.hall import Hall
from node.presence.holders import Said
from standards.errors import Invalid
from standards.records import AttendanceRequest, Punch, PunchVoided, Record
from sync.drafts import Draft
from sync.entries import new_id
from sync.storage.tables import as_record

INDEXES = (
    "CREATE INDEX IF NOT EXISTS punch_voided_punch ON punch_voided (hall, punch)",
    "CREATE INDEX IF NOT EXISTS punch_voided_person ON punch_voided (hall, staff_no)",
)


@dataclass(frozen=True)
class Sign:
    """A sign that can be voided."""

    id: str
    punch: Punch


@dataclass(frozen=True)
class Void:
    """A sign that was voided: by whom, why, and whose it was."""

    voided: PunchVoided
    decided_by: str
    at: str


def voids_of(hall: Hall, staff_no: str) -> dict[str, Void]:
    """Of one person's signs those that were voided, by the id of the sign."""
    rows = hall.db.query(
        "SELECT * FROM punch_voided WHERE hall = :hall AND staff_no = :staff_no",
        hall=hall.settings.hall,
        staff_no=staff_no,
    )
    return {
        row["punch"]: Void(hall.logs.opened(PunchVoided, row), row["actor"], row["at"])
        for row in rows
    }


def of_number(hall: Hall, said: Said) -> list[Sign]:
    """What was written for somebody because of one line of the list of numbers, earliest first."""
    one = said.holding
    rows = hall.db.query(
        "SELECT p.* FROM raw_punch r JOIN punch p ON p.hall = :hall AND p.id = r.punch_id "
        "WHERE r.pin = :pin AND (:device = '' OR r.device = :device) AND p.staff_no = :staff_no "
        "AND p.grade = 'V' AND p.punched_at >= :since AND p.punched_at < :until "
        "ORDER BY p.punched_at",
        hall=hall.settings.hall,
        pin=one.pin,
        device=one.device,
        staff_no=one.staff_no,
        since=one.valid_from.isoformat(),
        until=(one.valid_to or date.max).isoformat(),
    )
    gone = spoken_for(hall)
    return [Sign(row["id"], as_record(Punch, row)) for row in rows if row["id"] not in gone]


def spoken_for(hall: Hall) -> set[str]:
    """Signs that were voided, or about which a request waits already."""
    return voided(hall) | _asked_for(hall)


def voided(hall: Hall) -> set[str]:
    """Signs that were written for the wrong person, and count for nobody."""
    rows = hall.db.query(
        "SELECT punch FROM punch_voided WHERE hall = :hall", hall=hall.settings.hall
    )
    return {row["punch"] for row in rows}


def _asked_for(hall: Hall) -> set[str]:
    rows = hall.db.query(
        "SELECT r.punches FROM attendance_request r WHERE r.hall = :hall AND r.matter = 'void' "
        "AND NOT EXISTS (SELECT 1 FROM attendance_decision d WHERE d.hall = r.hall "
        "AND d.request = r.id)",
        hall=hall.settings.hall,
    )
    return {one for row in rows for one in msgspec.json.decode(row["punches"], type=list[str])}


def refuse_asking(signs: Sequence[Sign], belongs_to: str, actor: str) -> None:
    """Whether these signs may be voided as asked.

    Raises:
        Invalid: about the own signs, or signs that cannot become somebody else's.
    """
    owners = {one.punch.staff_no for one in signs}
    if actor in {*owners, belongs_to}:
        raise Invalid({"": "涉及本人的签到，请另一位负责人办理"})
    if belongs_to in owners:
        raise Invalid({"belongs_to": "这些签到本来就记在此人名下"})
    if belongs_to and any(moved_punch(one.punch, belongs_to) is None for one in signs):
        raise Invalid(
            {"belongs_to": "只有按终端工号记的签到可以改记；其他方式的只能作废，由本人申请补签"}
        )


def carry_out(hall: Hall, request: AttendanceRequest, about: tuple[str, str], actor: str) -> int:
    """Void the signs of a request that was granted; how many there were.

    Args:
        about: the id of the request and who made it.
    """
    gone, drafts = voided(hall), list[Draft]()
    for punch_id in request.punches:
        punch = hall.read(Punch, punch_id)
        if punch is None or punch_id in gone:
            continue
        moved = moved_punch(punch, request.belongs_to)
        moved_id = new_id(hall.clock.posix_ms()) if moved else ""
        void: Record = PunchVoided(
            punch=punch_id,
            staff_no=punch.staff_no,
            day=date.fromisoformat(punch.punched_at[:10]),
            request=about[0],
            asked_by=about[1],
            moved_to=moved_id,
            reason=request.reason,
        )
        drafts.append(Draft(void, actor))
        if moved is not None:
            drafts.append(Draft(moved, actor, moved_id))
    hall.write_all(drafts)
    return len(drafts)
