"""Files on a stick, encrypted as they are: in a folder of their own, or behind one file's export.

A file is named by the SHA-256 of its sealed bytes, so it needs no signature: whoever takes it in
hashes it, and keeps it when an entry that was applied names it. What was half copied hashes to a
name that nobody wants. Short names in capital letters and digits (FAT32); what stands in the
folder already is not written twice, so that an export that was broken off goes on.
"""

from __future__ import annotations

import os
from base64 import b32encode
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path

from sync.errors import DiskFull, StickRefused
from sync.files.archive import Archive
from sync.files.cabinet import MAX_FILE_BYTES
from sync.safekeeping.reserve import free_bytes
from sync.sticks.stick import FILE_ENDING, Manifest, Piece
from sync.sticks.stick_export import SPARE_BYTES, UNFINISHED, is_full
from sync.sticks.usb import BLOCK_BYTES, FOLDER, Source, blocks, plain_files, subfolder, unreadable

UP_FILES, DOWN_FILES = "FUP", "FDOWN"
# With the pieces of the export they fit into its index.
MOST_BEHIND = 2_000


@dataclass(frozen=True)
class Carried:
    """What an export put on the stick, or left there from an earlier one. ``left``: no room."""

    count: int = 0
    bytes: int = 0
    left: int = 0


@dataclass
class Brought:
    """What came in.

    ``strange``: of no entry here, or so altered or half copied that it cannot be told from that;
    ``names``: how these are called on the stick. ``wrong``: what is not as it was signed, or could
    not be read or kept, by its name.
    """

    new: int = 0
    strange: int = 0
    names: list[str] = field(default_factory=list, compare=False)
    wrong: list[StickRefused] = field(default_factory=list)

    def other(self, name: str) -> None:
        """Somebody else's, or nobody's."""
        self.strange += 1
        self.names.append(name)


def folder_of(root: Path, hall: str, way: str, *, make: bool = False) -> Path | None:
    """Where a hall's files of one way stand on a stick; None when there are none.

    Args:
        root: the stick, or what is read of it: its folder ``ONEHALL``.
    """
    found = root
    is_inside = not make and root.name.upper() == FOLDER
    for part in (hall, way) if is_inside else (FOLDER, hall, way):
        inside = subfolder(found, part)
        if inside is None:
            if not make:
                return None
            inside = found / part
            inside.mkdir()
        found = inside
    return found


@dataclass(frozen=True)
class Trailing:
    """The files that go behind an export that is one file, and how many more had no room."""

    archive: Archive
    pieces: tuple[Piece, ...] = ()
    left: int = 0

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(piece.size for piece in self.pieces)

    def blocks(self) -> Iterator[bytes]:
        """All of them in their order, straight from where they are kept.

        Raises:
            FileNotFoundError: one of them was erased meanwhile.
        """
        for piece in self.pieces:
            with self.archive.cabinet.open(piece.digest) as file:
                while block := file.read(BLOCK_BYTES):
                    yield block


def trailing(archive: Archive, files: Iterable[tuple[str, int]], most: int) -> Trailing:
    """Choose files that are sound, in this order, as far as they have room.

    Args:
        files: names and sizes. most: bytes that all of them may take.
    """
    pieces: dict[str, Piece] = {}
    size = left = 0
    for name, length in files:
        if size + length > most or len(pieces) == MOST_BEHIND:
            left += 1
        elif archive.cabinet.size(name) == length and archive.cabinet.is_sound(name):
            short = next(short for short in _names(name) if short not in pieces)
            pieces[short] = Piece(short, length, name)
            size += length
    return Trailing(archive, tuple(pieces.values()), left)


def carry(
    folder: Path,
    archive: Archive,
    files: Iterable[tuple[str, int]],
    most: int,
    free: Callable[[Path], int] = free_bytes,
) -> Carried:
    """Put files on a stick, in this order, as far as there is room; what is over is removed.

    Args:
        files: names and sizes. most: bytes that all of them may take.

    Raises:
        OSError: the stick cannot be written; what stands there is whole.
    """
    taken: dict[str, str] = {}
    size = left = 0
    wanted = [*files]
    _tidy(folder, {short for name, _ in wanted for short in _names(name)})
    here = {path.name.upper(): path for path in folder.iterdir()}
    for name, length in wanted:
        short = next(short for short in _names(name) if taken.get(short, name) == name)
        path = here.get(short, folder / short)
        stands = path.exists() and _is(path, name, length)
        if size + length > most or (not stands and free(folder) - SPARE_BYTES < length):
            left += 1
            continue
        try:
            written = stands or _write(path, archive, name)
        except OSError as error:
            if not is_full(error):
                raise
            left += 1
            continue
        if written:
            taken[short] = name
            size += length
    return Carried(len(taken), size, left)


def _names(name: str) -> list[str]:
    """Eight characters of the hash; others of it, should two files begin alike."""
    whole = b32encode(bytes.fromhex(name)).decode()
    return [whole[at : at + 8] + FILE_ENDING for at in range(0, 48, 8)]


def _tidy(folder: Path, stays: Collection[str]) -> None:
    for path in folder.iterdir():
        name = path.name.upper()
        if name.endswith(UNFINISHED) or (name.endswith(FILE_ENDING) and name not in stays):
            with suppress(OSError):
                path.unlink()


def _is(path: Path, name: str, length: int) -> bool:
    if path.stat().st_size != length:
        return False
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest() == name


def _write(path: Path, archive: Archive, name: str) -> bool:
    """Copy a file that is sound here; False when it is not."""
    if not archive.cabinet.is_sound(name):
        return False
    unfinished = path.with_suffix(UNFINISHED)
    try:
        with archive.cabinet.open(name) as source, unfinished.open("wb") as target:
            while block := source.read(BLOCK_BYTES):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        os.replace(unfinished, path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    return True


# --- in -------------------------------------------------------------------------------------------


def bring_in(folder: Path, archive: Archive, wanted: Collection[str]) -> Brought:
    """Keep what is wanted of the files in a stick's folder; any number of times.

    What cannot be read or kept is told by its name; all before it stays.
    """
    found = Brought()
    try:
        paths = sorted(plain_files(folder))
    except StickRefused as refused:
        return Brought(wrong=[refused])
    for path in (path for path in paths if path.name.upper().endswith(FILE_ENDING)):
        try:
            name = _hash(path)
        except OSError as error:
            found.wrong.append(unreadable(error, path.name))
            continue
        if not name or (name not in wanted and archive.cabinet.size(name) is None):
            found.other(path.name)
        elif not _take(found, archive, Piece(path.name, 0, name), _blocks(path)):
            break
    return found


def bring_in_behind(
    source: Source, manifest: Manifest, archive: Archive, wanted: Collection[str]
) -> Brought:
    """The same with files that stand behind an export that is one file, under its signature."""
    found = Brought()
    for piece in manifest.files:
        if piece.digest not in wanted and archive.cabinet.size(piece.digest) is None:
            found.other(piece.name)
        elif not _take(found, archive, piece, blocks(source, manifest, piece)):
            break
    return found


def _take(found: Brought, archive: Archive, piece: Piece, parts: Iterator[bytes]) -> bool:
    """Keep one file under its hash; False when the disk here is full."""
    try:
        size = archive.cabinet.size(piece.digest)
        if size is not None:
            archive.note_held(piece.digest, size)
            return True
        kept, size = archive.cabinet.keep(parts)
        if kept != piece.digest:
            # Changed while it was read: under its own name nobody wants it.
            archive.cabinet.drop(kept)
            found.wrong.append(StickRefused("altered", piece.name))
            return True
        archive.note_held(kept, size)
        found.new += 1
    except StickRefused as refused:
        found.wrong.append(refused)
    except (OSError, DiskFull):
        found.wrong.append(StickRefused("try_later", piece.name))
        return False
    return True


def _hash(path: Path) -> str:
    """SHA-256 of a file; no name of any file when it is too long for one of ours, or empty."""
    with path.open("rb") as file:
        if not 0 < os.fstat(file.fileno()).st_size <= MAX_FILE_BYTES:
            return ""
        return file_digest(file, "sha256").hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block
    except OSError as error:
        raise unreadable(error, path.name) from None
