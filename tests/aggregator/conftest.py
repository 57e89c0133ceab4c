"""The center that every test of its pages starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator import roster
from aggregator.starter import load_starter
from standards.records import NumberScheme
from tests.aggregator.intake_desk import Desk, open_desk
from tests.aggregator.office import Office, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A center without any standards."""
    opened = open_office(tmp_path)
    yield opened
    opened.center.close()


@pytest.fixture
def furnished(office: Office) -> Office:
    """A center that has published the starter standards."""
    load_starter(office.center, "Z000")
    return office


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A center that halls speak to, with one admitted hall."""
    found = open_desk(tmp_path)
    yield found
    found.center.close()


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """As ``desk``, shared by many refusals because none of them changes anything."""
    found = open_desk(tmp_path_factory.mktemp("still"))
    found.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
    yield found
    assert found.size(found.halls["T01"]) == 0
    assert found.center.db.query("SELECT hall FROM hall_contact") == []
    assert len(roster.pending(found.center)) == 1
    found.center.close()
