"""One process on one data folder: a second one refuses to start (F20)."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Kinds on which the locks of SQLite or its shared memory do not hold between machines.
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre")
)


class NetworkFolder(Exception):
    """A data folder on a network file system: the database would break there (F20)."""


class Taken(Exception):
    """Another process works on this data folder; stop it, or use its pages."""


@contextmanager
def exclusive(data: Path) -> Iterator[None]:
    """Hold the data folder's lock; the kernel lets go of it when the process dies.

    Raises:
        Taken: another process holds it.
        NetworkFolder: the folder is not on a disk of this machine.
    """
    refuse_network(data, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data / "node.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Taken(f"another process works on {data}") from None
        yield


def refuse_network(data: Path, mounts: str) -> None:
    """See :func:`exclusive`.

    Args:
        mounts: as the kernel tells them in ``/proc/self/mountinfo`` (proc(5)).
    """
    kind = file_system_of(data.resolve(), mounts)
    if kind in _NETWORK or (kind.startswith("fuse.") and kind != "fuse.fuse-overlayfs"):
        raise NetworkFolder(f"{data} is on a file system of kind {kind}")


def file_system_of(path: Path, mounts: str) -> str:
    """The kind of file system that a path is on; empty when nothing is mounted above it."""
    found, deepest = "", -1
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        # Octal escapes stand for spaces in the name of a mount point.
        point = Path(_unescaped(left.split(" ")[4]))
        # A later line covers an earlier one at the same place.
        if (point == path or point in path.parents) and len(point.parts) >= deepest:
            found, deepest = right.split(" ")[0], len(point.parts)
    return found


def _unescaped(name: str) -> str:
    """A name with the octal escapes that stand for spaces, and with Chinese as it is."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), name)
