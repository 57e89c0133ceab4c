"""作息时间 in force in this hall: its own file (``timetables``), what the center published, or what
ships.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from node.hall import Hall
from standards.timetables import Published, TimetableBook, book_of


def books(hall: Hall) -> tuple[Published, ...]:
    """Which timetables hold from which day on, the earliest first.

    Raises:
        OSError, ValueError: the hall's own file is not there or no such table.
        standards.errors.Invalid: a timetable of it cannot be used, with the reason.
    """
    if not hall.settings.timetables:
        return hall.shelf().timetables
    path = hall.data / hall.settings.timetables
    return ((date.min, _read(path, path.stat().st_mtime_ns)),)


def book(hall: Hall) -> TimetableBook:
    """The timetables that hold today."""
    today = hall.clock.today()
    return next(one for since, one in reversed(books(hall)) if since <= today)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> TimetableBook:
    return book_of(path.read_text(encoding="utf-8"))


def labels(hall: Hall) -> dict[str, str]:
    """Code -> label of each timetable in force."""
    return {code: one.label for code, one in book(hall).by_code().items()}
