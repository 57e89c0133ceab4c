"""One process on one data folder: a second one refuses to start (F20)."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from web.mounts import MOUNTS, refuse_network


class Taken(Exception):
    """Another process works on this data folder; stop it, or use its pages."""


@contextmanager
def exclusive(data: Path) -> Iterator[None]:
    """Hold the data folder's lock; the kernel lets go of it when the process dies.

    Raises:
        Taken: another process holds it.
        NetworkFolder: the folder is not on a disk of this machine.
    """
    refuse_network(data, MOUNTS.read_text(encoding="utf-8"))
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data / "node.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Taken(f"another process works on {data}") from None
        yield
