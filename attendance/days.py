"""日考勤: what a day was, from the shift, the punches, leave and what a person decided.

Pure, and a function of sets: in which order facts arrive, and how often, changes nothing. Counts
only punches inside the windows of the shift; one scan after another is one sign; in or out follows
from the windows, what a terminal says about it only breaks ties. Moments are those of the hall's
clock, without zone. Reads no clock: ``reported_until`` says up to when everything is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from attendance.matching import Sign, in_window, matched
from attendance.shifts import Shift, Slot
from standards.records.attendance import MOST_AWAY
from standards.timetables import Direction, Half, Timetable

__all__ = ["Absence", "AwayPart", "Day", "DaySlot", "Excuse", "Facts", "Shift", "Sign", "derive"]

_MINUTE, _NONE = timedelta(minutes=1), timedelta()
_SETTLED = frozenset({"ok", "leave", "duty"})
# What counts against somebody.
_HELD = frozenset({"missing", "late", "early", "over"})
_ALL_OK = {"ok"}


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


class AwayPart(NamedTuple):
    """Time within a shift for which somebody may be away, and what that does; never why."""

    start: datetime
    end: datetime
    effect: str


class DaySlot(NamedTuple):
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
    away: tuple[AwayPart, ...] = ()
    doubtful: tuple[str, ...] = ()
    holds_for: str = ""
    held_by: str = ""


def derive(staff_no: str, shift: Shift, facts: Facts) -> Day:
    """What a day was, as far as it is known."""
    away = sorted({one for one in facts.absences if _touches(one, shift)}, key=_absence_key)
    if shift.terms is None or not shift.slots:
        return _at_rest(staff_no, shift, facts, away)
    asked, spans = _cut(shift.slots, [one for one in away if one.effect != "outing"])
    open_slots = [slot for slot in asked if not slot.waived]
    signs = [one for one in sorted(set(facts.signs)) if in_window(one, open_slots)]
    slots = _judged(asked, signs, shift.terms, facts)
    absent = [half for half in Half if _is_absent(slots, half, shift.terms)]
    leave = sum(span.leave for span in spans)
    return Day(
        staff_no,
        shift.day,
        _status(slots, len(absent), leave),
        facts.reported_until < shift.ends,
        shift.terms.code,
        slots,
        # Half a day that counts as absent is not late or early besides.
        late=sum(one.minutes for one in slots if one.state == "late" and one.half not in absent),
        early=sum(one.minutes for one in slots if one.state == "early" and one.half not in absent),
        absent=_absent_minutes(absent, spans) if absent else 0,
        halves=len(absent),
        leave=leave,
        duty=sum(span.duty for span in spans),
        outings=sum(one.effect == "outing" for one in away),
        away=_within(away, shift),
        doubtful=tuple(one.id for one in signs if one.doubtful),
        holds_for=shift.holds_for,
    )


def _at_rest(staff_no: str, shift: Shift, facts: Facts, away: Sequence[Absence]) -> Day:
    """A day that asks nothing."""
    return Day(
        staff_no,
        shift.day,
        "covered" if shift.held_by else "rest",
        facts.reported_until < shift.ends,
        shift.terms.code if shift.terms else "",
        outings=sum(one.effect == "outing" for one in away),
        held_by=shift.held_by,
    )


def _touches(absence: Absence, shift: Shift) -> bool:
    return absence.start < shift.ends and absence.end > shift.opens


def _within(away: Sequence[Absence], shift: Shift) -> tuple[AwayPart, ...]:
    """As much of each absence as lies within the shift; what lies outside is nobody's business."""
    if not away:
        return ()
    parts = {
        AwayPart(max(one.start, shift.opens), min(one.end, shift.ends), one.effect) for one in away
    }
    return tuple(sorted(parts))[:MOST_AWAY]


def _absence_key(one: Absence) -> tuple[datetime, datetime, str, str]:
    return one.start, one.end, one.effect, one.kind


# --- leave cuts what is asked ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Span:
    """Time of work between an ``in`` and an ``out``, and how much of it was away."""

    halves: tuple[Half, Half]
    minutes: int
    leave: int = 0
    duty: int = 0


def _cut(slots: Sequence[Slot], away: Sequence[Absence]) -> tuple[Sequence[Slot], list[_Span]]:
    pairs = list(zip(slots[::2], slots[1::2], strict=True))
    if not away:
        return slots, [
            _Span((came.half, left.half), _minutes(left.due - came.due)) for came, left in pairs
        ]
    asked, spans = [], []
    for came, left in pairs:
        free = _pieces(came.due, left.due, away)
        if not free:
            asked.append(replace(came, waived=_effect_at(came.due, away)))
            asked.append(replace(left, waived=_effect_at(left.due - _MINUTE, away)))
        else:
            asked += [_later(came, free[0][0], left.due), _earlier(left, free[-1][1], came.due)]
        leave, duty = (
            sum(_minutes(stop - begin) for begin, stop in _overlaps(came.due, left.due, some))
            for some in (_of_effect(away, "leave"), _of_effect(away, "duty"))
        )
        spans.append(_Span((came.half, left.half), _minutes(left.due - came.due), leave, duty))
    return asked, spans


def _of_effect(away: Sequence[Absence], effect: str) -> list[Absence]:
    return [one for one in away if one.effect == effect]


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
    start: datetime, end: datetime, away: Sequence[Absence]
) -> list[tuple[datetime, datetime]]:
    """The parts of a span that absences cover, none counted twice."""
    found, at = [], start
    for one in away:
        begin, stop = max(one.start, at), min(one.end, end)
        if begin < stop:
            found.append((begin, stop))
            at = stop
    return found


def _effect_at(moment: datetime, away: Sequence[Absence]) -> str:
    covering = [one.effect for one in away if one.start <= moment < one.end]
    return covering[0] if covering else away[0].effect


def _later(slot: Slot, due: datetime, end: datetime) -> Slot:
    """Who comes back from leave signs in when it ends."""
    if due == slot.due:
        return slot
    closes = max(slot.closes, min(slot.closes + (due - slot.due), end))
    return replace(slot, due=due, closes=closes, moved=True)


def _earlier(slot: Slot, due: datetime, start: datetime) -> Slot:
    """Who goes on leave signs out when it begins."""
    if due == slot.due:
        return slot
    opens = min(slot.opens, max(slot.opens - (slot.due - due), start))
    return replace(slot, opens=opens, due=due, moved=True)


# --- what each sign was ---------------------------------------------------------------------------


def _judged(
    asked: Sequence[Slot], signs: Sequence[Sign], terms: Timetable, facts: Facts
) -> tuple[DaySlot, ...]:
    given = _given(asked, [one for one in signs if not one.doubtful], terms)
    doubtful = [one.at for one in signs if one.doubtful]
    excused = {one.label for one in facts.excuses}
    shift_by = _flexed(asked, given, terms) if terms.flex_before or terms.flex_after else _NONE
    slots = []
    for place, (want, sign) in enumerate(zip(asked, given, strict=True)):
        due = want.due
        if shift_by and (place == len(asked) - 1 or (place == 0 and shift_by > _NONE)):
            due += shift_by
        state, minutes = _rated(want, sign, due, terms)
        if state not in _SETTLED:
            state = _softened(want, state, want.label in excused, facts.reported_until)
            if state in _HELD and any(want.opens <= at <= want.closes for at in doubtful):
                # Its time is in doubt: it is not counted, and nothing is held against the person.
                state = "unsure"
            minutes = minutes if state in _HELD else 0
        at, punch = (sign.at, sign.id) if sign else (None, "")
        slots.append(DaySlot(want.label, want.sign, want.half, due, state, at, punch, minutes))
    return tuple(slots)


def _given(slots: Sequence[Slot], signs: Sequence[Sign], terms: Timetable) -> list[Sign | None]:
    """The sign that counts for each slot; a waived one takes none."""
    asked = [slot for slot in slots if not slot.waived]
    found = iter(matched(asked, signs, terms.repeat_seconds))
    return [None if slot.waived else next(found) for slot in slots]


def _flexed(asked: Sequence[Slot], given: Sequence[Sign | None], terms: Timetable) -> timedelta:
    """By how much flexible hours move the end of the day: as much as the first sign moved."""
    first, last, sign = asked[0], asked[-1], given[0]
    if sign is None or first.moved or last.moved or last.waived:
        return _NONE
    moved = sign.at.replace(second=0, microsecond=0) - first.due
    return min(
        max(moved, -timedelta(minutes=terms.flex_before)), timedelta(minutes=terms.flex_after)
    )


def _rated(want: Slot, sign: Sign | None, due: datetime, terms: Timetable) -> tuple[str, int]:
    """State of a slot, and by how many minutes; a moment counts as the minute it lies in."""
    if want.waived:
        return want.waived, 0
    if sign is None:
        return "missing", 0
    comes = want.sign is Direction.IN
    if (sign.at <= due) if comes else (sign.at >= due):
        return "ok", 0
    at = sign.at.replace(second=0, microsecond=0)
    off = _minutes(at - due if comes else due - at)
    if off <= (terms.late_grace if comes else terms.early_grace):
        return "ok", 0
    if 0 < terms.absent_after < off:
        return "over", off
    return "late" if comes else "early", off


def _softened(want: Slot, state: str, excused: bool, reported_until: datetime) -> str:
    """An excuse stands at once; what may still come is open."""
    if excused:
        return "excused"
    could_come = state == "missing" or want.sign is Direction.OUT
    return "open" if could_come and reported_until < want.closes else state


# --- the day --------------------------------------------------------------------------------------


def _is_absent(slots: Sequence[DaySlot], half: Half, terms: Timetable) -> bool:
    states = [slot.state for slot in slots if slot.half is half]
    if "over" in states:
        return True
    missing = states.count("missing")
    if terms.missing_is_absent:
        return missing > 0
    return 0 < missing == sum(state not in ("leave", "duty") for state in states)


def _absent_minutes(absent: Sequence[Half], spans: Sequence[_Span]) -> int:
    total = 0
    for span in spans:
        left = span.minutes - span.leave - span.duty
        count = sum(half in absent for half in set(span.halves))
        total += left * count // len(set(span.halves))
    return max(0, total)


def _status(slots: Sequence[DaySlot], halves: int, leave: int) -> str:
    states = {slot.state for slot in slots}
    if halves:
        whole = halves == len({slot.half for slot in slots})
        return "absent" if whole and halves > 1 else "absent_half"
    if not leave and states == _ALL_OK:
        return "normal"
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
        ("leave_part", "leave" in states or leave > 0),
    )
    return next((status for status, holds in by_weight if holds), "normal")


def _minutes(span: timedelta) -> int:
    return span.days * 1440 + span.seconds // 60
