"""Working days and due dates under the yearly calendar of the State Council.

A calendar is a value built from year tables; every function here is pure, so a due date is
recomputed by asking again when a new table has arrived.  Knows no hours: the close of business
belongs to the window.  Sources: 行政许可法 82 (limits are working days, without statutory
holidays), 民法典 201 (the first day is not counted), 民法典 203 (a last day on a holiday moves
on), 全国年节及纪念日放假办法 (2024).
"""

import enum
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Annotated, NamedTuple

import msgspec

from standards.errors import Invalid
from standards.packaged import packaged_text

_ONE_DAY = timedelta(days=1)
LONGEST_LIMIT = 3660
"""Days, of either unit, that a limit may have at most (ten years)."""

# Statutory days with a fixed date; those of the lunar calendar cannot be known without a table.
_FIXED_DAYS_OFF = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
# The notice for a year has moved days from 29 December of the year before; a few more are kept.
_REACH_OF_NEXT_NOTICE = (12, 25)


class Unit(enum.StrEnum):
    """What a time limit counts; one limit never mixes both."""

    WORKING = "working"
    NATURAL = "natural"

    @property
    def label(self) -> str:
        """Chinese name."""
        return "工作日" if self is Unit.WORKING else "自然日"


class Due(NamedTuple):
    """The last day of a limit; provisional until every year it touches has its official table."""

    date: date
    provisional: bool


class CalendarYear(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One year's official table: what differs from 'Monday to Friday are working days'.

    `working_days` are the make-up days; `source` names the notice; of two tables for one year
    the higher `version` stands.
    """

    year: Annotated[int, msgspec.Meta(ge=1949, le=9999)]
    days_off: tuple[date, ...]
    working_days: tuple[date, ...]
    source: str
    version: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1

    def faults(self) -> dict[str, str]:
        """Field -> Chinese message for everything that makes the table unusable."""
        wrong: dict[str, str] = {}
        if self.version < 1:
            wrong["version"] = "版本号从1开始"
        if not self.source.strip():
            wrong["source"] = "请填写放假通知的文号"
        for name, days in (("days_off", self.days_off), ("working_days", self.working_days)):
            if any(day.year != self.year for day in days):
                wrong[name] = f"只能包含{self.year}年的日期"
        if set(self.days_off) & set(self.working_days):
            wrong["working_days"] = "同一天不能既放假又上班"
        elif ordinary := [day for day in self.working_days if day.weekday() < 5]:
            told = "、".join(f"{day.month}月{day.day}日" for day in ordinary[:5])
            wrong["working_days"] = f"调休上班日应为星期六或星期日，{told}不是"
        return wrong


class Calendar:
    """The calendar a hall works by; immutable, compared by its tables."""

    __slots__ = ("_known", "_off", "_work", "years")

    years: tuple[CalendarYear, ...]

    def __init__(self, tables: Iterable[CalendarYear] = ()) -> None:
        """Keep the highest version of every year; raises `Invalid` for an unusable table."""
        newest: dict[int, CalendarYear] = {}
        for table in tables:
            if wrong := table.faults():
                raise Invalid(wrong)
            if table.year not in newest or newest[table.year].version < table.version:
                newest[table.year] = table
        self.years = tuple(newest[year] for year in sorted(newest))
        self._known = frozenset(newest)
        self._off = frozenset(day for table in self.years for day in table.days_off)
        self._work = frozenset(day for table in self.years for day in table.working_days)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and self.years == other.years

    def __hash__(self) -> int:
        return hash(self.years)

    def __repr__(self) -> str:
        return f"Calendar({', '.join(f'{table.year}v{table.version}' for table in self.years)})"

    def has_table(self, year: int) -> bool:
        """Whether the official table of `year` is here."""
        return year in self._known

    def covers(self, first: date, last: date) -> bool:
        """Whether every year from one day to another has its official table here."""
        return all(self.has_table(year) for year in range(first.year, last.year + 1))

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on `day`; without a table from weekends and fixed days alone."""
        if day.year in self._known:
            return day in self._work or (day.weekday() < 5 and day not in self._off)
        return day.weekday() < 5 and (day.month, day.day) not in _FIXED_DAYS_OFF

    def is_settled(self, first: date, last: date) -> bool:
        """Whether no later notice is expected to change a day from `first` to `last`."""
        if any(year not in self._known for year in range(first.year, last.year + 1)):
            return False
        reached = (last.month, last.day) >= _REACH_OF_NEXT_NOTICE
        return not reached or last.year + 1 in self._known


def _days_from(first: date) -> Iterator[date]:
    day = first
    while True:
        yield day
        day += _ONE_DAY


def next_working_day(day: date, calendar: Calendar) -> date:
    """`day` itself when it is a working day, else the first one after it."""
    return next(each for each in _days_from(day) if calendar.is_working_day(each))


def _refuse_impossible(days: int) -> None:
    if not 0 <= days <= LONGEST_LIMIT:
        raise Invalid({"days": f"时限应在0至{LONGEST_LIMIT}天之间"})


def add_working_days(start: date, days: int, calendar: Calendar, count_day0: bool = False) -> Due:
    """Last day of a limit of `days` working days that starts on `start`.

    The first day is not counted (民法典 201) unless the city counts it (`count_day0`).
    Zero days end on `start` itself, or on the next working day when that is a day off.
    """
    _refuse_impossible(days)
    if days == 0:
        last = next_working_day(start, calendar)
    else:
        last = start if count_day0 else start + _ONE_DAY
        last = next_working_day(last, calendar)
        for _ in range(days - 1):
            last = next_working_day(last + _ONE_DAY, calendar)
    return Due(last, not calendar.is_settled(start, last))


def add_natural_days(start: date, days: int, calendar: Calendar, count_day0: bool = False) -> Due:
    """Last day of a limit of `days` calendar days; a last day off moves on (民法典 203)."""
    _refuse_impossible(days)
    reached = start + timedelta(days=days - 1 if count_day0 and days else days)
    last = next_working_day(reached, calendar)
    return Due(last, not calendar.is_settled(reached, last))


class TimeLimit(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A time limit: `days` of one `unit`; 0 means on the spot."""

    days: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_LIMIT)]
    unit: Unit = Unit.WORKING

    def due(self, start: date, calendar: Calendar, count_day0: bool = False) -> Due:
        """Last day of this limit when it starts on `start`."""
        add = add_working_days if self.unit is Unit.WORKING else add_natural_days
        return add(start, self.days, calendar, count_day0)

    @property
    def label(self) -> str:
        """Chinese wording for a page."""
        return f"{self.days}个{self.unit.label}" if self.days else "即时办结"


def count_working_days(first: date, last: date, calendar: Calendar) -> int:
    """Working days from `first` to `last`, both included; 0 when `last` is before `first`."""
    span = range((last - first).days + 1)
    return sum(calendar.is_working_day(first + timedelta(days=offset)) for offset in span)


def _span(year: int, written: str) -> tuple[date, ...]:
    first, _, last = written.partition("/")
    start = date.fromisoformat(f"{year}-{first}")
    end = date.fromisoformat(f"{year}-{last or first}")
    return tuple(start + timedelta(days=offset) for offset in range((end - start).days + 1))


class _PrintedYear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    source: str
    off: tuple[str, ...]
    work: tuple[str, ...]


def published_years() -> tuple[CalendarYear, ...]:
    """The official tables that ship with the software, oldest first."""
    printed = msgspec.json.decode(packaged_text("calendars.json"), type=dict[int, _PrintedYear])
    return tuple(
        CalendarYear(
            year=year,
            days_off=tuple(day for written in table.off for day in _span(year, written)),
            working_days=tuple(day for written in table.work for day in _span(year, written)),
            source=table.source,
            version=table.version,
        )
        for year, table in sorted(printed.items())
    )


def published_calendar() -> Calendar:
    """The calendar from the tables that ship with the software."""
    return Calendar(published_years())
