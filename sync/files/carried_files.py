"""Files on a stick, encrypted as they are: beside the export, in a folder of their own.

A file is named by the SHA-256 of its sealed bytes, so it needs no signature and no index: whoever
takes it in hashes it, and keeps it when an entry that was applied names it. What was half copied
hashes to a name that nobody wants. Short names in capital letters and digits (FAT32); what stands
there already is not written twice, so that an export that was broken off goes on.
"""

from __future__ import annotations

import os
from base64 import b32encode
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from sync.files.archive import Archive
from sync.files.cabinet import MAX_FILE_BYTES
from sync.safekeeping.reserve import free_bytes
from sync.sticks.stick_export import SPARE_BYTES, UNFINISHED
from sync.sticks.usb import BLOCK_BYTES, FOLDER, subfolder

UP_FILES, DOWN_FILES = "FUP", "FDOWN"
ENDING = ".OHF"


@dataclass(frozen=True)
class Carried:
    """What an export put on the stick, or left there from an earlier one. ``left``: no room."""

    count: int = 0
    bytes: int = 0
    left: int = 0


@dataclass(frozen=True)
class Brought:
    """What came in. ``strange``: altered, half copied, or of no entry here."""

    new: int = 0
    strange: int = 0


def folder_of(root: Path, hall: str, way: str, *, make: bool = False) -> Path | None:
    """Where a hall's files of one way stand on a stick; None when there are none."""
    found = root
    for part in (FOLDER, hall, way):
        inside = subfolder(found, part)
        if inside is None:
            if not make:
                return None
            inside = found / part
            inside.mkdir()
        found = inside
    return found


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
    for name, length in wanted:
        path = folder / next(short for short in _names(name) if taken.get(short, name) == name)
        stands = path.exists() and _is(path, name, length)
        if size + length > most or (not stands and free(folder) - SPARE_BYTES < length):
            left += 1
            continue
        if stands or _write(path, archive, name):
            taken[path.name] = name
            size += length
    return Carried(len(taken), size, left)


def _names(name: str) -> list[str]:
    """Eight characters of the hash; others of it, should two files begin alike."""
    whole = b32encode(bytes.fromhex(name)).decode()
    return [whole[at : at + 8] + ENDING for at in range(0, 48, 8)]


def _tidy(folder: Path, stays: Collection[str]) -> None:
    for path in folder.iterdir():
        name = path.name.upper()
        if name.endswith(UNFINISHED) or (name.endswith(ENDING) and name not in stays):
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
    with archive.cabinet.open(name) as source, unfinished.open("wb") as target:
        while block := source.read(BLOCK_BYTES):
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    os.replace(unfinished, path)
    return True


def bring_in(folder: Path, archive: Archive, wanted: Collection[str]) -> Brought:
    """Keep what is wanted of the files on a stick; any number of times.

    Raises:
        OSError: the stick cannot be read, or the disk is full; what was kept stays.
    """
    new = strange = 0
    for path in sorted(folder.iterdir()):
        if not path.name.upper().endswith(ENDING) or not path.is_file() or path.is_symlink():
            continue
        if not 0 < path.stat().st_size <= MAX_FILE_BYTES:
            strange += 1
            continue
        with path.open("rb") as file:
            name = file_digest(file, "sha256").hexdigest()
        if archive.cabinet.size(name) is not None:
            archive.note_held(name, path.stat().st_size)
        elif name in wanted:
            new += _keep(path, archive, name)
        else:
            strange += 1
    return Brought(new, strange)


def _keep(path: Path, archive: Archive, name: str) -> int:
    kept, size = archive.cabinet.keep(_blocks(path))
    if kept != name:
        # Changed while it was read: under its own name nobody wants it.
        archive.cabinet.drop(kept)
        return 0
    archive.note_held(name, size)
    return 1


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
