"""How long a request is: minutes of leave on each day, by kind and calendar.

Pure. A kind counts working days (holidays and rest days inside are not counted: 职工带薪年休假
条例 3) or calendar days (产假, 探亲假). A day is ``clock.day_minutes``, half a day the half of
it; a time of day counts by the hours of the person's own shift of that day, where they are known
(:class:`OwnHours`), else by the sessions of the table. All amounts are minutes, so that halves and
hours of one request add up. Moments are those of the hall's clock, without zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from standards.errors import Invalid
from standards.leave_rules import Ground, Kind, LeaveRules, WorkClock, minute_of
from standards.records.leave import Leg
from standards.workdays import Calendar

_ONE_DAY = timedelta(days=1)
_DAY_END = 24 * 60
LONGEST_SPAN = 400
"""Calendar days from the first to the last day of one request."""


@dataclass(frozen=True)
class Claim:
    """On which ground a leg is asked for, and what adds to it. Personal: never in a leaf."""

    ground: str = ""
    difficult: bool = False
    babies: int = 1

    def text(self) -> str:
        """As it stands in the sealed part of a request."""
        return f"{self.ground}/{int(self.difficult)}/{self.babies}"


def claims_of(text: str, legs: int) -> tuple[Claim, ...]:
    """The claims of a request, one for each leg; of an erased one nothing is known."""
    found = []
    for word in text.split():
        ground, _, rest = word.partition("/")
        difficult, _, babies = rest.partition("/")
        found.append(Claim(ground, difficult == "1", int(babies) if babies.isdigit() else 1))
    return tuple(found) if len(found) == legs else (Claim(),) * legs


Spans = tuple[tuple[int, int], ...]
"""From when to when there is work, in minutes after midnight."""


class OwnHours(Calendar):
    """The calendar, with the hours that one person has to work on some days.

    Args:
        calendar: the calendar that everybody has.
        worked: by day; nothing on a day of rest. Of a day that is not in it nothing is known.
    """

    __slots__ = ("worked",)

    def __init__(self, calendar: Calendar, worked: Mapping[date, Spans]) -> None:
        super().__init__(calendar.years)
        self.worked = worked


def own_spans(calendar: Calendar, day: date) -> Spans | None:
    """When one person works on a day; None where only the table's sessions are known."""
    return calendar.worked.get(day) if isinstance(calendar, OwnHours) else None


def days_from(first: date, last: date) -> Iterator[date]:
    """Every day from one to another, both included."""
    day = first
    while day <= last:
        yield day
        day += _ONE_DAY


@dataclass(frozen=True)
class DaySpan:
    """The part of one day that a leg takes, from point to point."""

    begins: str = "am"
    ends: str = "pm"

    @property
    def is_in_halves(self) -> bool:
        """Whether it takes half a day or a whole one, no time of day."""
        return self.begins in ("am", "pm") and self.ends in ("am", "pm")

    def minutes(self, clock: WorkClock, spans: Spans | None = None) -> int:
        """What it counts; 0 for one that ends before it begins.

        Args:
            spans: when the person works that day; without them the table's sessions.
        """
        if self.is_in_halves:
            halves = {"ampm": 2, "amam": 1, "pmpm": 1, "pmam": 0}[self.begins + self.ends]
            return clock.day_minutes * halves // 2
        start, end = start_minute(self.begins, clock), end_minute(self.ends, clock)
        spans = clock.spans if spans is None else spans
        worked = sum(max(0, min(end, last) - max(start, first)) for first, last in spans)
        return min(worked, clock.day_minutes)


def start_minute(point: str, clock: WorkClock) -> int:
    """Minutes after midnight at which a leg begins."""
    if point == "am":
        return 0
    return minute_of(clock.midday if point == "pm" else point)


def end_minute(point: str, clock: WorkClock) -> int:
    """Minutes after midnight at which a leg ends."""
    if point == "pm":
        return _DAY_END
    return minute_of(clock.midday if point == "am" else point)


def span_on(leg: Leg, day: date) -> DaySpan:
    """What a leg takes of one of its days."""
    if leg.daily:
        return DaySpan(leg.begins, leg.ends)
    return DaySpan(leg.begins if day == leg.first else "am", leg.ends if day == leg.last else "pm")


def minutes_by_day(leg: Leg, kind: Kind, clock: WorkClock, calendar: Calendar) -> dict[date, int]:
    """Minutes of leave on each day of a leg that counts."""
    found = {}
    for day in days_from(leg.first, leg.last):
        span = span_on(leg, day)
        own = None if span.is_in_halves else own_spans(calendar, day)
        if own is not None or kind.unit == "calendar" or calendar.is_working_day(day):
            found[day] = span.minutes(clock, own)
    return {day: minutes for day, minutes in found.items() if minutes}


def length(legs: Iterable[Leg], rules: LeaveRules, calendar: Calendar) -> int:
    """Minutes of all legs together."""
    return sum(
        sum(minutes_by_day(leg, rules.kind_or_plain(leg.leave), rules.clock, calendar).values())
        for leg in legs
    )


def length_by_kind(
    legs: Iterable[Leg], rules: LeaveRules, calendar: Calendar
) -> dict[str, Counter[date]]:
    """Kind -> minutes on each day."""
    found: dict[str, Counter[date]] = {}
    for leg in legs:
        kind = rules.kind_or_plain(leg.leave)
        found.setdefault(leg.leave, Counter()).update(
            minutes_by_day(leg, kind, rules.clock, calendar)
        )
    return found


def told(minutes: int, clock: WorkClock) -> str:
    """An amount in words: 2天, 1.5天, 3小时, 1天又2小时."""
    if minutes < 0:
        return "-" + told(-minutes, clock)
    days, rest = divmod(minutes, clock.day_minutes)
    if rest * 2 == clock.day_minutes:
        return f"{days}.5天"
    hours, odd = divmod(rest, 60)
    small = (f"{hours}小时" if hours else "") + (f"{odd}分钟" if odd else "")
    if not days:
        return small or "0天"
    return f"{days}天又{small}" if small else f"{days}天"


# --- whether it may stand ------------------------------------------------------------------------


def check_legs(legs: tuple[Leg, ...], rules: LeaveRules, calendar: Calendar) -> None:
    """Whether legs make sense by themselves and beside each other.

    Raises:
        Invalid: the first thing that is wrong with them, in words.
    """
    if not legs:
        raise Invalid({"legs": "请至少填写一个时段"})
    for leg in legs:
        _check_leg(leg, rules, calendar)
    whole = max(leg.last for leg in legs) - min(leg.first for leg in legs)
    if whole.days >= LONGEST_SPAN:
        raise Invalid({"legs": f"一次请假最长 {LONGEST_SPAN} 天"})
    for number, leg in enumerate(legs):
        if any(overlap(leg, other, rules.clock) for other in legs[:number]):
            raise Invalid({"legs": "同一次申请中的时段有重叠"})


def _check_leg(leg: Leg, rules: LeaveRules, calendar: Calendar) -> None:
    kind = rules.kind_of(leg.leave)
    if leg.last < leg.first:
        raise Invalid({"legs": "结束日期早于开始日期"})
    if (leg.last - leg.first).days >= LONGEST_SPAN:
        raise Invalid({"legs": f"一次请假最长 {LONGEST_SPAN} 天"})
    if kind.least != "hour" and not DaySpan(leg.begins, leg.ends).is_in_halves:
        raise Invalid(
            {"legs": f"{kind.name}不能按小时请，请选整天{'或半天' if kind.least == 'half' else ''}"}
        )
    if kind.least == "day" and (leg.begins, leg.ends) != ("am", "pm"):
        raise Invalid({"legs": f"{kind.name}按整天请"})
    if not minutes_by_day(leg, kind, rules.clock, calendar):
        raise Invalid({"legs": f"{kind.name}：所选时段内没有需要请假的工作时间"})


def overlap(one: Leg, other: Leg, clock: WorkClock) -> bool:
    """Whether two legs take the same time of some day."""
    for day in days_from(max(one.first, other.first), min(one.last, other.last)):
        a, b = span_on(one, day), span_on(other, day)
        start = max(start_minute(a.begins, clock), start_minute(b.begins, clock))
        end = min(end_minute(a.ends, clock), end_minute(b.ends, clock))
        if start < end:
            return True
    return False


def entitled_days(ground: Ground, claim: Claim) -> int:
    """Days that a ground gives: more for a difficult birth and for each further baby (女职工 7)."""
    more = ground.difficult_days if claim.difficult else 0
    return ground.days + more + ground.baby_days * (max(claim.babies, 1) - 1)


def check_claim(
    leg: Leg, claim: Claim, rules: LeaveRules, used: int = 0, calendar: Calendar | None = None
) -> None:
    """Whether a leg stays within what its ground gives.

    Args:
        used: minutes already taken on this ground within its period.
        calendar: with the person's own hours, where they are known.

    Raises:
        Invalid: more than the ground gives, or not on its day.
    """
    kind, ground = rules.kind_of(leg.leave), rules.ground_of(leg.leave, claim.ground)
    clock = rules.clock
    if ground.only_on and {f"{d:%m-%d}" for d in (leg.first, leg.last)} != {ground.only_on}:
        raise Invalid({"legs": f"{ground.name}只在{_month_day(ground.only_on)}"})
    if ground.minutes_a_day:
        allowed = ground.minutes_a_day + ground.baby_minutes * (max(claim.babies, 1) - 1)
        own = own_spans(calendar, leg.first) if calendar else None
        if span_on(leg, leg.first).minutes(clock, own) > allowed or not (
            leg.daily or leg.first == leg.last
        ):
            raise Invalid({"legs": f"{ground.name}每天不超过{told(allowed, clock)}"})
    days = entitled_days(ground, claim)
    if not days:
        return
    most = days * clock.day_minutes // (2 if ground.halves else 1)
    asked = sum(minutes_by_day(leg, kind, clock, Calendar()).values())
    if asked + used > most:
        already = f"，本期已用{told(used, clock)}" if used else ""
        raise Invalid(
            {"legs": f"{ground.name}最多{told(most, clock)}{already}，本次{told(asked, clock)}"}
        )


def _month_day(text: str) -> str:
    month, _, day = text.partition("-")
    return f"{int(month)}月{int(day)}日"


# --- what days needs -----------------------------------------------------------------------------


def cut(legs: tuple[Leg, ...], back_on: date, back_from: str, clock: WorkClock) -> tuple[Leg, ...]:
    """The legs as they were really taken by somebody who was back on post then (销假)."""
    kept = []
    for leg in legs:
        if leg.last < back_on:
            kept.append(leg)
        elif leg.first <= back_on:
            kept += _cut(leg, back_on, back_from, clock)
    return tuple(kept)


def _cut(leg: Leg, back_on: date, back_from: str, clock: WorkClock) -> list[Leg]:
    on_day = span_on(leg, back_on)
    back = start_minute(back_from, clock)
    if back >= end_minute(on_day.ends, clock):
        return [leg]
    if not leg.daily and back > start_minute(on_day.begins, clock):
        ends = "am" if back_from == "pm" else back_from
        return [Leg(leave=leg.leave, first=leg.first, last=back_on, begins=leg.begins, ends=ends)]
    before = back_on - _ONE_DAY
    if before < leg.first:
        return []
    ends = leg.ends if leg.daily else "pm"
    return [
        Leg(
            leave=leg.leave,
            first=leg.first,
            last=before,
            begins=leg.begins,
            ends=ends,
            daily=leg.daily,
        )
    ]


@dataclass(frozen=True)
class Away:
    """From when to when somebody is away, as one stretch of time."""

    start: datetime
    end: datetime
    leave: str


def away(legs: Iterable[Leg], clock: WorkClock) -> list[Away]:
    """The stretches of time of legs; one for each day where the times hold daily."""
    found = []
    for leg in legs:
        days = days_from(leg.first, leg.last) if leg.daily else (leg.first,)
        for day in days:
            start = _moment(day, start_minute(leg.begins, clock))
            last = day if leg.daily else leg.last
            found.append(Away(start, _moment(last, end_minute(leg.ends, clock)), leg.leave))
    return found


@dataclass(frozen=True)
class PostLeft:
    """Days on which somebody's post is empty; ``whole`` where nothing is left of the day."""

    first: date
    last: date
    whole: bool


def posts_left(legs: Iterable[Leg], rules: LeaveRules) -> list[PostLeft]:
    """On which days a stand-in holds the post; who is only out (临时外出) signs as always."""
    found: list[PostLeft] = []
    for leg in legs:
        away = rules.kind_or_plain(leg.leave).effect != "outing"
        if leg.daily:
            found.append(PostLeft(leg.first, leg.last, False))
            continue
        first = leg.first if away and leg.begins == "am" else leg.first + _ONE_DAY
        last = leg.last if away and leg.ends == "pm" else leg.last - _ONE_DAY
        if not away or first > last:
            found.append(PostLeft(leg.first, leg.last, False))
            continue
        if leg.first < first:
            found.append(PostLeft(leg.first, leg.first, False))
        found.append(PostLeft(first, last, True))
        if last < leg.last:
            found.append(PostLeft(leg.last, leg.last, False))
    return found


def _moment(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time.min) + timedelta(minutes=minutes)
