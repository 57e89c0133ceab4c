"""On what kind of file system a data folder is (F20). Knows no database."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# Kinds on which the locks of SQLite or its shared memory do not hold between machines.
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre")
)


class NetworkFolder(Exception):
    """A data folder on a network file system: the database would break there (F20)."""


def refuse_network(data: Path, mounts: str) -> None:
    """A database of SQLite is only kept on a disk of this machine.

    Args:
        mounts: as the kernel tells them in ``/proc/self/mountinfo`` (proc(5)).

    Raises:
        NetworkFolder: the folder is not on one.
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
