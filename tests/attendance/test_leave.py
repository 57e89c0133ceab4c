"""How long leave is: by kind and calendar, in halves and hours, within what the law gives."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.leave import (
    Claim,
    OwnHours,
    PostLeft,
    away,
    check_claim,
    check_legs,
    claims_of,
    cut,
    entitled_days,
    length,
    overlap,
    posts_left,
    told,
)
from standards.errors import Invalid
from standards.leave_rules import packaged_rules, rules_of
from standards.packaged import packaged_text
from standards.records.leave import Leg
from standards.workdays import published_calendar

RULES, CALENDAR = packaged_rules(), published_calendar()
DAY = RULES.clock.day_minutes


def leg(leave: str, first: str, last: str = "", points: str = "am pm", daily: bool = False) -> Leg:
    begins, ends = points.split()
    return Leg(
        leave=leave,
        first=date.fromisoformat(first),
        last=date.fromisoformat(last or first),
        begins=begins,
        ends=ends,
        daily=daily,
    )


@pytest.mark.parametrize(
    ("one", "days"),
    [
        # The fifteenth to the twenty-third of February 2026 are the Spring Festival; the 14th and
        # the 28th, Saturdays, are worked.
        (leg("annual", "2026-02-13", "2026-02-24"), 3),
        (leg("annual", "2026-02-14"), 1),
        (leg("annual", "2026-02-15", "2026-02-23"), 0),
        (leg("annual", "2026-02-27", "2026-03-02"), 3),
        (leg("home", "2026-02-13", "2026-02-24"), 12),
        (leg("maternity", "2026-02-01", "2026-05-09"), 98),
        (leg("annual", "2026-11-23", "2026-11-29"), 5),
        (leg("annual", "2026-11-24", points="am am"), 0.5),
        (leg("annual", "2026-11-24", points="pm pm"), 0.5),
        (leg("annual", "2026-11-24", "2026-11-26", "pm am"), 2),
        (leg("annual", "2026-11-27", "2026-11-30", "pm am"), 1),
        (leg("sick", "2026-11-27", "2026-11-30"), 4),
        (leg("personal", "2026-11-24", points="09:00 11:30"), 2.5 / 8),
        # The midday break is nobody's work.
        (leg("personal", "2026-11-24", points="11:00 14:00"), 2 / 8),
        (leg("personal", "2026-11-24", points="12:00 13:00"), 0),
        (leg("personal", "2026-11-24", "2026-11-25", "16:30 10:30"), 2 / 8),
        (leg("personal", "2026-11-28", points="09:00 11:00"), 0),
        (leg("protection", "2026-11-23", "2026-11-29", "16:00 17:00", daily=True), 5 / 8),
    ],
)
def test_a_leg_counts_what_its_kind_counts(one: Leg, days: float):
    assert length([one], RULES, CALENDAR) == days * DAY


points = st.sampled_from(["am pm", "am am", "pm pm", "am 10:00", "14:00 pm", "08:30 16:45"])
spans = st.tuples(st.dates(date(2025, 1, 1), date(2026, 11, 1)), st.integers(0, 60))


@given(spans, st.integers(0, 60), points, st.sampled_from(["personal", "official", "comp"]))
def test_a_span_is_as_long_as_the_two_parts_it_is_split_into(
    span: tuple[date, int], at: int, edges: str, leave: str
):
    first, days = span
    last, (begins, ends) = first + timedelta(days=days), edges.split()
    whole = Leg(leave=leave, first=first, last=last, begins=begins, ends=ends)
    middle = first + timedelta(days=min(at, days))
    minutes = length([whole], RULES, CALENDAR)
    if middle < last:
        head = Leg(leave=leave, first=first, last=middle, begins=begins)
        tail = Leg(leave=leave, first=middle + timedelta(days=1), last=last, ends=ends)
        assert length([head, tail], RULES, CALENDAR) == minutes
    if first < middle < last:
        head = Leg(leave=leave, first=first, last=middle, begins=begins, ends="am")
        tail = Leg(leave=leave, first=middle, last=last, begins="pm", ends=ends)
        assert length([head, tail], RULES, CALENDAR) == minutes


@given(spans, st.integers(-3, 70), st.sampled_from(["am", "pm", "10:00"]), points)
def test_who_is_back_early_has_taken_no_more_and_is_not_away_afterwards(
    span: tuple[date, int], at: int, back_from: str, edges: str
):
    first, days = span
    begins, ends = edges.split()
    whole = Leg(
        leave="personal", first=first, last=first + timedelta(days=days), begins=begins, ends=ends
    )
    back_on = first + timedelta(days=at)
    kept = cut((whole,), back_on, back_from, RULES.clock)
    assert length(kept, RULES, CALENDAR) <= length([whole], RULES, CALENDAR)
    clock = {"am": 0, "pm": 12 * 60 + 30, "10:00": 600}[back_from]
    back = datetime.combine(back_on, datetime.min.time()) + timedelta(minutes=clock)
    assert all(one.end <= back for one in away(kept, RULES.clock))
    if at > days:
        assert kept == (whole,)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (leg("annual", "2026-11-24"), leg("sick", "2026-11-24"), True),
        (
            leg("annual", "2026-11-24", points="am am"),
            leg("sick", "2026-11-24", points="pm pm"),
            False,
        ),
        (
            leg("annual", "2026-11-24", "2026-11-26", "pm am"),
            leg("sick", "2026-11-26", points="pm pm"),
            False,
        ),
        (leg("annual", "2026-11-24", "2026-11-26", "pm am"), leg("sick", "2026-11-25"), True),
        (
            leg("outing", "2026-11-24", points="09:00 10:00"),
            leg("outing", "2026-11-24", points="10:00 11:00"),
            False,
        ),
        (
            leg("outing", "2026-11-24", points="09:00 10:01"),
            leg("outing", "2026-11-24", points="10:00 11:00"),
            True,
        ),
        (
            leg("protection", "2026-11-02", "2026-11-30", "16:00 17:00", True),
            leg("annual", "2026-11-24", points="am am"),
            False,
        ),
        (
            leg("protection", "2026-11-02", "2026-11-30", "16:00 17:00", True),
            leg("annual", "2026-11-24"),
            True,
        ),
    ],
)
def test_two_legs_overlap_when_they_take_the_same_time(one: Leg, other: Leg, clash: bool):
    assert overlap(one, other, RULES.clock) is clash
    assert overlap(other, one, RULES.clock) is clash


@pytest.mark.parametrize(
    ("legs", "words"),
    [
        ((), "至少"),
        ((leg("annual", "2026-11-25", "2026-11-24"),), "早于"),
        ((leg("annual", "2026-11-24", points="09:00 11:00"),), "不能按小时"),
        ((leg("maternity", "2026-11-24", points="am am"),), "按整天"),
        ((leg("annual", "2026-11-28"),), "没有需要请假的工作时间"),
        ((leg("annual", "2026-01-01", "2027-12-31"),), "最长"),
        ((leg("annual", "2026-11-24"), leg("outing", "2026-11-24", points="09:00 10:00")), "重叠"),
        ((leg("nonsense", "2026-11-24"),), "假别"),
    ],
)
def test_legs_that_make_no_sense_are_refused_in_words(legs: tuple[Leg, ...], words: str):
    with pytest.raises(Invalid) as refused:
        check_legs(legs, RULES, CALENDAR)
    assert words in "".join(refused.value.fields.values())


def test_an_outing_and_leave_go_into_one_request():
    legs = (
        leg("outing", "2026-11-24", points="09:00 12:00"),
        leg("annual", "2026-11-24", points="pm pm"),
    )
    check_legs(legs, RULES, CALENDAR)
    assert length(legs, RULES, CALENDAR) == 180 + DAY // 2


@pytest.mark.parametrize(
    ("ground", "claim", "days"),
    [
        ("birth", Claim(), 98),
        ("birth", Claim(difficult=True), 113),
        ("birth", Claim(babies=2), 113),
        ("birth", Claim(babies=3), 128),
        ("birth", Claim(difficult=True, babies=2), 128),
        ("miscarriage_early", Claim(), 15),
        ("miscarriage_late", Claim(), 42),
        ("miscarriage_late", Claim(difficult=True, babies=2), 42),
    ],
)
def test_the_days_of_maternity_leave_are_those_of_the_regulation(
    ground: str, claim: Claim, days: int
):
    assert entitled_days(RULES.ground_of("maternity", ground), claim) == days
    first = date(2026, 3, 2)
    claim = Claim(ground, claim.difficult, claim.babies)
    exact = Leg(leave="maternity", first=first, last=first + timedelta(days=days - 1))
    check_claim(exact, claim, RULES)
    longer = Leg(leave="maternity", first=first, last=first + timedelta(days=days))
    with pytest.raises(Invalid, match="最多"):
        check_claim(longer, claim, RULES)


def test_an_hour_of_nursing_a_day_and_one_more_for_a_second_baby():
    hour = leg("protection", "2026-11-23", "2026-11-27", "16:00 17:00", daily=True)
    two = leg("protection", "2026-11-23", "2026-11-27", "15:00 17:00", daily=True)
    check_claim(hour, Claim("nursing"), RULES)
    check_claim(two, Claim("nursing", babies=2), RULES)
    with pytest.raises(Invalid, match="每天不超过1小时"):
        check_claim(two, Claim("nursing"), RULES)


def test_prenatal_checks_and_nursing_count_as_work():
    assert RULES.kind_of("protection").effect == "duty"


def test_half_a_day_on_womens_day_only():
    check_claim(leg("protection", "2027-03-08", points="pm pm"), Claim("womens_day"), RULES)
    for wrong in (leg("protection", "2027-03-09", points="pm pm"), leg("protection", "2027-03-08")):
        with pytest.raises(Invalid):
            check_claim(wrong, Claim("womens_day"), RULES)


def test_what_was_used_of_a_ground_is_taken_off_what_it_gives():
    month = leg("home", "2026-03-01", "2026-03-30")
    check_claim(month, Claim("spouse"), RULES)
    with pytest.raises(Invalid, match="本期已用1天"):
        check_claim(month, Claim("spouse"), RULES, used=DAY)


def test_the_times_of_a_daily_leg_hold_on_each_day():
    stretches = away(
        [leg("protection", "2026-11-23", "2026-11-25", "16:00 17:00", True)], RULES.clock
    )
    assert [(one.start.day, one.start.hour, one.end.hour) for one in stretches] == [
        (23, 16, 17),
        (24, 16, 17),
        (25, 16, 17),
    ]
    (whole,) = away([leg("annual", "2026-11-23", "2026-11-25", "pm pm")], RULES.clock)
    assert (whole.start, whole.end) == (datetime(2026, 11, 23, 12, 30), datetime(2026, 11, 26))


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        *((0, "0天"), (30, "30分钟"), (150, "2小时30分钟"), (240, "0.5天"), (480, "1天")),
        *((720, "1.5天"), (600, "1天又2小时"), (-480, "-1天")),
    ],
)
def test_an_amount_is_told_in_days_and_hours(minutes: int, words: str):
    assert told(minutes, RULES.clock) == words


def test_claims_come_back_from_the_sealed_text_and_none_from_an_erased_one():
    claims = (Claim("birth", True, 2), Claim("sick"))
    assert claims_of(" ".join(one.text() for one in claims), 2) == claims
    assert claims_of("已依法删除", 2) == claims_of("", 2) == (Claim(), Claim())


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('above = "leader"', 'above = "nobody"', "上一级"),
        ('steps = ["leader"]', 'steps = ["nobody"]', "没有列出"),
        ("version = 1", "version = 0", "有误"),
        ('code = "funeral"', 'code = "annual"', "重复"),
        ("[annual]", "[annual", "有误"),
    ],
)
def test_a_table_of_rules_that_does_not_fit_together_is_refused(
    before: str, after: str, words: str
):
    text = packaged_text("leave.toml")
    assert before in text
    with pytest.raises(Invalid, match=words):
        rules_of(text.replace(before, after, 1))


def test_every_number_of_the_table_has_its_source():
    bare = [g.code for kind in RULES.kind for g in kind.ground if not g.source]
    assert bare == [] and all(chain.source for chain in RULES.chain)
    unsure = {g.code for kind in RULES.kind for g in kind.ground if not g.verified}
    assert {"extended", "paternity", "parental", "marriage"} <= unsure


def test_leave_in_hours_counts_by_the_own_shift_where_it_is_known_and_days_by_the_calendar():
    tuesday, saturday = date(2026, 11, 24), date(2026, 11, 28)
    own = OwnHours(CALENDAR, {tuesday: ((1200, 1440),), saturday: ((480, 720),)})
    counted = {
        leg("personal", "2026-11-24", points="09:00 11:30"): 0,
        leg("personal", "2026-11-24", points="22:00 pm"): 120,
        # A day of rest for the calendar, and of work by the roster.
        leg("personal", "2026-11-28", points="08:30 11:00"): 150,
        # Nothing is known of Wednesday: the table's sessions.
        leg("personal", "2026-11-25", points="09:00 11:30"): 150,
        leg("personal", "2026-11-24"): DAY,
        leg("personal", "2026-11-28"): 0,
    }
    for one, minutes in counted.items():
        assert length([one], RULES, own) == minutes
    with pytest.raises(Invalid, match="每天不超过"):
        long = leg("protection", "2026-11-24", points="22:00 pm")
        check_claim(long, Claim("nursing"), RULES, calendar=own)


@pytest.mark.parametrize(
    ("one", "left"),
    [
        (leg("annual", "2026-11-24", "2026-11-26"), ["24-26 whole"]),
        (leg("annual", "2026-11-24", "2026-11-26", "pm am"), ["24 part", "25 whole", "26 part"]),
        (leg("annual", "2026-11-24", points="am am"), ["24 part"]),
        (leg("annual", "2026-11-24", "2026-11-25", "pm am"), ["24-25 part"]),
        (leg("outing", "2026-11-24"), ["24 part"]),
        (leg("protection", "2026-11-24", "2026-11-26", "16:00 17:00", daily=True), ["24-26 part"]),
    ],
)
def test_a_post_is_left_for_whole_days_or_for_parts_of_them(one: Leg, left: list[str]):
    def said(found: PostLeft) -> str:
        days = f"{found.first:%d}" + (f"-{found.last:%d}" if found.last > found.first else "")
        return f"{days} {'whole' if found.whole else 'part'}"

    assert [said(found) for found in posts_left([one], RULES)] == left
