"""工号对照: whose number at which terminal, from which day to which; said by people of the hall.

Knows no terminal's wire and no page. What a number means is decided in ``attendance.holders``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import msgspec

from attendance.holders import Holding, overlapping
from node.hall import Hall
from standards.errors import Invalid
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS terminal_number (
        id INTEGER PRIMARY KEY,
        pin TEXT NOT NULL,
        device TEXT NOT NULL,
        staff_no TEXT NOT NULL,
        valid_from TEXT NOT NULL,
        valid_to TEXT,
        said_by TEXT NOT NULL,
        said_at TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS terminal_number_pin ON terminal_number (pin)",
)


@dataclass(frozen=True)
class Said:
    """One line of the list of numbers, with who said so and when."""

    id: int
    holding: Holding
    said_by: str
    said_at: str


def holdings_of(hall: Hall, pins: Collection[str]) -> dict[str, list[Holding]]:
    """Everything said about these numbers, by number."""
    rows = hall.db.query(
        "SELECT * FROM terminal_number WHERE pin IN (SELECT value FROM json_each(:pins))",
        pins=msgspec.json.encode(sorted(pins)).decode(),
    )
    found: dict[str, list[Holding]] = {}
    for row in rows:
        found.setdefault(row["pin"], []).append(_holding(row))
    return found


def all_said(hall: Hall) -> list[Said]:
    """The whole list, by number."""
    rows = hall.db.query(
        "SELECT * FROM terminal_number ORDER BY length(pin), pin, device, valid_from"
    )
    return [Said(row["id"], _holding(row), row["said_by"], row["said_at"]) for row in rows]


def _holding(row: Row) -> Holding:
    until = row["valid_to"]
    return Holding(
        pin=row["pin"],
        staff_no=row["staff_no"],
        device=row["device"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=date.fromisoformat(until) if until else None,
    )


def say(hall: Hall, holding: Holding, by: str) -> None:
    """Note whose number this is; what was held back is for ``raw_punches.attribute``.

    Raises:
        Invalid: the days are the wrong way round, or somebody holds the number on one of them.
    """
    if holding.valid_to is not None and holding.valid_to <= holding.valid_from:
        raise Invalid({"valid_to": "结束日期要晚于开始日期"})
    with hall.db.transaction():
        known = holdings_of(hall, [holding.pin]).get(holding.pin, [])
        other = overlapping(known, holding)
        if other is not None:
            raise Invalid(
                {"valid_from": f"这段时间这个工号已经是 {other.staff_no}，请先写明结束日期"}
            )
        hall.db.execute(
            "INSERT INTO terminal_number "
            "(pin, device, staff_no, valid_from, valid_to, said_by, said_at) "
            "VALUES (:pin, :device, :staff_no, :valid_from, :valid_to, :by, :at)",
            pin=holding.pin,
            device=holding.device,
            staff_no=holding.staff_no,
            valid_from=holding.valid_from.isoformat(),
            valid_to=holding.valid_to.isoformat() if holding.valid_to else None,
            by=by,
            at=hall.clock.stamp(),
        )


def end(hall: Hall, said_id: int, day: date) -> bool:
    """From this day on the number is nobody's; punches that were written stay. False: no such."""
    changed = hall.db.execute(
        "UPDATE terminal_number SET valid_to = :day "
        "WHERE id = :id AND valid_from < :day AND (valid_to IS NULL OR valid_to > :day)",
        id=said_id,
        day=day.isoformat(),
    )
    return changed > 0
