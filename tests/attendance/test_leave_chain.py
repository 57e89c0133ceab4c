"""Who approves leave: the table by office, kind and length; never the applicant; two sides."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from attendance.leave_chain import (
    Applicant,
    Seats,
    check_decision,
    may_decide,
    seats_on,
    steps_for,
)
from standards.errors import Invalid
from standards.leave_life import LEAVES, due_steps
from standards.leave_rules import packaged_rules
from standards.records.declare import Happening
from standards.records.leave import (
    LeaveDecision,
    LeaveRequest,
    LeaveReturned,
    LeaveStandIn,
    LeaveStanding,
    LeaveWithdrawn,
    Leg,
    OfficeHeld,
)

RULES = packaged_rules()
DAY = RULES.clock.day_minutes
POLICE = "公安局"
SEATS = Seats(
    frozenset(
        {
            ("chief", POLICE, "CHIEF"),
            ("business", "", "BIZ"),
            ("leader", "", "LEAD"),
            ("department", POLICE, "DEPT"),
            ("superior", "", "SUP"),
        }
    ),
    frozenset({("head", "HEAD")}),
)
CLERK = Applicant("CLERK", POLICE)


def offices(who: Applicant, minutes: int, groups: set[str] | None = None, seats: Seats = SEATS):
    steps = steps_for(RULES, seats, who, groups or {""}, minutes)
    ranks: dict[int, list[str]] = {}
    for step in steps:
        ranks.setdefault(step.rank, []).append(step.office)
    return ["+".join(ranks[rank]) for rank in sorted(ranks)]


@pytest.mark.parametrize(
    ("who", "minutes", "groups", "chain"),
    [
        ("CLERK", 120, {"hours"}, ["chief"]),
        ("CLERK", 121, {"hours"}, ["chief"]),
        ("CLERK", 240, {""}, ["chief"]),
        ("CLERK", DAY, {""}, ["chief"]),
        ("CLERK", DAY + 1, {""}, ["chief", "business"]),
        ("CLERK", 2 * DAY, {""}, ["chief", "business"]),
        ("CLERK", 2 * DAY + 1, {""}, ["chief", "business", "leader+department"]),
        ("CLERK", 98 * DAY, {"", "hours"}, ["chief", "business", "leader+department"]),
        ("CHIEF", 60, {"hours"}, ["business"]),
        ("CHIEF", DAY, {""}, ["business"]),
        ("CHIEF", DAY + 240, {""}, ["business", "leader+department"]),
        ("BIZ", 60, {""}, ["leader"]),
        ("BIZ", 10 * DAY, {""}, ["leader"]),
        ("LEAD", 10 * DAY, {""}, ["superior"]),
    ],
)
def test_the_chain_follows_from_office_kind_and_length(
    who: str, minutes: int, groups: set[str], chain: list[str]
):
    assert offices(Applicant(who, POLICE), minutes, groups) == chain


def test_where_nobody_holds_an_office_the_one_above_decides_once():
    head = Seats(by_role=frozenset({("head", "HEAD")}))
    steps = steps_for(RULES, head, CLERK, {""}, 10 * DAY)
    assert [(one.office, one.planned) for one in steps] == [("head", "department")]
    no_business = Seats(SEATS.held - {("business", "", "BIZ")}, SEATS.by_role)
    assert offices(CLERK, 10 * DAY, seats=no_business) == ["chief", "leader+department"]


def test_an_office_of_another_department_does_not_count():
    elsewhere = Applicant("CLERK", "税务局")
    assert offices(elsewhere, DAY) == ["business"]


def test_who_alone_could_decide_on_the_own_leave_is_told_that_somebody_must_be_named():
    alone = Seats(by_role=frozenset({("head", "HEAD")}))
    with pytest.raises(Invalid, match="任职"):
        steps_for(RULES, alone, Applicant("HEAD"), {""}, DAY)


def test_offices_hold_from_their_first_day_to_their_last_and_end_with_the_post():
    held = [
        OfficeHeld(staff_no="A1", office="business", since=date(2026, 1, 1)),
        OfficeHeld(
            staff_no="A2", office="business", since=date(2026, 1, 1), until=date(2026, 5, 1)
        ),
        OfficeHeld(staff_no="A3", office="business", since=date(2026, 1, 1)),
        OfficeHeld(
            staff_no="A3", office="business", since=date(2026, 1, 1), until=date(2026, 2, 1)
        ),
    ]
    office = RULES.office_of("business")
    assert office is not None
    active = {"A1", "A2", "A3"}
    for day, holders in (
        (date(2025, 12, 31), set()),
        (date(2026, 2, 1), {"A1", "A2", "A3"}),
        (date(2026, 5, 1), {"A1", "A2"}),
        (date(2026, 5, 2), {"A1"}),
    ):
        assert seats_on(held, day, active).holders(office, "") == holders
    assert seats_on(held, date(2026, 6, 1), {"A2"}).holders(office, "") == set()


# --- deciding ------------------------------------------------------------------------------------


def asked(minutes: int = 10 * DAY, stand_in: str = "") -> LeaveStanding:
    legs = (Leg(leave="annual", first=date(2026, 11, 30), last=date(2026, 12, 11)),)
    request = LeaveRequest(
        staff_no="CLERK",
        first=legs[0].first,
        last=legs[0].last,
        legs=legs,
        steps=steps_for(RULES, SEATS, CLERK, {""}, minutes),
        minutes=minutes,
        rules_version=1,
        stand_in=stand_in,
    )
    return after(None, request, "CLERK")


def after(before: LeaveStanding | None, record, actor: str) -> LeaveStanding:
    happening = Happening(record.kind, "r1", "T01", actor, "2026-11-24T01:00:00.000Z", record)
    found = LEAVES.advance(before, happening)
    assert isinstance(found, LeaveStanding)
    return found


def decided(standing: LeaveStanding, office: str, by: str, granted: bool = True) -> LeaveStanding:
    record = LeaveDecision(request_id="r1", office=office, granted=granted, opinion="同意")
    return after(standing, record, by)


def at(standing: LeaveStanding, who: str, seats: Seats = SEATS) -> tuple[str, ...]:
    return may_decide(standing, RULES, seats, Applicant(who, POLICE))


def test_a_request_goes_through_its_chain_and_is_granted_with_the_last_step():
    now = asked()
    assert [at(now, who) for who in ("CHIEF", "BIZ", "LEAD", "CLERK")] == [("chief",), (), (), ()]
    now = decided(decided(now, "chief", "CHIEF"), "business", "BIZ")
    assert {step.office for step in due_steps(now.steps, now.decided)} == {"leader", "department"}
    assert at(now, "LEAD") == ("leader",) and at(now, "DEPT") == ("department",)
    now = decided(now, "department", "DEPT")
    assert now.stage == "pending" and at(now, "DEPT") == ()
    now = decided(now, "leader", "LEAD")
    assert (now.stage, now.deciders) == ("granted", ("CHIEF", "BIZ", "DEPT", "LEAD"))


def test_department_and_hall_are_two_people():
    """双向请假: whoever holds both offices decides for one side only."""
    both = Seats(SEATS.held | {("department", POLICE, "LEAD")}, SEATS.by_role)
    now = decided(decided(asked(), "chief", "CHIEF"), "business", "BIZ")
    assert set(at(now, "LEAD", both)) == {"leader", "department"}
    assert at(decided(now, "leader", "LEAD"), "LEAD", both) == ()


def test_nobody_decides_on_the_own_request():
    own = Seats(SEATS.held | {("chief", POLICE, "CLERK")}, SEATS.by_role)
    assert at(asked(), "CLERK", own) == ()


def test_a_decision_without_words_or_without_right_is_refused():
    now = asked()
    check_decision(now, "chief", ("chief",), True, "同意")
    with pytest.raises(Invalid, match="理由"):
        check_decision(now, "chief", ("chief",), False, "  ")
    with pytest.raises(Invalid, match="不由您"):
        check_decision(now, "leader", ("chief",), True, "同意")


def test_the_stand_in_comes_first_and_can_end_it():
    now = asked(stand_in="OTHER")
    assert now.stage == "asked" and at(now, "CHIEF") == ()
    with pytest.raises(ValueError, match="cannot follow"):
        decided(now, "chief", "CHIEF")
    yes, no = (LeaveStandIn(request_id="r1", agreed=agreed) for agreed in (True, False))
    assert after(now, yes, "OTHER").stage == "pending"
    assert after(now, no, "OTHER").stage == "declined"


def test_one_refusal_ends_the_request():
    now = decided(asked(), "chief", "CHIEF", granted=False)
    assert now.stage == "refused" and at(now, "BIZ") == ()
    with pytest.raises(ValueError):
        decided(now, "business", "BIZ")


def test_only_granted_leave_is_returned_from_and_what_is_over_stays_over():
    now = asked(DAY)
    back = LeaveReturned(request_id="r1", back_on=date(2026, 12, 1))
    gone = LeaveWithdrawn(request_id="r1")
    with pytest.raises(ValueError):
        after(now, back, "CLERK")
    granted = decided(now, "chief", "CHIEF")
    assert after(granted, gone, "CLERK").stage == "withdrawn"
    returned = after(granted, back, "CLERK")
    assert (returned.stage, returned.back_on) == ("returned", date(2026, 12, 1))
    for record in (back, gone, LeaveStandIn(request_id="r1", agreed=True)):
        with pytest.raises(ValueError):
            after(returned, record, "CLERK")
    with pytest.raises(ValueError, match="nobody asked"):
        after(None, gone, "CLERK")


def test_a_request_without_any_step_is_granted_by_the_stand_in():
    now = msgspec.structs.replace(asked(stand_in="OTHER"), steps=())
    assert after(now, LeaveStandIn(request_id="r1", agreed=True), "OTHER").stage == "granted"
