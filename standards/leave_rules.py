"""请假规则: kinds, entitlements, chains and limits of leave as one value, read from a table.

The table is data (`standards/data/leave.toml`), each number with its source. This module knows its
shape and whether it fits together; what follows from it is reckoned in `attendance.leave` and
beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Literal

import msgspec

from standards.errors import Invalid
from standards.packaged import packaged_text

_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")

Minutes = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Days = Annotated[int, msgspec.Meta(ge=0, le=3660)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Note = Annotated[str, msgspec.Meta(max_length=200)]
Tiers = tuple[tuple[Days, Days], ...]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of the table; ``source`` is where its numbers are from, ``verified`` whether checked."""

    source: Note
    verified: bool = True


class WorkClock(_Part, frozen=True, kw_only=True):
    """A day of work, for leave in hours and half days."""

    day_minutes: Minutes
    sessions: tuple[Word, ...]
    midday: Word

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Each session, in minutes after midnight."""
        return tuple(
            (minute_of(first), minute_of(last))
            for first, _, last in (one.partition("-") for one in self.sessions)
        )


class AnnualRule(_Part, frozen=True, kw_only=True):
    """年休假 (职工带薪年休假条例 3–5)."""

    tiers: Tiers
    counts_from: Literal["day", "next_month"]
    personal_days: Days
    personal_is_paid: bool
    sick_months: Tiers
    month_days: Days
    carry_years: Days
    unused_percent: Days


class CompRule(_Part, frozen=True, kw_only=True):
    """调休: how long overtime may be taken as time off."""

    expires_months: Days


class AfterTheFact(_Part, frozen=True, kw_only=True):
    """补假: until when leave is told by telephone, and until when it is written down."""

    told_within_minutes: Minutes
    written_within_days: Days


class CertificateRule(_Part, frozen=True, kw_only=True):
    """证明: until when a paper must be there, in working days after the leave."""

    within_days: Days


class AbsenceLimit(_Part, frozen=True, kw_only=True):
    """旷工 beyond this ends the appointment."""

    employment: Word
    name: Word
    unit: Literal["calendar", "working"]
    in_a_row: Days
    in_a_year: Days


class Office(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who approves; held by members of staff, not a role of an account."""

    code: Word
    name: Word
    of_department: bool = False
    side: Literal["hall", "department"] = "hall"
    above: Note = ""
    role: Note = ""


class Chain(_Part, frozen=True, kw_only=True):
    """One row of the table of approvals."""

    steps: tuple[Word, ...]
    applicant: Note = ""
    group: Note = ""
    up_to: Minutes = 0

    @property
    def ranks(self) -> tuple[tuple[str, ...], ...]:
        """The steps one after the other; offices of one rank decide in any order."""
        return tuple(tuple(one.split("+")) for one in self.steps)


class Ground(_Part, frozen=True, kw_only=True):
    """On which ground a kind of leave is asked for, and how much of it there is."""

    code: Word
    name: Word
    days: Days = 0
    per: Literal["event", "year", "two_years", "four_years"] = "event"
    before_days: Days = 0
    difficult_days: Days = 0
    baby_days: Days = 0
    minutes_a_day: Minutes = 0
    baby_minutes: Minutes = 0
    halves: bool = False
    only_on: Note = ""


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of leave. What is told of a person's health or family is its ground."""

    code: Word
    name: Word
    unit: Literal["working", "calendar"]
    least: Literal["day", "half", "hour"]
    ground: tuple[Ground, ...]
    effect: Literal["leave", "outing", "duty"] = "leave"
    balance: Literal["", "annual", "comp"] = ""
    group: Note = ""
    stand_in: bool = True
    after_the_fact: bool = False
    certificate_from: Days = 0


class LeaveRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    name: Word
    clock: WorkClock
    annual: AnnualRule
    comp: CompRule
    after_the_fact: AfterTheFact
    certificate: CertificateRule
    limit: tuple[AbsenceLimit, ...]
    office: tuple[Office, ...]
    chain: tuple[Chain, ...]
    kind: tuple[Kind, ...]

    def kind_of(self, code: str) -> Kind:
        """A kind by its code. Raises Invalid."""
        found = next((one for one in self.kind if one.code == code), None)
        if found is None:
            raise Invalid({"kind": "请从列表中选择假别"})
        return found

    def kind_or_plain(self, code: str) -> Kind:
        """A kind by its code; for leave of a kind that a later table dropped, one without rules."""
        plain = Kind(code=code, name=code, unit="working", least="hour", ground=())
        return next((one for one in self.kind if one.code == code), plain)

    def ground_of(self, kind: str, ground: str) -> Ground:
        """A ground of a kind; the first when none is named. Raises Invalid."""
        grounds = self.kind_of(kind).ground
        found = next((one for one in grounds if one.code == ground), None)
        if found is None and not ground:
            return grounds[0]
        if found is None:
            raise Invalid({"kind": "请从列表中选择假别"})
        return found

    def kind_name(self, code: str) -> str:
        """A kind in words; its code when a later table knows it and this one does not."""
        return next((one.name for one in self.kind if one.code == code), code)

    def office_of(self, code: str) -> Office | None:
        """An office by its code."""
        return next((one for one in self.office if one.code == code), None)

    def office_name(self, code: str) -> str:
        """An office in words."""
        found = self.office_of(code)
        return found.name if found else code

    def limit_of(self, employment: str) -> AbsenceLimit:
        """The limits of absence of one sort of employment; the last row where none is known."""
        return next((one for one in self.limit if one.employment == employment), self.limit[-1])

    def faults(self) -> list[str]:
        """What does not fit together, in words; empty for a table that may be used."""
        offices = {one.code for one in self.office}
        wrong = [
            f"审批链中的职务“{code}”没有列出"
            for chain in self.chain
            for rank in chain.ranks
            for code in rank
            if code not in offices
        ]
        wrong += [
            f"职务“{o.code}”的上一级没有列出"
            for o in self.office
            if o.above and o.above not in offices
        ]
        if not any(not (c.applicant or c.group or c.up_to) for c in self.chain):
            wrong.append("审批链缺少对所有人适用的一行")
        wrong += [f"假别“{kind.name}”没有事由" for kind in self.kind if not kind.ground]
        if len({one.code for one in self.kind}) != len(self.kind):
            wrong.append("假别编码重复")
        return wrong + self._faults_of_times()

    def _faults_of_times(self) -> list[str]:
        wrong = []
        try:
            points = [minute_of(self.clock.midday), *(m for span in self.clock.spans for m in span)]
            if not self.clock.spans or points[1:] != sorted(set(points[1:])):
                wrong.append("上班时段应从早到晚，不重叠")
        except ValueError:
            wrong.append("时刻的写法应如 09:00-12:00")
        days = [ground.only_on for kind in self.kind for ground in kind.ground if ground.only_on]
        wrong += [f"日期“{day}”的写法应如 03-08" for day in days if not _MONTH_DAY.fullmatch(day)]
        if not self.limit or not self.clock.day_minutes:
            wrong.append("缺少旷工界限或一天的时长")
        return wrong


def minute_of(text: str) -> int:
    """Minutes after midnight of ``HH:MM``.

    Raises:
        ValueError: no time of day.
    """
    hours, _, minutes = text.partition(":")
    if not (len(hours) == len(minutes) == 2 and (hours + minutes).isascii()):
        raise ValueError("请填写时间，如 14:30")
    if not (hours + minutes).isdigit() or int(hours) > 23 or int(minutes) > 59:
        raise ValueError("请填写时间，如 14:30")
    return int(hours) * 60 + int(minutes)


def rules_of(text: str) -> LeaveRules:
    """The rules of a table in TOML.

    Raises:
        Invalid: not such a table, or one that does not fit together.
    """
    try:
        rules = msgspec.toml.decode(text, type=LeaveRules)
    except (msgspec.DecodeError, ValueError) as refused:
        raise Invalid({"rules": f"请假规则表有误：{refused}"}) from None
    if wrong := rules.faults():
        raise Invalid({"rules": "；".join(wrong)})
    return rules


def rules_in_force(published: Iterable[tuple[int, str]]) -> LeaveRules:
    """The newest published table that can be read here; else those that ship with the software.

    Args:
        published: version and text of each table that the center published. One that this program
            cannot read was written for a later one.
    """
    for version, text in sorted(published, reverse=True):
        try:
            return msgspec.structs.replace(rules_of(text), version=version)
        except Invalid:
            continue
    return packaged_rules()


@cache
def packaged_rules() -> LeaveRules:
    """The rules that ship with the software."""
    return rules_of(packaged_text("leave.toml"))
