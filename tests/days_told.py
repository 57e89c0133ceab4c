"""Results of days as halls tell them, for tests of what is counted from them."""

from __future__ import annotations

from datetime import date

from standards.records.attendance import DayResult, SlotResult

DUE = ("09:00", "12:00", "13:00", "17:00")
LABELS = ("上午签到", "上午签退", "下午签到", "下午签退")


def a_slot(place: int, said: str, day: date) -> SlotResult:
    """``said``: a time ("ok" at it), or time and state, or a state alone."""
    at, _, state = said.partition(" ")
    due = f"{day}T{DUE[place]}:00+08:00"
    if ":" not in at:
        return SlotResult(label=LABELS[place], state=at, due=due)
    return SlotResult(label=LABELS[place], state=state or "ok", due=due, at=f"{day}T{at}:00+08:00")


def a_day(
    staff_no: str,
    *slots: str,
    day: date = date(2026, 11, 24),
    status: str = "normal",
    **more: object,
) -> DayResult:
    """One result; ``slots`` as :func:`a_slot` reads them."""
    made = tuple(a_slot(place, said, day) for place, said in enumerate(slots))
    known = {"revision": 1, "change": "first", "slots": made} | more
    return DayResult(staff_no=staff_no, day=day, status=status, **known)  # type: ignore[arg-type]
