"""以标准比对: every arriving case is judged by the standard it names.

Pure: a case's entry, where it stood before, and the shelf of standards give breaches, each with
its clause and its evidence. The evidence holds codes and dates only, never personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from standards.cases import NOTICE_DAYS
from standards.errors import Invalid
from standards.guides import Guide, legal_due, missing_materials, promised_due
from standards.records.cases import CaseReceived, CaseStanding, CaseStep
from standards.records.declare import Happening
from standards.shelf import Shelf
from standards.workdays import add_working_days

RULES: dict[str, tuple[str, str]] = {
    "unknown_standard": (
        "办件引用了中心没有发布过的指南版本",
        "统一标准:办件应引用已发布的服务指南",
    ),
    "stale_standard": ("新版指南已下发,仍按旧版收件", "统一标准:按现行服务指南收件"),
    "item_closed": ("停止受理的事项仍然收件", "服务指南:受理期间"),
    "implausible_date": ("业务日期晚于记录时间", "记录规范:业务日期不得晚于记录时间"),
    "material_missing": ("缺少必要材料仍然受理", "行政许可法第三十二条第一款第(四)(五)项"),
    "second_notice": ("不止一次要求补正", "行政许可法第三十二条第一款第(四)项"),
    "late_notice": ("补正告知超过五个工作日", "行政许可法第三十二条第一款第(四)项"),
    "promise_too_long": ("承诺期限长于指南规定", "服务指南:承诺办结时限"),
    "legal_limit_wrong": ("法定期限与指南不一致", "行政许可法第四十二条、第八十二条"),
    "same_person": ("收件与审批为同一人", "受审分离制度"),
    "no_reason": ("不予受理或不予许可没有理由类别", "行政许可法第三十八条第二款"),
    "over_legal_limit": ("超过法定期限作出决定", "行政许可法第四十二条"),
    "over_promise": ("超过承诺期限作出决定", "优化营商环境条例第三十六条"),
}

_MOST_ALIKE = 10_000

_MAJOR = {"unknown_standard", "material_missing", "same_person", "over_legal_limit", "item_closed"}
_NOTICE = {"stale_standard", "implausible_date"}


@dataclass(frozen=True)
class CaseBreach:
    """One way in which a case departs from the standard it names."""

    rule: str
    evidence: str

    @property
    def title(self) -> str:
        """The breach in words."""
        return RULES[self.rule][0]

    @property
    def clause(self) -> str:
        """What it breaches."""
        return RULES[self.rule][1]

    @property
    def severity(self) -> str:
        """notice, minor or major (standards.records.inspection.SEVERITIES)."""
        return "major" if self.rule in _MAJOR else "notice" if self.rule in _NOTICE else "minor"


def judge(
    happening: Happening, before: CaseStanding | None, after: CaseStanding, shelf: Shelf
) -> tuple[CaseBreach, ...]:
    """What one entry of a case does against the standard the case names.

    Args:
        before: where the case stood before the entry (None for its receipt).
        after: where it stands with it.
    """
    found = list(_implausible(happening))
    try:
        guide = shelf.guide(after.item, after.guide_version)
    except Invalid:
        if before is None:
            named = f"{after.item} 第{after.guide_version}版"
            found.append(CaseBreach("unknown_standard", named))
        guide = None
    if happening.kind == CaseReceived.kind:
        found += _judge_receipt(after, guide, shelf) if guide else ()
    else:
        found += _STEPS.get(happening.logged.step, _nothing)(
            _Step(happening, happening.logged, before or after, after, guide, shelf)
        )
    return tuple(found)


class Judge:
    """Judges many entries by one shelf.

    Receipts of one item and version on one day are alike to every rule: when one of them is found
    without a breach, so are the others.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._clean: set[tuple[str, int, date, str]] = set()

    def __call__(
        self, happening: Happening, before: CaseStanding | None, after: CaseStanding
    ) -> tuple[CaseBreach, ...]:
        """See :func:`judge`."""
        if happening.kind != CaseReceived.kind:
            return judge(happening, before, after, self._shelf)
        alike = after.item, after.guide_version, after.received_on, happening.at[:10]
        if alike in self._clean:
            return ()
        found = judge(happening, before, after, self._shelf)
        if not found and len(self._clean) < _MOST_ALIKE:
            self._clean.add(alike)
        return found


@dataclass(frozen=True)
class _Step:
    happening: Happening
    step: CaseStep
    before: CaseStanding
    after: CaseStanding
    guide: Guide | None
    shelf: Shelf


def _nothing(step: _Step) -> Iterator[CaseBreach]:
    yield from ()


def _implausible(happening: Happening) -> Iterator[CaseBreach]:
    claimed = getattr(happening.logged, "received_on", None) or happening.logged.day
    # The wall time is UTC; a hall's day may be one ahead of it.
    written = date.fromisoformat(happening.at[:10]) + timedelta(days=1)
    if claimed > written:
        yield CaseBreach("implausible_date", f"业务日期{claimed},记录时间{happening.at}")


def _judge_receipt(case: CaseStanding, guide: Guide, shelf: Shelf) -> Iterator[CaseBreach]:
    newest = shelf.newest_on(case.item, case.received_on - timedelta(days=1))
    if case.guide_version < newest:
        yield CaseBreach(
            "stale_standard",
            f"收件日{case.received_on}引用第{case.guide_version}版,当时已发布第{newest}版",
        )
    if not guide.open_on(case.received_on):
        yield CaseBreach("item_closed", f"收件日{case.received_on},停止日{guide.closed_from}")


def _judge_notice(s: _Step) -> Iterator[CaseBreach]:
    if s.after.notices > 1:
        yield CaseBreach("second_notice", f"第{s.after.notices}次告知,{s.step.day}")
    last = add_working_days(s.before.received_on, NOTICE_DAYS, s.shelf.calendar).date
    if s.step.day > last:
        told = f"收件{s.before.received_on},告知{s.step.day},应不晚于{last}"
        yield CaseBreach("late_notice", told)


def _judge_acceptance(s: _Step) -> Iterator[CaseBreach]:
    if s.guide is None:
        return
    lacking = missing_materials(s.guide, s.before.materials)
    if lacking and s.step.step == "accepted":
        codes = "、".join(m.code for m in lacking)
        yield CaseBreach("material_missing", f"受理时缺少材料{codes}"[:200])
    legal = legal_due(s.guide, s.step.day, s.shelf.calendar)
    promised = promised_due(s.guide, s.step.day, s.shelf.calendar)
    if s.step.provisional or legal.provisional or promised.provisional:
        return
    if s.step.promised_due is None or s.step.promised_due > promised.date:
        yield CaseBreach("promise_too_long", f"承诺{s.step.promised_due},应为{promised.date}")
    if s.step.legal_due != legal.date:
        yield CaseBreach("legal_limit_wrong", f"法定{s.step.legal_due},应为{legal.date}")


def _judge_refusal(s: _Step) -> Iterator[CaseBreach]:
    if not s.step.ground:
        yield CaseBreach("no_reason", f"{s.step.step},{s.step.day}")


def _judge_decision(s: _Step) -> Iterator[CaseBreach]:
    if s.happening.actor in (s.before.received_by, s.before.accepted_by):
        yield CaseBreach("same_person", f"工号{s.happening.actor}")
    if s.step.outcome == "denied" and not s.step.ground:
        yield CaseBreach("no_reason", f"不予许可,{s.step.day}")
    if s.before.legal_due and s.step.day > s.before.legal_due:
        yield CaseBreach("over_legal_limit", f"法定期限{s.before.legal_due},决定{s.step.day}")
    elif s.before.promised_due and s.step.day > s.before.promised_due:
        yield CaseBreach("over_promise", f"承诺期限{s.before.promised_due},决定{s.step.day}")


_STEPS: dict[str, Callable[[_Step], Iterator[CaseBreach]]] = {
    "notified": _judge_notice,
    "accepted": _judge_acceptance,
    "deemed_accepted": _judge_acceptance,
    "not_accepted": _judge_refusal,
    "decided": _judge_decision,
}
