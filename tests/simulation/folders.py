"""The folders of key files beside the databases: each world with changing keys has its own.

They are real files. The power of a machine may fail before any of them is written or removed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import node.keys.keyring
import sync.keys.keyfiles
from tests.simulation.disk import Disk

_keyfiles: Any = sync.keys.keyfiles
_keyring: Any = node.keys.keyring

KEYS = "keys"


def content(folder: Path) -> dict[str, str]:
    """Every key file of a machine, by name."""
    return {path.name: path.read_text(encoding="ascii") for path in folder.glob("*.key")}


def put(folder: Path, files: dict[str, str]) -> None:
    """Make these the key files of a machine, and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.key"):
        path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")
        os.chmod(folder / name, 0o600)


def own_copy(stock: Path, name: str) -> Path:
    """A copy of the stock's folders for one world."""
    folder = stock / name
    remove(folder)
    machines = [path for path in stock.iterdir() if not path.name.startswith("world-")]
    for path in machines:
        shutil.copytree(path, folder / path.name)
    return folder


def remove(folder: Path) -> None:
    """The end of a world."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def touched(disk_of: Callable[[Path], Disk | None]) -> Iterator[None]:
    """Let the power fail at key files too.

    Args:
        disk_of: the disk of the machine whose keys stand in a folder.
    """
    write, remove = _keyfiles.write_file, _keyfiles.remove_file

    def burns(path: Path) -> None:
        if disk := disk_of(path.parent):
            disk.touch_file()

    def written(path: Path, text: str) -> None:
        burns(path)
        write(path, text)

    def removed(path: Path) -> None:
        burns(path)
        remove(path)

    _keyfiles.write_file, _keyfiles.remove_file = written, removed
    _keyring.remove_file = removed
    try:
        yield
    finally:
        _keyfiles.write_file, _keyfiles.remove_file = write, remove
        _keyring.remove_file = remove
