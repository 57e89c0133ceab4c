"""放假通知: the days off and make-up days that a State Council notice names, and the lists of days
that a person types. Pure: text in, days out; publishes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from standards.errors import Invalid
from standards.workdays import CalendarYear

# 全国年节及纪念日放假办法 (2024): off in every year since 2008, whatever the notice moves.
ALWAYS_OFF = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))
LONGEST_HOLIDAY = 16
MOST_DAYS = 80

_BRACKETS = re.compile(r"[(\uff08][^)\uff09]*[)\uff09]")
_DAY = r"(?:(\d{4})年)?(?:(\d{1,2})月)?(\d{1,2})日"
_SPAN = re.compile(rf"{_DAY}(?:[至到—–-]+{_DAY})?")
_SENTENCE = re.compile(r"[。;\uff1b\n]")
_TYPED = re.compile(r"[\s,\uff0c、;\uff1b]+")
_TYPED_DAY = re.compile(r"(?:(\d{4})-)?(\d{1,2})-(\d{1,2})")


def read_notice(text: str, year: int) -> tuple[list[date], list[date]]:
    """Days off and make-up days of ``year`` that the notice names, in order.

    Reads sentences such as ``2月15日（周日）至23日放假调休，共9天。2月14日（周六）上班。`` What it
    finds is a proposal: a person compares it with the notice before it is published.
    """
    off: set[date] = set()
    work: set[date] = set()
    for sentence in _SENTENCE.split(_BRACKETS.sub("", text)):
        for clause in re.split(r"(?<=放假)|(?<=上班)|(?<=补休)", sentence):
            found = work if "上班" in clause else off if re.search("放假|补休", clause) else None
            if found is not None:
                found.update(d for d in _named(clause, year) if d.year == year)
    return sorted(off - work), sorted(work)


def _named(clause: str, year: int) -> Iterator[date]:
    month = 0
    for found in _SPAN.finditer(clause):
        first_year, first_month, first_day, last_year, last_month, last_day = found.groups()
        month = int(first_month or month)
        start = _day(int(first_year or year), month, int(first_day))
        if start is None:
            continue
        end = start
        if last_day:
            month = int(last_month or month)
            wraps = month < start.month and not last_year
            end = _day(int(last_year or start.year + wraps), month, int(last_day)) or start
        yield from _span(start, end)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _span(start: date, end: date) -> Iterator[date]:
    for offset in range(min((end - start).days, LONGEST_HOLIDAY) + 1):
        yield start + timedelta(days=offset)


def read_days(text: str, year: int) -> tuple[date, ...]:
    """Days typed one by one or as ``01-01/01-03``, with or without the year.

    Raises:
        ValueError: Chinese message that names the first piece that is no day.
    """
    found: set[date] = set()
    for piece in filter(None, _TYPED.split(text.strip())):
        first, _, last = piece.partition("/")
        start = _typed_day(first, year)
        end = _typed_day(last, year) if last else start
        if start is None or end is None or not 0 <= (end - start).days <= LONGEST_HOLIDAY:
            raise ValueError(f"“{piece[:20]}”不是日期，请写成 01-01 或 01-01/01-03")
        found.update(_span(start, end))
    if len(found) > MOST_DAYS:
        raise ValueError(f"共{len(found)}天，多于{MOST_DAYS}天，请核对")
    return tuple(sorted(found))


def _typed_day(text: str, year: int) -> date | None:
    found = _TYPED_DAY.fullmatch(text)
    if found is None:
        return None
    return _day(int(found.group(1) or year), int(found.group(2)), int(found.group(3)))


def written_days(days: Iterable[date]) -> str:
    """Days as they stand in the form: one line each, neighbours as one span."""
    lines: list[list[date]] = []
    for day in days:
        if lines and day - lines[-1][-1] == timedelta(days=1):
            lines[-1].append(day)
        else:
            lines.append([day])
    return "\n".join(_line(line[0], line[-1]) for line in lines)


def _line(first: date, last: date) -> str:
    return f"{first:%m-%d}" if first == last else f"{first:%m-%d}/{last:%m-%d}"


def check_year(table: CalendarYear) -> CalendarYear:
    """A year's table that can be published.

    Raises:
        Invalid: field -> Chinese message, for all fields at once.
    """
    wrong = table.faults()
    missing = [f"{m}月{d}日" for m, d in ALWAYS_OFF if date(table.year, m, d) not in table.days_off]
    if missing:
        wrong.setdefault("days_off", f"法定节假日没有放假：{'、'.join(missing)}")
    if wrong:
        raise Invalid(wrong)
    return table
