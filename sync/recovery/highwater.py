"""The high-water mark: how far each own log was ever signed, in a file beside the database.

A database that is put back from a copy does not know what was signed after the copy; this file
does. It is written and fsynced before a signature leaves the machine, so that no number and no
head of a log is ever issued twice. Knows no database.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from sync.failpoints import fp
from sync.storage.durable import append_line, write_file

# A file of so many lines is written anew at the next start, one line a log.
_MANY_LINES = 2_000


class HighWater:
    """The marks of every own log of this machine.

    Args:
        path: the file; None keeps the marks in memory (the simulation's disk holds them).
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        lines = _lines(path)
        self._marks: dict[str, int] = _marks(lines)
        if path and lines and (lines[-1] or len(lines) > _MANY_LINES):
            write_file(path, "".join(f"{o} {s}\n" for o, s in self._marks.items()))

    @classmethod
    def of_copy(cls, path: Path) -> HighWater:
        """What the file says, for who works on a copy: nothing is written into it."""
        found = cls(None)
        found._marks = _marks(_lines(path))
        return found

    def look_again(self) -> None:
        """Take up what another program on this machine wrote into the file since."""
        if lines := _lines(self._path):
            with self._lock:
                self._marks = _marks(lines)

    def reached(self, origin: str) -> int:
        """The largest size of a log that was promised; 0 when none was."""
        return self._marks.get(origin, 0)

    def origins(self) -> list[str]:
        """Every log of which something was promised."""
        return list(self._marks)

    def promise(self, origin: str, size: int) -> None:
        """Note durably that this size is about to be signed; quick when it is known already.

        Raises:
            OSError: the disk is full or cannot be written; then nothing may be signed.
        """
        if size <= self._marks.get(origin, 0):
            return
        with self._lock:
            if self._path is not None:
                append_line(self._path, f"{origin} {size}")
            fp("promise.kept")
            self._marks[origin] = max(size, self._marks.get(origin, 0))

    def lower(self, origin: str, size: int) -> None:
        """A person decided that what was signed above this size will never come back."""
        with self._lock:
            if self._path is not None:
                append_line(self._path, f"{origin} {size}")
            self._marks[origin] = size


def _lines(path: Path | None) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n") if path and path.exists() else []


def _marks(lines: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    # What follows the last line break was cut off by the power before it was relied on.
    for line in lines[:-1]:
        origin, _, size = line.rpartition(" ")
        if origin and size.isascii() and size.isdigit():
            # A later line stands: a mark is lowered only by a person.
            found[origin] = int(size)
    return found
