"""Writing an export to a stick, or into one file. What is in a batch it does not know.

Names are short, in capital letters and digits, and nothing depends on their case (FAT32). A file is
written under another name, synced, and then renamed; the index comes last, so that an export that
was broken off leaves the one before it whole. Never more than one file is in memory.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from sync.contact.sending import batch_after
from sync.errors import StickRefused
from sync.failpoints import fp
from sync.keys.keysets import CODE_ALPHABET
from sync.log import LogStore
from sync.notes import Signer
from sync.private.sealing import Recipient
from sync.safekeeping.reserve import free_bytes
from sync.sticks.stick import (
    INDEX,
    MAX_INDEX_BYTES,
    MAX_PIECE_BYTES,
    MAX_PIECES,
    Heading,
    Index,
    Manifest,
    Piece,
    digest_of,
    index_of,
    seal_piece,
)
from sync.sticks.usb import BLOCK_BYTES, FOLDER, SUFFIX, subfolder

UNFINISHED = ".NEW"
# Left free beside what is written: the index, and room for the file system itself.
SPARE_BYTES = 2 * MAX_INDEX_BYTES
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Content:
    """What goes into one file: a batch with its place in its log, or the message of a round."""

    plain: bytes
    origin: str = ""
    start: int = 0
    stop: int = 0


@dataclass(frozen=True)
class Sealer:
    """Who signs the index, and to whom the files are sealed."""

    signer: Signer
    receiver: bytes
    keys_note: bytes = b""


@dataclass(frozen=True)
class Rest:
    """What of a log goes on a stick.

    Args:
        sizes: up to which the receiver may hold the log (``sync.sticks.cuts``). A batch ends at
            each of them, so that one begins exactly where its copy ends.
    """

    origin: str
    start: int
    sizes: frozenset[int] = frozenset()


def batches(logs: LogStore, rest: Rest, signer: Signer, receiver: Recipient) -> Iterator[Content]:
    """A log's batches to its end, as they would go over the wire."""
    end = logs.state(rest.origin).size
    here = logs.frontier_at(rest.origin, rest.start)
    for cut in (*sorted(size for size in rest.sizes if rest.start < size < end), end):
        while here.size < cut:
            start = here.size
            raw, here = batch_after(logs, rest.origin, (here, cut), signer, receiver)
            yield Content(raw, rest.origin, start, here.size)


class Target(Protocol):
    """Where an export is written.

    Raises:
        StickRefused: ``no_room``, or it cannot be written at all.
    """

    def names(self) -> set[str]:
        """Names that stand there already."""

    def put(self, name: str, raw: bytes) -> None:
        """Write one file, durably."""

    def finish(self, index: bytes) -> None:
        """Write the index; what it does not name is removed."""


@dataclass(frozen=True)
class Written:
    """What an export wrote. ``whole`` is false when the stick had no room for the rest."""

    manifest: Manifest
    bytes: int
    whole: bool


def export(
    target: Target,
    heading: Heading,
    sealer: Sealer,
    contents: Iterable[Content],
    files: tuple[Piece, ...] = (),
) -> Written:
    """Seal each content into a file of its own, then write the signed index.

    Args:
        files: scans and other files that the caller sets behind an export that is one file.

    Raises:
        StickRefused: not even the first file has room, or the stick cannot be written.
    """
    pieces: list[Piece] = []
    whole, serial = True, _fresh_serial(target.names())
    for content in contents:
        name = f"{serial}{len(pieces):05d}{SUFFIX}"
        raw = seal_piece(content.plain, heading, name, sealer.receiver)
        try:
            if len(pieces) + len(files) == MAX_PIECES or len(raw) > MAX_PIECE_BYTES:
                raise StickRefused("no_room", needed=len(raw))
            target.put(name, raw)
        except StickRefused as refused:
            if refused.reason != "no_room" or len(pieces) < 2:
                raise
            whole = False
            break
        place = (content.origin, content.start, content.stop)
        pieces.append(Piece(name, len(raw), digest_of(raw), *place))
    manifest = Manifest(heading, tuple(pieces), files)
    target.finish(index_of(manifest, sealer.signer, sealer.keys_note))
    return Written(manifest, sum(piece.size for piece in pieces), whole)


def _fresh_serial(taken: set[str]) -> str:
    """Three characters with which no name begins yet: the files of two exports never mix."""
    begun = {name[:3] for name in taken}
    while (serial := "".join(secrets.choice(CODE_ALPHABET) for _ in range(3))) in begun:
        pass
    return serial


class FolderTarget:
    """``ONEHALL/<hall>/UP`` or ``DOWN`` on a stick.

    Args:
        root: the stick itself; must be there.
        free: free bytes at a folder; tests give their own.
    """

    def __init__(
        self, root: Path, heading: Heading, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self._free = free
        if not root.is_dir():
            raise StickRefused("no_folder", str(root))
        self.folder = root
        try:
            for part in (FOLDER, heading.hall, heading.way.upper()):
                self.folder = subfolder(self.folder, part) or self.folder / part
                self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise refused_by(error, str(root)) from None

    def names(self) -> set[str]:
        """See ``Target``."""
        return {path.name.upper() for path in self._paths()}

    def _paths(self) -> list[Path]:
        try:
            return [*self.folder.iterdir()]
        except OSError as error:
            raise refused_by(error, str(self.folder)) from None

    def put(self, name: str, raw: bytes) -> None:
        """See ``Target``."""
        try:
            room = self._free(self.folder) - SPARE_BYTES
        except OSError as error:
            raise refused_by(error, name) from None
        if room < len(raw):
            raise StickRefused("no_room", name, needed=len(raw), free=max(0, room))
        self._write(name, raw)

    def finish(self, index: bytes) -> None:
        """See ``Target``."""
        self._write(INDEX, index)
        fp("stick.indexed")
        named = {piece.name for piece in Index.read(index).claimed.pieces} | {INDEX}
        for path in self._paths():
            with suppress(OSError):
                if self._is_left_over(path, named):
                    path.unlink()

    def _is_left_over(self, path: Path, named: set[str]) -> bool:
        """Of an export before, or broken off; an index in another spelling, where that is two."""
        if path.name.upper() in named:
            return path.name.upper() == INDEX and not path.samefile(self.folder / INDEX)
        return path.suffix.upper() in (SUFFIX, UNFINISHED)

    def _write(self, name: str, raw: bytes) -> None:
        unfinished = (self.folder / name).with_suffix(UNFINISHED)
        try:
            with open(unfinished, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            fp("stick.written")
            os.replace(unfinished, self.folder / name)
            fp("stick.renamed")
            _sync_names(self.folder)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            raise refused_by(error, name) from None


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some drivers of sticks cannot sync a folder alone; the files are synced already.
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Whether a disk that is written had no room."""
    return error.errno in _NO_SPACE


def refused_by(error: OSError, name: str) -> StickRefused:
    """Why a stick cannot be written, of the error that it met with."""
    if is_full(error):
        return StickRefused("no_room", name)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StickRefused("not_writable", name)
    return StickRefused("broken", name, told=error.strerror or "")


class FileTarget:
    """One file for a browser to download: the index, then every file in its order.

    Args:
        spool: an open temporary file for the files; the index is kept apart, it is known last.
        most: how long the whole may become.
    """

    def __init__(self, spool: IO[bytes], most: int) -> None:
        self._spool, self._room, self._index = spool, most - MAX_INDEX_BYTES, b""

    def names(self) -> set[str]:
        """See ``Target``."""
        return set()

    def put(self, name: str, raw: bytes) -> None:
        """See ``Target``."""
        if self._room < len(raw):
            raise StickRefused("no_room", name, needed=len(raw), free=self._room)
        self._room -= len(raw)
        self._spool.write(raw)

    def finish(self, index: bytes) -> None:
        """See ``Target``."""
        self._index = index

    @property
    def length(self) -> int:
        """Bytes of the whole."""
        return len(self._index) + self._spool.tell()

    def blocks(self) -> Iterator[bytes]:
        """The whole, block by block; the spool is closed at the end."""
        with self._spool as spool:
            spool.seek(0)
            yield self._index
            while block := spool.read(BLOCK_BYTES):
                yield block
