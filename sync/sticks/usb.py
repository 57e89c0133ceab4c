"""Sticks as folders and files: finding an export and reading it file by file.

Knows names, lengths and hashes; what is in a batch, and what a hall is, it does not know. Nothing
depends on the case of a name (FAT32). Every file is checked against the signed index before the
first one is opened, and never more than one is in memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Protocol

from sync.errors import StickRefused
from sync.failpoints import fp
from sync.private.sealing import SealingKey
from sync.sticks.stick import (
    INDEX,
    MAX_INDEX_BYTES,
    Index,
    Manifest,
    Piece,
    index_length,
    open_piece,
)

FOLDER, SUFFIX = "ONEHALL", ".OHS"
BLOCK_BYTES = 1 << 20


class Source(Protocol):
    """Where an export is read from."""

    where: str

    def index(self) -> Index:
        """The index; raises StickRefused."""

    def opened(
        self, manifest: Manifest, piece: Piece
    ) -> AbstractContextManager[tuple[int, IO[bytes]]]:
        """How long the file is here, and the file; raises StickRefused ``missing``."""


class FolderSource:
    """One export in a folder."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._files = {path.name.upper(): path for path in plain_files(folder)}

    def index(self) -> Index:
        """See ``Source``."""
        with self._open(INDEX) as (length, file):
            if length > MAX_INDEX_BYTES:
                raise StickRefused("damaged", INDEX)
            return Index.read(_read(file, length, INDEX))

    def opened(
        self, manifest: Manifest, piece: Piece
    ) -> AbstractContextManager[tuple[int, IO[bytes]]]:
        """See ``Source``."""
        return self._open(piece.name)

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[int, IO[bytes]]]:
        path = self._files.get(name)
        if path is None:
            raise StickRefused("missing", name)
        try:
            with open(path, "rb") as file:
                yield os.fstat(file.fileno()).st_size, file
        except OSError as error:
            raise unreadable(error, name) from None


class FileSource:
    """One export as one file.

    Args:
        opening: opens it for reading from any place.
    """

    def __init__(self, opening: Callable[[], AbstractContextManager[IO[bytes]]], name: str) -> None:
        self.where, self._opening = name, opening

    def index(self) -> Index:
        """See ``Source``."""
        with self._open() as file:
            length = index_length(file.read(BLOCK_BYTES))
            file.seek(0)
            return Index.read(_read(file, length, INDEX))

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        try:
            with self._opening() as file:
                file.seek(0)
                yield file
        except OSError as error:
            raise unreadable(error, self.where) from None

    @contextmanager
    def opened(self, manifest: Manifest, piece: Piece) -> Iterator[tuple[int, IO[bytes]]]:
        """See ``Source``."""
        with self._open() as file:
            at = index_length(file.read(BLOCK_BYTES))
            for before in manifest.every:
                if before == piece:
                    break
                at += before.size
            left = max(0, file.seek(0, os.SEEK_END) - at)
            if not left:
                raise StickRefused("missing", piece.name)
            file.seek(at)
            # Whatever stands behind the last file is not what was signed.
            yield left if piece == manifest.every[-1] else min(piece.size, left), file


def plain_files(folder: Path) -> list[Path]:
    """Plain files of a folder: neither links nor devices, which could be read without end.

    Nor what other systems write beside each file (``._NAME``), in whatever folder it passes.

    Raises:
        StickRefused: the folder cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if stat.S_ISREG(path.lstat().st_mode)]
    except OSError as error:
        raise unreadable(error, str(folder)) from None
    return [path for path in found if not path.name.startswith(".")]


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError):
        found = sorted(path for path in folder.iterdir() if stat.S_ISDIR(path.lstat().st_mode))
        return [path for path in found if not path.name.startswith(".")]
    return []


def subfolder(folder: Path, name: str) -> Path | None:
    """The folder of this name in another one, in whatever case its file system shows it."""
    return next((path for path in _folders(folder) if path.name.upper() == name), None)


def halls_on(place: Path) -> set[str]:
    """For whom there is a folder on a stick."""
    home = subfolder(place, FOLDER)
    return {path.name.upper() for path in _folders(home)} if home is not None else set()


def sources(place: Path, way: str) -> list[Source]:
    """Every export of this way on a stick: in its folders, and as single files at its top.

    Args:
        place: the stick, its folder ``ONEHALL``, or one file.

    Raises:
        StickRefused: nothing there that can be read.
    """
    if place.is_file():
        return [_single(place)]
    if not place.is_dir():
        raise StickRefused("no_folder", str(place))
    home = place if place.name.upper() == FOLDER else subfolder(place, FOLDER)
    found: list[Source] = []
    if home is not None:
        for hall in _folders(home):
            folder = subfolder(hall, way.upper())
            if folder is not None:
                found.append(FolderSource(folder))
    found += [_single(path) for path in sorted(plain_files(place)) if path.suffix.upper() == SUFFIX]
    if not found:
        raise StickRefused("empty", str(place))
    return found


def _single(path: Path) -> FileSource:
    return FileSource(lambda: open(path, "rb"), path.name)


def unreadable(error: OSError, name: str) -> StickRefused:
    """A stick that fails while it is read."""
    return StickRefused("unreadable", name, told=error.strerror or "")


def check(source: Source, manifest: Manifest) -> None:
    """Every piece is there, whole and as it was signed; nothing is opened.

    Not so scans and other files: one of them that is not whole costs itself only.

    Raises:
        StickRefused: the first file that is not; the others are in ``more``.
    """
    wrong: list[StickRefused] = []
    for piece in manifest.pieces:
        try:
            for _ in blocks(source, manifest, piece):
                pass
        except StickRefused as refused:
            wrong.append(refused)
    if wrong:
        first = wrong[0]
        raise StickRefused(first.reason, first.name, tuple(wrong[1:]), **first.facts)


def pieces(
    source: Source, manifest: Manifest, keys: Sequence[SealingKey]
) -> Iterator[tuple[Piece, bytes]]:
    """Each file with what is in it, one at a time; :func:`check` has gone before.

    Raises:
        StickRefused: changed meanwhile, or sealed to somebody else.
    """
    for piece in manifest.pieces:
        raw = read(source, manifest, piece)
        fp("stick.read")
        yield piece, open_piece(raw, manifest.heading, piece.name, keys)


def read(source: Source, manifest: Manifest, piece: Piece) -> bytearray:
    """One file's bytes, checked once more: a stick may be changed while it is read.

    Raises:
        StickRefused: gone, cut short or altered meanwhile.
    """
    whole = bytearray()
    for block in blocks(source, manifest, piece):
        whole += block
    return whole


def blocks(source: Source, manifest: Manifest, piece: Piece) -> Iterator[bytes]:
    """One file, block by block; what was altered is told behind the last one.

    Raises:
        StickRefused: not there, cut short, altered, or unreadable.
    """
    with source.opened(manifest, piece) as (length, file):
        if length < piece.size:
            raise StickRefused("cut_short", piece.name, size=piece.size, found=length)
        if length > piece.size:
            raise StickRefused("altered", piece.name)
        hashed, left = sha256(), piece.size
        while left:
            block = _read(file, min(left, BLOCK_BYTES), piece.name)
            hashed.update(block)
            left -= len(block)
            yield block
        if hashed.hexdigest() != piece.digest:
            raise StickRefused("altered", piece.name)


def _read(file: IO[bytes], length: int, name: str) -> bytes:
    """Exactly so many bytes."""
    raw = b""
    try:
        while len(raw) < length and (more := file.read(length - len(raw))):
            raw += more
    except OSError as error:
        raise unreadable(error, name) from None
    if len(raw) != length:
        raise StickRefused("cut_short", name, size=length, found=len(raw))
    return raw
