"""Whatever is typed into an address or a form of the center: no page breaks."""

from __future__ import annotations

from html import escape

import pytest

from aggregator.office import ROLES
from tests.aggregator.office import PASSWORD, SITE, Office, Person, a_case, a_finding, an_answer
from tests.hostile import MARK, Walk
from web.accounts import Accounts, NewAccount


def with_every_role(office: Office) -> Person:
    new = NewAccount(login="dang", staff_no="Z090", display_name="一人多岗", roles=tuple(ROLES))
    center = office.center
    Accounts(center.db, center.clock.now).create(new, PASSWORD, must_change=False)
    person = Person(office.app.test_client())
    given = {"login": "dang", "password": PASSWORD}
    headers = {"Origin": SITE}
    answer = person.client.post("/sign-in", data=given, headers=headers, base_url=SITE)
    assert answer.status_code == 303
    person.csrf = person.text("/sessions").split('name="csrf" content="')[1].partition('"')[0]
    return person


@pytest.mark.parametrize("engine", ["SQLite"], indirect=True)
def test_no_page_of_the_center_breaks_whatever_is_typed(furnished: Office):
    center = furnished.center
    item = next(iter(center.shelf().latest))
    furnished.hall_writes("T01", a_case(item))
    center.order("T01", a_finding(), actor="Z005")
    somebody = with_every_role(furnished)
    walk = Walk(furnished.app, somebody.client, SITE, somebody.csrf)
    walk.everywhere()
    assert walk.broken == []
    assert walk.sent > 500
    assert center.logs.state(center.standards_origin).size > 0


@pytest.mark.parametrize("engine", ["SQLite"], indirect=True)
def test_what_a_hall_wrote_is_text_on_every_page(furnished: Office):
    center = furnished.center
    item = next(iter(center.shelf().latest))
    entry = furnished.hall_writes("T01", a_case(item, applicant_name=MARK, subject=MARK))
    ordered = center.order("T01", a_finding(text=MARK, clause=MARK), actor="Z005")
    furnished.hall_writes("T01", an_answer(ordered.leaf.id, MARK))
    somebody = with_every_role(furnished)
    walk = Walk(furnished.app, somebody.client, SITE, somebody.csrf)
    assert len(walk.pages()) > 25
    assert walk.broken == []
    for path in (f"/findings/{ordered.leaf.id}", f"/cases/T01/{entry.leaf.id}"):
        assert MARK not in somebody.text(path)
    assert str(escape(MARK)) in somebody.text(f"/findings/{ordered.leaf.id}")
