"""Every kind of finding has a case that shows it, and a clean case shows none."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from standards import cases
from standards.catalogue import starter_guides
from standards.guides import Guide, required_materials
from standards.judging import RULES, Judge, judge
from standards.records import CaseReceived, CaseStanding, CaseStep, GuidePublished
from standards.records.declare import Happening
from standards.shelf import Shelf, shelf_of
from standards.workdays import Unit, published_calendar

CALENDAR = published_calendar()
GUIDE = msgspec.structs.replace(
    next(g for g in starter_guides() if len(required_materials(g)) >= 2),
    version=1,
    promise_day=5,
    promise_type=Unit.WORKING,
    anticipate_day=20,
    anticipate_type=Unit.WORKING,
)
NEWER = msgspec.structs.replace(GUIDE, version=2, promise_day=3)
ALL = tuple(m.code for m in GUIDE.materials)
MONDAY = date(2026, 3, 2)


def published(guide: Guide, day: date) -> GuidePublished:
    return GuidePublished(
        item=guide.item,
        version=guide.version,
        published_on=day,
        drafted_by="C-001",
        checked_by="C-002",
        published_by="C-003",
        guide=guide,
    )


def shelf(*more: GuidePublished) -> Shelf:
    return _with_calendar(shelf_of([published(GUIDE, date(2026, 1, 5)), *more], [], [], 5))


def _with_calendar(made: Shelf) -> Shelf:
    return Shelf(made.guides, made.latest, CALENDAR, made.number_template, made.size)


class Story:
    """A case that is led through its steps; collects what the judge says."""

    def __init__(self, standards: Shelf | None = None, **receipt: object) -> None:
        self.shelf = standards or shelf()
        self.standing: CaseStanding | None = None
        self.rules: list[str] = []
        values = {
            "case_no": "T01-1",
            "item": GUIDE.item,
            "guide_version": 1,
            "received_on": MONDAY,
            "materials": ALL,
            "applicant_name": "张三",
            "paper_no": "11010519491231002X",
            "mobile": "13812345678",
        }
        self.happen(CaseReceived(**{**values, **receipt}), "T01-001")  # type: ignore[arg-type]

    def happen(self, record: CaseReceived | CaseStep, actor: str) -> Story:
        at = "2026-04-20T02:00:00.000Z"
        happening = Happening(record.kind, "case", "T01", actor, at, record)
        before = self.standing
        self.standing = cases.advance(before, happening)
        found = judge(happening, before, self.standing, self.shelf)
        self.rules += [breach.rule for breach in found]
        for breach in found:
            assert breach.clause
            assert "张三" not in breach.evidence
        return self

    def step(self, step: str, day: date = MONDAY, actor: str = "T01-001", **more: object) -> Story:
        record = CaseStep(case_id="0" * 36, step=step, day=day, **more)  # type: ignore[arg-type]
        return self.happen(record, actor)

    def accept(self, **more: object) -> Story:
        dues = {"legal_due": date(2026, 3, 30), "promised_due": date(2026, 3, 9)}
        return self.step("accepted", **{**dues, **more})  # type: ignore[arg-type]


def test_a_case_by_the_book_gives_no_finding() -> None:
    story = Story().accept()
    story.step("decided", date(2026, 3, 9), "T01-002", outcome="granted")
    assert story.rules == []


BREACHES = {
    "unknown_standard": lambda: Story(guide_version=9),
    "stale_standard": lambda: Story(shelf(published(NEWER, date(2026, 2, 2)))),
    "item_closed": lambda: Story(
        _with_calendar(
            shelf_of(
                [
                    published(
                        msgspec.structs.replace(GUIDE, closed_from=date(2026, 2, 1)),
                        date(2026, 1, 5),
                    )
                ],
                [],
                [],
                1,
            )
        )
    ),
    "implausible_date": lambda: Story(received_on=date(2026, 4, 25)),
    "material_missing": lambda: Story(materials=()).accept(),
    "second_notice": lambda: (
        Story(materials=())
        .step("notified", missing=ALL)
        .step("corrected", materials=ALL)
        .step("notified", missing=ALL[:1])
    ),
    "late_notice": lambda: Story(materials=()).step("notified", date(2026, 3, 10), missing=ALL),
    "promise_too_long": lambda: Story().accept(promised_due=date(2026, 3, 10)),
    "legal_limit_wrong": lambda: Story().accept(legal_due=date(2026, 3, 31)),
    "same_person": lambda: Story().accept().step("decided", outcome="granted"),
    "no_reason": lambda: Story().accept().step("decided", actor="T01-002", outcome="denied"),
    "over_legal_limit": lambda: (
        Story().accept().step("decided", date(2026, 3, 31), "T01-002", outcome="granted")
    ),
    "over_promise": lambda: (
        Story().accept().step("decided", date(2026, 3, 10), "T01-002", outcome="granted")
    ),
}


def test_every_rule_of_the_judge_has_a_case_that_breaks_it() -> None:
    assert set(BREACHES) == set(RULES)


@pytest.mark.parametrize("rule", BREACHES)
def test_the_judge_finds_the_breach_and_nothing_else(rule: str) -> None:
    assert BREACHES[rule]().rules == [rule]


def test_a_refusal_to_accept_without_a_ground_is_found() -> None:
    assert Story().step("not_accepted").rules == ["no_reason"]


def test_provisional_dates_are_not_held_against_the_hall() -> None:
    assert Story().accept(promised_due=date(2026, 3, 10), provisional=True).rules == []


def test_who_judges_many_receipts_finds_what_is_found_of_each() -> None:
    """Among receipts without a breach, each of the rules for receipts is broken by one."""
    stand = shelf(published(NEWER, date(2026, 4, 1)))
    judge_all, found = Judge(stand), []
    for item in (GUIDE.item, "unknown"):
        for version in (1, 2, 9):
            for day in (MONDAY, date(2026, 4, 20), date(2026, 4, 25)):
                for at in ("2026-04-20T02:00:00.000Z", "2026-04-26T02:00:00.000Z"):
                    receipt = CaseReceived(
                        case_no="T01-1",
                        item=item,
                        guide_version=version,
                        received_on=day,
                        applicant_name="张三",
                        paper_no="11010519491231002X",
                        mobile="13812345678",
                    )
                    happening = Happening("case_received", "case", "T01", "T01-001", at, receipt)
                    after = cases.advance(None, happening)
                    for _ in range(2):
                        alone = judge(happening, None, after, stand)
                        assert judge_all(happening, None, after) == alone
                    found += [breach.rule for breach in alone]
    assert {"unknown_standard", "stale_standard", "implausible_date"} <= set(found)
