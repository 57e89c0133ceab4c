"""Whether leave may be asked for as typed: everything that is wrong with it, in one go.

Pure. Knows the person's other leave, the balances and the moment; not where they come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from attendance.leave import (
    Claim,
    check_claim,
    check_legs,
    length_by_kind,
    minutes_by_day,
    overlap,
    own_spans,
    start_minute,
    told,
)
from attendance.leave_balance import Annual, Earned, Spent, comp_time
from standards.errors import Invalid
from standards.leave_rules import Kind, LeaveRules
from standards.records.leave import LeaveStanding, Leg
from standards.workdays import Calendar, add_working_days


@dataclass(frozen=True)
class Draft:
    """Leave as somebody types it."""

    staff_no: str
    legs: tuple[Leg, ...]
    claims: tuple[Claim, ...] = ()
    stand_in: str = ""
    reason: str = ""
    told_to: str = ""
    told_at: str = ""

    def kinds(self, rules: LeaveRules) -> list[Kind]:
        """The kinds asked for."""
        return [rules.kind_of(leg.leave) for leg in self.legs]

    def needs_stand_in(self, rules: LeaveRules) -> bool:
        """Whether somebody must take over the post."""
        return any(kind.stand_in for kind in self.kinds(rules))


@dataclass(frozen=True)
class Around:
    """What a request is held against.

    Args:
        own: legs of the person's other leave that stands or is asked for.
        stands_in: legs during which the person stands in for somebody else.
        of_stand_in: legs during which the chosen stand-in is away or stands in elsewhere.
        annual: year -> annual leave as of a day in it.
        earned, spent: the ledger of comp time.
        calendar: with the person's own hours, where they are known.
        used: (kind, ground) -> minutes taken within the period of the ground.
    """

    now: datetime
    rules: LeaveRules
    calendar: Calendar
    own: tuple[Leg, ...] = ()
    stands_in: tuple[Leg, ...] = ()
    of_stand_in: tuple[Leg, ...] = ()
    annual: Callable[[date], Annual] = field(default=lambda day: Annual(known=False))
    earned: tuple[Earned, ...] = ()
    spent: tuple[Spent, ...] = ()
    used: Mapping[tuple[str, str], int] = field(default_factory=dict)


def work_begins(draft: Draft, around: Around) -> datetime:
    """The moment of the first minute of work that the person is away."""
    clock = around.rules.clock
    moments = []
    for leg in draft.legs:
        minute = start_minute(leg.begins, clock)
        own = own_spans(around.calendar, leg.first)
        spans = clock.spans if own is None else own
        opening = next((max(minute, a) for a, b in spans if minute < b), minute)
        moments.append(datetime.combine(leg.first, time.min) + timedelta(minutes=opening))
    return min(moments)


def check_request(draft: Draft, around: Around) -> None:
    """Whether leave may be asked for.

    Raises:
        Invalid: field -> message, for everything that is wrong.
    """
    check_legs(draft.legs, around.rules, around.calendar)
    wrong: dict[str, str] = {}
    for check in (_clash, _claims, _annual, _comp, _stand_in, _after_the_fact, _reason):
        for name, text in check(draft, around):
            wrong.setdefault(name, text)
    if wrong:
        raise Invalid(wrong)


Faults = Iterable[tuple[str, str]]


def _clash(draft: Draft, around: Around) -> Faults:
    clock = around.rules.clock
    for leg in draft.legs:
        for other in around.own:
            if overlap(leg, other, clock):
                name = around.rules.kind_name(other.leave)
                yield "legs", f"与已有的{name}（{_days(other)}）时间重叠"
        for other in around.stands_in:
            if overlap(leg, other, clock):
                yield "legs", f"这段时间您答应替别人顶岗（{_days(other)}），两个岗位不能同时空缺"


def _days(leg: Leg) -> str:
    first = f"{leg.first.month}月{leg.first.day}日"
    return first if leg.first == leg.last else f"{first}至{leg.last.month}月{leg.last.day}日"


def _claims(draft: Draft, around: Around) -> Faults:
    used = Counter(around.used)
    claims = draft.claims or (Claim(),) * len(draft.legs)
    for leg, claim in zip(draft.legs, claims, strict=True):
        kind = around.rules.kind_of(leg.leave)
        try:
            ground = around.rules.ground_of(leg.leave, claim.ground)
            already = used[kind.code, ground.code]
            check_claim(leg, claim, around.rules, already, around.calendar)
        except Invalid as refused:
            yield from refused.fields.items()
            continue
        minutes = minutes_by_day(leg, kind, around.rules.clock, around.calendar)
        used[kind.code, ground.code] += sum(minutes.values())


def _annual(draft: Draft, around: Around) -> Faults:
    for code, by_day in length_by_kind(draft.legs, around.rules, around.calendar).items():
        if around.rules.kind_of(code).balance != "annual":
            continue
        by_year: Counter[int] = Counter()
        for day, minutes in by_day.items():
            by_year[day.year] += minutes
        for year, wanted in by_year.items():
            found = around.annual(min(day for day in by_day if day.year == year))
            if text := _too_much_annual(found, wanted, year, around):
                yield "legs", text


def _too_much_annual(found: Annual, wanted: int, year: int, around: Around) -> str:
    clock = around.rules.clock
    if not found.known:
        return "还没有核定参加工作日期，不能请年休假；请督导在“休假核定”页填写"
    if found.excluded:
        return f"{year}年不享受年休假：{'；'.join(found.excluded)}"
    if wanted > found.left:
        return f"{year}年年休假只剩{told(found.left, clock)}，本次要{told(wanted, clock)}"
    return ""


def _comp(draft: Draft, around: Around) -> Faults:
    for code, by_day in length_by_kind(draft.legs, around.rules, around.calendar).items():
        if around.rules.kind_of(code).balance != "comp":
            continue
        before = comp_time(around.earned, around.spent, min(by_day))
        asked = tuple(Spent(day, minutes, True) for day, minutes in by_day.items())
        after = comp_time(around.earned, around.spent + asked, min(by_day))
        if after.uncovered > before.uncovered:
            left, wanted = (
                told(m, around.rules.clock) for m in (before.left, sum(by_day.values()))
            )
            yield "legs", f"可调休的加班只剩{left}，本次要{wanted}"


def _stand_in(draft: Draft, around: Around) -> Faults:
    if not draft.stand_in:
        if draft.needs_stand_in(around.rules):
            yield "stand_in", "请选择顶岗人，由顶岗人先确认"
        return
    if draft.stand_in == draft.staff_no:
        yield "stand_in", "不能由自己顶岗"
    for leg in draft.legs:
        for other in around.of_stand_in:
            if overlap(leg, other, around.rules.clock):
                yield "stand_in", f"顶岗人{_days(other)}不在岗或已替别人顶岗，请另选一位"


def _after_the_fact(draft: Draft, around: Around) -> Faults:
    start = work_begins(draft, around)
    if start >= around.now:
        return
    rule = around.rules.after_the_fact
    if names := [k.name for k in draft.kinds(around.rules) if not k.after_the_fact]:
        yield "legs", f"{'、'.join(names)}须事先申请，不能补请"
        return
    last = add_working_days(start.date(), rule.written_within_days, around.calendar).date
    if around.now.date() > last:
        yield "legs", f"补请须在开始后{rule.written_within_days}个工作日内提交，已过期"
    yield from _telephone(draft, start, around)


def _telephone(draft: Draft, start: datetime, around: Around) -> Faults:
    rule = around.rules.after_the_fact
    if not draft.told_to:
        yield "told_to", "请假已经开始：请写明当时电话报告给谁（工号）"
    if draft.told_to == draft.staff_no:
        yield "told_to", "不能报告给自己"
    try:
        told_at = datetime.fromisoformat(draft.told_at).replace(tzinfo=None)
    except ValueError:
        yield "told_at", "请假已经开始：请写明电话报告的时间"
        return
    if told_at > start + timedelta(minutes=rule.told_within_minutes):
        yield "told_at", f"电话报告须在开始后{rule.told_within_minutes}分钟以内"
    if told_at > around.now:
        yield "told_at", "电话报告的时间还没有到"


def _reason(draft: Draft, around: Around) -> Faults:
    if not draft.reason.strip():
        yield "reason", "请写明事由"


def needs_certificate(legs: Iterable[Leg], rules: LeaveRules, calendar: Calendar) -> bool:
    """Whether a paper must be handed in: so many days of one kind, and the kind asks for one."""
    for code, by_day in length_by_kind(legs, rules, calendar).items():
        least = rules.kind_or_plain(code).certificate_from
        if least and sum(by_day.values()) >= least * rules.clock.day_minutes:
            return True
    return False


def certificate_due(standing: LeaveStanding, rules: LeaveRules, calendar: Calendar) -> date:
    """The last day on which a paper may be handed in."""
    last = standing.back_on or standing.last
    return add_working_days(last, rules.certificate.within_days, calendar).date
