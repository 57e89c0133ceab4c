"""A real hall in a folder of its own, with standards from the center, its pages and its people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from attendance.engine import FaceEngine
from node.app import LOCAL_TABLES, create_app
from node.hall import Hall
from standards.catalogue import starter_guides
from standards.guides import Guide
from standards.workdays import published_years
from tests.node.attendance import Kiosk, with_engine
from tests.node.hall import (
    Browser,
    TurnableClock,
    calendar,
    few,
    open_hall,
    publish,
    published,
)
from tests.node.leaves import person, staffed
from web.shell import Shell


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture(scope="session")
def catalogue() -> tuple[Guide, ...]:
    return starter_guides()


@pytest.fixture
def hall(tmp_path: Path, clock: TurnableClock, catalogue: tuple[Guide, ...]) -> Iterator[Hall]:
    """A hall that follows three guides of the catalogue and the official calendars."""
    made = open_hall(tmp_path / "hall", clock)
    with made.db.transaction():
        publish(made, *map(calendar, published_years()), *map(published, few(catalogue)))
    yield made
    made.close()


@pytest.fixture
def bare_hall(tmp_path: Path, clock: TurnableClock) -> Iterator[Hall]:
    """A hall with its tables and nothing in them: no standards, no pages."""
    made = open_hall(tmp_path / "hall", clock)
    made.db.create(LOCAL_TABLES)
    yield made
    made.close()


@pytest.fixture
def guide(catalogue: tuple[Guide, ...]) -> Guide:
    """The item that most tests take in: it promises working days and needs materials."""
    return few(catalogue)[0]


@pytest.fixture
def app(hall: Hall) -> Shell:
    return create_app(hall)


@pytest.fixture
def window(app: Shell) -> Browser:
    """The clerk at the window."""
    return Browser(app.test_client()).sign_in("li")


@pytest.fixture
def desk(app: Shell) -> Browser:
    """The reviewer."""
    return Browser(app.test_client()).sign_in("wang")


@pytest.fixture
def office(app: Shell) -> Browser:
    """The supervisor."""
    return Browser(app.test_client()).sign_in("chen")


@pytest.fixture(scope="session")
def engine() -> Iterator[FaceEngine]:
    """The face engine of all tests that do not break it."""
    with FaceEngine() as made:
        assert made.ready.wait(30)
        yield made


@pytest.fixture
def kiosk(hall: Hall, app: Shell, engine: FaceEngine) -> Kiosk:
    """A paired terminal; the staff pages have the engine too."""
    with_engine(app, hall, engine)
    return Kiosk(hall, engine)


@pytest.fixture
def administration(app: Shell) -> Browser:
    """The administrator."""
    return Browser(app.test_client()).sign_in("root")


@pytest.fixture
def clerk(app: Shell, hall: Hall) -> Browser:
    """The clerk Li, in a hall where everybody is on post and the offices are held."""
    staffed(hall)
    return person(app, "li")
