"""Files beside the database that survive a power cut: whole or not there, and never lost later.

A file system may keep a new name before the content, and forget a new name whose folder was not
synced. Knows paths and text, not what stands in them.
"""

from __future__ import annotations

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a private folder, and those above it that are missing, and sync the names."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_names(folder.parent)


def write_file(path: Path, text: str) -> None:
    """Write a private file (0600): after a power cut the old content stands, or all of this.

    Raises:
        OSError: disk full or not writable; the old content stands.
    """
    make_folder(path.parent)
    partial = path.with_name(path.name + ".new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    sync_names(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add a line to a private file (0600), durably; a power cut may leave a part of the line.

    Raises:
        OSError: disk full or not writable.
    """
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_names(path.parent)


def remove_file(path: Path) -> None:
    """Remove a file for good: after a power cut its name is not back."""
    path.unlink(missing_ok=True)
    sync_names(path.parent)


def sync_names(folder: Path) -> None:
    """Sync the names in a folder: a file that was renamed keeps its new name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
