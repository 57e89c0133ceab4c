"""One face engine for all tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attendance.agreement import open_meter
from attendance.engine import FaceEngine
from attendance.faces import FaceMeter


@pytest.fixture(scope="session")
def engine() -> Iterator[FaceEngine]:
    with FaceEngine() as engine:
        assert engine.ready.wait(30)
        yield engine


@pytest.fixture(scope="session")
def meter() -> FaceMeter:
    """The same pipeline in this very process, for what needs a look inside."""
    return open_meter()[0]
