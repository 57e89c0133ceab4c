"""办件: the life of a case, as functions from values to values.

What may follow what, when a case is due on both clocks, and which step to write next. Knows no
database and reads no clock: ``today`` and the calendar are given. Source: 行政许可法 (2019)
articles 32 (acceptance, one-time notice), 38 (refusal), 42–45 (limits), 82 (working days).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import msgspec

from standards.errors import Invalid
from standards.guides import (
    Guide,
    legal_due,
    missing_materials,
    promised_due,
    required_materials,
)
from standards.leave_life import LEAVES
from standards.records.births import ACTOR, Birth
from standards.records.cases import GROUNDS, OUTCOMES, CaseReceived, CaseStanding, CaseStep
from standards.records.declare import Happening, Projection
from standards.workdays import Calendar, add_working_days, count_working_days

STAGES = {
    "received": "已收件",
    "notified": "待补正",
    "corrected": "已补正",
    "accepted": "审批中",
    "not_accepted": "不予受理",
    "decided": "已办结",
    "withdrawn": "已撤回",
}

# 行政许可法 32(4): the one-time notice is due within 5 working days of receipt.
NOTICE_DAYS = 5

_NEXT: dict[str, frozenset[str]] = {
    "received": frozenset({"notified", "accepted", "deemed_accepted", "not_accepted", "withdrawn"}),
    "notified": frozenset({"corrected", "not_accepted", "withdrawn"}),
    "corrected": frozenset({"accepted", "not_accepted", "withdrawn"}),
    "accepted": frozenset({"decided", "withdrawn"}),
}


def is_open(stage: str) -> bool:
    """Whether something may still happen to a case at this stage."""
    return stage in _NEXT


# The number names hall, day, epoch, serial of the day and two characters of the random id, so
# that neither two halls, a restored node nor a copied disk hand out one number twice.
DEFAULT_NUMBER_TEMPLATE = "{hall}-{date}{epoch}{serial:04d}{tail}"
_TAIL_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def may_follow(stage: str, step: str) -> bool:
    """May this step be taken at a case in this stage?"""
    return step in _NEXT.get(stage, frozenset())


def case_number(template: str, log: tuple[str, int], day: date, serial: int, case_id: str) -> str:
    """The official number from the center's template.

    Args:
        log: hall id and epoch of the log that is being written.
        serial: place among the cases this hall received that day, from 1.
        case_id: the case's UUIDv7; its random end gives the tail.
    """
    noise = int(case_id.replace("-", "")[-12:], 16)
    tail = _TAIL_ALPHABET[noise % 32] + _TAIL_ALPHABET[noise // 32 % 32]
    hall, epoch = log
    mark = chr(ord("A") + (epoch - 1) % 26)
    return template.format(
        hall=hall, date=day.strftime("%Y%m%d"), epoch=mark, serial=serial, tail=tail
    )


def check_open(guide: Guide, today: date) -> None:
    """May a new case of this item be taken in today?

    Raises:
        Invalid: the item is closed or not yet in force; the center's standards office can say why.
    """
    if not guide.open_on(today):
        raise Invalid({"item": f"“{guide.task_name}”目前停止收件,请联系中心标准管理人员"})


def check_materials(guide: Guide, ticked: Collection[str]) -> tuple[str, ...]:
    """The ticked material codes in the guide's order.

    Raises:
        Invalid: a code the guide does not have.
    """
    known = [m.code for m in guide.materials]
    if unknown := sorted(set(ticked) - set(known)):
        raise Invalid({"materials": f"指南中没有这些材料:{'、'.join(unknown)}"})
    return tuple(code for code in known if code in ticked)


def _require(standing: CaseStanding, step: str) -> None:
    if not may_follow(standing.stage, step):
        raise Invalid({"": f"办件目前为“{STAGES[standing.stage]}”,不能进行这一步"})


def notify(standing: CaseStanding, guide: Guide, today: date, opinion: str = "") -> CaseStep:
    """一次性告知: one notice that lists everything that is missing (32(4)).

    Raises:
        Invalid: nothing is missing, or a notice was given already.
    """
    if standing.notices:
        raise Invalid({"": "补正只能一次性告知,本办件已经告知过"})
    _require(standing, "notified")
    missing = tuple(m.code for m in missing_materials(guide, standing.materials))
    if not missing and not opinion.strip():
        raise Invalid({"": "材料已经齐全,无需告知补正;如内容有误,请写明需补正的内容"})
    return CaseStep(
        case_id=standing.id, step="notified", day=today, missing=missing, opinion=opinion.strip()
    )


def correct(standing: CaseStanding, guide: Guide, today: date, ticked: Collection[str]) -> CaseStep:
    """补正: the applicant brought what was missing.

    Raises:
        Invalid: something of the notice is still missing; nothing further may be demanded.
    """
    _require(standing, "corrected")
    have = check_materials(guide, {*standing.materials, *ticked})
    if still := missing_materials(guide, have):
        names = "、".join(m.material_name for m in still)
        raise Invalid({"materials": f"仍缺少:{names}"})
    return CaseStep(case_id=standing.id, step="corrected", day=today, materials=have)


def accept(
    standing: CaseStanding, guide: Guide, calendar: Calendar, today: date, *, deemed: bool = False
) -> CaseStep:
    """受理: both clocks start (32(5)); deemed acceptance counts from the day of receipt (32(4)).

    Raises:
        Invalid: a required material is missing, or the stage does not allow it.
    """
    step = "deemed_accepted" if deemed else "accepted"
    _require(standing, step)
    if not deemed and (lacking := missing_materials(guide, standing.materials)):
        names = "、".join(m.material_name for m in lacking)
        raise Invalid({"materials": f"缺少必要材料:{names};请一次性告知申请人"})
    start = standing.received_on if deemed else today
    legal, promised = (
        legal_due(guide, start, calendar),
        promised_due(guide, start, calendar),
    )
    return CaseStep(
        case_id=standing.id,
        step=step,
        day=start,
        legal_due=legal.date,
        promised_due=promised.date,
        provisional=legal.provisional or promised.provisional,
    )


def refuse(standing: CaseStanding, today: date, ground: str, opinion: str) -> CaseStep:
    """不予受理: with a ground and reasons in words (32(1)(2)).

    Raises:
        Invalid: ground or reasons are lacking.
    """
    _require(standing, "not_accepted")
    _check_reasons(ground, opinion)
    return CaseStep(
        case_id=standing.id, step="not_accepted", day=today, ground=ground, opinion=opinion.strip()
    )


def _check_reasons(ground: str, opinion: str) -> None:
    wrong = {}
    if not ground or ground not in GROUNDS:
        wrong["ground"] = "请选择理由类别"
    if len(opinion.strip()) < 5:
        wrong["opinion"] = "请写明具体理由(至少5个字),申请人有权知道原因"
    if wrong:
        raise Invalid(wrong)


def decide(
    standing: CaseStanding, today: date, actor: str, outcome: str, reasons: tuple[str, str]
) -> CaseStep:
    """审批决定: never by the person who took the case in (受审分离); refusals need reasons (38).

    Args:
        reasons: ground code and reasons in words.

    Raises:
        Invalid: same person, no outcome, or a refusal without reasons.
    """
    _require(standing, "decided")
    if actor in (standing.received_by, standing.accepted_by):
        raise Invalid({"": "受审分离:收件或受理本件的人员不能作出审批决定,请由其他审批人员办理"})
    if outcome not in OUTCOMES or not outcome:
        raise Invalid({"outcome": "请选择准予或不予"})
    ground, opinion = reasons
    if outcome == "denied":
        _check_reasons(ground, opinion)
    return CaseStep(
        case_id=standing.id,
        step="decided",
        day=today,
        outcome=outcome,
        ground=ground if outcome == "denied" else "",
        opinion=opinion.strip(),
    )


def withdraw(standing: CaseStanding, today: date, opinion: str) -> CaseStep:
    """撤回: the applicant takes the application back."""
    _require(standing, "withdrawn")
    return CaseStep(case_id=standing.id, step="withdrawn", day=today, opinion=opinion.strip())


def is_deemed_accepted(standing: CaseStanding, calendar: Calendar, today: date) -> bool:
    """No notice within five working days: accepted from the day of receipt (32(4))."""
    if standing.stage != "received":
        return False
    return today > add_working_days(standing.received_on, NOTICE_DAYS, calendar).date


@dataclass(frozen=True)
class Light:
    """预警: how near a case is to its limit, in shape and words, never in colour alone."""

    code: str
    label: str
    days_left: int


def light(standing: CaseStanding, calendar: Calendar, today: date, warn_days: int = 2) -> Light:
    """The warning light of an open case by its promised limit (legal limit for the last one).

    ``days_left`` counts working days after today up to the promised due date; negative when over.
    """
    due = standing.promised_due
    if due is None or standing.stage != "accepted":
        return Light("none", "—", 0)
    if today > due:
        over = count_working_days(due, today, calendar) - 1
        label = "超法定期限" if standing.legal_due and today > standing.legal_due else "超承诺期限"
        return Light("over", label, -max(over, 1))
    left = count_working_days(today, due, calendar) - int(calendar.is_working_day(today))
    if left <= warn_days:
        return Light("near", "即将到期", left)
    return Light("calm", "正常", left)


def redue(standing: CaseStanding, guide: Guide, calendar: Calendar) -> tuple[date, date, bool]:
    """Both due dates by today's calendar: what a provisional date becomes when a year's table came.

    Returns:
        Legal due, promised due, still provisional.

    Raises:
        Invalid: the case was never accepted.
    """
    if standing.accepted_on is None:
        raise Invalid({"": "办件尚未受理"})
    legal = legal_due(guide, standing.accepted_on, calendar)
    promised = promised_due(guide, standing.accepted_on, calendar)
    return legal.date, promised.date, legal.provisional or promised.provisional


def settled(standing: CaseStanding, guide: Guide | None, calendar: Calendar) -> CaseStanding:
    """The case with its provisional due dates by today's calendar; any other case as it is."""
    if not standing.provisional or standing.accepted_on is None or guide is None:
        return standing
    legal, promised, provisional = redue(standing, guide, calendar)
    return msgspec.structs.replace(
        standing, legal_due=legal, promised_due=promised, provisional=provisional
    )


def is_provisional(standing: CaseStanding, due: date | None, calendar: Calendar) -> bool:
    """Whether one of the two due dates may still move: the other one may lie in a known year."""
    if not standing.provisional or standing.accepted_on is None or due is None:
        return False
    return not calendar.covers(standing.accepted_on, due)


def must_bring(guide: Guide, ticked: Collection[str]) -> list[str]:
    """Names of the required materials that are not ticked, for the one-time notice."""
    return [m.material_name for m in required_materials(guide) if m.code not in ticked]


# --- the fold that hall and center share ------------------------------------------------------


def _case_of(happening: Happening) -> str:
    if happening.kind == CaseReceived.kind:
        return happening.id
    return str(happening.logged.case_id)


def advance(before: CaseStanding | None, happening: Happening) -> CaseStanding:
    """Where a case stands after one more entry.

    Lenient where the judge will speak (a second notice, a decision by the wrong person), strict
    where the entry makes no sense.

    Raises:
        ValueError: a step of a case that was never received, or after its end.
    """
    if happening.kind == CaseReceived.kind:
        if before is not None:
            raise ValueError("the case was received already")
        return _received(happening)
    if before is None:
        raise ValueError("a step of a case that was never received")
    if before.stage not in _NEXT:
        raise ValueError(f"a step after the case ended ({before.stage})")
    return _stepped(before, happening)


def _received(happening: Happening) -> CaseStanding:
    r = happening.logged
    return CaseStanding(
        id=happening.id,
        case_no=r.case_no,
        item=r.item,
        guide_version=r.guide_version,
        stage="received",
        window=r.window,
        received_on=r.received_on,
        received_by=happening.actor,
        materials=r.materials,
    )


_RECEIVED = Birth(
    state=CaseStanding,
    record=CaseReceived,
    copied={
        **{name: name for name in ("case_no", "item", "guide_version", "window")},
        **{name: name for name in ("received_on", "materials")},
        "received_by": ACTOR,
    },
)


def _stepped(before: CaseStanding, happening: Happening) -> CaseStanding:
    step, actor = happening.logged, happening.actor
    if step.step == "notified":
        changes = {
            "stage": "notified",
            "missing": step.missing,
            "notices": before.notices + 1,
            "notified_on": step.day,
        }
    elif step.step == "corrected":
        changes = {"stage": "corrected", "materials": step.materials, "missing": ()}
    elif step.step in ("accepted", "deemed_accepted"):
        changes = {
            "stage": "accepted",
            "accepted_on": step.day,
            "accepted_by": actor if step.step == "accepted" else "",
            "legal_due": step.legal_due,
            "promised_due": step.promised_due,
            "provisional": step.provisional,
        }
    else:
        changes = {
            "stage": step.step,
            "decided_on": step.day,
            "decided_by": actor,
            "outcome": step.outcome,
            "ground": step.ground,
        }
    return msgspec.structs.replace(before, **changes)


CASES = Projection(
    state=CaseStanding,
    kinds=frozenset({CaseReceived.kind, CaseStep.kind}),
    key_of=_case_of,
    advance=advance,
    birth=_RECEIVED,
)

PROJECTIONS: tuple[Projection, ...] = (CASES, LEAVES)
