"""When this hall last reached the center, over a restart: how old its standards may be (T13)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from node.hall import Hall
from sync.storage.durable import write_file

_NAME = "last-contact"
# The file is written no more often than this: a contact with nothing to do costs no write.
_AGAIN = timedelta(hours=1)


def read(hall: Hall) -> datetime | None:
    """When it was, to the hour; None when it never was."""
    try:
        return datetime.fromisoformat((hall.data / _NAME).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None


def note(hall: Hall) -> None:
    """The center has just answered."""
    known, now = read(hall), hall.clock.now()
    if known is None or abs(now - known) >= _AGAIN:
        # With a full disk the age that is shown is too old, and nothing else is wrong.
        with suppress(OSError):
            write_file(hall.data / _NAME, f"{now.isoformat()}\n")
