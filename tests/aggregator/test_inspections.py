"""An inspection becomes one entry and its findings; the hall answers; the center looks again."""

import pytest

from aggregator.supervision.findings import Wanted, findings, standing_of
from standards.records import Finding, Inspection, Recheck
from standards.records.inspection import DIMENSIONS
from sync.storage.tables import records
from tests.aggregator.office import Office, a_case, a_finding, a_step, an_answer, fresh_key


def visit(**changed) -> dict[str, str]:
    """The form of a visit in which everything is well, with some fields changed."""
    form = {f"{code}-result": "passed" for code in DIMENSIONS}
    form |= {"for_hall": "T01", "mode": "covert", "day": "2026-11-24", "remarks": "整体有序"}
    return {**form, **changed}


def faulted(code: str = "windows", **changed) -> dict[str, str]:
    fault = {
        f"{code}-result": "faulted",
        f"{code}-text": "三号窗口无人值守超过半小时",
        f"{code}-severity": "major",
        f"{code}-clause": "分厅管理办法第八条",
        f"{code}-due_on": "2026-12-01",
    }
    return visit(**{**fault, **{f"{code}-{name}": value for name, value in changed.items()}})


def send(office: Office, form: dict[str, str], login: str = "ducha", once: str | None = None):
    return office.person(login).post("/inspections", form, once=once)


def test_a_visit_with_two_faults_writes_three_orders_for_its_hall(office: Office):
    form = {**faulted("windows"), **{k: v for k, v in faulted("service").items() if "service" in k}}
    answer = send(office, form)
    assert answer.status_code == 303
    assert office.orders("T01") == 3
    assert office.orders("T02") == 0
    (made,) = records(office.center.db, Inspection)
    assert (made.inspector, made.mode, made.faulted) == ("Z005", "covert", ("windows", "service"))
    found = records(office.center.db, Finding)
    assert {f.dimension for f in found} == {"windows", "service"}
    inspection_id = answer.location.rsplit("/", 1)[1]
    assert {f.inspection_id for f in found} == {inspection_id}
    shown = office.person("ducha").text(answer.location)
    assert "整体有序" in shown
    assert shown.count("有问题") == 2


def test_the_description_of_a_fault_stands_in_no_plain_column(office: Office):
    send(office, faulted())
    rows = office.center.db.query("SELECT * FROM finding")
    assert "无人值守" not in str(rows)


def test_a_double_click_on_save_writes_one_visit(office: Office):
    key = fresh_key()
    first, second = send(office, faulted(), once=key), send(office, faulted(), once=key)
    assert first.location == second.location
    assert office.orders("T01") == 2


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (visit(for_hall="T99"), "请选择要检查的分厅"),
        (visit(**{"rules-result": ""}), "请选择“管理制度”的检查结果"),
        (visit(day="2026-11-25"), "检查日期不能晚于今天"),
        (visit(mode="secret"), "请从列表中选择"),
        (visit(remarks="长" * 2001), "最多 2000 个字"),
        (faulted(text=""), "请写明“窗口设置”的问题"),
        (faulted(text="长" * 2001), "最多 2000 个字"),
        (faulted(due_on=""), "请填写“窗口设置”的整改期限"),
        (faulted(due_on="2026-11-01"), "整改期限不能早于检查日期"),
        (faulted(due_on="明天"), "请填写日期"),
        (faulted(severity="fatal"), "请从列表中选择"),
        ({**visit(), **{f"{code}-result": "unseen" for code in DIMENSIONS}}, "都没有检查"),
    ],
)
def test_a_wrong_form_of_a_visit_writes_nothing_and_says_why(office: Office, form, said: str):
    refused = send(office, form)
    assert refused.status_code == 422
    assert said in refused.text
    assert office.orders("T01") == 0


def test_all_mistakes_of_all_dimensions_show_at_once(office: Office):
    form = {**faulted(text=""), "service-result": "faulted", "service-due_on": ""}
    refused = send(office, form)
    for said in ("“窗口设置”的问题", "“服务机制”的问题", "“服务机制”的整改期限"):
        assert said in refused.text


@pytest.mark.parametrize("login", ["duizhang", "qicao", "guanli"])
def test_only_an_inspector_records_a_visit(office: Office, login: str):
    assert send(office, visit(), login).status_code == 403
    assert office.orders("T01") == 0


def recheck(office: Office, finding_id: str, **changed):
    standing = standing_of(office.center, finding_id)
    assert standing is not None
    data = {"result": "passed", "day": "2026-11-24", "answer_id": standing["answer_id"] or ""}
    return office.person("ducha").post(f"/findings/{finding_id}/recheck", {**data, **changed})


def order(office: Office, finding: Finding) -> str:
    return office.center.order(finding.for_hall, finding, actor="Z005").leaf.id


def state_of(office: Office, finding_id: str) -> str:
    (row,) = findings(office.center, Wanted(id=finding_id)).rows
    return row["state"]


def test_the_answer_of_the_hall_is_shown_and_the_recheck_closes_the_finding(office: Office):
    finding_id = order(office, a_finding())
    path = f"/findings/{finding_id}"
    assert "饮水机无水" in office.person("ducha").text(path)
    assert state_of(office, finding_id) == "waiting"

    office.hall_writes("T01", an_answer(finding_id))
    assert "已清理并安排专人每日检查" in office.person("ducha").text(path)
    assert state_of(office, finding_id) == "answered"

    before = office.orders("T01")
    assert recheck(office, finding_id).status_code == 303
    assert office.orders("T01") == before + 1
    assert state_of(office, finding_id) == "passed"
    assert "本问题销号" in office.person("ducha").text(path)


def test_a_failed_recheck_opens_the_finding_until_another_answer(office: Office):
    finding_id = order(office, a_finding())
    office.hall_writes("T01", an_answer(finding_id))
    assert recheck(office, finding_id, result="failed", text="仍然无水").status_code == 303
    assert state_of(office, finding_id) == "failed"
    office.hall_writes("T01", an_answer(finding_id, "已更换饮水机"))
    assert state_of(office, finding_id) == "answered"
    assert recheck(office, finding_id).status_code == 303
    assert state_of(office, finding_id) == "passed"
    assert [r.result for r in records(office.center.db, Recheck)] == ["failed", "passed"]


def test_the_latest_answer_is_the_last_in_the_log_whatever_the_clock_of_the_hall_said(
    office: Office,
):
    finding_id = order(office, a_finding())
    office.hall_writes("T01", an_answer(finding_id, "第一次回复"))
    office.hands.turn(hours=-5)
    latest = office.hall_writes("T01", an_answer(finding_id, "第二次回复")).leaf.id
    standing = standing_of(office.center, finding_id)
    assert standing is not None
    assert standing["answer_id"] == latest


def test_a_failed_recheck_needs_words(office: Office):
    finding_id = order(office, a_finding())
    office.hall_writes("T01", an_answer(finding_id))
    refused = recheck(office, finding_id, result="failed")
    assert refused.status_code == 422
    assert "请写明还有什么问题" in refused.text


def test_a_recheck_before_an_answer_is_refused(office: Office):
    finding_id = order(office, a_finding())
    refused = recheck(office, finding_id)
    assert refused.status_code == 422
    assert "分厅回复后才能复查" in refused.text
    assert office.orders("T01") == 1


def test_a_recheck_of_an_answer_that_was_replaced_meanwhile_is_refused(office: Office):
    finding_id = order(office, a_finding())
    old = office.hall_writes("T01", an_answer(finding_id)).leaf.id
    office.hall_writes("T01", an_answer(finding_id, "更正:下周一完成"))
    refused = recheck(office, finding_id, answer_id=old)
    assert refused.status_code == 422
    assert "更新了回复" in refused.text


def test_another_hall_cannot_answer_a_finding(office: Office):
    finding_id = order(office, a_finding("T01"))
    office.hall_writes("T02", an_answer(finding_id, "我们替他们回答了"), actor="T02-001")
    assert state_of(office, finding_id) == "waiting"
    assert "我们替他们" not in office.person("ducha").text(f"/findings/{finding_id}")


def test_the_list_filters_by_hall_source_state_and_overdue(office: Office):
    late = order(office, a_finding(due_on=None))
    answered = order(office, a_finding("T02", dimension="service"))
    office.hall_writes("T02", an_answer(answered), actor="T02-001")
    judged = order(office, a_finding(source="judged", rule="same_person", dimension=""))
    office.hands.turn(days=30)
    office.people.clear()

    def ids(**wanted: str) -> set[str]:
        return {row["id"] for row in findings(office.center, Wanted(**wanted)).rows}

    assert ids(hall="T02") == {answered}
    assert ids(source="judged") == {judged}
    assert ids(state="waiting") == {late, judged}
    assert ids(overdue="1") == {judged}
    shown = office.person("ducha").text("/findings?overdue=1")
    assert "收件与审批为同一人" in shown
    assert "超期" in shown
    assert "没有符合条件的问题" in office.person("ducha").text("/findings?state=passed")


def test_a_judged_finding_leads_to_its_case_by_the_step_it_was_found_at(office: Office):
    case = office.hall_writes("T01", a_case("XA-001"))
    step = office.hall_writes("T01", a_step(case.leaf.id, "not_accepted"))
    finding_id = order(
        office,
        a_finding(
            source="judged",
            rule="no_reason",
            evidence="not_accepted,2026-11-24",
            subject_kind="case_step",
            subject_id=step.leaf.id,
            subject_origin=step.origin,
            subject_index=step.index,
        ),
    )
    shown = office.person("ducha").text(f"/findings/{finding_id}")
    assert f"/cases/T01/{case.leaf.id}" in shown
    assert "T01-20261124A0001X7" in shown
    assert "赵小明" not in shown
    listed = office.person("ducha").text(f"/cases/T01/{case.leaf.id}")
    assert "不予受理或不予许可没有理由类别" in listed


def test_an_unknown_finding_or_visit_has_no_page(office: Office):
    person = office.person("ducha")
    for path in ("/findings/none", "/inspections/none"):
        assert person.get(path).status_code == 404
    assert person.post("/findings/none/recheck", {"result": "passed"}).status_code == 404


def test_a_recheck_of_an_answer_that_was_overtaken_on_the_way_is_shown_as_such(office: Office):
    """The inspector looked again at the first answer while the second one was on its way."""
    finding_id = office.center.order("T01", a_finding(), actor="Z005").leaf.id
    first = office.hall_writes("T01", an_answer(finding_id, "第一次回复")).leaf.id
    assert recheck(office, finding_id).status_code == 303
    shown = office.person("ducha").text(f"/findings/{finding_id}")
    assert "针对较早的回复" not in shown and "已有更新的回复" not in shown
    office.hall_writes("T01", an_answer(finding_id, "第二次回复"))
    shown = office.person("ducha").text(f"/findings/{finding_id}")
    assert shown.count("已有更新的回复") == 1
    assert shown.count("针对较早的回复") == 1
    assert shown.index("第一次回复") < shown.index("针对较早的回复") < shown.index("第二次回复")
    assert state_of(office, finding_id) == "answered"
    assert [r.answer_id for r in records(office.center.db, Recheck)] == [first]
