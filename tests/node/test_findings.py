"""What the center found at this hall, and the hall's answer to it."""

from __future__ import annotations

from datetime import date

import pytest

from node.cases import findings
from node.hall import Hall
from standards.guides import Guide
from standards.records import Finding, FindingAnswer, Inspection, Recheck, Record
from sync.entries import Entry
from tests.node.hall import Browser, errors_of, how_many, take_in
from web.shell import Shell

ANSWER = {"measure": "rectified", "done_on": "2026-11-24", "text": "已安排专人顶岗"}


def order(hall: Hall, record: Record) -> Entry:
    """What the center would write into this hall's orders."""
    hall.logs.open(hall.orders_origin, "center", own=True)
    return hall.logs.write(hall.orders_origin, record, actor="C-009")


def inspected(hall: Hall, **more) -> str:
    given = {"severity": "minor", "dimension": "staffing", "text": "窗口3无人值守", **more}
    found = Finding(for_hall=hall.settings.hall, source="inspected", **given)
    return order(hall, found).leaf.id


def recheck(hall: Hall, finding_id: str, result: str) -> None:
    rows = hall.db.query("SELECT id FROM finding_answer ORDER BY idx DESC LIMIT 1")
    order(
        hall,
        Recheck(
            for_hall="T01",
            finding_id=finding_id,
            answer_id=str(rows[0]["id"]),
            result=result,
            day=date(2026, 11, 24),
            text="现场查看",
        ),
    )


def state(hall: Hall, finding_id: str) -> str:
    return findings.finding_line(hall, finding_id).state


def test_findings_and_inspections_that_came_down_are_listed(office: Browser, hall: Hall):
    inspected(hall)
    day = date(2026, 11, 23)
    order(
        hall,
        Inspection(
            for_hall="T01", mode="covert", day=day, inspector="C-009", faulted=("staffing",)
        ),
    )
    text = office.get("/findings").text
    for wanted in ("窗口3无人值守", "督查发现", "待回复", "暗访", "人员配备"):
        assert wanted in text


def test_a_finding_of_another_hall_is_not_shown(office: Browser, hall: Hall):
    other = Finding(for_hall="T02", source="inspected", text="别的厅的问题")
    finding_id = order(hall, other).leaf.id
    assert "别的厅的问题" not in office.get("/findings").text
    assert office.get(f"/findings/{finding_id}").status_code == 404


def test_a_judged_finding_names_rule_clause_evidence_and_leads_to_its_case(
    window: Browser, office: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide)
    step_id = str(hall.db.query("SELECT id FROM case_step")[0]["id"])
    for subject in (case_id, step_id):
        found = Finding(
            for_hall="T01",
            source="judged",
            rule="material_missing",
            clause="行政许可法第三十二条",
            evidence="受理时缺少材料m1",
            subject_id=subject,
        )
        text = office.get(f"/findings/{order(hall, found).leaf.id}").text
        assert "缺少必要材料仍然受理" in text
        assert "受理时缺少材料m1" in text
        assert f"/cases/{case_id}" in text


def test_an_answer_is_a_record_of_the_hall_that_names_the_finding(office: Browser, hall: Hall):
    finding_id = inspected(hall)
    assert office.post(f"/findings/{finding_id}", ANSWER).status_code == 303
    row = hall.db.query("SELECT id, finding_id, actor FROM finding_answer")[0]
    assert (row["finding_id"], row["actor"]) == (finding_id, "T01-005")
    kept = hall.read(FindingAnswer, str(row["id"]))
    assert kept is not None
    assert (kept.measure, kept.text) == ("rectified", ANSWER["text"])


def test_the_state_follows_the_latest_answer_and_what_was_said_about_it(
    office: Browser, hall: Hall
):
    finding_id = inspected(hall)
    states = [state(hall, finding_id)]
    for result in ("failed", "passed"):
        assert office.post(f"/findings/{finding_id}", ANSWER).status_code == 303
        states.append(state(hall, finding_id))
        recheck(hall, finding_id, result)
        states.append(state(hall, finding_id))
    assert states == ["open", "answered", "failed", "answered", "passed"]
    assert findings.count_by_state(hall)["passed"] == 1
    assert "复查合格" in office.get("/findings").text


def test_an_answered_finding_waits_for_the_center(office: Browser, hall: Hall):
    finding_id = inspected(hall)
    office.post(f"/findings/{finding_id}", ANSWER)
    answer = office.post(f"/findings/{finding_id}", ANSWER)
    assert answer.status_code == 422
    assert "等中心复查" in errors_of(answer.text)
    assert how_many(hall, "finding_answer") == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measure": ""}, "请选择处理"),
        ({"measure": "ignored"}, "列表中选择"),
        ({"text": ""}, "请填写情况说明"),
        ({"text": "长" * 2001}, "2000"),
        ({"done_on": ""}, "请填写日期"),
        ({"done_on": "2026-02-30"}, "日期"),
        ({"done_on": "明天"}, "日期"),
        ({"done_on": "2026-11-25"}, "不能晚于今天"),
        ({"measure": "planned", "done_on": "2026-11-23"}, "不能早于今天"),
        ({"done_on": "9999-12-31"}, "不能晚于今天"),
    ],
)
def test_a_wrong_answer_is_said_and_not_written(
    office: Browser, hall: Hall, changed: dict[str, str], message: str
):
    finding_id = inspected(hall)
    answer = office.post(f"/findings/{finding_id}", {**ANSWER, **changed})
    assert answer.status_code == 422
    assert message in errors_of(answer.text)
    assert how_many(hall, "finding_answer") == 0


@pytest.mark.parametrize("login", ["li", "wang", "root"])
def test_only_the_supervisor_answers_for_the_hall(app: Shell, hall: Hall, login: str):
    finding_id = inspected(hall)
    other = Browser(app.test_client()).sign_in(login)
    assert other.get(f"/findings/{finding_id}").status_code == 200
    assert other.post(f"/findings/{finding_id}", ANSWER).status_code == 403
    assert how_many(hall, "finding_answer") == 0


def test_an_unknown_finding_is_not_found(office: Browser):
    address = "/findings/01a1c2f8-1280-74dd-bd36-6e9043f9f439"
    assert office.get(address).status_code == 404
    assert office.post(address, ANSWER).status_code == 404


def test_an_answer_sent_twice_is_written_once(office: Browser, hall: Hall):
    finding_id = inspected(hall)
    form = {**ANSWER, "once": "a" * 22}
    first = office.post(f"/findings/{finding_id}", form)
    assert office.post(f"/findings/{finding_id}", form).location == first.location
    assert how_many(hall, "finding_answer") == 1


def test_a_recheck_of_an_earlier_answer_is_shown_as_such(office: Browser, hall: Hall):
    finding_id = inspected(hall)
    office.post(f"/findings/{finding_id}", ANSWER)
    recheck(hall, finding_id, "failed")
    assert "针对较早的回复" not in office.get(f"/findings/{finding_id}").text
    office.post(f"/findings/{finding_id}", ANSWER)
    text = office.get(f"/findings/{finding_id}").text
    assert text.count("针对较早的回复") == 1
    assert state(hall, finding_id) == findings.ANSWERED
