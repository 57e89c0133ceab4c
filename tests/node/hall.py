"""A hall as tests build it: its people, its standards, a browser at its window."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from node.hall import Hall, HallSettings
from standards.guides import Guide
from standards.records import CalendarPublished, GuidePublished, Record
from standards.workdays import CalendarYear
from sync.clock import Clock
from web.accounts import Accounts, NewAccount

PASSWORD = "窗口-十点-茶-一杯-热"

PERSON = {
    "applicant_kind": "person",
    "applicant_name": "欧阳测试",
    "paper_kind": "111",
    "paper_no": "11010519491231002x",
    "mobile": "138 0013 8000",
    "contact_name": "",
    "address": "通化市东昌区某路1号",
    "subject": "开办便利店",
}
ORGANISATION = {
    **PERSON,
    "applicant_kind": "organisation",
    "applicant_name": "某市测试有限公司",
    "paper_no": "91110000600037341L",
    "contact_name": "司马联系",
}
STAFF = {
    "li": ("T01-001", ("clerk",)),
    "zhao": ("T01-002", ("clerk",)),
    "wang": ("T01-003", ("reviewer",)),
    "both": ("T01-004", ("clerk", "reviewer")),
    "chen": ("T01-005", ("supervisor",)),
    "root": ("T01-006", ("administrator",)),
}


class TurnableClock:
    """Wall time that stands still until a test turns it; monotonic time that always moves."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
        self._ticks = count(1)

    def turn(self, **by: float) -> None:
        self.moment += timedelta(**by)

    def as_clock(self) -> Clock:
        return Clock(lambda: self.moment, lambda: next(self._ticks), "boot-of-the-test")


class Browser:
    """A browser at a window: keeps cookies, sends Origin, carries form token and form key along."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **kw) -> TestResponse:
        return self.client.get(path, base_url="http://localhost", **kw)

    def send(self, path: str, data=None, **kw) -> TestResponse:
        """A post exactly as given."""
        return self.client.post(
            path,
            data=data,
            base_url="http://localhost",
            headers={"Origin": "http://localhost"},
            **kw,
        )

    def post(self, path: str, data=None, **kw) -> TestResponse:
        """A post as our own page sends it: with the form token and a fresh form key."""
        fresh = {"csrf": self.token(), "once": f"form-key-{uuid4().hex}"}
        return self.send(path, {**fresh, **(data or {})}, **kw)

    def token(self) -> str:
        found = re.search(r'name="csrf" content="(\w+)"', self.get("/sessions").text)
        return found.group(1) if found else ""

    def sign_in(self, login: str) -> Browser:
        """Sign in as somebody of STAFF; the account is opened when it is first needed."""
        accounts = self.client.application.extensions["onehall.accounts"]
        assert isinstance(accounts, Accounts)
        if accounts.find(login) is None:
            staff_no, roles = STAFF[login]
            accounts.create(
                NewAccount(
                    login=login, staff_no=staff_no, display_name=f"测试{login}", roles=roles
                ),
                PASSWORD,
                must_change=False,
            )
        answer = self.send("/sign-in", {"login": login, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return self


def publish(hall: Hall, *records: Record) -> None:
    """What the center would publish, straight into the hall's copy of the standards log."""
    hall.logs.open(hall.standards_origin, "center", own=True)
    for record in records:
        hall.logs.write(hall.standards_origin, record, actor="C-001")


def published(guide: Guide, day: date = date(2026, 1, 5)) -> GuidePublished:
    """A guide as the center publishes it."""
    return GuidePublished(
        item=guide.item,
        version=guide.version,
        published_on=day,
        drafted_by="C-001",
        checked_by="C-002",
        published_by="C-003",
        guide=guide,
    )


def calendar(year: CalendarYear) -> CalendarPublished:
    """A year's table as the center publishes it."""
    return CalendarPublished(year=year.year, version=year.version, calendar=year)


def open_hall(data: Path, clock: TurnableClock, name: str = "T01") -> Hall:
    settings = HallSettings(hall=name, name="公安分厅", center="tonghua.example")
    return Hall(data, settings, clock.as_clock())


def few(guides: tuple[Guide, ...]) -> tuple[Guide, ...]:
    """Three guides of the catalogue: one of promises in working days, one on the spot, one more."""
    slow = next(g for g in guides if g.promise_day >= 5 and len(g.materials) >= 3)
    instant = next(g for g in guides if g.promise_day == 0)
    other = next(g for g in guides if g.department not in (slow.department, instant.department))
    return slow, instant, other


def complete(guide: Guide) -> list[str]:
    """Codes of every required material."""
    return [m.code for m in guide.materials if m.is_need == "1"]


def take_in(browser: Browser, guide: Guide, wish: str = "accept", **changed) -> str:
    """Take a case in as a clerk does; answers its id."""
    form = {**PERSON, "wish": wish, "materials": complete(guide), **changed}
    answer = browser.post(f"/windows/{guide.item}", form)
    assert answer.status_code == 303, answer.text
    return answer.location.split("/cases/")[1].split("?")[0]


def how_many(hall: Hall, table: str) -> int:
    """Rows in a table."""
    return int(hall.db.query(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])


def fill_disk(hall: Hall) -> None:
    """Let the database grow no further."""
    hall.db.limit_pages(hall.db.page_count())


def errors_of(text: str) -> str:
    """What a page says about the whole form."""
    found = re.search(r'role="alert">(.*?)</div>', text, re.DOTALL)
    return found.group(1) if found else ""
