"""查看完整信息: what is masked, who saw it unmasked, and why.

The audit row is local to the hall and holds codes only. Knows no page.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.hall import Hall
from standards.identity import IN_PLACE
from standards.records import CaseReceived
from standards.records.declare import FieldOf, fields_of

TABLES = (
    """CREATE TABLE IF NOT EXISTS reveal_audit (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        staff_no TEXT NOT NULL,
        case_id TEXT NOT NULL,
        reason TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS reveal_audit_at ON reveal_audit (at)",
)

# A closed list: reasons in free words would carry names into a plain column.
REASONS = {
    "verify": "当面核对申请人身份",
    "contact": "联系申请人",
    "document": "制作文书、证照",
    "review": "审查申请内容",
    "complaint": "处理投诉、督查",
}

# What the register says; opening a scan has its reason in what was opened.
REGISTERED = {**REASONS, "scan": "打开材料扫描件"}

HIDDEN = "●●●"

# The case's own matter is what everybody works on; it is no fact about the person.
_NOT_THE_PERSON = ("subject",)


@dataclass(frozen=True)
class Look:
    """One look at a person's full data."""

    at: str
    staff_no: str
    case_no: str
    case_id: str
    reason: str


def facts_of(received: CaseReceived, *, masked: bool) -> tuple[tuple[str, str], ...]:
    """(label, value) of each personal field; masked by its declaration, or wholly hidden."""
    return tuple(
        (f.field.label, _shown(f, getattr(received, f.name), masked))
        for f in fields_of(CaseReceived)
        if f.field.personal and f.name not in _NOT_THE_PERSON
    )


def _shown(field: FieldOf, value: str, masked: bool) -> str:
    if not masked or value in ("", *IN_PLACE):
        return value
    return field.field.mask(value) if field.field.mask else HIDDEN


def note(hall: Hall, case_id: str, staff_no: str, reason: str) -> None:
    """Write down a look, before anything is shown."""
    with hall.db.transaction():
        hall.db.execute(
            "INSERT INTO reveal_audit (at, staff_no, case_id, reason) "
            "VALUES (:at, :staff_no, :case_id, :reason)",
            at=hall.clock.stamp(),
            staff_no=staff_no,
            case_id=case_id,
            reason=reason,
        )


def latest(hall: Hall) -> list[Look]:
    """The latest looks, newest first."""
    rows = hall.db.query(
        "SELECT a.at, a.staff_no, a.case_id, a.reason, r.case_no FROM reveal_audit a "
        "LEFT JOIN case_received r ON r.hall = :hall AND r.id = a.case_id "
        "ORDER BY a.id DESC LIMIT 200",
        hall=hall.settings.hall,
    )
    return [
        Look(row["at"], row["staff_no"], row["case_no"] or "—", row["case_id"], row["reason"])
        for row in rows
    ]


def count_since(hall: Hall, moment: str) -> int:
    """How many looks since a moment (UTC text)."""
    rows = hall.db.query("SELECT COUNT(*) AS n FROM reveal_audit WHERE at >= :at", at=moment)
    return int(rows[0]["n"])
