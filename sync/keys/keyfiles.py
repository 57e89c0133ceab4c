"""Private keys as files outside the database, mode 0600: a node starts after a power cut alone.

The only place that reads or writes key material. deploy/ shows how to bind them to a TPM instead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import scrypt
from pathlib import Path

from sync.private.vault import Vault
from sync.storage.durable import remove_file, write_file

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


def key_files(folder: Path, name: str) -> list[bytes]:
    """Every seed of one purpose: ``name.key``, then ``name-<number>.key``, the newest first.

    Raises:
        PermissionError, ValueError: as :func:`key_file`.
    """
    return [key_file(folder, stem, make=False) for stem in reversed(key_names(folder, name))]


def key_names(folder: Path, name: str) -> list[str]:
    """The names of the key files of one purpose, without their ending, the oldest first."""
    first = [name] if (folder / f"{name}.key").exists() else []
    return first + [f"{name}-{number}" for number in key_numbers(folder, name)]


def key_numbers(folder: Path, name: str) -> list[int]:
    """The numbers of ``name-<number>.key``, rising."""
    found = [path.stem.removeprefix(f"{name}-") for path in folder.glob(f"{name}-*.key")]
    return sorted(int(number) for number in found if number.isascii() and number.isdigit())


def number_keys(folder: Path, names: Sequence[str], waiting: str, number: int) -> None:
    """Make ``<name><waiting>.key`` of each purpose the key of a number.

    Safe to run again after a power cut: every new name is written whole before an old one goes.
    The first purpose gets its number last and loses its old name last: where it has its number, all
    have; where its old name is gone, all are.
    """
    for name in reversed(names):
        path = folder / f"{name}{waiting}.key"
        if path.exists():
            seed = key_file(folder, path.stem, make=False)
            write_file(folder / f"{name}-{number}.key", seed.hex() + "\n")
    for name in reversed(names):
        if (folder / f"{name}-{number}.key").exists():
            remove_file(folder / f"{name}{waiting}.key")


def destroy_key(path: Path) -> None:
    """Overwrite a key file in place and remove it.

    What a disk keeps of overwritten blocks no program can promise: destroy the disk itself one day.
    """
    with path.open("r+b") as file:
        file.write(b"0" * path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())
    remove_file(path)


_LOCKED = "onehall-key/1"


def lock_key(path: Path, seed: bytes, passphrase: str) -> None:
    """Write a key file that opens with a passphrase only."""
    salt = os.urandom(16)
    locked = Vault(_slow_key(passphrase, salt)).lock(seed, _LOCKED)
    write_file(path, f"{_LOCKED} {salt.hex()} {locked.hex()}\n")


def is_locked(path: Path) -> bool:
    """Whether this key file asks for a passphrase."""
    return path.read_text(encoding="ascii").startswith(_LOCKED + " ")


def unlock_key(path: Path, passphrase: str) -> bytes:
    """The seed of a locked key file.

    Raises:
        Malformed: another passphrase, or the file was altered.
        ValueError: not a locked key file.
    """
    kind, salt, locked = path.read_text(encoding="ascii").split()
    if kind != _LOCKED:
        raise ValueError(f"{path.name}: not a locked key file")
    key = _slow_key(passphrase, bytes.fromhex(salt))
    return Vault(key).unlock(bytes.fromhex(locked), _LOCKED)


def _slow_key(passphrase: str, salt: bytes) -> bytes:
    # 64 MiB and about a fifth of a second for each guess.
    return scrypt(passphrase.encode(), salt=salt, n=2**16, r=8, p=1, maxmem=2**27, dklen=SEED_BYTES)
