"""How long backups stay: what is too old or too many goes, never the last one that was verified.

A backup that was read back after it was written has its SHA-256 in a file beside it
(``sha256sum --check`` reads it too). Before anything goes, one of those that stay is hashed anew:
when none of them is what was written, the newest of the others that is stays with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import file_digest
from pathlib import Path

from sync.failpoints import fp
from sync.safekeeping.backup import ENDING, HASHED, PARTIAL, BackupRefused, read_contents
from sync.storage.durable import remove_file


@dataclass(frozen=True)
class Retention:
    """How many backups stay at the most, and for how many days; 0 for no limit."""

    most: int = 0
    days: int = 0


def over(moments: dict[str, datetime], retention: Retention, now: datetime) -> list[str]:
    """Names of backups that are too many or too old, the oldest first. Pure.

    Args:
        moments: when each was made.
    """
    names = sorted(moments, key=lambda name: moments[name])
    many = names[: -retention.most] if retention.most else []
    old = [n for n in names if retention.days and now - moments[n] > timedelta(retention.days)]
    return [name for name in names if name in {*many, *old}]


def let_go(folder: Path, stem: str, retention: Retention, now: datetime) -> list[str]:
    """Delete the backups of one machine that are over, and halves; the names that went."""
    moments = {
        path.name: moment
        for path in folder.glob(f"{stem}-*{ENDING}")
        if (moment := _moment(path.name.removeprefix(f"{stem}-").removesuffix(ENDING)))
    }
    gone = over(moments, retention, now)
    newest_first = sorted(moments, key=lambda name: moments[name], reverse=True)
    stays = [name for name in newest_first if name not in gone]
    if gone and not any(is_whole(folder / name) for name in stays):
        saved = next((n for n in newest_first if n in gone and is_whole(folder / n)), None)
        gone = [name for name in gone if saved is not None and name != saved]
    halves = [path.name for path in folder.glob(f"{stem}-*{ENDING}{PARTIAL}")]
    for name in (*gone, *halves):
        remove_file(folder / name)
        fp("backup.removed")
        remove_file(folder / (name + HASHED))
    _forget_hashes(folder, stem)
    return [*gone, *halves]


def _forget_hashes(folder: Path, stem: str) -> None:
    """What a power cut left of a backup that went."""
    for path in folder.glob(f"{stem}-*{ENDING}{HASHED}"):
        if not path.with_name(path.name.removesuffix(HASHED)).exists():
            remove_file(path)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def is_whole(path: Path) -> bool:
    """Whether a backup is still what was read back when it was written.

    One of an earlier program has no hash beside it: then its signed list must be whole.
    """
    noted = path.with_name(path.name + HASHED)
    try:
        if not noted.exists():
            read_contents(path)
            return True
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest() == _first(noted.read_text("ascii"))
    except (BackupRefused, OSError, ValueError):
        return False


def _first(text: str) -> str:
    words: Iterable[str] = text.split()
    return next(iter(words), "")
