"""The life of a case: what may follow what, both clocks, and the fold that both sides share."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards import cases
from standards.catalogue import starter_guides
from standards.errors import Invalid
from standards.guides import Guide, required_materials
from standards.records import CaseReceived, CaseStanding, CaseStep
from standards.records.declare import Happening
from standards.workdays import Calendar, Unit, published_calendar

CALENDAR = published_calendar()
ID = "01a20b9f-a18b-7633-ba65-d830b16c168c"
GUIDE = next(
    g
    for g in starter_guides()
    if (g.anticipate_type, g.promise_type) == (Unit.WORKING, Unit.WORKING)
    and len(required_materials(g)) >= 2
)
ALL = tuple(m.code for m in GUIDE.materials)
MONDAY = date(2026, 3, 2)


def happening(record: CaseReceived | CaseStep, actor: str, entry_id: str = ID) -> Happening:
    return Happening(record.kind, entry_id, "T01", actor, "2026-03-02T02:00:00.000Z", record)


def received(materials: tuple[str, ...] = ALL, day: date = MONDAY) -> CaseStanding:
    record = CaseReceived(
        case_no="T01-1",
        item=GUIDE.item,
        guide_version=1,
        received_on=day,
        materials=materials,
        applicant_name="张三",
        paper_no="11010519491231002X",
        mobile="13812345678",
    )
    return cases.advance(None, happening(record, "T01-001"))


def after(standing: CaseStanding, step: CaseStep, actor: str = "T01-001") -> CaseStanding:
    return cases.advance(standing, happening(step, actor, "other"))


def accepted(guide: Guide = GUIDE) -> CaseStanding:
    return after(received(), cases.accept(received(), guide, CALENDAR, MONDAY))


def test_a_complete_case_is_accepted_with_due_dates_on_both_clocks() -> None:
    guide = msgspec.structs.replace(GUIDE, anticipate_day=20, promise_day=5)
    standing = accepted(guide)
    assert standing.stage == "accepted"
    assert (standing.legal_due, standing.promised_due) == (date(2026, 3, 30), date(2026, 3, 9))
    assert not standing.provisional


def test_due_dates_into_a_year_without_a_table_are_provisional_and_recomputed_when_it_comes() -> (
    None
):
    guide = msgspec.structs.replace(GUIDE, anticipate_day=30, promise_day=25)
    without = Calendar(y for y in CALENDAR.years if y.year < 2026)
    late = date(2025, 12, 22)
    standing = received(day=late)
    standing = after(standing, cases.accept(standing, guide, without, late))
    assert standing.provisional
    legal, promised, provisional = cases.redue(standing, guide, CALENDAR)
    assert (legal, promised, provisional) == (date(2026, 2, 3), date(2026, 1, 27), False)
    settled = cases.settled(standing, guide, CALENDAR)
    assert (settled.legal_due, settled.promised_due, settled.provisional) == (
        legal,
        promised,
        False,
    )
    assert cases.settled(standing, None, CALENDAR) == standing


def test_a_due_date_before_the_first_unknown_year_is_not_provisional() -> None:
    guide = msgspec.structs.replace(GUIDE, anticipate_day=30, promise_day=3)
    without = Calendar(y for y in CALENDAR.years if y.year < 2026)
    late = date(2025, 12, 22)
    standing = after(received(day=late), cases.accept(received(day=late), guide, without, late))
    assert standing.provisional
    assert cases.is_provisional(standing, standing.legal_due, without)
    assert not cases.is_provisional(standing, standing.promised_due, without)
    assert not cases.is_provisional(standing, None, without)


def test_one_notice_lists_everything_that_is_missing() -> None:
    step = cases.notify(received(()), GUIDE, MONDAY)
    assert step.missing == tuple(m.code for m in required_materials(GUIDE))


def test_a_second_correction_notice_is_refused() -> None:
    standing = after(received(()), cases.notify(received(()), GUIDE, MONDAY))
    standing = after(standing, cases.correct(standing, GUIDE, MONDAY, ALL))
    with pytest.raises(Invalid, match="已经告知过"):
        cases.notify(standing, GUIDE, MONDAY)


def test_a_correction_that_still_lacks_something_names_it() -> None:
    standing = after(received(()), cases.notify(received(()), GUIDE, MONDAY))
    first, *rest = required_materials(GUIDE)
    with pytest.raises(Invalid, match=rest[0].material_name[:4]):
        cases.correct(standing, GUIDE, MONDAY, [first.code])


def test_acceptance_without_a_required_material_is_refused() -> None:
    with pytest.raises(Invalid, match="缺少必要材料"):
        cases.accept(received(ALL[:0]), GUIDE, CALENDAR, MONDAY)


def test_no_notice_within_five_working_days_makes_the_case_accepted_from_the_day_of_receipt() -> (
    None
):
    standing = received((), day=date(2026, 2, 11))
    # 2026-02-11 plus five working days across the Spring Festival is 2026-02-25.
    assert not cases.is_deemed_accepted(standing, CALENDAR, date(2026, 2, 25))
    assert cases.is_deemed_accepted(standing, CALENDAR, date(2026, 2, 26))
    step = cases.accept(standing, GUIDE, CALENDAR, date(2026, 2, 26), deemed=True)
    assert (step.step, step.day) == ("deemed_accepted", date(2026, 2, 11))


def test_nobody_decides_a_case_that_he_took_in() -> None:
    with pytest.raises(Invalid, match="受审分离"):
        cases.decide(accepted(), MONDAY, "T01-001", "granted", ("", ""))


@pytest.mark.parametrize(
    ("ground", "opinion", "field"),
    [("", "材料与现场不符,不能通过", "ground"), ("conditions_not_met", "不行", "opinion")],
)
def test_a_denial_needs_a_ground_and_reasons_in_words(
    ground: str, opinion: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        cases.decide(accepted(), MONDAY, "T01-002", "denied", (ground, opinion))
    assert field in refused.value.fields


def test_a_decision_ends_the_case_and_nothing_may_follow() -> None:
    step = cases.decide(accepted(), MONDAY, "T01-002", "granted", ("", "同意"))
    standing = after(accepted(), step, "T01-002")
    assert (standing.stage, standing.decided_by, standing.outcome) == (
        "decided",
        "T01-002",
        "granted",
    )
    with pytest.raises(Invalid):
        cases.withdraw(standing, MONDAY, "")
    with pytest.raises(ValueError, match="after the case ended"):
        after(standing, step)


def test_a_step_of_a_case_that_was_never_received_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="never received"):
        cases.advance(None, happening(CaseStep(case_id=ID, step="accepted", day=MONDAY), "X-1"))


def test_a_closed_item_takes_no_new_case() -> None:
    closed = msgspec.structs.replace(GUIDE, closed_from=MONDAY)
    with pytest.raises(Invalid, match="停止收件"):
        cases.check_open(closed, MONDAY)


@pytest.mark.parametrize(
    ("today", "code", "left"),
    [
        (date(2026, 3, 3), "calm", 4),
        (date(2026, 3, 5), "near", 2),
        (date(2026, 3, 9), "near", 0),
        (date(2026, 3, 10), "over", -1),
        (date(2026, 3, 16), "over", -5),
    ],
)
def test_the_warning_light_counts_working_days_to_the_promise(
    today: date, code: str, left: int
) -> None:
    standing = accepted(msgspec.structs.replace(GUIDE, anticipate_day=20, promise_day=5))
    shown = cases.light(standing, CALENDAR, today)
    assert (shown.code, shown.days_left) == (code, left)


@given(
    st.sampled_from(["T01", "T02", "GONGAN"]),
    st.sampled_from(["T01", "T02", "GONGAN"]),
    st.integers(1, 9999),
    st.uuids(),
    st.uuids(),
)
def test_two_halls_never_hand_out_one_number(
    one: str, other: str, serial: int, first: object, second: object
) -> None:
    def number(hall: str, case_id: object) -> str:
        return cases.case_number(
            cases.DEFAULT_NUMBER_TEMPLATE, (hall, 1), MONDAY, serial, str(case_id)
        )

    if one != other:
        assert number(one, first) != number(other, second)


def test_a_restored_node_numbers_in_another_epoch() -> None:
    numbers = {
        cases.case_number(cases.DEFAULT_NUMBER_TEMPLATE, ("T01", epoch), MONDAY, 7, ID)
        for epoch in (1, 2, 3)
    }
    assert len(numbers) == 3
