"""Private keys as files outside the database, mode 0600: a node starts after a power cut alone.

The only place that reads or writes key material. deploy/ shows how to bind them to a TPM instead.
"""

from __future__ import annotations

import os
from pathlib import Path

from sync.durable import write_file

SEED_BYTES = 32


class KeyMissing(Exception):
    """A key is gone while the data it belongs to stand: bring it back from the backup."""


def key_file(folder: Path, name: str, *, make: bool = True) -> bytes:
    """The 32-byte seed in ``folder/name.key``; made, fsynced and kept when it is not there yet.

    Args:
        make: False where data stand already: with another key they could not be read, or the
            machine would be a stranger to everybody who knows it.

    Raises:
        KeyMissing: not there, and not to be made.
        PermissionError: others may read the file; the administrator must ``chmod 600`` it.
        ValueError: the file is not 64 hex digits.
    """
    path = folder / f"{name}.key"
    if not path.exists():
        if not make:
            raise KeyMissing(f"{path.name} is missing, without which this data cannot be used")
        write_file(path, os.urandom(SEED_BYTES).hex() + "\n")
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path.name}: others may read this key file; chmod 600 it")
    seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(seed) != SEED_BYTES:
        raise ValueError(f"{path.name}: not a 32-byte key")
    return seed
