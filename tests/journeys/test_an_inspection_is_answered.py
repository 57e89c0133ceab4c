"""The center inspects a hall unannounced; the hall sees and answers; it is looked at again."""

from __future__ import annotations

import re
from datetime import date, timedelta

from deploy import casework
from deploy.browser import Page, Person
from tests.journeys.town import Town

FAULT = "等候区饮水机无水，无障碍通道堆放杂物"
AMENDS = "饮水机已换水，通道已清空，安排专人每日检查"


def test_a_covert_inspection_ends_with_a_finding_that_was_answered_and_passed(town: Town):
    inspector, supervisor = town.at_center("ducha"), town.at_hall("dudao")
    recorded(inspector, "T01", faulted="amenities")
    finding = casework.until("the finding at the hall", lambda: finding_at(supervisor, FAULT))
    assert "暗访" in supervisor.open("/findings").words
    answered = answer(supervisor, finding)
    assert "等待中心复查" in answered.words
    center_page = casework.until("the answer at the center", lambda: answer_at(inspector, finding))
    recheck(inspector, center_page)
    casework.until(
        "the re-check at the hall",
        lambda: "复查合格" in supervisor.open(f"/findings/{finding}").words,
    )


def test_a_finding_of_one_hall_is_seen_by_no_other(town: Town):
    recorded(town.at_center("ducha"), "T02", faulted="windows")
    other, mine = town.at_hall("dudao", town.second), town.at_hall("dudao")
    found = casework.until("the finding", lambda: finding_at(other, FAULT))
    assert town.rows("T01", "SELECT id FROM finding WHERE for_hall <> 'T01'") == []
    assert found not in mine.open("/findings").html


def recorded(inspector: Person, hall: str, faulted: str, fault: str = FAULT) -> Page:
    """One visit to a hall with one faulted dimension."""
    page = inspector.open("/inspections/new")
    form = page.form("for_hall", "mode")
    results = {name: "passed" for name in form.choices if name.endswith("-result")}
    due = date.today() + timedelta(days=7)
    return inspector.submit(page, form, {
        **results, "for_hall": hall, "mode": "covert", "remarks": "",
        f"{faulted}-result": "faulted", f"{faulted}-text": fault,
        f"{faulted}-severity": "minor", f"{faulted}-due_on": due.isoformat(),
    })  # fmt: skip


def finding_at(supervisor: Person, fault: str) -> str | None:
    """Id of the finding with these words; None while it has not come down."""
    found = re.search(
        rf'href="/findings/([0-9a-f-]{{36}})"[^>]*>[^<]*{fault}', supervisor.open("/findings").html
    )
    return found.group(1) if found else None


def answer(supervisor: Person, finding: str) -> Page:
    page = supervisor.open(f"/findings/{finding}")
    return supervisor.submit(page, page.form("measure", "text"), {
        "measure": "rectified", "done_on": date.today().isoformat(), "text": AMENDS,
    })  # fmt: skip


def answer_at(inspector: Person, finding: str) -> Page | None:
    page = inspector.open(f"/findings/{finding}")
    return page if AMENDS in page.words else None


def recheck(inspector: Person, page: Page) -> None:
    done = inspector.submit(page, page.form("result", "answer_id"), {
        "result": "passed", "day": date.today().isoformat(), "text": "现场查看属实",
    })  # fmt: skip
    assert "销号" in done.words
