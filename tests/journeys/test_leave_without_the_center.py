"""Leave goes from the keyboard of whoever asks to its approval while the line is down."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from deploy import casework, leave_sample, sign_ins
from deploy.leave_sample import working_day
from tests.journeys.conftest import DeskMaker
from tests.journeys.town import Town

CLERK, REVIEWER = "T01-001", "T01-002"
REASON = "回老家看望父母"


def test_leave_is_asked_for_by_keyboard_and_granted_without_the_center(town: Town, desk: DeskMaker):
    supervisor, reviewer = town.at_hall("dudao"), town.at_hall("shenpi")
    for staff_no, name in ((CLERK, "窗口人员"), (REVIEWER, "审批人员")):
        sign_ins.add_member(supervisor, staff_no, name, {"department": "公安局"})
    leave_sample.settle(supervisor, CLERK, "2013-07-01")
    with town.pulled(town.first):
        request_id = asked_by_keyboard(town, desk)
        leave_sample.say(reviewer, request_id, "stand-in", {"agreed": "1", "opinion": "已交接"})
        page = leave_sample.say(supervisor, request_id, "decide", {"granted": "1"})
        assert "已批准" in page.words and "没有经过部门一方审批" not in page.words
    casework.wait_for_receipt(supervisor)
    (row,) = casework.until(
        "the leave at the center",
        lambda: town.rows(
            "center", "SELECT * FROM leave_standing WHERE id = :id AND stage = 'granted'",
            id=request_id,
        ),
    )  # fmt: skip
    assert (row["staff_no"], row["stand_in"]) == (CLERK, REVIEWER)
    assert json.loads(row["legs"])[0]["leave"] == "annual"
    (sealed,) = town.rows("center", "SELECT * FROM leave_request WHERE id = :id", id=request_id)
    assert REASON not in str(dict(sealed))


def asked_by_keyboard(town: Town, desk: DeskMaker) -> str:
    """A clerk asks for a day of annual leave without touching the mouse; the request's id."""
    page = desk(town.demo.hall_url(town.first), "chuangkou", town.demo.password)
    page.goto(f"{town.demo.hall_url(town.first)}/leave")
    page.wait_for_load_state()
    page.keyboard.press("F2")
    page.wait_for_url("**/leave/new*")
    page.wait_for_load_state()
    page.locator("#leave-0").select_option("annual:annual")
    page.locator("#first-0").fill(working_day(6).isoformat())
    page.locator("#stand_in").select_option(REVIEWER)
    page.locator("#reason").fill(REASON)
    page.keyboard.press("F9")
    expect(page.locator("#outlook")).to_contain_text("批准后剩")
    expect(page.locator("#outlook")).to_contain_text("1天")
    page.wait_for_load_state()
    page.keyboard.press("F9")
    page.wait_for_url("**/leave/*done=asked")
    expect(page.locator("main")).to_contain_text(f"等顶岗人 {REVIEWER} 确认")
    return page.url.split("/leave/")[1].split("?")[0]
