"""The form of a request: up to three legs, the stand-in, the reason; and what it comes to.

Reads what was typed into a draft, or says everything that cannot be read. What may be asked for is
said elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from attendance.leave import Claim, told
from attendance.leave_request import Draft, needs_certificate
from node.hall import Hall
from node.leave import balances, leave, leavebook, own_hours
from standards.errors import Invalid
from standards.leave_rules import LeaveRules
from standards.records.leave import LeaveStep, Leg

MOST_LEGS = 3
_LONGEST_REASON = 500
_STEP = 30
# 23:30: what goes on to midnight is said as the end of the day.
_LAST = 24 * 60 - _STEP


@dataclass(frozen=True)
class Choice:
    """One kind with its ground as the form offers it."""

    value: str
    label: str
    verified: bool


def choices(rules: LeaveRules) -> list[tuple[str, list[Choice]]]:
    """(kind, its grounds) in the order of the table; single ones stand together first."""
    plain = [
        Choice(f"{kind.code}:{kind.ground[0].code}", kind.name, kind.ground[0].verified)
        for kind in rules.kind
        if len(kind.ground) == 1
    ]
    groups = [
        (kind.name, [Choice(f"{kind.code}:{g.code}", g.name, g.verified) for g in kind.ground])
        for kind in rules.kind
        if len(kind.ground) > 1
    ]
    return [("常用", plain), *groups]


def points(
    rules: LeaveRules, reach: tuple[int, int] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """From when and until when, as the form offers it: halves first, then times of day.

    Args:
        reach: the earliest and latest minute of the person's own hours, which may lie further out.
    """
    first, last = rules.clock.spans[0][0], rules.clock.spans[-1][1]
    if reach is not None:
        first, last = min(first, reach[0] // _STEP * _STEP), max(last, min(reach[1], _LAST))
    times = {f"{m // 60:02d}:{m % 60:02d}": f"{m // 60:02d}:{m % 60:02d}"
             for m in range(first, last + 1, _STEP)}  # fmt: skip
    return {"am": "上班起", "pm": "下午起", **times}, {"pm": "下班止", "am": "上午止", **times}


def read(
    typed: Mapping[str, str], staff_no: str, rules: LeaveRules, reach: tuple[int, int] | None = None
) -> Draft:
    """The draft of a form.

    Args:
        reach: as :func:`points` takes it.

    Raises:
        Invalid: what cannot be read, all at once.
    """
    wrong: dict[str, str] = {}
    legs, claims = [], []
    for number in range(MOST_LEGS):
        if not typed.get(f"leave-{number}", ""):
            continue
        try:
            leg, claim = _leg(typed, number, rules, points(rules, reach))
        except Invalid as refused:
            wrong |= {f"{name}-{number}": text for name, text in refused.fields.items()}
            continue
        legs.append(leg)
        claims.append(claim)
    if not legs and not wrong:
        wrong["leave-0"] = "请选择假别"
    reason = typed.get("reason", "").replace("\r\n", "\n").strip()
    if len(reason) > _LONGEST_REASON or not reason.replace("\n", "").isprintable():
        wrong["reason"] = f"事由最多 {_LONGEST_REASON} 个字"
    if wrong:
        raise Invalid(wrong)
    return Draft(
        staff_no,
        tuple(legs),
        tuple(claims),
        typed.get("stand_in", "").strip()[:20],
        reason,
        typed.get("told_to", "").strip().upper()[:20],
        typed.get("told_at", "").strip()[:16],
    )


Points = tuple[dict[str, str], dict[str, str]]


def _leg(
    typed: Mapping[str, str], number: int, rules: LeaveRules, offered: Points
) -> tuple[Leg, Claim]:
    kind, _, ground = typed[f"leave-{number}"].partition(":")
    chosen = rules.ground_of(kind, ground)
    first = _day(typed.get(f"first-{number}", ""), "first")
    until = typed.get(f"last-{number}", "").strip()
    last = _day(until, "last") if until else first
    begins, ends = typed.get(f"begins-{number}", "am"), typed.get(f"ends-{number}", "pm")
    if begins not in offered[0] or ends not in offered[1]:
        raise Invalid({"begins": "请从列表中选择时间"})
    leg = Leg(
        leave=kind,
        first=first,
        last=last,
        begins=begins,
        ends=ends,
        daily=bool(chosen.minutes_a_day) and first != last,
    )
    more = bool(chosen.difficult_days or chosen.baby_days or chosen.baby_minutes)
    babies = typed.get("babies", "1").strip() or "1"
    if more and not (babies.isascii() and babies.isdigit() and 1 <= int(babies) <= 9):
        raise Invalid({"babies": "婴儿数填 1 至 9"})
    difficult = bool(chosen.difficult_days) and typed.get("difficult", "") == "1"
    return leg, Claim(chosen.code, difficult, int(babies) if more else 1)


def _day(text: str, name: str) -> date:
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid({name: "请填写日期"}) from None
    if not 2020 <= found.year <= 2099:
        raise Invalid({name: "日期的年份不对"})
    return found


def mark(draft: Draft) -> str:
    """Changes when anything that was shown to the applicant changes."""
    return sha256(repr((draft.legs, draft.claims, draft.stand_in)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outlook:
    """What a draft comes to, shown before it is sent."""

    minutes: int
    by_leg: tuple[int, ...]
    balances: tuple[tuple[str, str, str], ...]
    """(name, left now, left afterwards)"""
    steps: tuple[LeaveStep, ...]
    certificate: bool
    unverified: tuple[str, ...]


def outlook(hall: Hall, draft: Draft) -> Outlook:
    """How long it is, what stays of the balances, who must approve. Raises Invalid."""
    rules, staff_no = leavebook.rules(hall), draft.staff_no
    calendar = own_hours.calendar_for(hall, staff_no, draft.legs)
    unverified = [
        rules.ground_of(leg.leave, claim.ground)
        for leg, claim in zip(draft.legs, draft.claims, strict=True)
    ]
    return Outlook(
        leave.minutes_of(hall, staff_no, draft.legs),
        tuple(leave.minutes_of(hall, staff_no, (leg,)) for leg in draft.legs),
        tuple(_balances(hall, draft)),
        leave.steps_of(hall, draft),
        needs_certificate(draft.legs, rules, calendar),
        tuple(f"{one.name}：{one.source}" for one in unverified if not one.verified),
    )


def _balances(hall: Hall, draft: Draft) -> list[tuple[str, str, str]]:
    rules, found = leavebook.rules(hall), []
    for balance, name in (("annual", "年休假"), ("comp", "调休")):
        legs = tuple(leg for leg in draft.legs if rules.kind_of(leg.leave).balance == balance)
        if not legs:
            continue
        on = legs[0].first
        if balance == "annual":
            left = balances.annual(hall, draft.staff_no, on).left
        else:
            left = balances.comp(hall, draft.staff_no, on).left
        after = left - leave.minutes_of(hall, draft.staff_no, legs)
        found.append((name, told(left, rules.clock), told(after, rules.clock)))
    return found
