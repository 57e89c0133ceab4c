"""The center changes a promise by three people; both halls follow; old cases keep their version."""

from __future__ import annotations

import re

from deploy import casework
from deploy.browser import Page, Person
from tests.journeys.town import Town, somebody

ITEM = "GA006"


def test_a_promise_that_the_center_shortened_binds_new_cases_in_both_halls_and_no_old_one(
    town: Town,
):
    clerks = [town.at_hall("chuangkou", plan) for plan in town.demo.halls]
    old = casework.take_in(clerks[0], somebody(item=ITEM))
    before = facts(town, old.case_id)
    assert before["guide_version"] == 1
    published = publish_shorter_promise(town, days=5)
    for clerk in clerks:
        casework.wait_for_standards(clerk, published)
        assert "承诺 5个自然日" in clerk.open(f"/windows/{ITEM}").words
    new = casework.take_in(clerks[0], somebody(item=ITEM))
    after = facts(town, new.case_id)
    assert after["guide_version"] == 2
    assert after["promised_due"] < before["promised_due"]
    casework.decide(town.at_hall("shenpi"), old, "granted")
    casework.wait_for_receipt(clerks[0])
    assert_judged_by_their_own_versions(town, (old, 1), (new, 2))
    assert dict(facts(town, old.case_id))["promised_due"] == before["promised_due"]


def facts(town: Town, case_id: str):
    """Where a case stands at its hall."""
    return town.rows("T01", "SELECT * FROM case_standing WHERE id = :id", id=case_id)[0]


def publish_shorter_promise(town: Town, days: int) -> int:
    """Draft, check and publish, each by another person; the standards version afterwards."""
    editor, checker = town.at_center("qicao"), town.at_center("shenhe")
    publisher = town.at_center("fabu")
    item = editor.open(f"/standards/items/{ITEM}")
    begun = editor.submit(item, item.form("item", "once"), {})
    draft = re.search(r"/standards/drafts/[0-9a-f-]{36}", begun.url)
    assert draft is not None
    address = draft.group(0)
    page = editor.open(f"{address}/edit")
    too_hasty = editor.submit(page, page.form("promise_day"), {"promise_day": str(days)})
    assert f"超过承诺的{days}天" in too_hasty.words
    page = editor.open(f"{address}/edit")
    form = page.form("promise_day")
    shorter = {name: "1" for name, value in form.fields if is_days_of_a_step(name) and value > "1"}
    assert "全部规则通过" in editor.submit(page, form, shorter).words
    # Nobody of the three can do another's step.
    assert not has_step(editor, address, "check")
    assert not has_step(publisher, address, "publish")
    take(checker, address, "check")
    take(publisher, address, "publish")
    return casework.standards_published(town.at_center("duizhang"))


def is_days_of_a_step(name: str) -> bool:
    return name.startswith("handle_flow-") and name.endswith("-days")


def has_step(person: Person, address: str, step: str) -> bool:
    page = person.open(address)
    return any(form.action.endswith(f"{address}/{step}") for form in page.forms)


def take(person: Person, address: str, step: str) -> Page:
    page = person.open(address)
    form = next(form for form in page.forms if form.action.endswith(f"{address}/{step}"))
    return person.submit(page, form, {})


def assert_judged_by_their_own_versions(town: Town, *expected) -> None:
    reconciler = town.at_center("duizhang")
    for case, version in expected:
        page = casework.arrived(reconciler, "T01", case)
        assert f"按第 {version} 版指南" in page.words
        assert "没有发现问题" in page.words
