"""Days of a real hall: worked out behind everybody's back, written once, changed only visibly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from attendance.days import Absence
from node.app import create_app
from node.days import days, reckoning, timetables
from node.hall import Hall
from node.leave import leave
from node.presence import raw_punches
from standards.errors import Invalid
from standards.packaged import packaged_text
from standards.records import DayException, MonthFrozen, ShiftAssigned, TimetablesPublished
from standards.workdays import published_years
from sync.storage.tables import as_record
from tests.node.duty import CHEN, FOUR, TUESDAY, ZHANG, begin_duty, punch, results, turn_to
from tests.node.hall import TurnableClock, calendar, open_hall, publish
from web.shell import Shell


@pytest.fixture
def on_duty(hall: Hall, app: Shell, clock: TurnableClock) -> Hall:
    """A hall where Zhang works four signs a day; it is Tuesday evening, nothing was signed."""
    begin_duty(hall, clock)
    return hall


def test_a_day_is_written_once_when_it_is_over_and_not_again_when_nothing_changes(
    on_duty: Hall, clock: TurnableClock
):
    for moment in FOUR:
        punch(on_duty, moment)
    (only,) = results(on_duty)
    assert (only.status, only.revision, only.change, only.old) == ("normal", 1, "first", None)
    assert [slot.state for slot in only.slots] == ["ok"] * 4
    days.recompute(on_duty, ZHANG, TUESDAY, TUESDAY, "calendar")
    assert len(results(on_duty)) == 1


def test_a_late_punch_makes_a_new_revision_with_old_value_and_reason(on_duty: Hall):
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    assert [one.status for one in results(on_duty)] == ["absent_half"]
    punch_id = punch(on_duty, "08:50")
    _, second = results(on_duty)
    assert (second.status, second.revision, second.change) == ("normal", 2, "punch")
    assert second.old is not None
    assert (second.old.revision, second.old.status, second.old.halves) == (1, "absent_half", 1)
    assert second.slots[0].punch == punch_id


def test_a_running_day_is_told_as_provisional_from_its_first_window_on(
    on_duty: Hall, clock: TurnableClock
):
    turn_to(clock, "08:00")
    assert results(on_duty) == []
    turn_to(clock, "08:21")
    assert [(one.status, one.provisional) for one in results(on_duty)] == [("open", True)]
    turn_to(clock, "09:13")
    punch(on_duty, "09:12")
    *_, late = results(on_duty)
    assert (late.status, late.provisional, late.change) == ("late", True, "running")
    turn_to(clock, "12:16")
    *_, missing = results(on_duty)
    assert [slot.state for slot in missing.slots] == ["late", "missing", "open", "open"]
    assert missing.provisional


def test_leave_approved_after_the_punch_was_missed_gives_the_day_back_and_keeps_the_old_value(
    on_duty: Hall, monkeypatch: pytest.MonkeyPatch
):
    """Acceptance 13: recomputed, points given back, old value in history."""
    punch(on_duty, "12:50")
    punch(on_duty, "17:10")
    (first,) = results(on_duty)
    assert (first.status, first.halves) == ("absent_half", 1)
    start = datetime(2026, 11, 24, 0, 0)
    granted = Absence(ZHANG, start, start + timedelta(hours=12), "事假", "leave")
    monkeypatch.setattr(leave, "absences", lambda hall, first, last: [granted])
    days.recompute(on_duty, ZHANG, TUESDAY, TUESDAY, "leave")
    _, second = results(on_duty)
    assert (second.status, second.halves, second.leave, second.change) == (
        *("leave_part", 0, 180),
        "leave",
    )
    assert second.old is not None
    assert (second.old.status, second.old.halves) == ("absent_half", 1)
    assert first == results(on_duty)[0]


def test_days_stay_provisional_until_every_terminal_has_reported_past_the_end(
    on_duty: Hall, clock: TurnableClock
):
    raw_punches.report(on_duty, "Z-7", datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    for moment in FOUR[:3]:
        punch(on_duty, moment)
    assert [(one.status, one.provisional) for one in results(on_duty)] == [("open", True)]
    turn_to(clock, "20:30")
    raw_punches.report(on_duty, "Z-7", datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    *_, last = results(on_duty)
    assert (last.status, last.provisional, last.change) == ("absent_half", False, "terminal")


def test_a_terminal_that_is_withdrawn_holds_no_day(on_duty: Hall, clock: TurnableClock):
    raw_punches.report(on_duty, "Z-7", datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    assert results(on_duty)[-1].provisional
    raw_punches.withdraw_report(on_duty, "Z-7")
    turn_to(clock, "20:30")
    assert not results(on_duty)[-1].provisional


def test_a_punch_whose_time_is_in_doubt_is_left_out_and_said(on_duty: Hall):
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    doubted = punch(on_duty, "08:50", clock="suspect")
    (only,) = results(on_duty)
    assert (only.status, only.slots[0].state, only.doubtful) == ("unsure", "unsure", (doubted,))


def test_a_punch_from_the_future_is_left_out_until_somebody_confirms_it(
    on_duty: Hall, clock: TurnableClock
):
    turn_to(clock, "12:30")
    for moment in (*FOUR[:3], "17:10"):
        punch(on_duty, moment)
    turn_to(clock, "20:00")
    assert [one.status for one in results(on_duty)] == ["unsure"]


def test_a_frozen_month_does_not_change_and_a_later_fact_opens_one_exception(on_duty: Hall):
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    (before,) = results(on_duty)
    on_duty.write(MonthFrozen(month="2026-11", people=1, results=1), actor=CHEN)
    punch(on_duty, "08:50")
    assert results(on_duty) == [before]
    days.recompute(on_duty, ZHANG, TUESDAY, TUESDAY, "calendar")
    assert results(on_duty) == [before]
    (row,) = on_duty.db.query("SELECT * FROM day_exception")
    found = as_record(DayException, row)
    assert (found.standing.status, found.found.status, found.change) == (
        *("absent_half", "normal"),
        "punch",
    )


def test_what_a_crash_left_undone_is_done_after_the_next_start(on_duty: Hall):
    """The log says what is to be done: nothing has to be remembered beside it."""
    for moment in FOUR:
        punch(on_duty, moment)
    reckoning.follow(on_duty)
    on_duty.db.execute("DELETE FROM day_wanted")
    on_duty.db.execute("DELETE FROM day_mark")
    assert [one.status for one in results(on_duty)] == ["normal"]


def test_a_shift_over_midnight_takes_the_punch_of_the_next_morning(
    on_duty: Hall, clock: TurnableClock
):
    night = ShiftAssigned(
        target="person", whose=ZHANG, timetable="night", first_day=TUESDAY, last_day=TUESDAY
    )
    on_duty.write(night, actor=CHEN)
    punch(on_duty, "19:50")
    turn_to(clock, "11:00", TUESDAY + timedelta(days=1))
    punch(on_duty, "2026-11-25T08:05:00+08:00")
    *_, last = results(on_duty)
    assert (last.status, last.timetable) == ("normal", "night")
    assert last.slots[1].at == "2026-11-25T08:05:00+08:00"


def test_no_result_carries_a_name(on_duty: Hall):
    punch(on_duty, "08:50")
    assert results(on_duty)
    size = on_duty.state().size
    bodies = b"".join(on_duty.logs.leaves(on_duty.origin, 0, size))
    assert "张小敏".encode() not in bodies


def test_an_official_table_that_comes_later_makes_a_rated_day_a_day_of_rest(
    on_duty: Hall, clock: TurnableClock
):
    assert results(on_duty)[-1].status == "absent"
    known = next(one for one in published_years() if one.year == 2026)
    moved = structs.replace(known, version=99, days_off=(*known.days_off, TUESDAY))
    publish(on_duty, calendar(moved))
    clock.turn(minutes=2)
    *_, last = results(on_duty)
    assert (last.status, last.change) == ("rest", "calendar")
    assert last.old is not None and last.old.status == "absent"


def test_a_hall_works_by_its_own_timetables_and_does_not_start_with_broken_ones(
    tmp_path: Path, clock: TurnableClock
):
    data = tmp_path / "own"
    made = open_hall(data, clock)
    settings = replace(made.settings, timetables="hours.toml")
    made.close()
    own = packaged_text("timetables.toml").replace('code = "four"', 'code = "ours"')
    (data / "hours.toml").write_text(own, encoding="utf-8")
    here = Hall(data, settings, clock.as_clock())
    create_app(here)
    assert "ours" in timetables.labels(here) and "four" not in timetables.labels(here)
    (data / "hours.toml").write_text(own.replace('by = "09:00"', 'by = "07:00"'), encoding="utf-8")
    with pytest.raises(Invalid, match="依次"):
        create_app(here)
    here.close()


def test_hours_that_the_center_published_hold_from_their_day_on_and_not_before(
    on_duty: Hall, clock: TurnableClock
):
    wednesday = TUESDAY + timedelta(days=1)
    text = packaged_text("timetables.toml").replace('by = "09:00", until', 'by = "08:45", until')
    publish(on_duty, TimetablesPublished(version=2, since=wednesday, rules=text))
    turn_to(clock, "20:00", wednesday)
    for day in (TUESDAY, wednesday):
        for moment in ("08:50", *FOUR[1:]):
            punch(on_duty, f"{day}T{moment}:00+08:00")
    assert results(on_duty)[-1].status == "normal"
    rated = results(on_duty, day=wednesday)[-1]
    assert (rated.status, rated.late) == ("late", 5)


def test_a_day_that_is_final_does_not_wait_for_a_terminal_that_came_later(on_duty: Hall):
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    assert not results(on_duty)[-1].provisional
    raw_punches.report(on_duty, "Z-9", datetime(2026, 11, 24, 0, 30, tzinfo=UTC))
    punch(on_duty, FOUR[0])
    *_, last = results(on_duty)
    assert (last.status, last.provisional, last.change) == ("normal", False, "punch")


@pytest.mark.parametrize(("hint", "place"), [("in", 0), ("out", 1)])
def test_the_key_pressed_at_the_terminal_tells_apart_what_is_as_near_to_coming_as_to_leaving(
    on_duty: Hall, hint: str, place: int
):
    between = punch(on_duty, "10:30", hint=hint)
    punch(on_duty, "17:10", hint="out")
    assert [slot.punch == between for slot in results(on_duty)[-1].slots].index(True) == place
