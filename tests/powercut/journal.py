"""The record of ``rec.c``, read: one operation after the other, marks among them."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RECORD = struct.Struct("<Bxxxiqi")


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written at an offset of an open file."""

    fd: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """An open file cut or extended to a size."""

    fd: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """fsync or fdatasync of an open file or folder."""

    fd: int


@dataclass(frozen=True, slots=True)
class Open:
    """A path opened; ``creates`` and ``empties`` as the flags asked for."""

    fd: int
    path: str
    creates: bool
    empties: bool


@dataclass(frozen=True, slots=True)
class Close:
    """A descriptor closed."""

    fd: int


@dataclass(frozen=True, slots=True)
class Unlink:
    """A name removed."""

    path: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A name moved, over another one when that exists."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """A folder made."""

    path: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What the program acknowledged at this moment."""

    what: str
    facts: dict[str, Any]


Op = Write | Truncate | Sync | Open | Close | Unlink | Rename | MakeFolder | Mark


def read(log: Path) -> list[Op]:
    """Every operation of a record, in order."""
    return list(_parsed(log.read_bytes()))


def _parsed(raw: bytes) -> Iterator[Op]:
    at = 0
    while at < len(raw):
        op, fd, number, length = _RECORD.unpack_from(raw, at)
        at += _RECORD.size
        yield _op(chr(op), fd, number, raw[at : at + length])
        at += length


def _op(op: str, fd: int, number: int, data: bytes) -> Op:
    match op:
        case "w":
            return Write(fd, number, data)
        case "t":
            return Truncate(fd, number)
        case "s":
            return Sync(fd)
        case "c":
            return Close(fd)
        case "m":
            facts = json.loads(data)
            return Mark(facts.pop("what"), facts)
    return _name_op(op, fd, number, data.decode())


def _name_op(op: str, fd: int, flags: int, path: str) -> Op:
    match op:
        case "o":
            return Open(fd, path, bool(flags & os.O_CREAT), bool(flags & os.O_TRUNC))
        case "u":
            return Unlink(path)
        case "d":
            return MakeFolder(path)
        case "r":
            return Rename(*path.split("\0"))
    raise ValueError(f"an operation {op!r} that rec.c does not write")
