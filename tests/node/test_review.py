"""The reviewer: the list by urgency, the decision, and who may not take it."""

from __future__ import annotations

import re

import pytest

from node.cases import casebook
from node.hall import Hall
from standards.guides import Guide
from tests.node.hall import Browser, errors_of, how_many, take_in
from web.shell import Shell

GRANT = {"outcome": "granted", "opinion": "符合条件"}
DENY = {"outcome": "denied", "ground": "conditions_not_met", "opinion": "经营场所与申报地址不一致"}


def outcome(hall: Hall, case_id: str) -> tuple[str, str, str]:
    case = casebook.standing_of(hall, case_id)
    assert case is not None
    return case.stage, case.outcome, case.decided_by


@pytest.mark.parametrize("decision", [GRANT, DENY])
def test_a_reviewer_decides_a_case(
    window: Browser, desk: Browser, hall: Hall, guide: Guide, decision: dict[str, str]
):
    case_id = take_in(window, guide)
    assert desk.post(f"/review/{case_id}", decision).status_code == 303
    assert outcome(hall, case_id) == ("decided", decision["outcome"], "T01-003")


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        ({"outcome": "denied"}, "理由"),
        ({"outcome": "denied", "ground": "conditions_not_met"}, "具体理由"),
        ({"outcome": "denied", "opinion": "经营场所与申报地址不一致"}, "理由类别"),
        ({"outcome": "denied", "ground": "made_up", "opinion": "经营场所不一致"}, "列表中选择"),
        ({"opinion": "经营场所与申报地址不一致"}, "准予或不予"),
        ({"outcome": "maybe"}, "列表中选择"),
        ({"outcome": "granted", "opinion": "长" * 2001}, "2000"),
    ],
)
def test_no_decision_without_outcome_and_none_against_without_reasons(
    window: Browser,
    desk: Browser,
    hall: Hall,
    guide: Guide,
    decision: dict[str, str],
    message: str,
):
    case_id = take_in(window, guide)
    answer = desk.post(f"/review/{case_id}", decision)
    assert answer.status_code == 422
    assert message in errors_of(answer.text)
    assert outcome(hall, case_id)[0] == "accepted"


def test_whoever_took_the_case_in_cannot_decide_it(app: Shell, hall: Hall, guide: Guide):
    both = Browser(app.test_client()).sign_in("both")
    case_id = take_in(both, guide)
    assert "受审分离" in both.get(f"/review/{case_id}").text
    answer = both.post(f"/review/{case_id}", GRANT)
    assert answer.status_code == 422
    assert "受审分离" in errors_of(answer.text)
    assert outcome(hall, case_id)[0] == "accepted"


def test_whoever_accepted_the_case_cannot_decide_it(
    app: Shell, window: Browser, hall: Hall, guide: Guide
):
    both = Browser(app.test_client()).sign_in("both")
    case_id = take_in(window, guide, "receive")
    assert both.post(f"/cases/{case_id}/accept").status_code == 303
    assert both.post(f"/review/{case_id}", GRANT).status_code == 422
    assert outcome(hall, case_id)[0] == "accepted"


@pytest.mark.parametrize("login", ["li", "chen", "root"])
def test_only_a_reviewer_decides(app: Shell, window: Browser, hall: Hall, guide: Guide, login: str):
    case_id = take_in(window, guide)
    other = Browser(app.test_client()).sign_in(login)
    answer = other.post(f"/review/{case_id}", GRANT)
    assert answer.status_code == 403
    assert "审批人员" in answer.text
    assert outcome(hall, case_id)[0] == "accepted"


def test_a_decision_sent_twice_is_taken_once_and_a_second_one_is_refused(
    window: Browser, desk: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide)
    form = {**GRANT, "once": "d" * 22}
    first = desk.post(f"/review/{case_id}", form)
    assert desk.post(f"/review/{case_id}", form).location == first.location
    assert desk.post(f"/review/{case_id}", DENY).status_code == 422
    assert how_many(hall, "case_step") == 2
    assert outcome(hall, case_id)[1] == "granted"


def test_a_case_that_is_not_accepted_is_not_decided(
    window: Browser, desk: Browser, hall: Hall, guide: Guide
):
    case_id = take_in(window, guide, "receive")
    assert desk.post(f"/review/{case_id}", GRANT).status_code == 422
    assert outcome(hall, case_id)[0] == "received"


def test_the_list_has_the_most_urgent_case_first_with_shape_words_and_days(
    app: Shell, hall: Hall, guide: Guide, clock
):
    old = take_in(Browser(app.test_client()).sign_in("li"), guide)
    clock.turn(days=16)
    newer = take_in(Browser(app.test_client()).sign_in("li"), guide)
    desk = Browser(app.test_client()).sign_in("wang")
    text = desk.get("/review").text
    listed = re.findall(r'<a href="/review/([0-9a-f-]{36})"', text)
    assert listed == [old, newer]
    assert casebook.lights_of_open(hall) == {"over": 1, "near": 0, "calm": 1}
    assert 'class="chip chip-danger">超承诺期限' in text
    assert re.search(r"已超\d+个工作日", text)
    assert re.search(r"还有\d+个工作日", text)


def test_a_decided_case_leaves_the_list(window: Browser, desk: Browser, guide: Guide):
    case_id = take_in(window, guide)
    assert case_id in desk.get("/review").text
    desk.post(f"/review/{case_id}", GRANT)
    assert case_id not in desk.get("/review").text
