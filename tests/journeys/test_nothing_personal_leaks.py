"""Names, numbers, addresses and words of people: nowhere but sealed, on disk and on wires."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from deploy import casework, leave_sample, sign_ins
from deploy.browser import Person
from deploy.casework import Taken
from deploy.leave_sample import working_day
from tests.journeys.conftest import DeskMaker
from tests.journeys.leaks import all_files, forms_of_text, found_in, unpacked
from tests.journeys.test_an_inspection_is_answered import finding_at, recorded
from tests.journeys.town import Town, somebody

# Each stands for one kind of personal datum; none occurs anywhere in the product.
NAME = "司空金丝雀"
CONTACT = "令狐报信"
ADDRESS = "通化市东昌区金丝雀胡同"
SUBJECT = "金丝雀甲状腺旧疾用药"
NOTICE = "金丝雀请补交离婚协议"
OPINION = "金丝雀所述病情不属实"
STAFF_NAME = "尉迟金丝雀"
STAFF_MOBILE = "13904359753"
LEAVE = "金丝雀术后复查"
FAULT = "金丝雀婆婆投诉无人引导"
AMENDS = "已与金丝雀当事人当面道歉"
BORN = "19770707"


@dataclass(frozen=True)
class Lived:
    """A day on which every kind of personal datum was typed somewhere."""

    texts: tuple[str, ...]
    addresses: tuple[str, ...]


@pytest.fixture(scope="module")
def lived(town: Town, chromium: Browser) -> Lived:
    clerk, reviewer = town.at_hall("chuangkou"), town.at_hall("shenpi")
    brought = somebody(
        item="GA005", name=NAME, born=BORN, contact=CONTACT, address=ADDRESS, subject=SUBJECT
    )
    decided = casework.take_in(clerk, brought)
    refused(reviewer, decided)
    notified(clerk, somebody(item="GA005", name=NAME, born=BORN, wish="notify"))
    looked_up(clerk, brought.paper_no, decided)
    supervisor = town.at_hall("dudao")
    more = {"department": "公安局", "mobile": STAFF_MOBILE}
    sign_ins.add_member(supervisor, "T01-077", STAFF_NAME, more)
    for staff_no, name in (("T01-001", "窗口人员"), ("T01-002", "审批人员")):
        sign_ins.add_member(supervisor, staff_no, name, {"department": "公安局"})
    away = {"leave-0": "personal:personal", "first-0": working_day(8).isoformat()}
    leave_sample.ask(clerk, {**away, "stand_in": "T01-002", "reason": LEAVE})
    answered(town, supervisor)
    addresses = looked_up_in_a_browser(town, chromium, brought.paper_no)
    for plan in town.demo.halls:
        casework.wait_for_receipt(town.at_hall("chuangkou", plan))
    casework.arrived(town.at_center("duizhang"), "T01", decided)
    # A form that came after its session ended carries what was typed; it must not be logged.
    stranger = Person(town.demo.hall_url(town.first))
    stranger.session.post(f"{stranger.base}/windows/GA005", data=brought.typed(), timeout=30)
    texts = (
        *(NAME, CONTACT, ADDRESS, SUBJECT, NOTICE, OPINION, STAFF_NAME, STAFF_MOBILE, AMENDS),
        *(LEAVE, FAULT, brought.paper_no, brought.mobile),
    )
    return Lived(texts, tuple(addresses))


def refused(reviewer: Person, case: Taken) -> None:
    page = reviewer.open(f"/review/{case.case_id}")
    reasons = {"outcome": "denied", "ground": "conditions_not_met", "opinion": OPINION}
    reviewer.submit(page, page.form("outcome"), reasons)


def notified(clerk: Person, brought) -> None:
    page = clerk.open(f"/windows/{brought.item}")
    form = page.form("applicant_name")
    typed = {"materials": form.choices["materials"][1:], "wish": "notify", "opinion": NOTICE}
    clerk.submit(page, form, {**brought.typed(), **typed})


def looked_up(clerk: Person, paper_no: str, case: Taken) -> None:
    """By number, and in full: what was looked for and shown must leave no trace but the audit."""
    page = clerk.open("/cases")
    found = clerk.submit(page, page.form("q"), {"q": paper_no})
    assert case.case_no in found.words
    page = clerk.open(f"/cases/{case.case_id}")
    shown = clerk.submit(page, page.form("reason"), {"reason": "contact"})
    assert paper_no in shown.words and NAME in shown.words


def answered(town: Town, supervisor: Person) -> None:
    recorded(town.at_center("ducha"), "T01", faulted="premises", fault=FAULT)
    finding = casework.until("the finding", lambda: finding_at(supervisor, FAULT))
    page = supervisor.open(f"/findings/{finding}")
    supervisor.submit(page, page.form("measure", "text"), {
        "measure": "rectified", "done_on": date.today().isoformat(), "text": AMENDS,
    })  # fmt: skip


def looked_up_in_a_browser(town: Town, chromium: Browser, paper_no: str) -> list[str]:
    """Every address a browser asks for while a clerk looks somebody up."""
    desks = DeskMaker(chromium)
    window = desks(town.demo.hall_url(town.first), "chuangkou", town.demo.password)
    window.goto(f"{town.demo.hall_url(town.first)}/cases")
    window.locator("main input[name=q]").fill(paper_no)
    window.keyboard.press("Enter")
    window.get_by_text("申请人").first.wait_for()
    desks.close()
    return desks.addresses


def test_what_is_looked_for_would_be_found(tmp_path: Path):
    for form in forms_of_text(NAME):
        (tmp_path / "some.log").write_bytes(b"some words before" + form + b"and some after")
        assert found_in(all_files(tmp_path), forms_of_text(NAME))


def test_no_file_of_hall_or_center_holds_a_personal_text_in_any_encoding(town: Town, lived: Lived):
    for text in lived.texts:
        assert found_in(all_files(town.demo.data), forms_of_text(text)) == [], text
    for label in ("T01", "T02", "center"):
        assert (town.demo.data / label / "server.log").stat().st_size > 0


def test_no_leaf_and_no_plain_column_holds_a_personal_text(town: Town, lived: Lived):
    forms = [form for text in lived.texts for form in forms_of_text(text)]
    for label in ("T01", "T02", "center"):
        leaves = town.rows(label, "SELECT name FROM sqlite_master WHERE type = 'table'")
        assert leaves
        for (table,) in leaves:
            for row in town.rows(label, f'SELECT * FROM "{table}"'):
                assert not leaking(row, forms), (label, table)


def leaking(row: sqlite3.Row, forms: list[bytes]) -> bool:
    cells = [cell.encode() if isinstance(cell, str) else cell for cell in tuple(row)]
    held = b"\0".join(cell for cell in cells if isinstance(cell, bytes))
    return any(form in part for part in (held, *unpacked(held)) for form in forms)


def test_no_personal_text_passes_over_the_wire_packed_or_not(town: Town, lived: Lived):
    forms = [form for text in lived.texts for form in forms_of_text(text)]
    sections: list[bytes] = []
    for cable in town.demo.cables:
        for passed in list(cable.passed.values()):  # type: ignore[attr-defined]
            inside = [part for part in unpacked(bytes(passed)) if part]
            sections += inside
            for part in (bytes(passed), *inside):
                assert not any(form in part for form in forms)
    # The cases themselves did pass, and the packed sections were looked into.
    assert any(b'"case_received"' in part for part in sections)


def test_no_address_that_a_browser_asks_for_holds_a_personal_text(lived: Lived):
    assert len(lived.addresses) > 3
    asked = "\n".join(lived.addresses).encode()
    assert not any(form in asked for text in lived.texts for form in forms_of_text(text))


def test_the_applicant_can_still_be_read_by_whoever_may(town: Town, lived: Lived):
    """The data are not simply missing: hall and center hold them, sealed."""
    inspector = town.at_center("ducha")
    rows = town.rows("center", "SELECT id FROM case_received WHERE item = 'GA005'")
    shown = ""
    for row in rows:
        page = inspector.open(f"/cases/T01/{row['id']}")
        form = next(f for f in page.forms if f.action.endswith("/reveal"))
        shown += inspector.submit(page, form, {"reason": "核对申请人"}).words
    assert NAME in shown and ADDRESS in shown
