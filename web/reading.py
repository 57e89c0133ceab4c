"""只读: pages that are served over a copy, because the database must not, or cannot, be written.

A folder that is read-only (F5), a database that the disk damaged (F6), personal parts whose key is
gone: people can still sign in and look things up. Nothing is written but who signs in; nothing is
sent. What the copy holds goes with the process.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from web import logs
from web.damage import wal_of

READ_ONLY = "the data folder is read-only since the start"
VAULT_LOST = "the key of personal parts is gone, or another one stands in its place"
_SAYS_SO = (errno.EROFS, errno.EACCES, errno.EPERM)
# Signing in writes these, and a copy may lose them.
OF_SESSIONS: Mapping[str, tuple[str, ...]] = {
    "web_session": (),
    "web_attempt": (),
    "web_place": (),
    "web_account": ("signed_in_at",),
}
LOOK_S = 2.0


def can_be_written(database: Path) -> bool:
    """Whether a program may write into this database and its folder; full is another matter."""
    try:
        with tempfile.TemporaryFile(dir=database.parent), open(database, "r+b"):
            return True
    except FileNotFoundError:
        return True
    except OSError as error:
        return error.errno not in _SAYS_SO


@contextmanager
def copied(database: Path) -> Iterator[Path]:
    """A copy of a database in a temporary folder, which goes at the end."""
    with tempfile.TemporaryDirectory(prefix="onehall-read-only-") as folder:
        for path in (database, wal_of(database)):
            if path.exists():
                shutil.copyfile(path, Path(folder) / path.name)
        logs.event("disk.read_only")
        yield Path(folder) / database.name


@contextmanager
def twin(data: Path, database: Path) -> Iterator[Path]:
    """A folder that shows a data folder, with a copy of its database, and without the key of its
    personal parts.
    """
    with copied(database) as copy:
        folder, keys = copy.parent, data / "keys"
        for path in data.iterdir():
            if path != keys and not path.name.startswith(database.name):
                (folder / path.name).symlink_to(path.resolve())
        (folder / "keys").mkdir(mode=0o700)
        for path in keys.iterdir():
            if path.name != "vault.key":
                (folder / "keys" / path.name).symlink_to(path.resolve())
        yield folder


class UntilWritable:
    """Ends this program when the folder can be written: its supervisor starts it as usual then."""

    def __init__(self, database: Path) -> None:
        self._database = database
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
            if can_be_written(self._database):
                logs.event("disk.writable")
                os.kill(os.getpid(), signal.SIGTERM)
                return
