"""A real application in the shell's clothes, on real SQLite, with a clock one can turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.hall import ROLES, build
from tests.web.ledger import MemoryDatabase
from web.app import TABLES
from web.shell import Shell, ShellSettings

PASSWORD = "窗口-十点-茶-一杯-热"


class TurnableClock:
    """A clock that stands still until a test turns it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, **by: float) -> None:
        self.moment += timedelta(**by)


class Browser:
    """A browser at a window: keeps cookies, sends Origin on posts, carries the form token along."""

    def __init__(self, client: FlaskClient, site: str = "http://localhost") -> None:
        self.client = client
        self.site = site
        self.address = "10.1.0.11"

    def _environ(self) -> dict[str, str]:
        return {"REMOTE_ADDR": self.address}

    def get(self, path: str, **kw) -> TestResponse:
        return self.client.get(
            path, base_url=self.site, buffered=True, environ_overrides=self._environ(), **kw
        )

    def send(self, path: str, data=None, headers=None, **kw) -> TestResponse:
        """A post exactly as given."""
        return self.client.post(
            path,
            data=data,
            headers=headers,
            base_url=self.site,
            environ_overrides=self._environ(),
            **kw,
        )

    def post(self, path: str, data=None, **kw) -> TestResponse:
        """A post as our own page sends it."""
        data = {"csrf": self.token(), **(data or {})}
        return self.send(path, data, headers={"Origin": self.site}, **kw)

    def token(self) -> str:
        found = re.search(r'name="csrf" content="(\w+)"', self.get("/sessions").text)
        return found.group(1) if found else ""

    def sign_in(self, login: str, password: str = PASSWORD, **more: str) -> TestResponse:
        return self.send(
            "/sign-in",
            {"login": login, "password": password, **more},
            headers={"Origin": self.site},
        )


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def database() -> Iterator[MemoryDatabase]:
    made = MemoryDatabase()
    made.create(TABLES)
    yield made
    made.close()


def settings(**changed) -> ShellSettings:
    given = {
        "site": "test",
        "hall_name": "东城分厅",
        "roles": ROLES,
        "trusted_hosts": ("localhost",),
        **changed,
    }
    return ShellSettings(**given)


@pytest.fixture
def hall(database: MemoryDatabase, clock: TurnableClock) -> Shell:
    return build(database, settings(), clock, password=PASSWORD)


@pytest.fixture
def browser(hall: Shell) -> Browser:
    return Browser(hall.test_client())


@pytest.fixture
def other_browser(hall: Shell) -> Browser:
    return Browser(hall.test_client())
