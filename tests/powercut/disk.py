"""A disk that loses power: what may stand on it afterwards, at any moment of a record.

What was synced stays. A write that was not may be there or not, each for itself, and the last one
may be torn at its sectors. A name that was made, moved or removed is there once its folder was
synced; before that the changes of one folder reach the disk in their order, as on every file
system with a journal. Nothing is assumed about folders, files and data among each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.powercut.journal import (
    Close,
    MakeFolder,
    Mark,
    Op,
    Open,
    Rename,
    Sync,
    Truncate,
    Unlink,
    Write,
)

SECTOR = 512
# SQLite keeps this one in memory and builds it anew after a power cut, whatever it holds.
FORGOTTEN = "-shm"


@dataclass(eq=False)
class File:
    """A file or a folder, whatever it is called; ``syncs`` counts how often it became durable."""

    number: int
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)
    syncs: int = 0
    is_folder: bool = False

    def sync(self) -> None:
        """Everything written so far stays."""
        _apply(self.durable, self.pending)
        self.pending.clear()
        self.syncs += 1


@dataclass(frozen=True)
class Link:
    """A new name."""

    path: str
    file: File


Naming = Link | Unlink | Rename
Names = dict[str, File]


@dataclass(frozen=True)
class Cut:
    """What of the unsynced reached the disk.

    Args:
        names: for each folder, how many of its waiting changes.
        writes: for each file number, which of its pending writes.
        torn: which sectors of the last write of the record; None when it is whole.
    """

    names: Mapping[str, int]
    writes: Mapping[int, Sequence[int]]
    torn: tuple[int, ...] | None = None


class Disk:
    """The disk of one machine at one moment of the record.

    Args:
        at_first: what was durable when the record began: content by path, None for a folder.
        machine: the folder of the machine whose disk this is; empty for everything recorded.
    """

    def __init__(self, at_first: Mapping[str, bytes | None], machine: str = "") -> None:
        self._files = 0
        self._machine = machine
        self.durable: Names = {}
        for path, content in at_first.items():
            if not self._is_ours(path):
                continue
            made = self._new(is_folder=content is None)
            made.durable += content or b""
            self.durable[path] = made
        self.now: Names = dict(self.durable)
        self.waiting: dict[str, list[Naming]] = {}
        self._open: dict[int, File | str] = {}
        self.last: tuple[File, Write] | None = None

    def _new(self, *, is_folder: bool = False) -> File:
        self._files += 1
        return File(self._files, is_folder=is_folder)

    def _is_ours(self, path: str) -> bool:
        inside = not self._machine or (path + "/").startswith(self._machine + "/")
        return inside and not path.endswith(FORGOTTEN)

    # --- the record -------------------------------------------------------------------------

    def apply(self, op: Op) -> None:
        """Take one operation of the record."""
        self.last = None
        match op:
            case Write() | Truncate():
                self._write(op)
            case Sync():
                self._sync(op)
            case Open():
                self._opened(op)
            case Close():
                self._open.pop(op.fd, None)
            case MakeFolder():
                self._name(Link(op.path, self._new(is_folder=True)))
            case Unlink() | Rename():
                self._name(op)
            case Mark():
                pass

    def _write(self, op: Write | Truncate) -> None:
        file = self._open.get(op.fd)
        if isinstance(file, File):
            file.pending.append(op)
            self.last = (file, op) if isinstance(op, Write) else None

    def _sync(self, op: Sync) -> None:
        file = self._open.get(op.fd)
        if isinstance(file, File):
            file.sync()
        elif file is not None:
            for change in self.waiting.pop(file, ()):
                _rename(self.durable, change)

    def _opened(self, op: Open) -> None:
        if op.path and not self._is_ours(op.path):
            return
        if not op.path or (op.path in self.now and self.now[op.path].is_folder):
            self._open[op.fd] = op.path
            return
        if op.path not in self.now:
            self._name(Link(op.path, self._new()))
        file = self._open[op.fd] = self.now[op.path]
        if op.empties:
            file.pending.append(Truncate(op.fd, 0))

    def _name(self, change: Naming) -> None:
        if not self._is_ours(change.path):
            return
        if isinstance(change, Rename) and folder_of(change.path) != folder_of(change.to):
            # Two folders: each reaches the disk when it is synced, or when it happens to.
            self._name(Link(change.to, self.now[change.path]))
            self._name(Unlink(change.path))
            return
        _rename(self.now, change)
        self.waiting.setdefault(folder_of(change.path), []).append(change)

    # --- what may stand after a cut ---------------------------------------------------------

    def image(self, cut: Cut) -> dict[str, bytes | None]:
        """Content by path after this cut, None for a folder."""
        return {
            path: None if file.is_folder else bytes(self._content(file, cut))
            for path, file in self._names(cut).items()
        }

    def key(self, cut: Cut) -> tuple[object, ...]:
        """The same for two cuts that leave the same image."""
        names = self._names(cut)
        found: list[object] = [cut.torn]
        for path in sorted(names):
            file = names[path]
            found.append((path, file.number, file.syncs, tuple(cut.writes.get(file.number, ()))))
        return tuple(found)

    def _names(self, cut: Cut) -> Names:
        names = dict(self.durable)
        for folder, count in cut.names.items():
            for change in self.waiting[folder][:count]:
                _rename(names, change)
        return {path: file for path, file in names.items() if _reached(path, names)}

    def _content(self, file: File, cut: Cut) -> bytearray:
        content = bytearray(file.durable)
        chosen = [file.pending[i] for i in cut.writes.get(file.number, ())]
        if cut.torn is not None and self.last is not None and self.last[0] is file:
            chosen = [op for op in chosen if op is not self.last[1]]
            chosen += [_sector(self.last[1], i) for i in cut.torn]
        _apply(content, chosen)
        return content

    # --- ways to cut ------------------------------------------------------------------------

    def cuts(self, random: Random, subsets: int) -> Iterator[Cut]:
        """Ways to cut the power now: the plain ones first, then random subsets."""
        whole, none = self.nothing_lost(), dict[int, Sequence[int]]()
        named, every = whole.names, whole.writes
        yield whole
        yield Cut({}, none)
        yield Cut(named, none)
        yield Cut({}, every)
        if self.last is not None:
            sectors = _sectors(self.last[1])
            yield Cut(named, every, tuple(range(random.randrange(sectors))))
            yield Cut(named, every, _some(sectors, random))
        for _ in range(subsets):
            yield self._random_cut(random)

    def nothing_lost(self) -> Cut:
        """Everything reached the disk, as when only the program is killed."""
        named = {folder: len(changes) for folder, changes in self.waiting.items()}
        return Cut(named, self._every_write())

    def _random_cut(self, random: Random) -> Cut:
        names = {f: random.randint(0, len(changes)) for f, changes in self.waiting.items()}
        writes = {n: _some(len(all_), random) for n, all_ in self._every_write().items()}
        torn = None
        if self.last is not None and random.random() < 0.3:
            torn = _some(_sectors(self.last[1]), random)
        return Cut(names, writes, torn)

    def _every_write(self) -> dict[int, Sequence[int]]:
        linked = [
            c.file for waiting in self.waiting.values() for c in waiting if isinstance(c, Link)
        ]
        files = {f.number: f for f in (*self.now.values(), *self.durable.values(), *linked)}
        return {n: range(len(file.pending)) for n, file in files.items() if file.pending}


def folder_of(path: str) -> str:
    """The folder a name stands in."""
    return path.rpartition("/")[0]


def _reached(path: str, names: Names) -> bool:
    folder = folder_of(path)
    return not folder or (folder in names and _reached(folder, names))


def _rename(names: Names, change: Naming) -> None:
    if isinstance(change, Link):
        names[change.path] = change.file
        return
    file = names.pop(change.path)
    if isinstance(change, Rename):
        names[change.to] = file


def _apply(content: bytearray, ops: Sequence[Write | Truncate]) -> None:
    for op in ops:
        size = op.size if isinstance(op, Truncate) else op.offset + len(op.data)
        content += bytes(max(0, size - len(content)))
        if isinstance(op, Truncate):
            del content[size:]
        else:
            content[op.offset : size] = op.data


def _some(count: int, random: Random) -> tuple[int, ...]:
    share = random.choice((0.2, 0.5, 0.8, 0.95))
    return tuple(i for i in range(count) if random.random() < share)


def _sectors(write: Write) -> int:
    return (write.offset + len(write.data) - 1) // SECTOR - write.offset // SECTOR + 1


def _sector(write: Write, number: int) -> Write:
    """The part of a write that falls into its n-th sector of the file."""
    start = max(write.offset, (write.offset // SECTOR + number) * SECTOR)
    stop = (write.offset // SECTOR + number + 1) * SECTOR
    return Write(write.fd, start, write.data[start - write.offset : max(0, stop - write.offset)])


def content_of(folder: Path) -> dict[str, bytes | None]:
    """A folder as it stands: content by path, None for a folder."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(FORGOTTEN)
    }
