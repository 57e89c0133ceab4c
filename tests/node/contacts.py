"""A hall and a center that really listens, and lines that go wrong in chosen ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.receiving.apply import apply_all
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.outbox.syncing import contact
from sync.client import HttpLine, Line
from sync.errors import SyncError
from tests.independent.center import CENTER, Listening


@contextmanager
def new_hall(data: Path, hall: str = "T01", center: str = CENTER) -> Iterator[Hall]:
    """A hall that has not asked to be enrolled."""
    settings = HallSettings(hall=hall, name=f"{hall}分厅", center=center, sync_seconds=7)
    made = Hall(data, settings)
    made.db.create(enrolment.DDL)
    try:
        yield made
    finally:
        made.close()


def line_of(hall: Hall, url: str) -> HttpLine:
    """The hall's real line to an address."""
    return HttpLine(url, hall.signer, lambda: hall.clock.posix_ms() // 1000)


def enrolled(hall: Hall, office: Listening) -> None:
    """Enrol a hall as two people at two screens do."""
    code = office.code_for(hall.settings.hall)
    asked = enrolment.ask(hall, line_of(hall, office.url), office.url, code)
    office.approve(hall.settings.hall, asked.digits)
    found = enrolment.ask_again(hall, line_of(hall, office.url))
    assert found is not None and found.state == "approved"


@pytest.fixture
def hall(tmp_path: Path, office: Listening) -> Iterator[Hall]:
    """An enrolled hall that has written nothing; a test imports this and ``office``."""
    with new_hall(tmp_path / "hall") as made:
        enrolled(made, office)
        yield made


def meet(hall: Hall, office: Listening) -> None:
    """One contact, and the center applies what came."""
    contact(hall, line_of(hall, office.url))
    apply_all(office.center)


@contextmanager
def clock_off(hall: Hall, by: timedelta) -> Iterator[None]:
    """The hall's clock is wrong, or somebody set it so."""
    right = hall.clock
    hall.clock = hall.logs.clock = replace(right, now=lambda: right.now() + by)
    try:
        yield
    finally:
        hall.clock = hall.logs.clock = right


class Broken:
    """A line on which every request ends with this error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        raise self.error


class Forged:
    """A line on which somebody changes the center's answers."""

    def __init__(self, line: Line, forge: Callable[[bytes], bytes]) -> None:
        self._line, self._forge = line, forge

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        return self._forge(self._line.send(method, target, body, media_type))


def every_sync_error() -> list[type[SyncError]]:
    """The family, found from its source rather than from a list."""
    found, seen = [SyncError], [SyncError]
    while found:
        kinds = found.pop().__subclasses__()
        found += kinds
        seen += kinds
    return seen
