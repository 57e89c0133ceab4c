"""预留空间: kept aside, so that a machine whose disk is full can be started, told, shut down.

A file of its own holds the space. It is let go when the disk is full, and held again when there is
room; meanwhile nothing new is taken in, and what is needed to go on (receipts, sign-ins, a start)
has room. Knows no database.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sync.errors import DiskFull
from sync.storage.durable import remove_file, sync_names

MIB = 1024 * 1024
RESERVE = "reserve"
# With less room than this the space is let go.
LAST_BYTES = 8 * MIB
# Of the whole disk; a small disk keeps less aside.
MOST_SHARE = 0.05


def free_bytes(folder: Path) -> int:
    """Free space on the disk of a folder."""
    return shutil.disk_usage(folder).free


def room_may_help(error: BaseException) -> bool:
    """Whether the disk may be full. SQLite says of some of its files only that they fail."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or isinstance(error, DiskFull)


class Reserve:
    """The space of one machine.

    Args:
        path: the file, on the disk that the database is on.
        size: how much; 0 keeps nothing aside.
        free: tells the free bytes of a folder; tests give their own.
    """

    def __init__(self, path: Path, size: int, free: Callable[[Path], int] = free_bytes) -> None:
        self._path, self._free = path, free
        self.size = min(size, int(shutil.disk_usage(path.parent).total * MOST_SHARE))
        self.is_held = self.size > 0 and self._stands()

    def _stands(self) -> bool:
        return self._path.exists() and self._path.stat().st_size >= self.size

    @property
    def is_used(self) -> bool:
        """Is only the space left that was kept aside? Then nothing new is taken in."""
        return self.size > 0 and not self.is_held and self._free(self._path.parent) < self.size

    def look(self) -> bool:
        """Let the space go, or hold it again, as the disk stands; whether something changed."""
        free = self._free(self._path.parent)
        if self.is_held:
            return free < LAST_BYTES and self.let_go()
        # Twice as much again stays free, so that it does not come and go with every file.
        return self.size > 0 and free >= 3 * self.size and self._hold()

    def let_go(self) -> bool:
        """Free the space; whether there was any."""
        there = self._path.exists()
        if there:
            remove_file(self._path)
        self.is_held = False
        return there

    def _hold(self) -> bool:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self.size)
            os.fsync(descriptor)
        except OSError:
            self._path.unlink()
            return False
        finally:
            os.close(descriptor)
        sync_names(self._path.parent)
        self.is_held = True
        return True
