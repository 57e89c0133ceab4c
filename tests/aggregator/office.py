"""A center on real files with its staff, two halls, and what the halls have written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from aggregator.app import LOCAL_TABLES, create_app
from aggregator.center import Center, CenterSettings
from aggregator.database.store import CenterStore
from aggregator.halls import roster
from aggregator.office import ROLES
from standards.records import CaseReceived, CaseStep, Finding, FindingAnswer, Punch, Record
from sync.clock import Clock
from tests.postgres import postgres
from tests.sync.stores import log_store
from web.accounts import Accounts, NewAccount
from web.shell import Shell

SITE = "http://localhost"
PASSWORD = "中心-十点-茶-一杯-热"
HALLS = {"T01": "公安分厅", "T02": "税务分厅"}

STAFF = {
    "duizhang": ("Z001", "reconciler"),
    "qicao": ("Z002", "standards_editor"),
    "shenhe": ("Z003", "standards_checker"),
    "fabu": ("Z004", "standards_publisher"),
    "ducha": ("Z005", "inspector"),
    "guanli": ("Z006", "administrator"),
}


@dataclass
class Hands:
    """A clock that stands still until a test turns it; its monotonic hand moves on by itself."""

    moment: datetime = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    ticks: int = 0

    def now(self) -> datetime:
        return self.moment

    def mono(self) -> int:
        self.ticks += 1
        return self.ticks

    def turn(self, **by: float) -> None:
        self.moment += timedelta(**by)


class Person:
    """Somebody at a browser who is signed in: keeps cookies, sends Origin and the form token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.csrf = ""

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=SITE)

    def text(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def post(self, path: str, data=None, *, once: str | None = None) -> TestResponse:
        """A form as our own page sends it; the same ``once`` is the same form sent again."""
        plain = data.to_dict(flat=False) if isinstance(data, MultiDict) else data or {}
        sent = {"csrf": self.csrf, "once": once or fresh_key(), **plain}
        return self.client.post(path, data=sent, headers={"Origin": SITE}, base_url=SITE)


_keys = iter(range(10**6, 10**9))


def fresh_key() -> str:
    return f"form-key-{next(_keys):016d}"


@dataclass
class Office:
    """The center, its application and its people."""

    center: Center
    app: Shell
    hands: Hands
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, login: str) -> Person:
        if login not in self.people:
            self.people[login] = self._signed_in(login)
        return self.people[login]

    def engage(self, login: str) -> None:
        """Open the account of one of :data:`STAFF`, unless it is open already."""
        accounts = Accounts(self.center.db, self.center.clock.now)
        if accounts.find(login) is None:
            staff_no, role = STAFF[login]
            new = NewAccount(
                login=login, staff_no=staff_no, display_name=ROLES[role], roles=(role,)
            )
            accounts.create(new, PASSWORD, must_change=False)

    def _signed_in(self, login: str) -> Person:
        self.engage(login)
        person = Person(self.app.test_client())
        answer = person.client.post(
            "/sign-in",
            data={"login": login, "password": PASSWORD},
            headers={"Origin": SITE},
            base_url=SITE,
        )
        assert answer.status_code == 303, answer.text
        found = re.search(r'name="csrf" content="(\w+)"', person.get("/sessions").text)
        assert found is not None
        person.csrf = found.group(1)
        return person

    def hall_writes(self, hall: str, record: Record, actor: str = "T01-001"):
        """A record as it stands at the center after it was received and applied."""
        origin = f"{self.center.settings.center}/{hall}/1"
        with self.center.db.transaction():
            self.center.logs.open(origin, hall, own=True)
            return self.center.logs.write(origin, record, actor=actor)

    def orders(self, hall: str) -> int:
        """Entries in the orders log of a hall."""
        origin = self.center.orders_origin(hall)
        sizes = {state.origin: state.size for state in self.center.logs.states()}
        return sizes.get(origin, 0)


@cache
def _tables_only() -> str:
    """Name of a database on PostgreSQL with a center's tables, large ones in two partitions."""
    name = "tables"
    store = CenterStore(postgres().make_database(name), partitions=2)
    log_store(store)
    store.create([*LOCAL_TABLES, *roster.DDL])
    store.close()
    return name


def own_database(data: Path) -> str:
    """The setting ``database`` for a center that outlives a test."""
    return postgres().database_of(data, like=_tables_only())


def emptied_database(data: Path) -> str:
    """The setting ``database`` for one test's center: quicker than a new one for each test."""
    name = "pages"
    url = postgres().make_database(name, like=_tables_only())
    with postgres().connect(name) as admin:
        tables = admin.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'migration'"
        ).fetchall()
        with admin.pipeline(), admin.transaction():
            for (table,) in tables:
                admin.execute(f"DELETE FROM {table}")
    return url


def open_office(data: Path, database: str = "") -> Office:
    """A new center with two registered halls; its people come when they are asked for.

    Args:
        database: the setting; SQLite in the folder when empty.
    """
    hands = Hands()
    clock = Clock(hands.now, hands.mono, "boot-of-the-test")
    settings = CenterSettings(
        center="c.example",
        name="市政务公开办公室",
        database=database,
        trusted_hosts=("localhost",),
    )
    center = Center(data, settings, clock)
    app = create_app(center)
    for hall, name in HALLS.items():
        roster.register_hall(center, hall, name)
    return Office(center, app, hands)


def a_case(item: str, number: str = "T01-20261124A0001X7", **changed) -> CaseReceived:
    given = {
        "case_no": number,
        "item": item,
        "guide_version": 1,
        "received_on": date(2026, 11, 24),
        "applicant_name": "赵小明",
        "paper_no": "11010519491231002X",
        "mobile": "13812345678",
        **changed,
    }
    return CaseReceived(**given)


def a_step(case_id: str, step: str, **changed) -> CaseStep:
    return CaseStep(case_id=case_id, step=step, day=date(2026, 11, 24), **changed)


def a_finding(hall: str = "T01", **changed) -> Finding:
    given = {
        "for_hall": hall,
        "source": "inspected",
        "dimension": "amenities",
        "severity": "minor",
        "due_on": date(2026, 12, 1),
        "text": "饮水机无水，无障碍通道堆放杂物",
        **changed,
    }
    return Finding(**given)


def an_answer(finding_id: str, text: str = "已清理并安排专人每日检查") -> FindingAnswer:
    return FindingAnswer(
        finding_id=finding_id, measure="rectified", done_on=date(2026, 11, 25), text=text
    )


def a_punch(staff_no: str, at: str, way: str = "face", grade: str = "B") -> Punch:
    return Punch(staff_no=staff_no, punched_at=at, way=way, grade=grade, terminal="K1")
