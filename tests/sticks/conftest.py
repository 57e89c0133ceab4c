"""A center, an enrolled hall without a line, and an empty stick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.hall import Hall
from standards.records import Finding, NumberScheme
from sync.log import Portions
from tests.independent.center import Listening, listening
from tests.node.contacts import enrolled, new_hall
from tests.sticks.carrying import write


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Listening]:
    """A center that has published something and has an order for T01."""
    with listening(tmp_path / "center") as made:
        made.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
        made.center.order("T01", Finding(for_hall="T01", source="inspected", text="门口缺指示牌"),
                          actor="ZX-07")  # fmt: skip
        yield made


@pytest.fixture
def hall(tmp_path: Path, office: Listening) -> Iterator[Hall]:
    """An enrolled hall that has written six entries since; no line is used unless a test does."""
    with new_hall(tmp_path / "hall") as made:
        made.logs.portions = Portions(batch_entries=4)
        enrolled(made, office)
        write(made, 6)
        yield made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"
