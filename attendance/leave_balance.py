"""年休假 balance and the comp-time ledger.

Pure. Annual leave by 职工带薪年休假条例 3 to 5: days by full years of work, taken away by long
personal or sick leave or by school holidays, carried on for a year at most. Comp time is earned by
confirmed overtime, spent by 调休, the part that expires first being spent first. All amounts are
minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from standards.leave_rules import AnnualRule, LeaveRules, Tiers


def full_years(start: date, on: date) -> int:
    """Full years of work on a day: the tenth is full on the tenth anniversary.

    Who started on 29 February fills a year on 1 March where there is no such day.
    """
    if on < start:
        return 0
    return on.year - start.year - int((on.month, on.day) < (start.month, start.day))


def counted_years(start: date, on: date, rule: AnnualRule) -> int:
    """Full years as the annual leave counts them: from the day, or from the month after it."""
    if rule.counts_from == "next_month":
        on = on.replace(day=1) - date.resolution
    return full_years(start, on)


def of_tier(tiers: Tiers, years: int) -> int:
    """What a table gives for so many years: its last row that is reached; 0 before the first."""
    return max((given for least, given in tiers if years >= least), default=0)


@dataclass(frozen=True)
class YearFacts:
    """What happened in one year, as far as annual leave depends on it."""

    personal_minutes: int = 0
    sick_days: int = 0
    """calendar days"""
    school_holidays: bool = False
    carried: int = 0
    """from the year before, in minutes"""
    taken: int = 0
    """annual leave that was taken, in minutes"""
    reserved: int = 0
    """asked for and not decided yet, in minutes"""


@dataclass(frozen=True)
class Annual:
    """Somebody's annual leave of one year, in minutes."""

    years: int = 0
    given: int = 0
    carried: int = 0
    taken: int = 0
    reserved: int = 0
    excluded: tuple[str, ...] = ()
    known: bool = True
    """False: nobody said since when this person works"""

    @property
    def left(self) -> int:
        """What can still be asked for; never below nothing."""
        return max(self.given + self.carried - self.taken - self.reserved, 0)

    @property
    def unused(self) -> int:
        """Of this year's own days, what was not taken (what was carried is spent first)."""
        return max(self.given - max(self.taken - self.carried, 0), 0)


def exclusions(years: int, facts: YearFacts, rules: LeaveRules) -> tuple[str, ...]:
    """Why there is no annual leave (条例 4), in words; empty when there is."""
    rule, day = rules.annual, rules.clock.day_minutes
    why = []
    if facts.school_holidays:
        why.append("享受寒暑假且天数多于年休假")
    if rule.personal_is_paid and facts.personal_minutes >= rule.personal_days * day:
        why.append(f"事假累计{rule.personal_days}天以上且不扣工资")
    months = of_tier(rule.sick_months, years)
    if months and facts.sick_days >= months * rule.month_days:
        why.append(f"病假累计{months}个月以上")
    return tuple(why)


def annual_of(
    work_start: date | None,
    on: date,
    facts: YearFacts,
    rules: LeaveRules,
    before: YearFacts | None = None,
) -> Annual:
    """Somebody's annual leave in the year of a day, by the years that are full on that day.

    Args:
        before: the year before. Who took the annual leave and then fell under an exclusion in the
            same year has none in the next (条例 4, 实施办法).
    """
    taken, reserved = facts.taken, facts.reserved
    if work_start is None:
        return Annual(taken=taken, reserved=reserved, carried=facts.carried, known=False)
    years = counted_years(work_start, on, rules.annual)
    given = of_tier(rules.annual.tiers, years) * rules.clock.day_minutes
    why = exclusions(years, facts, rules)
    if before is not None and before.taken > before.carried:
        last = counted_years(work_start, date(on.year - 1, 12, 31), rules.annual)
        why += tuple(f"上年已休，后{one}" for one in exclusions(last, before, rules))
    return Annual(years, 0 if why else given, facts.carried, taken, reserved, why)


# --- comp time -----------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Earned:
    """Confirmed overtime that may be taken as time off until a day."""

    expires_on: date
    day: date
    minutes: int


@dataclass(frozen=True, order=True)
class Spent:
    """Time off that was taken, or is asked for."""

    day: date
    minutes: int
    pending: bool = False


@dataclass
class _Lot:
    earned: Earned
    left: int


@dataclass(frozen=True)
class CompTime:
    """The ledger of one person on one day, in minutes."""

    earned: int = 0
    spent: int = 0
    reserved: int = 0
    expired: int = 0
    left: int = 0
    uncovered: int = 0
    """time off beyond what was earned by then; 0 unless a confirmation was taken back"""
    next_expiry: date | None = None
    next_expiring: int = 0
    by_lot: tuple[tuple[Earned, int], ...] = field(default=())
    """each lot with what is left of it"""


def comp_time(earned: Iterable[Earned], spent: Iterable[Spent], on: date) -> CompTime:
    """The ledger: each hour off is taken from the lot that expires first among those good then."""
    lots = [_Lot(one, one.minutes) for one in sorted(earned)]
    uses = sorted(spent)
    uncovered = sum(_take(lots, use) for use in uses)
    good = [lot for lot in lots if lot.left and lot.earned.expires_on >= on]
    first = good[0] if good else None
    return CompTime(
        earned=sum(lot.earned.minutes for lot in lots),
        spent=sum(use.minutes for use in uses if not use.pending),
        reserved=sum(use.minutes for use in uses if use.pending),
        expired=sum(lot.left for lot in lots if lot.earned.expires_on < on),
        left=sum(lot.left for lot in good),
        uncovered=uncovered,
        next_expiry=first.earned.expires_on if first else None,
        next_expiring=sum(
            lot.left for lot in good if first and lot.earned.expires_on == first.earned.expires_on
        ),
        by_lot=tuple((lot.earned, lot.left) for lot in lots),
    )


def _take(lots: Sequence[_Lot], use: Spent) -> int:
    wanted = use.minutes
    for lot in lots:
        if lot.earned.day <= use.day <= lot.earned.expires_on:
            taken = min(lot.left, wanted)
            lot.left -= taken
            wanted -= taken
    return wanted


def expiry(day: date, months: int) -> date:
    """The last day of so many months after a day; the end of a shorter month where it has none."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    last = (following - date.resolution).day
    return date(year, month, min(day.day, last))
