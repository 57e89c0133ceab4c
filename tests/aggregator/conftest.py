"""The center that every test of its pages starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.starter import load_starter
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
