"""磁盘: what a hall does when its disk is full, fails, is read-only or gave back damage (F4 to F6).

Full: the space that was kept aside is let go, and nothing new is taken in until there is room.
Failing: pages can be read and say so; a write is tried now and then, and the first one that
succeeds ends it. A machine that starts over a read-only folder, or over a damaged database, reads
from a copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from node.hall import Hall, HallSettings
from node.store import NodeStore
from sync.clock import system_clock
from sync.keys.vault_key import renew
from sync.recovery.highwater import HighWater
from web import logs
from web.reading import OF_SESSIONS, READ_ONLY, VAULT_LOST, copied, twin

DATABASE = "node.db"


def look(hall: Hall) -> None:
    """Run it now and then: hold or let go the space kept aside, and try to write again."""
    if hall.reserve is not None and hall.reserve.look():
        logs.event("disk.reserve", held=hall.reserve.is_held)
    if hall.db.unwritable and hall.db.try_writing():
        logs.event("disk.writable")


@contextmanager
def reading(data: Path, why: str) -> Iterator[Hall]:
    """The hall of a folder that must not be written, over a copy of its database.

    Args:
        why: ``READ_ONLY``, ``VAULT_LOST``, or what is wrong with the database.
    """
    with ExitStack() as stack:
        if why == VAULT_LOST:
            home = stack.enter_context(twin(data, data / DATABASE))
            store = NodeStore(home / DATABASE)
            renew(store, home / "keys", system_clock().stamp(), "")
        else:
            home, store = data, NodeStore(stack.enter_context(copied(data / DATABASE)))
        hall = Hall(home, HallSettings.load(data), db=store, highwater=HighWater(None))
        stack.callback(hall.close)
        hall.reads_only = why
        yield hall


def seal(hall: Hall) -> None:
    """After the tables of the copy were made as each start makes them: nothing more is written."""
    hall.db.seal(hall.reads_only, OF_SESSIONS)
    if hall.reads_only not in (READ_ONLY, VAULT_LOST):
        hall.db.damaged = hall.reads_only
