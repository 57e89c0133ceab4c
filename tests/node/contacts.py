"""A hall and a center that really listens, and lines that go wrong in chosen ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from node.hall import Hall, HallSettings
from node.keys import enrolment
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
