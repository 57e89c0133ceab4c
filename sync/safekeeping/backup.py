"""A backup as one file: signed list of what is in it, then all of it sealed to the restore key.

The restore key's private half is kept offline: whoever finds a backup reads nothing, and the
machine that wrote it cannot read it either. Half a backup never has a backup's name, and what was
cut, altered or is of another machine is refused before anything stands at its place. Knows paths
and bytes, not what stands in them.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from sync.errors import Malformed, SyncError
from sync.failpoints import fp
from sync.files.sealed_files import opened, sealed
from sync.notes import Signer, Verifier, b64, decimal, open_note, unb64
from sync.private.sealing import WRAPPED_BYTES, SealingKey, new_content_key, wrap
from sync.storage.durable import make_folder, sync_names, write_file

KIND = "onehall/backup/v1"
ENDING = ".onehall-backup"
PARTIAL = ".partial"
HASHED = ".sha256"
_MOST_LIST_BYTES = 64 * 1024 * 1024
_PORTION = 256 * 1024
_PATH = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class BackupRefused(Exception):
    """A backup that cannot be used, or a place that cannot take one; the text says why."""


@dataclass(frozen=True)
class KeptFile:
    """One file of a backup."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class KeptLog:
    """Where a log stood."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Contents:
    """The signed list. ``machine`` is ``node`` or ``center``; ``at`` is UTC text."""

    machine: str
    at: str
    verifier: Verifier
    logs: tuple[KeptLog, ...]
    files: tuple[KeptFile, ...]

    @property
    def text(self) -> str:
        """The text of the signed note."""
        head = [KIND, self.machine, self.at, str(self.verifier)]
        logs = [f"log {one.size} {b64(one.root)} {one.origin}" for one in self.logs]
        files = [f"file {one.size} {one.digest} {one.path}" for one in self.files]
        return "\n".join([*head, *logs, *files]) + "\n"

    def holds(self, folder: str) -> bool:
        """Whether a file of this folder is in it."""
        return any(one.path.startswith(folder + "/") for one in self.files)


def _parse(text: str) -> Contents:
    kind, machine, at, verifier, *rest = text.removesuffix("\n").split("\n")
    if kind != KIND:
        raise Malformed("not the list of a backup")
    logs, files = [], []
    for line in rest:
        what, size, digest, name = line.split(" ", 3)
        if what == "log":
            logs.append(KeptLog(name, decimal(size), unb64(digest, "root")))
        elif what == "file" and _PATH.fullmatch(name):
            files.append(KeptFile(name, decimal(size), digest))
        else:
            raise Malformed("an unknown line in the list of a backup")
    return Contents(machine, at, Verifier.parse(verifier), tuple(logs), tuple(files))


def listed(names: Mapping[str, Path]) -> tuple[KeptFile, ...]:
    """The files of a backup with their sizes and hashes, read once.

    Args:
        names: path in the backup -> where it stands now.
    """
    found = []
    for name, path in sorted(names.items()):
        hashed, size = sha256(), 0
        with path.open("rb") as file:
            while part := file.read(_PORTION):
                hashed.update(part)
                size += len(part)
        found.append(KeptFile(name, size, hashed.hexdigest()))
    return tuple(found)


# --- writing ------------------------------------------------------------------------------------


def write_backup(
    target: Path, contents: Contents, names: Mapping[str, Path], signer: Signer, public: bytes
) -> None:
    """Write a backup under its name: whole, fsynced and read back, or not at all.

    Args:
        names: path in the backup -> file, as they were listed.
        public: of the restore key.

    Raises:
        BackupRefused: a file changed meanwhile, or the disk gave back something else.
        OSError: the disk is full or cannot be written.
    """
    note = signer.sign(contents.text)
    content_key = new_content_key()
    head = len(note).to_bytes(8, "big") + note
    head += wrap(content_key, public, _info(note))
    partial = target.with_name(target.name + PARTIAL)
    hashed = sha256(head)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(head)
        for chunk in sealed(io.BufferedReader(_Joined(contents.files, names)), content_key):
            file.write(chunk)
            hashed.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    fp("backup.written")
    with partial.open("rb") as written:
        if _hash_of(written) != hashed.digest():
            raise BackupRefused(f"{partial.name}: the disk gave back other bytes than were written")
    fp("backup.read_again")
    # First, so that whoever finds a backup finds what it must hash to.
    noted = target.with_name(target.name + HASHED)
    write_file(noted, f"{hashed.hexdigest()}  {target.name}\n")
    os.replace(partial, target)
    fp("backup.renamed")
    sync_names(target.parent)


def _hash_of(file: IO[bytes]) -> bytes:
    """SHA-256 of what is left of a file."""
    hashed = sha256()
    while part := file.read(_PORTION):
        hashed.update(part)
    return hashed.digest()


def _info(note: bytes) -> bytes:
    return KIND.encode() + b"\n" + sha256(note).digest()


class _Joined(io.RawIOBase):
    """The files of a backup one behind the other, checked against the list while they are read."""

    def __init__(self, files: tuple[KeptFile, ...], names: Mapping[str, Path]) -> None:
        super().__init__()
        self._parts = self._read(files, names)
        self._left = b""

    def _read(self, files: tuple[KeptFile, ...], names: Mapping[str, Path]) -> Iterator[bytes]:
        for one in files:
            hashed = sha256()
            with names[one.path].open("rb") as file:
                while part := file.read(_PORTION):
                    hashed.update(part)
                    yield part
            if hashed.hexdigest() != one.digest:
                raise BackupRefused(f"{one.path} changed while it was kept")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """The next bytes; fewer at the end of a file."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        self._left = self._left or next(self._parts, b"")
        part, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(part)] = part
        return len(part)


# --- reading ------------------------------------------------------------------------------------


def read_contents(source: Path) -> tuple[Contents, bytes]:
    """The list of a backup, signed by the key it names, and its note.

    Raises:
        BackupRefused: no backup, cut short, or altered.
    """
    try:
        with source.open("rb") as file:
            length = int.from_bytes(file.read(8), "big")
            note = file.read(min(length, _MOST_LIST_BYTES))
        contents = _parse(note.decode("utf-8").rpartition("\n\n")[0] + "\n")
        open_note(note, [contents.verifier], _MOST_LIST_BYTES)
    except (SyncError, ValueError):
        raise BackupRefused(f"{source.name} is no backup, or only half of one") from None
    return contents, note


def unpack(source: Path, key: SealingKey, folder: Path) -> Contents:
    """Write everything of a backup into a new folder, each file checked and fsynced.

    Raises:
        BackupRefused: altered, cut short, or sealed to another restore key; remove the folder.
    """
    contents, note = read_contents(source)
    make_folder(folder)
    try:
        with source.open("rb") as file:
            file.seek(8 + len(note))
            content_key = key.unwrap(file.read(WRAPPED_BYTES), _info(note))
            _spread(contents, opened(file, content_key), folder)
            if file.read(1):
                raise BackupRefused(f"{source.name} goes on behind its end")
    except SyncError as error:
        raise BackupRefused(f"{source.name}: {error.rule}") from None
    return contents


def _spread(contents: Contents, chunks: Iterator[bytes], folder: Path) -> None:
    left = b""
    for one in contents.files:
        path, missing, hashed = folder / one.path, one.size, sha256()
        make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            while missing:
                left = left or next(chunks, b"")
                if not left:
                    raise BackupRefused(f"the backup ends within {one.path}")
                part, left = left[:missing], left[missing:]
                file.write(part)
                hashed.update(part)
                missing -= len(part)
            file.flush()
            os.fsync(file.fileno())
        sync_names(path.parent)
        fp("restore.written")
        if hashed.hexdigest() != one.digest:
            raise BackupRefused(f"{one.path} is not what was kept")
    if left or next(chunks, b""):
        raise BackupRefused("the backup holds more than its list says")


def put_in_place(folder: Path, data: Path) -> None:
    """Give a folder that was restored whole its name; the place is empty or not there."""
    if data.exists():
        data.rmdir()
    fp("restore.checked")
    os.replace(folder, data)
    fp("restore.renamed")
    sync_names(data.parent)


def free_place(data: Path) -> Path:
    """Where to unpack for a data folder that is empty or not there; an earlier half goes.

    Raises:
        BackupRefused: something is there.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupRefused(f"{data} is not empty; a backup is restored into a new folder only")
    make_folder(data.parent)
    half = data.with_name(data.name + PARTIAL)
    if half.exists():
        shutil.rmtree(half)
    return half
