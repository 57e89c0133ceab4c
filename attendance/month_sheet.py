"""考勤月表: the tables of a month as offices know them: the sums, and a sign for each day.

Pure; a hall gives names, the center has none and leaves that column out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from attendance.statistics import MARKS, PROVISIONAL, PersonMonth, Tally, mark
from standards.records.attendance import DAY_STATES

Cell = str | int | float | None


@dataclass(frozen=True)
class Person:
    """Who somebody is, for a row. ``name`` is empty where names are not known."""

    staff_no: str
    department: str = ""
    window: str = ""
    name: str = ""


@dataclass(frozen=True)
class Table:
    """Heads with their widths in characters, and rows. The first ``texts`` columns are words."""

    heads: Sequence[tuple[str, int]]
    rows: Sequence[Sequence[Cell]]
    texts: int


_SUMS: Final = (
    ("应出勤(天)", "asked"),
    ("到岗(天)", "present"),
    ("迟到(次)", "late"),
    ("迟到(分)", "late_minutes"),
    ("早退(次)", "early"),
    ("早退(分)", "early_minutes"),
    ("缺签(次)", "missing"),
    ("旷工(半天)", "halves"),
    ("请假(分)", "leave_minutes"),
    ("公出(分)", "duty_minutes"),
    ("临时外出(次)", "outings"),
    ("待核实(天)", "unsure"),
    ("暂定(天)", "provisional"),
)
SUM_HEADS: Final = tuple(label for label, _ in _SUMS)


def sums(found: Tally) -> list[int]:
    """The figures of a tally in the order of ``SUM_HEADS``."""
    return [int(getattr(found, name)) for _, name in _SUMS]


def summary(months: Sequence[PersonMonth], people: Mapping[str, Person]) -> Table:
    """One row a person, and one for all of them."""
    rows: list[list[Cell]] = [[*_who(one.staff_no, people), *sums(one.tally)] for one in months]
    heads = _who_heads(people)
    total = sum((one.tally for one in months), Tally())
    rows.append(["合计", *[""] * (len(heads) - 1), *sums(total)])
    return Table([*heads, *((label, 10) for label in SUM_HEADS)], rows, len(heads))


def by_hall(halls: Mapping[str, Tally], names: Mapping[str, str]) -> Table:
    """One row a hall, and one for all of them."""
    rows: list[list[Cell]] = [
        [code, names.get(code, ""), *sums(found)] for code, found in halls.items()
    ]
    rows.append(["合计", "", *sums(sum(halls.values(), Tally()))])
    return Table([("编号", 8), ("分厅", 16), *((label, 10) for label in SUM_HEADS)], rows, 2)


def matrix(
    months: Sequence[PersonMonth], people: Mapping[str, Person], first: date, last: date
) -> Table:
    """One row a person, one column a day."""
    days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    rows: list[list[Cell]] = [
        [*_who(one.staff_no, people), *(mark(one.days.get(day)) for day in days)] for one in months
    ]
    heads = _who_heads(people)
    return Table([*heads, *((str(day.day), 5) for day in days)], rows, len(heads))


LEGEND: Final = (
    "、".join(f"{sign} {DAY_STATES[status]}" for status, sign in MARKS.items())
    + f";带 {PROVISIONAL} 的为暂定,终端补报齐后才定"
)


def _who_heads(people: Mapping[str, Person]) -> list[tuple[str, int]]:
    name = [("姓名", 10)] if _are_named(people) else []
    return [("工号", 10), *name, ("部门", 14), ("窗口", 8)]


def _who(staff_no: str, people: Mapping[str, Person]) -> list[Cell]:
    one = people.get(staff_no, Person(staff_no))
    name = [one.name] if _are_named(people) else []
    return [staff_no, *name, one.department, one.window]


def _are_named(people: Mapping[str, Person]) -> bool:
    return any(one.name for one in people.values())
