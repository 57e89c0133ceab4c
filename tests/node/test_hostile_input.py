"""Whatever is typed into an address or a form of a hall: no page breaks, and nothing breaks out."""

from __future__ import annotations

from html import escape

from node.app import ROLES
from node.hall import Hall
from standards.guides import Guide
from tests.hostile import MARK, Walk
from tests.node.attendance import add_member
from tests.node.hall import PASSWORD, Browser, complete, take_in
from tests.node.leaves import staffed
from web.accounts import Accounts, NewAccount
from web.shell import Shell


def with_every_role(app: Shell, hall: Hall) -> Browser:
    new = NewAccount(login="dang", staff_no="T01-090", display_name="一人多岗", roles=tuple(ROLES))
    Accounts(hall.db, hall.clock.now).create(new, PASSWORD, must_change=False)
    browser = Browser(app.test_client())
    assert browser.send("/sign-in", {"login": "dang", "password": PASSWORD}).status_code == 303
    return browser


def schema(hall: Hall) -> list[dict[str, object]]:
    return [dict(row) for row in hall.db.query("SELECT name, sql FROM sqlite_master")]


def test_no_page_of_a_hall_breaks_whatever_is_typed(
    app: Shell, hall: Hall, window: Browser, office: Browser, guide: Guide
):
    staffed(hall)
    take_in(window, guide)
    take_in(window, guide, "notify", materials=complete(guide)[1:])
    add_member(office)
    somebody, before = with_every_role(app, hall), schema(hall)
    walk = Walk(app, somebody.client, "http://localhost", somebody.token())
    walk.everywhere()
    assert walk.broken == []
    assert walk.sent > 500 and schema(hall) == before


def test_what_was_typed_once_is_text_on_every_page(
    app: Shell, hall: Hall, window: Browser, office: Browser, administration: Browser, guide: Guide
):
    staffed(hall)
    typed = {"applicant_name": MARK, "subject": MARK, "address": MARK, "contact_name": MARK}
    case_id = take_in(window, guide, **typed)
    add_member(office, name=MARK, department=MARK)
    named = {"name": MARK, "location": MARK}
    assert administration.post("/terminals", named).status_code == 200
    noted = {"reason": "contact", "q": MARK}
    shown = window.post(f"/cases/{case_id}/reveal", noted)
    assert MARK not in shown.text
    somebody = with_every_role(app, hall)
    walk = Walk(app, somebody.client, "http://localhost", somebody.token())
    assert len(walk.pages()) > 40
    assert walk.broken == []
    assert escape(MARK) in window.get(f"/cases/{case_id}").text + shown.text
