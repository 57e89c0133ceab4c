"""How moments are written in tables and shown on pages.

Tables hold UTC text of one fixed width, so that text order is time order on SQLite and PostgreSQL.
Pages show China Standard Time (UTC+8, no daylight saving since 1991). Reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

Clock = Callable[[], datetime]

CHINA = timezone(timedelta(hours=8), "CST")
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def stamp(moment: datetime) -> str:
    """An aware moment as table text, whole seconds: ``2026-11-24T03:20:42Z``."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC).strftime(_FORM)


def read_stamp(text: str) -> datetime:
    """The moment of a table text written by :func:`stamp`."""
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)


def show_moment(value: datetime | str | None) -> str:
    """A moment for a page, to the minute: ``2026-11-24 11:20``; a dash when there is none."""
    if not value:
        return "—"
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def show_day(value: date | str | None) -> str:
    """A day for a page or paper: ``2026年11月24日``; a dash when there is none."""
    if not value:
        return "—"
    day = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return f"{day.year}年{day.month}月{day.day}日"
