"""The center that every test of its pages starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aggregator.halls import roster
from aggregator.publishing.starter import load_starter
from standards.records import NumberScheme
from sync.contact.sending import signed_head
from tests.aggregator.intake_desk import Desk, open_desk
from tests.aggregator.office import Office, emptied_database, open_office, own_database


@pytest.fixture(scope="session", params=["SQLite", "PostgreSQL"])
def engine(request: pytest.FixtureRequest) -> str:
    """What the center's database is: what a page promises holds on both."""
    return str(request.param)


def database(engine: str, make: Callable[[Path], str], folder: Path) -> str:
    """The setting of the same name; empty for SQLite in the folder."""
    return make(folder) if engine == "PostgreSQL" else ""


@pytest.fixture
def office(tmp_path: Path, engine: str) -> Iterator[Office]:
    """A center without any standards."""
    opened = open_office(tmp_path, database(engine, emptied_database, tmp_path))
    yield opened
    opened.center.close()


@pytest.fixture
def furnished(office: Office) -> Office:
    """A center that has published the starter standards."""
    load_starter(office.center, "Z000")
    return office


@pytest.fixture
def desk(tmp_path: Path, engine: str) -> Iterator[Desk]:
    """A center that halls speak to, with one admitted hall."""
    found = open_desk(tmp_path, database(engine, emptied_database, tmp_path))
    yield found
    found.center.close()


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Desk]:
    """As ``desk``, shared by many refusals because none of them changes anything."""
    folder = tmp_path_factory.mktemp("still")
    found = open_desk(folder, database(engine, own_database, folder))
    found.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
    # As a round would: entries are given only of what a head was signed over.
    signed_head(found.center.logs, found.center.standards_origin, found.center.signer)
    yield found
    assert found.size(found.halls["T01"]) == 0
    assert found.center.db.query("SELECT hall FROM hall_contact") == []
    assert len(roster.pending(found.center)) == 1
    found.center.close()
