"""The sealed files of one hall on one disk, each under the SHA-256 of its bytes.

A name is given only to a whole file whose bytes were hashed and synced; what is still coming
stands apart, and grows piece by piece. Knows no key, no record and no network.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from sync.errors import Gap, Malformed, TooLarge
from sync.failpoints import fp
from sync.storage.durable import make_folder, sync_names

MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_PIECE_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024
_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Piece:
    """Some bytes of a file: where they begin, and how long the whole is."""

    start: int
    total: int
    body: bytes


def is_file_name(text: str) -> bool:
    """Whether a text is the name of a file."""
    return _NAME.fullmatch(text) is not None


class Cabinet:
    """Files of one hall below one folder.

    Args:
        folder: is made when the first file comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._coming = folder / "coming"

    def keep(self, blocks: Iterable[bytes]) -> tuple[str, int]:
        """Keep a file that comes whole; its name and size.

        Raises:
            OSError: disk full or not writable; nothing is left behind.
        """
        make_folder(self._coming)
        hashed, size = sha256(), 0
        partial = self._coming / f"{os.urandom(16).hex()}.new"
        try:
            with _private(partial, os.O_EXCL) as file:
                for block in blocks:
                    hashed.update(block)
                    size += _put(file, block)
                os.fsync(file.fileno())
            fp("file.kept")
            self._name(partial, hashed.hexdigest())
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return hashed.hexdigest(), size

    def take(self, name: str, piece: Piece) -> int:
        """Add the next piece of a file; how many bytes of it are kept now.

        Raises:
            Gap: the piece does not begin where ours end, ``size``.
            Malformed: with its last piece the file is not what its name says; it begins anew.
            OSError: disk full or not writable; what was kept stays.
        """
        end = piece.start + len(piece.body)
        if piece.total > MAX_FILE_BYTES or len(piece.body) > MAX_PIECE_BYTES:
            raise TooLarge("a file or a piece of it passes its cap")
        if not 0 <= piece.start < end <= piece.total:
            raise Malformed("a piece that does not lie within its file")
        make_folder(self._coming)
        with self._turn(name) as (path, file):
            whole = self.size(name)
            if whole is not None:
                path.unlink(missing_ok=True)
                return whole
            self._add(file, piece)
            fp("file.piece_kept")
            if end == piece.total:
                self._finish(path, name, file)
            return end

    def _add(self, file: IO[bytes], piece: Piece) -> None:
        here = file.seek(0, os.SEEK_END)
        if here != piece.start:
            if here >= piece.total:
                # Of no use: the next piece begins the file anew.
                file.truncate(0)
                here = 0
            raise Gap("the piece does not begin where the kept bytes end", size=here)
        try:
            _put(file, piece.body)
            os.fsync(file.fileno())
        except OSError:
            file.truncate(here)
            raise

    def _finish(self, path: Path, name: str, file: IO[bytes]) -> None:
        file.seek(0)
        if _hash(file) != name:
            file.truncate(0)
            raise Malformed("the bytes are not those of this name", size=0)
        self._name(path, name)

    @contextmanager
    def _turn(self, name: str) -> Iterator[tuple[Path, IO[bytes]]]:
        """The coming file, for one thread of one process at a time."""
        path = self._coming / name
        is_new = not path.exists()
        with _private(path, 0) as file:
            if is_new:
                sync_names(self._coming)
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield path, file

    def _name(self, partial: Path, name: str) -> None:
        path = self._path(name)
        make_folder(path.parent)
        os.replace(partial, path)
        fp("file.renamed")
        sync_names(path.parent)
        fp("file.named")

    def _path(self, name: str) -> Path:
        if not is_file_name(name):
            raise Malformed("not the name of a file")
        return self._folder / name[:2] / name

    def size(self, name: str) -> int | None:
        """Bytes of a file that is whole here; None when it is not."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def held(self, name: str) -> int:
        """How many bytes of a file are kept, whole or coming."""
        whole = self.size(name)
        if whole is not None:
            return whole
        try:
            return (self._coming / name).stat().st_size
        except FileNotFoundError:
            return 0

    def open(self, name: str) -> IO[bytes]:
        """A whole file, to read.

        Raises:
            FileNotFoundError: not here.
        """
        return self._path(name).open("rb")

    def piece(self, name: str, start: int, length: int) -> Piece:
        """Some bytes of a whole file.

        Raises:
            FileNotFoundError: not here.
        """
        with self.open(name) as file:
            total = os.fstat(file.fileno()).st_size
            file.seek(start)
            return Piece(start, total, file.read(min(length, MAX_PIECE_BYTES)))

    def is_sound(self, name: str) -> bool:
        """Whether a file is here and its bytes are still those of its name."""
        try:
            with self.open(name) as file:
                return _hash(file) == name
        except FileNotFoundError:
            return False

    def drop(self, name: str) -> None:
        """Delete a file, whole or coming."""
        for path in (self._path(name), self._coming / name):
            path.unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Every whole file."""
        for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            yield from (path.name for path in folder.iterdir() if is_file_name(path.name))

    def tidy(self, posix: float) -> None:
        """Delete what an intake left that was cut off before a moment (POSIX seconds)."""
        for path in self._coming.glob("*.new"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < posix:
                    path.unlink()


def _private(path: Path, flags: int) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
    return os.fdopen(descriptor, "r+b", buffering=0)


def _put(file: IO[bytes], data: bytes) -> int:
    left = memoryview(data)
    while left:
        left = left[os.write(file.fileno(), left) :]
    return len(data)


def _hash(file: IO[bytes]) -> str:
    hashed = sha256()
    while part := file.read(_READ_BYTES):
        hashed.update(part)
    return hashed.hexdigest()
