"""How leave is told on pages: days, points of a day, kinds, stages, approvals. Pure words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from attendance.leave import Claim, told
from standards.leave_life import due_steps
from standards.leave_rules import LeaveRules
from standards.records import LeaveStanding
from standards.records.leave import LEAVE_STATES, Leg

_WEEKDAYS = "一二三四五六日"
_CHIPS = {
    "asked": "info",
    "pending": "info",
    "granted": "ok",
    "declined": "danger",
    "refused": "danger",
    "withdrawn": "idle",
    "returned": "done",
}


def short_day(day: date) -> str:
    """A day for a list: 11月24日 周二."""
    return f"{day.month}月{day.day}日 周{_WEEKDAYS[day.weekday()]}"


def _point(point: str, symbols: dict[str, str]) -> str:
    return symbols.get(point, point)


def told_leg(leg: Leg) -> str:
    """From when to when, as short as it can be said."""
    starts, ends = {"am": "", "pm": "下午"}, {"am": "上午", "pm": ""}
    begins, stops = _point(leg.begins, starts), _point(leg.ends, ends)
    if leg.first == leg.last:
        if leg.begins == "am" and leg.ends in ("am", "pm"):
            return f"{short_day(leg.first)} {'上午' if leg.ends == 'am' else '全天'}"
        if (leg.begins, leg.ends) == ("pm", "pm"):
            return f"{short_day(leg.first)} 下午"
        return f"{short_day(leg.first)} {begins or '上班'}至{stops or '下班'}"
    if leg.daily:
        days = f"{short_day(leg.first)} 至 {short_day(leg.last)}"
        return f"{days} 每天{begins or '上班'}至{stops or '下班'}"
    first, last = (f"{short_day(leg.first)} {begins}", f"{short_day(leg.last)} {stops}")
    return f"{first.strip()} 至 {last.strip()}"


def told_legs(legs: Iterable[Leg]) -> str:
    """All legs in one line."""
    return "；".join(told_leg(leg) for leg in legs)


def kinds_of(legs: Iterable[Leg], rules: LeaveRules) -> str:
    """The kinds asked for, each once."""
    return "、".join(dict.fromkeys(rules.kind_name(leg.leave) for leg in legs))


def grounds_of(legs: Iterable[Leg], claims: Iterable[Claim], rules: LeaveRules) -> list[str]:
    """For each leg its kind with the ground, for those who may see it."""
    found = []
    for leg, claim in zip(legs, claims, strict=True):
        kind = next((one for one in rules.kind if one.code == leg.leave), None)
        ground = next((g for g in kind.ground if g.code == claim.ground), None) if kind else None
        name = rules.kind_name(leg.leave)
        words = name if ground is None or ground.name == name else f"{name}（{ground.name}）"
        if claim.difficult:
            words += "，难产"
        if claim.babies > 1:
            words += f"，{claim.babies}个婴儿"
        found.append(words)
    return found


def stage_of(one: LeaveStanding, today: date, begun: bool) -> tuple[str, str]:
    """Chip and words of where a request stands; granted leave also by the day."""
    if one.stage == "granted" and today > one.last:
        return "warn", "待销假"
    if one.stage == "granted" and begun:
        return "ok", "休假中"
    return _CHIPS.get(one.stage, "idle"), LEAVE_STATES.get(one.stage, one.stage)


def waits_for(one: LeaveStanding, rules: LeaveRules) -> str:
    """Who must act next, in words."""
    if one.stage == "asked":
        return f"顶岗人 {one.stand_in}"
    if one.stage == "pending":
        steps = due_steps(one.steps, one.decided)
        return "、".join(rules.office_name(step.office) for step in steps)
    return ""


def chain_told(one: LeaveStanding, rules: LeaveRules) -> list[tuple[str, str, str]]:
    """(office, who stands for it, state) of each approval: done, now or later."""
    due = {step.office for step in due_steps(one.steps, one.decided)}
    found = []
    for step in one.steps:
        state = "done" if step.office in one.decided else "later"
        if step.office in due and one.stage == "pending":
            state = "now"
        planned = f"代{rules.office_name(step.planned)}" if step.planned else ""
        found.append((rules.office_name(step.office), planned, state))
    return found


def amount(minutes: int, rules: LeaveRules) -> str:
    """An amount in words."""
    return told(minutes, rules.clock)
