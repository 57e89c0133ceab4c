"""假期余额: somebody's annual leave, comp time and what is used of each ground, from the entries.

Gathers what `attendance.leave_balance` reckons with. Knows no page and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from attendance.leave import length_by_kind, minutes_by_day
from attendance.leave_balance import (
    Annual,
    CompTime,
    Earned,
    Spent,
    YearFacts,
    annual_of,
    comp_time,
)
from node.hall import Hall
from node.leave import leavebook, own_hours
from standards.leave_life import EFFECTIVE, OPEN
from standards.leave_rules import Ground
from standards.records import LeaveFacts, LeaveStanding
from standards.records.leave import Leg

_YEARS_OF_PERIOD = {"year": 1, "two_years": 2, "four_years": 4}


@dataclass(frozen=True)
class Taken:
    """Minutes of leave of one person on each day, by kind."""

    effective: dict[str, Counter[date]]
    pending: dict[str, Counter[date]]

    def in_year(self, kinds: Iterable[str], year: int, *, pending: bool = False) -> int:
        """Minutes of these kinds in a year."""
        found = self.pending if pending else self.effective
        return sum(
            minutes
            for kind in kinds
            for day, minutes in found.get(kind, Counter()).items()
            if day.year == year
        )


def taken_of(hall: Hall, staff_no: str, without: str = "") -> Taken:
    """All leave of one person that stands or is asked for.

    Args:
        without: leave this request out.
    """
    effective: dict[str, Counter[date]] = {}
    pending: dict[str, Counter[date]] = {}
    for one in leavebook.of_person(hall, staff_no):
        if one.id == without or one.stage not in EFFECTIVE | OPEN:
            continue
        into = effective if one.stage in EFFECTIVE else pending
        for kind, days in _by_kind(hall, one).items():
            into.setdefault(kind, Counter()).update(days)
    return Taken(effective, pending)


def _by_kind(hall: Hall, one: LeaveStanding) -> dict[str, Counter[date]]:
    table = leavebook.rules(hall)
    legs = leavebook.legs_taken(one, table)
    return length_by_kind(legs, table, own_hours.calendar_for(hall, one.staff_no, legs))


def _kinds(hall: Hall, balance: str) -> list[str]:
    return [kind.code for kind in leavebook.rules(hall).kind if kind.balance == balance]


def year_facts(hall: Hall, taken: Taken, facts: LeaveFacts | None, year: int) -> YearFacts:
    """What happened in one year."""
    annual = _kinds(hall, "annual")
    day = leavebook.rules(hall).clock.day_minutes
    return YearFacts(
        personal_minutes=taken.in_year(["personal"], year),
        sick_days=taken.in_year(["sick"], year) // day,
        school_holidays=facts.school_holidays if facts else False,
        carried=facts.carried if facts else 0,
        taken=taken.in_year(annual, year) + (facts.taken_before if facts else 0),
        reserved=taken.in_year(annual, year, pending=True),
    )


def work_start_of(facts: dict[int, LeaveFacts]) -> date | None:
    """Since when somebody works, from the latest year for which it was said."""
    for year in sorted(facts, reverse=True):
        try:
            return date.fromisoformat(facts[year].work_start)
        except ValueError:
            continue
    return None


def annual(hall: Hall, staff_no: str, on: date, without: str = "") -> Annual:
    """Somebody's annual leave of the year of a day."""
    facts = leavebook.facts_of(hall, staff_no)
    taken = taken_of(hall, staff_no, without)
    return annual_of(
        work_start_of(facts),
        on,
        year_facts(hall, taken, facts.get(on.year), on.year),
        leavebook.rules(hall),
        year_facts(hall, taken, facts.get(on.year - 1), on.year - 1),
    )


def earned_of(hall: Hall, staff_no: str) -> tuple[Earned, ...]:
    """Somebody's confirmed overtime."""
    found = []
    for line in leavebook.overtime_of(hall, staff_no):
        if line.decision and line.decision.minutes and line.decision.expires_on:
            until = line.decision.expires_on
            found.append(Earned(until, line.overtime.day, line.decision.minutes))
    return tuple(found)


def spent_of(hall: Hall, staff_no: str, without: str = "") -> tuple[Spent, ...]:
    """Somebody's comp time, taken and asked for."""
    taken = taken_of(hall, staff_no, without)
    found = []
    for kind in _kinds(hall, "comp"):
        for days, pending in ((taken.effective, False), (taken.pending, True)):
            found += [Spent(d, m, pending) for d, m in days.get(kind, Counter()).items()]
    return tuple(found)


def comp(hall: Hall, staff_no: str, on: date) -> CompTime:
    """Somebody's comp time on a day."""
    return comp_time(earned_of(hall, staff_no), spent_of(hall, staff_no), on)


def used_of(hall: Hall, staff_no: str, legs: Iterable[Leg]) -> dict[tuple[str, str], int]:
    """(kind, ground) -> minutes that were used in the period of each ground; for these kinds."""
    kinds = {leg.leave: leg.first.year for leg in legs}
    table, used = leavebook.rules(hall), Counter[tuple[str, str]]()
    if not any(
        _periods(ground) for kind in table.kind if kind.code in kinds for ground in kind.ground
    ):
        return {}
    for one in leavebook.of_person(hall, staff_no):
        if one.stage in EFFECTIVE | OPEN and any(leg.leave in kinds for leg in one.legs):
            used.update(_used(hall, one, kinds))
    return dict(used)


def _periods(ground: Ground) -> int:
    return _YEARS_OF_PERIOD.get(ground.per, 0)


def _used(hall: Hall, one: LeaveStanding, kinds: dict[str, int]) -> Counter[tuple[str, str]]:
    table, found = leavebook.rules(hall), Counter[tuple[str, str]]()
    calendar = own_hours.calendar_for(hall, one.staff_no, one.legs)
    for leg, claim in zip(one.legs, leavebook.claims(hall, one), strict=True):
        if leg.leave not in kinds:
            continue
        kind = table.kind_or_plain(leg.leave)
        ground = next((one for one in kind.ground if one.code == claim.ground), None)
        if ground is None:
            continue
        since = kinds[leg.leave] - _periods(ground)
        days = minutes_by_day(leg, kind, table.clock, calendar)
        if _periods(ground):
            found[leg.leave, ground.code] += sum(
                minutes for day, minutes in days.items() if since < day.year <= kinds[leg.leave]
            )
    return found
