"""请假: what the days need to know of leave, outings and duty trips."""

from __future__ import annotations

from datetime import date

from attendance.days import Absence
from node.hall import Hall


def absences(hall: Hall, first: date, last: date) -> list[Absence]:
    """Every absence in effect that touches these days, in moments of the hall's clock."""
    return []
