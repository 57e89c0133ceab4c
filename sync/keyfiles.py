"""Private keys as files outside the database, mode 0600: a node starts after a power cut alone.

The only place that reads or writes key material. deploy/ shows how to bind them to a TPM instead.
"""

from __future__ import annotations

import os
from pathlib import Path

SEED_BYTES = 32


def key_file(folder: Path, name: str) -> bytes:
    """The 32-byte seed in ``folder/name.key``; made, fsynced and kept when it is not there yet.

    Raises:
        PermissionError: others may read the file; the administrator must ``chmod 600`` it.
        ValueError: the file is not 64 hex digits.
    """
    path = folder / f"{name}.key"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, os.urandom(SEED_BYTES))
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path.name}: others may read this key file; chmod 600 it")
    seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(seed) != SEED_BYTES:
        raise ValueError(f"{path.name}: not a 32-byte key")
    return seed


def _write(path: Path, seed: bytes) -> None:
    partial = path.with_suffix(".new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(seed.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
