"""Days on pages: the supervisor's list, everybody's own month, requests and who decides them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from node.days import corrections, reckoning
from node.hall import Hall
from node.presence import raw_punches
from node.terminals import terminals
from standards.records import AttendanceRequest, Punch
from tests.node.duty import CHEN, FOUR, LI, TUESDAY, ZHANG, begin_duty, punch, results, turn_to
from tests.node.hall import Browser, TurnableClock, how_many
from web.shell import Shell


@pytest.fixture
def on_duty(hall: Hall, app: Shell, clock: TurnableClock) -> Hall:
    begin_duty(hall, clock)
    return hall


def row_of(text: str, staff_no: str) -> str:
    """The words of one person's line of the list."""
    rows = re.findall(r"<tr.*?</tr>", text, re.DOTALL)
    (row,) = [row for row in rows if f'"mono">{staff_no}<' in row]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def day_page(staff_no: str = ZHANG, what: str = "") -> str:
    return f"/days/person/{staff_no}/2026-11-24{what}"


def request_id(hall: Hall) -> str:
    (row,) = hall.db.query(
        "SELECT id FROM attendance_request "
        "WHERE id NOT IN (SELECT request FROM attendance_decision)"
    )
    return str(row["id"])


def decide(browser: Browser, hall: Hall, granted: str = "1", reason: str = "已核对监控"):
    path = f"/corrections/{request_id(hall)}"
    return browser.post(path, {"granted": granted, "reason": reason})


def test_the_list_shows_each_sign_the_result_and_whether_it_is_final(
    on_duty: Hall, office: Browser
):
    for moment in ("09:12", *FOUR[1:]):
        punch(on_duty, moment)
    reckoning.settle(on_duty)
    line = row_of(office.get("/days?day=2026-11-24").text, ZHANG)
    for words in ("张**", "一日四签", "09:12", "迟到 12 分", "12:05", "17:10"):
        assert words in line
    assert "暂定" not in line
    only_bad = office.get("/days?day=2026-11-24&only=bad").text
    assert ZHANG in only_bad and "张小敏" not in only_bad


def test_everybody_sees_the_own_month_and_no_other_person_s_day(
    on_duty: Hall, window: Browser, office: Browser
):
    punch(on_duty, "08:50", LI)
    reckoning.settle(on_duty)
    assert "08:50" in window.get("/days/mine?month=2026-11").text
    assert window.get(day_page(LI)).status_code == 200
    assert window.get(day_page(ZHANG)).status_code == 403
    assert window.get("/days").status_code == 403
    assert office.get("/days/person/T01-021?month=2026-11").status_code == 200


def test_a_day_shows_every_revision_with_its_reason_and_the_old_result(
    on_duty: Hall, office: Browser
):
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    results(on_duty)
    punch(on_duty, FOUR[0])
    results(on_duty)
    text = re.sub(r"<[^>]+>", "", office.get(day_page()).text)
    assert "第 2 版：正常" in text
    assert "后到签到；原结果：旷工半天，旷工 1 个半天" in text


def test_a_missed_sign_is_asked_for_by_the_person_and_decided_by_another(
    on_duty: Hall, window: Browser, office: Browser
):
    for moment in FOUR[1:]:
        punch(on_duty, moment, LI)
    assert results(on_duty, LI)[-1].status == "absent_half"
    form = {"labels": "上午签到", "at-0": "08:55", "reason": "窗口有人等，忘了签到"}
    assert window.post(day_page(LI, "/missed"), form).status_code == 303
    assert decide(office, on_duty).status_code == 303
    *_, last = results(on_duty, LI)
    assert (last.status, last.change) == ("normal", "punch")
    (row,) = on_duty.db.query("SELECT * FROM punch WHERE way = 'supervisor'")
    kept = on_duty.logs.opened(Punch, row)
    assert (kept.grade, kept.witness, kept.reason) == ("D", CHEN, "窗口有人等，忘了签到")
    assert decide_again(office, on_duty) == 422


def decide_again(office: Browser, hall: Hall) -> int:
    (row,) = hall.db.query("SELECT request FROM attendance_decision")
    answer = office.post(f"/corrections/{row['request']}", {"granted": "1", "reason": "再次"})
    return answer.status_code


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"labels": "上午签到", "at-0": "07:00", "reason": "忘了"}, "不在可签到时段内"),
        ({"labels": "上午签到", "at-0": "八点", "reason": "忘了"}, "时间请写成"),
        ({"labels": "夜班", "at-0": "08:55", "reason": "忘了"}, "请勾选漏签的是哪一次"),
        ({"labels": "上午签到", "at-0": "08:55", "reason": " "}, "请写明理由"),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_the_reason(
    on_duty: Hall, window: Browser, form: dict[str, str], said: str
):
    results(on_duty, LI)
    answer = window.post(day_page(LI, "/missed"), form)
    assert answer.status_code == 422
    assert said in answer.text
    assert how_many(on_duty, "attendance_request") == 0


def test_nobody_asks_in_another_name_or_decides_what_they_asked_for(
    on_duty: Hall, office: Browser, window: Browser
):
    results(on_duty)
    form = {"labels": "上午签到", "at-0": "08:55", "reason": "忘了"}
    assert window.post(day_page(ZHANG, "/missed"), form).status_code == 403
    assert office.post(day_page(CHEN, "/missed"), form).status_code == 303
    answer = decide(office, on_duty)
    assert answer.status_code == 422
    assert "申请人不能自己决定" in answer.text
    assert how_many(on_duty, "punch") == 0


def test_an_appeal_that_is_upheld_excuses_the_sign_and_keeps_the_old_result(
    on_duty: Hall, window: Browser, office: Browser
):
    for moment in ("09:12", *FOUR[1:]):
        punch(on_duty, moment, LI)
    assert results(on_duty, LI)[-1].late == 12
    form = {"appealed": "上午签到", "reason": "前一天已电话报备"}
    assert window.post(day_page(LI, "/appeal"), form).status_code == 303
    assert decide(office, on_duty, reason="情况属实").status_code == 303
    *_, last = results(on_duty, LI)
    assert (last.status, last.late, last.change) == ("excused", 0, "appeal")
    assert last.old is not None and (last.old.status, last.old.late) == ("late", 12)
    assert "情况属实" in window.get(day_page(LI)).text


def test_a_refused_appeal_is_answered_and_changes_nothing(
    on_duty: Hall, window: Browser, office: Browser
):
    for moment in ("09:12", *FOUR[1:]):
        punch(on_duty, moment, LI)
    before = results(on_duty, LI)
    window.post(day_page(LI, "/appeal"), {"appealed": "上午签到", "reason": "堵车"})
    assert decide(office, on_duty, "0", "没有事先报备").status_code == 303
    assert results(on_duty, LI) == before
    assert "没有事先报备" in window.get(day_page(LI)).text


def test_late_with_an_excuse_before_is_registered_and_never_for_oneself(
    on_duty: Hall, office: Browser
):
    for staff_no in (ZHANG, CHEN):
        for moment in ("09:12", *FOUR[1:]):
            punch(on_duty, moment, staff_no)
    results(on_duty)
    form = {"excused": "上午签到", "ground": "told_before", "reason": "前一天电话报备"}
    assert office.post(day_page(ZHANG, "/excuse"), form).status_code == 303
    assert office.post(day_page(CHEN, "/excuse"), form).status_code == 422
    assert results(on_duty)[-1].status == "excused"
    assert results(on_duty, CHEN)[-1].status == "late"


def test_a_sign_in_doubt_counts_when_a_supervisor_confirms_it(on_duty: Hall, office: Browser):
    doubted = punch(on_duty, "08:50", clock="suspect")
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    assert results(on_duty)[-1].status == "unsure"
    form = {"punch": doubted, "stands": "1", "reason": "与监控核对无误"}
    assert office.post(day_page(what="/confirm"), form).status_code == 303
    *_, last = results(on_duty)
    assert (last.status, last.change, last.doubtful) == ("normal", "confirmed", ())


def test_after_an_outage_a_supervisor_signs_for_many_and_a_second_person_confirms(
    on_duty: Hall, office: Browser, administration: Browser, window: Browser
):
    """Acceptance 12: marked manual, with reason, still appealable."""
    for staff_no in (ZHANG, LI):
        for moment in FOUR[1:]:
            punch(on_duty, moment, staff_no)
    assert results(on_duty, LI)[-1].status == "absent_half"
    office.sign_in("chen")
    form = {
        "day": "2026-11-24",
        "times": "8:55",
        "staff": [ZHANG, LI],
        "reason": "8点至10点签到机断电",
    }
    assert office.post("/corrections/bulk", form).status_code == 303
    assert how_many(on_duty, "punch") == 6
    assert decide(office, on_duty).status_code == 422
    administration.sign_in("root")
    assert decide(administration, on_duty, reason="与纸质签到表一致").status_code == 303
    for staff_no in (ZHANG, LI):
        first, second = results(on_duty, staff_no)
        assert (first.status, second.status, second.change) == ("absent_half", "normal", "bulk")
    rows = on_duty.db.query("SELECT * FROM punch WHERE way = 'bulk'")
    assert {(row["grade"], row["witness"]) for row in rows} == {("D", "T01-006")}
    assert on_duty.logs.opened(Punch, rows[0]).reason == "8点至10点签到机断电"
    window.sign_in("li")
    page = window.get(day_page(LI)).text
    assert "故障补签" in page and "人工补签" in page


def test_what_a_bulk_makes_late_can_be_appealed(on_duty: Hall, office: Browser, window: Browser):
    for moment in FOUR[1:]:
        punch(on_duty, moment, LI)
    punch(on_duty, "09:30", LI, way="bulk", grade="D")
    assert results(on_duty, LI)[-1].status == "late"
    form = {"appealed": "上午签到", "reason": "当时已在岗，时间登记晚了"}
    assert window.post(day_page(LI, "/appeal"), form).status_code == 303


def test_nobody_signs_for_oneself_among_many(on_duty: Hall, office: Browser):
    form = {"day": "2026-11-24", "times": "8:55", "staff": [ZHANG, CHEN], "reason": "断电"}
    answer = office.post("/corrections/bulk", form)
    assert answer.status_code == 422
    assert how_many(on_duty, "attendance_request") == 0


def test_a_month_is_frozen_when_nothing_is_open_and_later_facts_need_two_people(
    on_duty: Hall, office: Browser, administration: Browser, clock: TurnableClock
):
    for moment in FOUR[1:]:
        punch(on_duty, moment)
    results(on_duty)
    turn_to(clock, "09:00", TUESDAY + timedelta(days=10))
    reckoning.settle(on_duty)
    office.sign_in("chen")
    assert office.post("/months/2026-12/freeze").status_code == 422
    assert office.post("/months/2026-11/freeze").status_code == 303
    assert office.post("/months/2026-11/freeze").status_code == 422
    punch(on_duty, FOUR[0])
    assert results(on_duty)[-1].status == "absent_half"
    assert "封存后出现的情况" in office.get("/corrections").text
    (row,) = on_duty.db.query("SELECT id FROM day_exception")
    form = {"adopt": "1", "reason": "终端补报"}
    assert office.post(f"/corrections/exceptions/{row['id']}", form).status_code == 303
    assert decide(office, on_duty).status_code == 422
    assert results(on_duty)[-1].status == "absent_half"
    administration.sign_in("root")
    assert decide(administration, on_duty).status_code == 303
    *_, last = results(on_duty)
    assert (last.status, last.change) == ("normal", "exception")
    assert "封存后出现的情况" not in office.sign_in("chen").get("/corrections").text


def test_a_month_with_open_days_or_requests_is_not_frozen(
    on_duty: Hall, office: Browser, window: Browser, clock: TurnableClock
):
    results(on_duty, LI)
    form = {"labels": "上午签到", "at-0": "08:55", "reason": "忘了"}
    window.post(day_page(LI, "/missed"), form)
    turn_to(clock, "09:00", TUESDAY + timedelta(days=10))
    reckoning.settle(on_duty)
    answer = office.sign_in("chen").post("/months/2026-11/freeze")
    assert answer.status_code == 422
    assert "1 件申请待办" in answer.text


def test_a_terminal_said_to_be_out_of_order_does_not_hold_the_days(
    on_duty: Hall, office: Browser, clock: TurnableClock
):
    terminal, _ = terminals.create_terminal(on_duty, "一楼签到机", "入口", "T01-006")
    raw_punches.report(on_duty, terminal, clock.moment - timedelta(hours=8))
    punch(on_duty, "08:50")
    assert results(on_duty)[-1].provisional
    form = {
        "terminal": terminal,
        "since": "2026-11-24T11:00",
        "until": "2026-11-24T20:00",
        "reason": "主板损坏",
    }
    assert office.post("/corrections/outage", form).status_code == 303
    clock.turn(minutes=2)
    assert not results(on_duty)[-1].provisional


def test_a_timetable_is_assigned_ended_and_withdrawn_on_the_page_and_days_follow(
    on_duty: Hall, office: Browser
):
    assert results(on_duty)[-1].timetable == "four"
    form = {
        "target": "person",
        "whose": ZHANG,
        "timetable": "two",
        "first_day": "2026-11-24",
        "last_day": "",
    }
    assert office.post("/shifts/assign", form).status_code == 303
    assert results(on_duty)[-1].timetable == "two"
    (row,) = on_duty.db.query("SELECT id FROM shift_assigned WHERE whose = :no", no=ZHANG)
    assert office.post(f"/shifts/{row['id']}/withdraw").status_code == 303
    assert results(on_duty)[-1].timetable == "four"
    assert [one.change for one in results(on_duty)] == ["first", "roster", "roster"]
    wrong = office.post("/shifts/assign", {**form, "whose": "T01-999"})
    assert wrong.status_code == 422 and "没有这个工号" in wrong.text


def test_a_pasted_roster_is_shown_first_and_written_when_looked_at(on_duty: Hall, office: Browser):
    sheet = f"工号\t11月24日\t11月25日\n{ZHANG}\t休\t一日两签\n"
    shown = office.post("/shifts/paste", {"sheet": sheet})
    assert shown.status_code == 200 and "请核对" in shown.text
    assert how_many(on_duty, "shift_assigned") == 1
    wrong = office.post("/shifts/paste", {"sheet": sheet + "T01-999\t休", "sure": "1"})
    assert wrong.status_code == 422 and "第 3 行" in wrong.text
    assert office.post("/shifts/paste", {"sheet": sheet, "sure": "1"}).status_code == 303
    assert how_many(on_duty, "shift_assigned") == 3
    reckoning.settle(on_duty)
    assert "休息" in row_of(office.get("/days?day=2026-11-24").text, ZHANG)


def test_a_stand_in_is_registered_and_shown(on_duty: Hall, office: Browser):
    form = {
        "staff_no": LI,
        "post_of": ZHANG,
        "first_day": "2026-11-24",
        "last_day": "2026-11-24",
        "frees": "1",
    }
    assert office.post("/shifts/stand-in", form).status_code == 303
    reckoning.settle(on_duty)
    text = office.get("/days?day=2026-11-24").text
    assert f"顶 {ZHANG}" in row_of(text, LI)
    assert "由他人顶岗" in row_of(text, ZHANG)
    assert office.post("/shifts/stand-in", {**form, "post_of": LI}).status_code == 422


def test_nobody_decides_what_is_about_oneself(on_duty: Hall, office: Browser):
    asked = AttendanceRequest(
        matter="bulk",
        staff=(ZHANG, CHEN),
        day=TUESDAY,
        moments=("2026-11-24T08:55:00+08:00",),
        reason="断电",
    )
    corrections.ask(on_duty, asked, "T01-009")
    answer = decide(office, on_duty)
    assert answer.status_code == 422
    assert "申请涉及本人" in answer.text
    assert how_many(on_duty, "punch") == 0


def test_days_after_an_assignment_that_was_ended_are_worked_out_anew(
    on_duty: Hall, office: Browser, clock: TurnableClock
):
    thursday = TUESDAY + timedelta(days=2)
    form = {"target": "person", "whose": ZHANG, "timetable": "two", "first_day": "2026-11-24"}
    office.post("/shifts/assign", form)
    turn_to(clock, "23:00", thursday)
    assert results(on_duty, day=thursday)[-1].timetable == "two"
    (row,) = on_duty.db.query("SELECT id FROM shift_assigned WHERE whose = :no", no=ZHANG)
    office.sign_in("chen")
    ended = office.post(f"/shifts/{row['id']}/end", {"last_day": "2026-11-24"})
    assert ended.status_code == 303
    assert results(on_duty, day=thursday)[-1].timetable == "four"
    assert results(on_duty)[-1].timetable == "two"
