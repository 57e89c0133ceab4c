"""排班表: a roster pasted from a sheet, read line by line with what is wrong in each. Pure.

Two forms are known. A grid: the first line has days, each further line a staff number and one cell
for each day. A list: staff number, first day, last day or nothing, timetable. Cells stand between
tabs; a timetable is its name or code, 休 gives rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

REST = ("休", "休息", "轮休", "-", "—")
MOST_LINES = 1000
_ONE_DAY = timedelta(days=1)
_DAY = re.compile(r"(?:(\d{4})[-/.年])?(\d{1,2})[-/.月](\d{1,2})日?")


@dataclass(frozen=True)
class Planned:
    """One stretch of days of one person; timetable "" is rest."""

    staff_no: str
    timetable: str
    first: date
    last: date | None


@dataclass(frozen=True)
class Pasted:
    """What was read, and what was not: line number -> message."""

    planned: tuple[Planned, ...]
    errors: Mapping[int, str]


@dataclass(frozen=True)
class Names:
    """What a sheet may name: staff numbers, and timetables by code and by name."""

    staff: frozenset[str]
    timetables: Mapping[str, str]

    def timetable(self, text: str) -> str:
        """Code of a timetable; "" for rest.

        Raises:
            ValueError: with the words for the line.
        """
        if text in REST:
            return ""
        for code, label in self.timetables.items():
            if text in (code, label):
                return code
        raise ValueError(f"没有“{text}”这套作息时间")

    def person(self, text: str) -> str:
        """A staff number.

        Raises:
            ValueError: with the words for the line.
        """
        number = text.strip().upper()
        if number not in self.staff:
            raise ValueError(f"工作人员名单里没有工号 {text or '（空）'}")
        return number


def read(text: str, names: Names, year: int) -> Pasted:
    """Read what was pasted.

    Args:
        year: of days that are written without one.
    """
    lines = [
        (number, [cell.strip() for cell in line.split("\t")])
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1)
        if line.strip()
    ]
    if not lines:
        return Pasted((), {1: "还没有粘贴内容"})
    if len(lines) > MOST_LINES:
        return Pasted((), {MOST_LINES + 1: f"一次最多 {MOST_LINES} 行"})
    head = _days_of_head(lines[0][1], year)
    if head:
        return _collected(lines[1:], lambda cells: _of_grid(cells, head, names))
    first = lines[1:] if "工号" in lines[0][1][0] else lines
    return _collected(first, lambda cells: _of_list(cells, names, year))


def _collected(lines: Sequence[tuple[int, list[str]]], read_line: object) -> Pasted:
    assert callable(read_line)
    planned: list[Planned] = []
    errors: dict[int, str] = {}
    for number, cells in lines:
        try:
            planned += read_line(cells)
        except ValueError as wrong:
            errors[number] = str(wrong)
    return Pasted(tuple(planned), errors)


def day_of(text: str, year: int) -> date:
    """A day as sheets write it: 2026-11-24, 11/24, 11月24日.

    Raises:
        ValueError: with the words for the line.
    """
    found = _DAY.fullmatch(text.strip())
    try:
        if found:
            return date(int(found[1] or year), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise ValueError(f"“{text}”不是日期，请写成 2026-11-24 或 11月24日")


def _days_of_head(cells: Sequence[str], year: int) -> list[date | None]:
    """The day of each column of a grid; none when the first line is no such head."""
    filled = [cell for cell in cells[1:] if cell]
    # The last cell of a list is a timetable, and its first one a number.
    if not filled or any(letter.isdigit() for letter in cells[0]):
        return []
    try:
        return [None, *(day_of(cell, year) if cell else None for cell in cells[1:])]
    except ValueError:
        return []


def _of_grid(cells: Sequence[str], head: Sequence[date | None], names: Names) -> list[Planned]:
    staff_no = names.person(cells[0])
    by_day = {
        day: names.timetable(cell)
        for day, cell in zip(head[1:], cells[1:], strict=False)
        if day is not None and cell
    }
    if not by_day:
        raise ValueError("这一行没有填班次")
    return runs(staff_no, by_day)


def runs(staff_no: str, by_day: Mapping[date, str]) -> list[Planned]:
    """Days in a row with the same timetable as one stretch."""
    found: list[Planned] = []
    for day in sorted(by_day):
        last = found[-1] if found else None
        if last and last.last == day - _ONE_DAY and last.timetable == by_day[day]:
            found[-1] = Planned(staff_no, last.timetable, last.first, day)
        else:
            found.append(Planned(staff_no, by_day[day], day, day))
    return found


def _of_list(cells: Sequence[str], names: Names, year: int) -> list[Planned]:
    if len(cells) < 4:
        raise ValueError("应有四列：工号、开始日期、结束日期、作息时间")
    staff_no, first = names.person(cells[0]), day_of(cells[1], year)
    last = day_of(cells[2], year) if cells[2] else None
    if last is not None and last < first:
        raise ValueError("结束日期早于开始日期")
    return [Planned(staff_no, names.timetable(cells[3]), first, last)]
