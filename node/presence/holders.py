"""工号对照: whose number at which terminal, from which day to which; said by people of the hall.

Each line is an entry of the hall's log, so that it comes back with the log after a machine died;
one that replaces another puts an end to it or takes it back. Knows no terminal's wire and no page.
What a number means is decided in ``attendance.holders``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import msgspec
from msgspec.structs import replace

from attendance.holders import Holding, overlapping
from node.hall import Hall
from standards.errors import Invalid
from standards.records import NumberHeld
from sync.drafts import Draft
from sync.storage.store import Row

TABLES = ("CREATE INDEX IF NOT EXISTS number_held_pin ON number_held (hall, pin)",)
# Where the list stood before it was written to the log.
_BEFORE = "terminal_number"


@dataclass(frozen=True)
class Said:
    """One line of the list of numbers, with who said so and when."""

    id: str
    holding: Holding
    said_by: str
    said_at: str


def holdings_of(hall: Hall, pins: Collection[str]) -> dict[str, list[Holding]]:
    """Everything said about these numbers that holds, by number."""
    rows = hall.db.query(
        "SELECT * FROM number_held WHERE hall = :hall "
        "AND pin IN (SELECT value FROM json_each(:pins)) AND void = 0 "
        "AND id NOT IN (SELECT replaces FROM number_held WHERE hall = :hall)",
        hall=hall.settings.hall,
        pins=msgspec.json.encode(sorted(pins)).decode(),
    )
    found: dict[str, list[Holding]] = {}
    for row in rows:
        found.setdefault(row["pin"], []).append(_holding(row))
    return found


def all_said(hall: Hall) -> list[Said]:
    """The whole list, by number."""
    rows = hall.db.query(
        "SELECT * FROM number_held WHERE hall = :hall AND void = 0 "
        "AND id NOT IN (SELECT replaces FROM number_held WHERE hall = :hall) "
        "ORDER BY length(pin), pin, device, valid_from",
        hall=hall.settings.hall,
    )
    return [_said(row) for row in rows]


def said_of(hall: Hall, said_id: str) -> Said | None:
    """One line of the list that holds, or None."""
    return next((one for one in all_said(hall) if one.id == said_id), None)


def _said(row: Row) -> Said:
    return Said(row["id"], _holding(row), row["actor"], row["at"])


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
        hall.write(_record(holding), actor=by)


def _record(holding: Holding) -> NumberHeld:
    return NumberHeld(
        pin=holding.pin,
        device=holding.device,
        staff_no=holding.staff_no,
        valid_from=holding.valid_from,
        valid_to=holding.valid_to,
    )


def end(hall: Hall, said_id: str, day: date, by: str) -> bool:
    """From this day on the number is nobody's; punches that were written stay. False: no such."""
    with hall.db.transaction():
        said = said_of(hall, said_id)
        if said is None or not said.holding.holds_on(day) or said.holding.valid_from == day:
            return False
        ended = replace(_record(said.holding), valid_to=day, replaces=said.id)
        hall.write(ended, actor=by)
        return True


def take_back(hall: Hall, said_id: str, by: str) -> bool:
    """The line was wrong from its beginning; punches that were written stay. False: no such."""
    with hall.db.transaction():
        said = said_of(hall, said_id)
        if said is None:
            return False
        hall.write(replace(_record(said.holding), replaces=said.id, void=True), actor=by)
        return True


def adopt(hall: Hall) -> int:
    """Write to the log what an earlier program kept beside it; how many lines that were."""
    if _BEFORE not in hall.db.tables():
        return 0
    with hall.db.transaction():
        rows = hall.db.query("SELECT * FROM terminal_number ORDER BY id")
        hall.write_all([Draft(_record(_holding(row)), row["said_by"]) for row in rows])
        hall.db.execute("DROP TABLE terminal_number")
    return len(rows)
