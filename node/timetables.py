"""作息时间 in force in this hall: those that ship, or the hall's own file (``timetables``)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from node.hall import Hall
from standards.timetables import TimetableBook, book_of, packaged_book


def book(hall: Hall) -> TimetableBook:
    """The timetables in force.

    Raises:
        OSError, ValueError: the hall's own file is not there or no such table.
        standards.errors.Invalid: a timetable of it cannot be used, with the reason.
    """
    if not hall.settings.timetables:
        return packaged_book()
    path = hall.data / hall.settings.timetables
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> TimetableBook:
    return book_of(path.read_text(encoding="utf-8"))


def labels(hall: Hall) -> dict[str, str]:
    """Code -> label of each timetable in force."""
    return {code: one.label for code, one in book(hall).by_code().items()}
