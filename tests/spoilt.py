"""A file of SQLite after what disks do to it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

PAGE = 4096


def spoilt(raw: bytes, dice: random.Random) -> bytes:
    """The file after one thing that disks do."""
    at = dice.randrange(len(raw))
    page = at // PAGE * PAGE
    return dice.choice(
        (
            raw[:at] + bytes([raw[at] ^ 1 << dice.randrange(8)]) + raw[at + 1 :],
            raw[:page] + bytes(PAGE) + raw[page + PAGE :],
            raw[:page] + dice.randbytes(PAGE) + raw[page + PAGE :],
            raw[:page],
        )
    )


def zeroed(database: Path, pages: Iterable[int]) -> None:
    """Pages that the disk gives back empty; the first has number 0."""
    raw = bytearray(database.read_bytes())
    for page in (page for page in pages if page < len(raw) // PAGE):
        raw[PAGE * page : PAGE * (page + 1)] = bytes(PAGE)
    database.write_bytes(raw)


def zeroed_table(database: Path, table: str) -> None:
    """The first page of a table is given back empty."""
    with closing(sqlite3.connect(database)) as file:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = file.execute(sql, (table,)).fetchone()
    zeroed(database, [int(root) - 1])
