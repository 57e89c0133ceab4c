"""标准核对码: the standards that this hall holds, as digits that two halls compare by telephone."""

from __future__ import annotations

from node.hall import Hall
from sync.errors import UnknownLog
from sync.evidence.heads import spoken


def standards_code(hall: Hall, size: int | None = None) -> tuple[int, str]:
    """Up to where this hall holds the standards, or a smaller size, and the digits of that."""
    try:
        held = hall.logs.state(hall.standards_origin).size
    except UnknownLog:
        held = 0
    at = held if size is None else min(size, held)
    return at, spoken(hall.logs.root_at(hall.standards_origin, at)) if at else ""
