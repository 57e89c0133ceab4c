"""A month's end as a supervisor goes through it: what waits, where one is, what is closed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from node.days import reckoning
from node.hall import Hall
from tests.node.duty import FOUR, TUESDAY, ZHANG, begin_duty, punch, results, turn_to
from tests.node.hall import Browser, TurnableClock
from tests.node.leaves import told
from tests.node.test_day_pages import day_page
from web.shell import Shell


@pytest.fixture
def on_duty(hall: Hall, app: Shell, clock: TurnableClock) -> Hall:
    begin_duty(hall, clock)
    return hall


def test_the_home_page_tells_what_waits_about_days_and_every_page_where_one_is(
    on_duty: Hall, window: Browser, office: Browser
):
    assert "考勤待办" not in told(office.get("/"))
    form = {"labels": "上午签到", "at-0": "08:55", "reason": "忘了"}
    results(on_duty, "T01-001")
    assert window.post(day_page("T01-001", "/missed"), form).status_code == 303
    assert "考勤待办 1" in told(office.get("/"))
    assert "考勤待办" not in told(window.get("/"))
    for page in ("/days", "/corrections", "/shifts", "/months"):
        assert '<a href="/days" aria-current="page">考勤' in office.get(page).text
    assert '<a href="/leave" aria-current="page">请假' in office.get("/leave/inbox").text


def test_a_frozen_day_says_so_and_what_came_to_be_known_since(
    on_duty: Hall, office: Browser, clock: TurnableClock
):
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    results(on_duty)
    assert "已经封存" not in told(office.get(day_page()))
    turn_to(clock, "09:00", TUESDAY + timedelta(days=10))
    reckoning.settle(on_duty)
    office.sign_in("chen")
    assert "2026年11月 · 未封存" in told(office.get("/statistics/month?month=2026-11"))
    assert office.post("/months/2026-11/freeze").status_code == 303
    assert "2026年11月 · 已封存" in told(office.get("/statistics/month?month=2026-11"))
    punch(on_duty, FOUR[0])
    assert results(on_duty, ZHANG)[-1].status == "absent_half"
    words = told(office.get(day_page()))
    assert "这个月已经封存" in words and "之后出现的情况： 后到签到 ，按新情况为正常" in words
