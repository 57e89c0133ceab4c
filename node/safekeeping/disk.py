"""磁盘: what a hall does when its disk is full, fails, or is read-only (F4, F5).

Full: the space that was kept aside is let go, and nothing new is taken in until there is room.
Failing or read-only: pages can be read and say so; a write is tried now and then, and the first one
that succeeds ends it. A machine that starts over a read-only folder reads from a copy in memory.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.hall import Hall, HallSettings
from node.store import NodeStore
from sync.recovery.highwater import HighWater
from web import logs

DATABASE = "node.db"
READ_ONLY = "the data folder is read-only since the start"
_SAYS_SO = (errno.EROFS, errno.EACCES, errno.EPERM)
# Signing in writes these, and a copy in memory may lose them.
_OF_SESSIONS: dict[str, tuple[str, ...]] = {
    "web_session": (),
    "web_attempt": (),
    "web_place": (),
    "web_account": ("signed_in_at",),
}
LOOK_S = 10.0


def look(hall: Hall) -> None:
    """Run it now and then: hold or let go the space kept aside, and try to write again."""
    if hall.reserve is not None and hall.reserve.look():
        logs.event("disk.reserve", held=hall.reserve.is_held)
    if hall.db.unwritable and hall.db.try_writing():
        logs.event("disk.writable")


def can_be_written(data: Path) -> bool:
    """Whether a program may write into this folder and its database; full is another matter."""
    try:
        with tempfile.TemporaryFile(dir=data), open(data / DATABASE, "r+b"):
            return True
    except FileNotFoundError:
        return True
    except OSError as error:
        return error.errno not in _SAYS_SO


@contextmanager
def read_only(data: Path) -> Iterator[Hall]:
    """The hall of a folder that cannot be written, over a copy of its database in memory.

    Nothing is written but who signs in; nothing is sent. What the copy holds goes with the process.
    """
    with tempfile.TemporaryDirectory(prefix="onehall-read-only-") as folder:
        for name in (DATABASE, f"{DATABASE}-wal"):
            if (data / name).exists():
                shutil.copyfile(data / name, Path(folder) / name)
        store = NodeStore(Path(folder) / DATABASE)
        hall = Hall(data, HallSettings.load(data), db=store, highwater=HighWater(None))
        hall.reads_only = True
        logs.event("disk.read_only")
        try:
            yield hall
        finally:
            hall.close()


def seal(hall: Hall) -> None:
    """After the tables of the copy were made as each start makes them."""
    hall.db.seal(READ_ONLY, _OF_SESSIONS)


class UntilWritable:
    """Ends this program when the folder can be written: its supervisor starts it as usual then."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            if can_be_written(self._data):
                logs.event("disk.writable")
                os.kill(os.getpid(), signal.SIGTERM)
                return
