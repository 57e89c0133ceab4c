"""日考勤: what a day was, from the shift, the punches, leave and what a person decided.

Pure, and a function of sets: in which order facts arrive, and how often, changes nothing. Counts
only punches inside the windows of the shift; one scan after another is one sign; in or out follows
from the windows, what a terminal says about it only breaks ties. Moments are those of the hall's
clock, without zone. Reads no clock: ``reported_until`` says up to when everything is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from attendance.matching import Sign, in_window, matched
from attendance.shifts import Shift, Slot
from standards.timetables import Direction, Half, Timetable

__all__ = ["Absence", "Day", "DaySlot", "Excuse", "Facts", "Shift", "Sign", "derive"]

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Absence:
    """Time for which somebody may be away. ``outing`` (临时外出) is told and replaces no punch."""

    staff_no: str
    start: datetime
    end: datetime
    kind: str
    effect: Literal["leave", "outing", "duty"]


@dataclass(frozen=True, slots=True)
class Excuse:
    """免计: a person decided that one sign of a day is not held against somebody."""

    label: str
    """of the slot"""
    ground: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known about one person's day; more than that day's does no harm."""

    reported_until: datetime
    """every terminal has told what it saw up to then"""
    signs: Sequence[Sign] = ()
    absences: Sequence[Absence] = ()
    excuses: Sequence[Excuse] = ()


@dataclass(frozen=True, slots=True)
class DaySlot:
    """One sign that was asked for, and what came of it."""

    label: str
    sign: Direction
    half: Half
    due: datetime
    state: str
    at: datetime | None = None
    punch: str = ""
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """One person's day. ``halves``: half days absent; minutes are whole ones."""

    staff_no: str
    day: date
    status: str
    provisional: bool
    timetable: str = ""
    slots: tuple[DaySlot, ...] = ()
    late: int = 0
    early: int = 0
    absent: int = 0
    halves: int = 0
    leave: int = 0
    duty: int = 0
    outings: int = 0
    doubtful: tuple[str, ...] = ()
    holds_for: str = ""
    held_by: str = ""


def derive(staff_no: str, shift: Shift, facts: Facts) -> Day:
    """What a day was, as far as it is known."""
    provisional = facts.reported_until < shift.ends
    away = sorted({one for one in facts.absences if _touches(one, shift)}, key=_absence_key)
    blank = Day(
        staff_no,
        shift.day,
        "covered" if shift.held_by else "rest",
        provisional,
        shift.terms.code if shift.terms else "",
        outings=sum(one.effect == "outing" for one in away),
        holds_for=shift.holds_for,
        held_by=shift.held_by,
    )
    if shift.terms is None or not shift.slots:
        return blank
    asked, spans = _cut(shift.slots, [one for one in away if one.effect != "outing"])
    open_slots = [slot for slot in asked if not slot.waived]
    signs = sorted({one for one in facts.signs if in_window(one, open_slots)})
    slots = _judged(asked, _given(open_slots, signs, shift.terms), shift.terms, facts)
    slots = tuple(_unsure(slot, want, signs) for slot, want in zip(slots, asked, strict=True))
    day = replace(blank, slots=slots, doubtful=tuple(one.id for one in signs if one.doubtful))
    return _summed(day, shift.terms, spans)


def _given(slots: Sequence[Asked], signs: Sequence[Sign], terms: Timetable) -> dict[str, Sign]:
    """Label of a slot -> the sign that counts for it."""
    sure = [one for one in signs if not one.doubtful]
    found = matched(slots, sure, terms.repeat_seconds)
    return {slot.label: sign for slot, sign in zip(slots, found, strict=True) if sign is not None}


def _touches(absence: Absence, shift: Shift) -> bool:
    return absence.start < shift.ends and absence.end > shift.opens


def _absence_key(one: Absence) -> tuple[datetime, datetime, str, str]:
    return one.start, one.end, one.effect, one.kind


# --- leave cuts what is asked ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked(Slot):
    """A sign as it is asked for after leave was taken off. ``waived``: by leave or duty."""

    waived: str = ""
    moved: bool = False


@dataclass(frozen=True, slots=True)
class _Span:
    """Time of work between an ``in`` and an ``out``, and how much of it was away."""

    halves: tuple[Half, Half]
    minutes: int
    leave: int
    duty: int


def _cut(slots: Sequence[Slot], away: Sequence[Absence]) -> tuple[list[Asked], list[_Span]]:
    asked, spans = [], []
    for came, left in zip(slots[::2], slots[1::2], strict=True):
        free = _pieces(came.due, left.due, away)
        if not free:
            asked.append(_waived(came, _effect_at(came.due, away)))
            asked.append(_waived(left, _effect_at(left.due - _MINUTE, away)))
        else:
            asked += [_later(came, free[0][0], left.due), _earlier(left, free[-1][1], came.due)]
        taken = {
            effect: sum(
                _minutes(end - start) for start, end in _overlaps(came.due, left.due, away, effect)
            )
            for effect in ("leave", "duty")
        }
        span = _minutes(left.due - came.due)
        spans.append(_Span((came.half, left.half), span, taken["leave"], taken["duty"]))
    return asked, spans


def _pieces(
    start: datetime, end: datetime, away: Sequence[Absence]
) -> list[tuple[datetime, datetime]]:
    """What is left of a span of work when absences are taken off, in order."""
    left, at = [], start
    for one in away:
        if one.start > at:
            left.append((at, min(one.start, end)))
        at = max(at, one.end)
        if at >= end:
            break
    if at < end:
        left.append((at, end))
    return [(begin, stop) for begin, stop in left if stop - begin >= _MINUTE]


def _overlaps(
    start: datetime, end: datetime, away: Sequence[Absence], effect: str
) -> list[tuple[datetime, datetime]]:
    """The parts of a span that absences of one effect cover, none counted twice."""
    found, at = [], start
    for one in away:
        begin, stop = max(one.start, at), min(one.end, end)
        if one.effect == effect and begin < stop:
            found.append((begin, stop))
            at = stop
    return found


def _effect_at(moment: datetime, away: Sequence[Absence]) -> str:
    covering = [one.effect for one in away if one.start <= moment < one.end]
    return covering[0] if covering else away[0].effect


def _waived(slot: Slot, effect: str) -> Asked:
    return Asked(slot.label, slot.sign, slot.half, slot.opens, slot.due, slot.closes, waived=effect)


def _later(slot: Slot, due: datetime, end: datetime) -> Asked:
    """Who comes back from leave signs in when it ends."""
    closes = max(slot.closes, min(slot.closes + (due - slot.due), end))
    moved = due != slot.due
    return Asked(slot.label, slot.sign, slot.half, slot.opens, due, closes, moved=moved)


def _earlier(slot: Slot, due: datetime, start: datetime) -> Asked:
    """Who goes on leave signs out when it begins."""
    opens = min(slot.opens, max(slot.opens - (slot.due - due), start))
    moved = due != slot.due
    return Asked(slot.label, slot.sign, slot.half, opens, due, slot.closes, moved=moved)


# --- what each sign was ---------------------------------------------------------------------------


def _judged(
    asked: Sequence[Asked], found: Mapping[str, Sign], terms: Timetable, facts: Facts
) -> tuple[DaySlot, ...]:
    excused = {one.label for one in facts.excuses}
    shift_by = _flexed(asked, found, terms)
    slots = []
    for place, want in enumerate(asked):
        due, sign = want.due, found.get(want.label)
        if place == 0 and shift_by > timedelta():
            due += shift_by
        if place == len(asked) - 1:
            due += shift_by
        slot = _judged_slot(want, sign, due, terms)
        slots.append(_settled(slot, want, want.label in excused, facts.reported_until))
    return tuple(slots)


def _flexed(asked: Sequence[Asked], found: Mapping[str, Sign], terms: Timetable) -> timedelta:
    """By how much flexible hours move the end of the day: as much as the first sign moved."""
    first, last = asked[0], asked[-1]
    sign = found.get(first.label)
    if sign is None or first.moved or last.moved or last.waived:
        return timedelta()
    moved = _to_minute(sign.at) - first.due
    return min(
        max(moved, -timedelta(minutes=terms.flex_before)), timedelta(minutes=terms.flex_after)
    )


def _judged_slot(want: Asked, sign: Sign | None, due: datetime, terms: Timetable) -> DaySlot:
    slot = DaySlot(want.label, want.sign, want.half, due, "ok")
    if want.waived:
        return replace(slot, state=want.waived)
    if sign is None:
        return replace(slot, state="missing")
    at = _to_minute(sign.at)
    off = _minutes(at - due if want.sign is Direction.IN else due - at)
    grace = terms.late_grace if want.sign is Direction.IN else terms.early_grace
    state = "ok" if off <= grace else "late" if want.sign is Direction.IN else "early"
    if state != "ok" and 0 < terms.absent_after < off:
        state = "over"
    minutes = off if state != "ok" else 0
    return replace(slot, state=state, at=sign.at, punch=sign.id, minutes=minutes)


def _settled(slot: DaySlot, want: Asked, excused: bool, reported_until: datetime) -> DaySlot:
    """An excuse stands at once; what may still come is open."""
    if slot.state in ("ok", "leave", "duty"):
        return slot
    if excused:
        return replace(slot, state="excused", minutes=0)
    could_come = slot.state == "missing" or want.sign is Direction.OUT
    if could_come and reported_until < want.closes:
        return replace(slot, state="open", minutes=0)
    return slot


def _unsure(slot: DaySlot, want: Asked, signs: Iterable[Sign]) -> DaySlot:
    """A sign whose time is in doubt is not counted, and nothing is held against the person."""
    if slot.state not in ("missing", "late", "early", "over"):
        return slot
    doubtful = any(one.doubtful and want.opens <= one.at <= want.closes for one in signs)
    return replace(slot, state="unsure", minutes=0) if doubtful else slot


# --- the day --------------------------------------------------------------------------------------


def _summed(day: Day, terms: Timetable, spans: Sequence[_Span]) -> Day:
    absent = [half for half in Half if _is_absent(day.slots, half, terms)]
    late = sum(slot.minutes for slot in day.slots if slot.state == "late")
    early = sum(slot.minutes for slot in day.slots if slot.state == "early")
    halves = {slot.half for slot in day.slots}
    found = replace(
        day,
        late=late,
        early=early,
        halves=len(absent),
        absent=_absent_minutes(absent, spans),
        leave=sum(span.leave for span in spans),
        duty=sum(span.duty for span in spans),
    )
    return replace(found, status=_status(found, whole=len(absent) == len(halves)))


def _is_absent(slots: Sequence[DaySlot], half: Half, terms: Timetable) -> bool:
    of_half = [slot for slot in slots if slot.half is half]
    if any(slot.state == "over" for slot in of_half):
        return True
    missing = [slot for slot in of_half if slot.state == "missing"]
    if terms.missing_is_absent:
        return bool(missing)
    needed = [slot for slot in of_half if slot.state not in ("leave", "duty")]
    return bool(missing) and len(missing) == len(needed)


def _absent_minutes(absent: Sequence[Half], spans: Sequence[_Span]) -> int:
    total = 0
    for span in spans:
        left = span.minutes - span.leave - span.duty
        count = sum(half in absent for half in set(span.halves))
        total += left * count // len(set(span.halves))
    return max(0, total)


def _status(day: Day, *, whole: bool) -> str:
    states = {slot.state for slot in day.slots}
    if day.halves:
        return "absent" if whole and day.halves > 1 else "absent_half"
    by_weight = (
        ("missing", "missing" in states),
        ("unsure", "unsure" in states),
        ("late_early", {"late", "early"} <= states),
        ("late", "late" in states),
        ("early", "early" in states),
        ("open", "open" in states),
        ("leave", states <= {"leave", "duty"} and "leave" in states),
        ("duty", states == {"duty"}),
        ("excused", "excused" in states),
        ("leave_part", "leave" in states or day.leave > 0),
    )
    return next((status for status, holds in by_weight if holds), "normal")


def _to_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
