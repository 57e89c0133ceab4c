"""全流程网上请假: asked, stood in for, decided, withdrawn, returned from; what days hear of it."""

from __future__ import annotations

import re
from datetime import date

import pytest

from node.days import reckoning
from node.hall import Hall
from node.leave import balances
from standards.records import DayResult, ShiftAssigned
from sync.storage.tables import records
from tests.node.hall import Browser, TurnableClock, how_many
from tests.node.leaves import (
    BOTH,
    CHEN,
    FORM,
    LI,
    WANG,
    ZHAO,
    absent,
    appoint,
    asked,
    decided,
    granted,
    look,
    person,
    send,
    staffed,
    stage,
    standing,
    stood_in,
    told,
)
from web.shell import Shell

DAY = 480


def wanted_days(hall: Hall) -> dict[str, str]:
    rows = hall.db.query("SELECT staff_no, day, change FROM day_wanted ORDER BY day")
    return {str(row["day"]): str(row["change"]) for row in rows if row["staff_no"] == LI}


def test_what_a_request_comes_to_is_shown_before_it_is_sent(clerk: Browser, hall: Hall):
    page = look(clerk, **{"last-0": "2026-12-01"})
    words = told(page)
    assert page.status_code == 200 and how_many(hall, "leave_request") == 0
    assert "请核对" in words and "5天" in words
    assert "现有10天，批准后剩 5天" in words
    assert re.search(r"T01-002 赵.*顶岗人 .*窗口首席代表 .*业务科 .*中心领导.*派驻部门领导", words)


def test_what_was_changed_after_it_was_shown_is_shown_again(clerk: Browser, hall: Hall):
    mark = re.search(r'name="mark" value="(\w+)"', look(clerk).text)
    assert mark is not None
    changed = {"last-0": "2026-11-26", "wish": "send", "mark": mark.group(1)}
    again = clerk.post("/leave/new", {"leave-0": "annual:annual", "first-0": "2026-11-25",
                                      "stand_in": ZHAO, "reason": "探亲", **changed})  # fmt: skip
    assert again.status_code == 200 and "2天" in told(again)
    assert how_many(hall, "leave_request") == 0


def test_a_day_of_leave_goes_from_the_stand_in_to_the_chief_and_is_effective(
    clerk: Browser, app: Shell, hall: Hall
):
    request_id = asked(clerk)
    assert stage(hall, request_id) == "asked"
    chief = person(app, "wang")
    assert "没有等您审批" in told(chief.get("/leave/inbox"))
    stand_in = person(app, "zhao")
    assert "李**" in told(stand_in.get("/leave/stand-in"))
    assert stood_in(stand_in, request_id).status_code == 303
    assert "年休假" in told(chief.get("/leave/inbox"))
    assert absent(hall, date(2026, 11, 25)) == []
    assert decided(chief, request_id, "chief").status_code == 303
    assert stage(hall, request_id) == "granted"
    (one,) = absent(hall, date(2026, 11, 25))
    assert (one.staff_no, one.kind, one.effect) == (LI, "annual", "leave")
    assert (one.start.hour, one.end.day) == (0, 26)
    assert absent(hall, date(2026, 11, 24)) == absent(hall, date(2026, 11, 26)) == []
    assert balances.annual(hall, LI, date(2026, 12, 1)).left == 9 * DAY


def test_long_leave_needs_department_and_hall_in_any_order(clerk: Browser, app: Shell, hall: Hall):
    request_id = asked(clerk, **{"last-0": "2026-12-01"})
    granted(app, request_id, "chief", "business", "department")
    assert stage(hall, request_id) == "pending"
    granted_by = person(app, "chen")
    assert decided(granted_by, request_id, "leader").status_code == 303
    assert stage(hall, request_id) == "granted"
    words = told(clerk.get(f"/leave/{request_id}"))
    assert "派驻部门领导批准" in words and "陈**：同意" in words


def test_nobody_decides_out_of_turn_or_on_the_own_leave(clerk: Browser, app: Shell, hall: Hall):
    request_id = asked(clerk, **{"last-0": "2026-11-26"})
    stood_in(person(app, "zhao"), request_id)
    early = decided(person(app, "both"), request_id, "business")
    assert early.status_code == 422 and "不由您审批" in told(early)
    appoint(hall, "chief", LI)
    assert decided(clerk, request_id, "chief").status_code == 422
    assert stage(hall, request_id) == "pending"


def test_a_refusal_needs_a_reason_and_ends_it(clerk: Browser, app: Shell, hall: Hall):
    request_id = asked(clerk)
    stood_in(person(app, "zhao"), request_id)
    chief = person(app, "wang")
    assert decided(chief, request_id, "chief", "0", " ").status_code == 422
    assert decided(chief, request_id, "chief", "0", "当天人手不够").status_code == 303
    assert stage(hall, request_id) == "refused"
    assert "当天人手不够" in told(clerk.get(f"/leave/{request_id}"))
    assert absent(hall, date(2026, 11, 25)) == [] and wanted_days(hall) == {}


def test_a_stand_in_who_cannot_says_why_and_another_request_is_possible(
    clerk: Browser, app: Shell, hall: Hall
):
    request_id = asked(clerk)
    stand_in = person(app, "zhao")
    assert stood_in(stand_in, request_id, "0").status_code == 422
    assert stood_in(stand_in, request_id, "0", "那天有培训").status_code == 303
    assert stage(hall, request_id) == "declined"
    assert asked(clerk, stand_in=BOTH) != request_id


def test_only_the_named_stand_in_answers(clerk: Browser, app: Shell, hall: Hall):
    request_id = asked(clerk)
    assert stood_in(person(app, "wang"), request_id).status_code == 422
    assert stood_in(person(app, "both"), request_id).status_code == 404
    assert stage(hall, request_id) == "asked"


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"leave-0": ""}, "请选择假别"),
    ({"first-0": ""}, "请填写日期"),
    ({"first-0": "2026-11-28"}, "没有需要请假的工作时间"),
    ({"last-0": "2026-12-31"}, "只剩10天"),
    ({"stand_in": ""}, "请选择顶岗人"),
    ({"stand_in": LI}, "不能由自己顶岗"),
    ({"stand_in": "T09-999"}, "请另选一位"),
    ({"reason": ""}, "请写明事由"),
    ({"leave-0": "comp:comp"}, "只剩0天"),
    ({"leave-0": "made:up"}, "请从列表中选择假别"),
    ({"begins-0": "09:10"}, "请从列表中选择时间"),
    ({"leave-0": "maternity:birth", "babies": "x"}, "婴儿数"),
    ({"leave-1": "sick:sick", "first-1": "2026-11-25"}, "重叠"),
]


def test_what_cannot_be_asked_for_is_refused_in_words(clerk: Browser, hall: Hall):
    for changed, words in REFUSED:
        answer = send(clerk, **changed)
        assert answer.status_code == 422 and words in told(answer), changed
    assert how_many(hall, "leave_request") == 0


def test_an_outing_and_leave_are_asked_for_in_one_request(clerk: Browser, hall: Hall):
    request_id = asked(
        clerk,
        **{"leave-0": "outing:outing", "ends-0": "am"},
        **{"leave-1": "annual:annual", "first-1": "2026-11-25", "begins-1": "pm", "ends-1": "pm"},
    )
    one = standing(hall, request_id)
    assert (one.minutes, len(one.legs)) == (DAY, 2)


def test_an_outing_of_two_hours_needs_no_stand_in_and_only_the_chief(
    clerk: Browser, app: Shell, hall: Hall
):
    request_id = asked(
        clerk,
        **{"leave-0": "outing:outing", "begins-0": "09:00", "ends-0": "11:00", "stand_in": ""},
    )
    assert stage(hall, request_id) == "pending"
    assert decided(person(app, "wang"), request_id, "chief").status_code == 303
    (one,) = absent(hall, date(2026, 11, 25))
    assert (one.effect, one.start.hour, one.end.hour) == ("outing", 9, 11)


def test_a_second_request_for_the_same_time_is_refused(clerk: Browser, hall: Hall):
    asked(clerk)
    answer = send(clerk, **{"leave-0": "sick:sick", "begins-0": "pm"})
    assert answer.status_code == 422 and "时间重叠" in told(answer)


def test_both_posts_are_never_left_empty(clerk: Browser, app: Shell, hall: Hall):
    request_id = asked(clerk)
    granted(app, request_id, "chief")
    other = send(person(app, "zhao"), stand_in=BOTH)
    assert other.status_code == 422 and "两个岗位不能同时空缺" in told(other)
    third = send(person(app, "both"), **{"leave-0": "personal:personal"}, stand_in=ZHAO)
    assert third.status_code == 422 and "另选一位" in told(third)


def test_what_waits_for_a_decision_counts_against_the_balance(clerk: Browser, hall: Hall):
    asked(clerk, **{"last-0": "2026-12-01"})
    answer = send(clerk, **{"first-0": "2026-12-07", "last-0": "2026-12-14"})
    assert answer.status_code == 422 and "只剩5天，本次要6天" in told(answer)


def test_a_double_click_makes_one_request(clerk: Browser, hall: Hall):
    mark = re.search(r'name="mark" value="(\w+)"', look(clerk).text)
    assert mark is not None
    form = {**FORM, "wish": "send", "mark": mark.group(1), "once": "one-and-the-same-key",
            "csrf": clerk.token()}  # fmt: skip
    first, second = clerk.send("/leave/new", form), clerk.send("/leave/new", form)
    assert first.location == second.location and how_many(hall, "leave_request") == 1


# --- withdrawn and returned from -----------------------------------------------------------------


def test_granted_leave_is_withdrawn_before_it_begins_and_the_days_are_free_again(
    clerk: Browser, app: Shell, hall: Hall
):
    request_id = asked(clerk)
    granted(app, request_id, "chief")
    assert clerk.post(f"/leave/{request_id}/withdraw").status_code == 303
    assert stage(hall, request_id) == "withdrawn" and absent(hall, date(2026, 11, 25)) == []
    assert balances.annual(hall, LI, date(2026, 12, 1)).left == 10 * DAY


def test_leave_that_has_begun_is_returned_from_and_the_rest_is_given_back(
    clerk: Browser, app: Shell, hall: Hall, clock: TurnableClock
):
    request_id = asked(clerk, **{"last-0": "2026-12-01"})
    granted(app, request_id, "chief", "business", "leader", "department")
    clock.turn(days=3)
    clerk.sign_in("li")
    assert clerk.post(f"/leave/{request_id}/withdraw").status_code == 422
    back = {"back_on": "2026-11-27", "back_from": "am", "opinion": "提前回来"}
    assert clerk.post(f"/leave/{request_id}/return", back).status_code == 303
    assert stage(hall, request_id) == "returned"
    assert [len(absent(hall, date(2026, 11, day))) for day in (25, 26, 27, 30)] == [1, 1, 0, 0]
    assert wanted_days(hall) == {f"2026-11-{day}": "returned" for day in (25, 26, 27)}
    assert balances.annual(hall, LI, date(2026, 12, 1)).left == 8 * DAY


IMPOSSIBLE = [
    ({"back_on": "2026-11-28", "back_from": "am"}, "到岗以后再销假"),
    ({"back_on": "2026-11-24", "back_from": "am"}, "早于请假开始"),
    ({"back_on": "2026-11-27", "back_from": "pm"}, "时间还没有到"),
    ({"back_on": "2026-11-27", "back_from": "25:00"}, "从列表中选择"),
    ({"back_on": "", "back_from": "am"}, "请填写到岗日期"),
]


def test_a_return_that_cannot_be_is_refused(
    clerk: Browser, app: Shell, hall: Hall, clock: TurnableClock
):
    request_id = asked(clerk, **{"last-0": "2026-11-26"})
    granted(app, request_id, "chief", "business")
    clock.turn(days=3)
    clerk.sign_in("li")
    for back, words in IMPOSSIBLE:
        answer = clerk.post(f"/leave/{request_id}/return", back)
        assert answer.status_code == 422 and words in told(answer), back


def test_who_comes_back_late_is_told_so_and_the_days_after_are_derived_anew(
    clerk: Browser, app: Shell, hall: Hall, clock: TurnableClock
):
    request_id = asked(clerk)
    granted(app, request_id, "chief")
    clock.turn(days=3)
    clerk.sign_in("li")
    assert "待销假" in told(clerk.get("/leave"))
    back = {"back_on": "2026-11-27", "back_from": "am"}
    assert clerk.post(f"/leave/{request_id}/return", back).status_code == 303
    assert "超假" in told(clerk.get(f"/leave/{request_id}"))
    assert set(wanted_days(hall)) == {"2026-11-25", "2026-11-26", "2026-11-27"}


# --- after the fact ------------------------------------------------------------------------------


def results(hall: Hall, day: date) -> list[DayResult]:
    """Every revision of Li's day."""
    reckoning.settle(hall)
    found = [one for one in records(hall.db, DayResult) if (one.staff_no, one.day) == (LI, day)]
    return sorted(found, key=lambda one: one.revision)


def test_leave_granted_after_the_punch_was_missed_gives_the_day_back(
    app: Shell, hall: Hall, clock: TurnableClock
):
    """Acceptance 13: the day is derived anew, and its old value stays in the history."""
    staffed(hall)
    day = date(2026, 11, 24)
    hall.write(ShiftAssigned(target="hall", timetable="four", first_day=day), actor=CHEN)
    clock.turn(hours=11)
    assert [(one.status, one.halves) for one in results(hall, day)] == [("absent", 2)]
    clerk, today = person(app, "li"), {"leave-0": "sick:sick", "first-0": day.isoformat()}
    refused = send(clerk, **today)
    assert refused.status_code == 422 and "电话报告" in told(refused)
    request_id = asked(clerk, **today, told_to=CHEN, told_at="2026-11-24T08:20")
    granted(app, request_id, "chief")
    second = results(hall, day)[-1]
    assert (second.status, second.halves, second.change) == ("leave", 0, "leave")
    assert second.old is not None and (second.old.status, second.old.halves) == ("absent", 2)
    clock.turn(days=1)
    clerk.sign_in("li")
    back = {"back_on": "2026-11-25", "back_from": "am"}
    assert clerk.post(f"/leave/{request_id}/return", back).status_code == 303
    assert len(results(hall, day)) == 2


# --- who sees what -------------------------------------------------------------------------------


def test_reason_and_ground_are_sealed_and_shown_to_those_who_decide_only(
    clerk: Browser, app: Shell, hall: Hall
):
    reason = "妊娠十二周流产"
    request_id = asked(
        clerk,
        **{"leave-0": "maternity:miscarriage_early", "last-0": "2026-12-09", "reason": reason},
    )
    rows = hall.db.query("SELECT * FROM leave_request")
    assert "miscarriage" not in str([dict(row) for row in rows]) and reason not in str(rows)
    stand_in = person(app, "zhao")
    page = told(stand_in.get(f"/leave/{request_id}"))
    assert "产假" in page and reason not in page and "流产" not in page
    assert person(app, "wang").get(f"/leave/{request_id}").status_code == 200
    assert reason in told(person(app, "wang").get(f"/leave/{request_id}"))
    stranger = person(app, "both")
    appoint(hall, "business", BOTH, until=date(2026, 11, 1))
    assert stranger.get(f"/leave/{request_id}").status_code == 404
    assert stranger.post(f"/leave/{request_id}/print/slip").status_code == 404


def test_colleagues_see_that_somebody_is_away_and_not_why(clerk: Browser, app: Shell, hall: Hall):
    request_id = asked(clerk, **{"leave-0": "personal:personal"})
    granted(app, request_id, "chief")
    ordinary, chief = person(app, "zhao"), person(app, "wang")
    assert ">休</span>" in re.sub(r"\s+", "", ordinary.get("/leave/away").text).replace('"', "")
    assert re.search(r"title=\"已批准\">事</span>", chief.get("/leave/away").text)


def test_a_window_whose_people_are_all_away_is_marked(clerk: Browser, app: Shell, hall: Hall):
    asked(clerk, stand_in=BOTH)
    assert "空岗" not in person(app, "wang").get("/leave/away").text.split("</table>")[0]
    asked(person(app, "zhao"), stand_in=WANG)
    assert "空岗" in person(app, "wang").get("/leave/away").text.split("</table>")[0]


def test_an_approver_is_told_who_else_of_the_window_is_away(clerk: Browser, app: Shell, hall: Hall):
    request_id = asked(clerk, stand_in=BOTH)
    asked(person(app, "zhao"), stand_in=WANG)
    stood_in(person(app, "both"), request_id)
    chief = person(app, "wang")
    assert "另有1人不在" in told(chief.get("/leave/inbox"))
    errand = {"leave-0": "outing:outing", "begins-0": "09:00", "ends-0": "10:00", "stand_in": ""}
    asked(person(app, "both"), **errand, **{"first-0": "2026-11-30"})
    assert "只此一人" in told(chief.get("/leave/inbox"))
    assert "同一窗口" in told(chief.get(f"/leave/{request_id}"))


@pytest.mark.parametrize("address", ["nonsense", "00000000-0000-7000-8000-000000000000"])
def test_a_request_that_is_none_is_not_found(clerk: Browser, address: str):
    assert clerk.get(f"/leave/{address}").status_code == 404


def test_somebody_who_is_not_on_the_list_of_staff_is_told_what_to_do(app: Shell, hall: Hall):
    stranger = person(app, "li")
    assert "先新增" in told(send(stranger)) or "再申请" in told(stranger.get("/leave"))
    assert how_many(hall, "leave_request") == 0
