"""Keeping a whole machine in a backup, and putting it back on an empty one.

What is kept was verified: the database opened, checked and its logs hashed to their heads. What is
put back is verified again, and belongs to the machine whose keys are at hand. The high-water mark
is never in a backup: a machine that was put back must find out that time went on without it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync.keys.keyfiles import SEED_BYTES, key_file
from sync.log import LogStore
from sync.notes import Signer
from sync.private.sealing import SealingKey, is_sealing_key
from sync.safekeeping.backup import (
    ENDING,
    BackupRefused,
    Contents,
    KeptLog,
    free_place,
    listed,
    put_in_place,
    unpack,
    write_backup,
)
from sync.storage.durable import make_folder, write_file

KEYS, FILES = "keys", "files"
RESTORED = "restored.txt"
_ROOM = "backup-room-"
_KEY_WORD = "onehall-restore-key/1:"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Whose backup it is.

    Args:
        kind: ``node`` or ``center``.
        name: the hall's id or the center's name; part of file names.
        at: UTC text of this moment.
    """

    kind: str
    name: str
    data: Path
    signer: Signer
    restore_key: str
    at: str

    @property
    def stem(self) -> str:
        """How the names of its backups begin."""
        return f"onehall-{self.kind}-{self.name}"


@contextmanager
def room_in(data: Path) -> Iterator[Path]:
    """A folder beside the data for a copy that is being looked at; what a cut left there goes."""
    for old in data.glob(f"{_ROOM}*"):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory(prefix=_ROOM, dir=data) as folder:
        yield Path(folder)


def make_restore_key(folder: Path) -> str:
    """Make the pair in an empty place; the public half as it stands in the settings.

    Raises:
        BackupRefused: there is one already; backups may need it.
    """
    if (folder / "restore.key").exists():
        raise BackupRefused(f"{folder} holds a restore key already; nothing was changed")
    return _KEY_WORD + SealingKey(key_file(folder, "restore")).public.hex()


def public_of(setting: str) -> bytes:
    """The public half from the settings.

    Raises:
        BackupRefused: none, or not a restore key.
    """
    try:
        public = bytes.fromhex(setting.removeprefix(_KEY_WORD))
    except ValueError:
        public = b""
    if not setting.startswith(_KEY_WORD) or not is_sealing_key(public):
        raise BackupRefused("the settings name no restore_key; make one with restore-key")
    return public


def what_stands(data: Path, *, with_keys: bool, with_files: bool) -> dict[str, Path]:
    """What of a data folder is kept beside the database: path in the backup -> file."""
    folders = [KEYS] * with_keys + [FILES] * with_files + ["evidence"]
    found = {}
    for path in (path for name in folders for path in sorted((data / name).rglob("*"))):
        # What is not whole yet comes again from the other side.
        if path.is_file() and not {"coming", "scratch"} & set(path.relative_to(data).parts):
            found[path.relative_to(data).as_posix()] = path
    return found


def verified_logs(logs: LogStore) -> Iterator[KeptLog]:
    """Where every log stands, after each was hashed to its head.

    Raises:
        BackupRefused: one is not what was written.
    """
    for state in logs.states():
        first = logs.verify(state.origin)
        if first is not None:
            raise BackupRefused(f"{state.origin} is broken at entry {first}; run verify")
        yield KeptLog(state.origin, state.size, state.frontier.root)


def keep_machine(
    machine: Machine, into: Path, names: Mapping[str, Path], logs: Sequence[KeptLog]
) -> Path:
    """Write one backup."""
    public = public_of(machine.restore_key)
    make_folder(into)
    verifier = machine.signer.verifier
    contents = Contents(machine.kind, machine.at, verifier, tuple(logs), listed(names))
    moment = "".join(c for c in machine.at[:19] if c.isalnum())
    target = into / f"{machine.stem}-{moment}Z{ENDING}"
    if target.exists():
        raise BackupRefused(f"{target.name} stands already")
    write_backup(target, contents, names, machine.signer, public)
    return target


def put_back(
    source: Path,
    data: Path,
    secret: Path,
    keys: Path | None,
    check: Callable[[Path, Contents], None],
) -> Contents:
    """Restore a backup into a new data folder; whole and checked, or not at all.

    Args:
        secret: the file of the restore key's private half.
        keys: a copy of the machine's folder ``keys``, when the backup holds none.
        check: looks at the unpacked folder and raises BackupRefused.
    """
    half = free_place(data)
    try:
        contents = unpack(source, SealingKey(_secret(secret)), half)
        if not contents.holds(KEYS):
            if keys is None:
                raise BackupRefused(f"{source.name} holds no keys; name a copy of the folder keys")
            shutil.copytree(keys, half / KEYS)
        _refuse_foreign(source, contents, half / KEYS)
        check(half, contents)
        write_file(half / RESTORED, f"{source.name} {contents.at}\n")
        put_in_place(half, data)
        return contents
    finally:
        if half.exists():
            shutil.rmtree(half)


def _secret(path: Path) -> bytes:
    try:
        seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise BackupRefused(f"{path.name} is no restore key")
    return seed


def _refuse_foreign(source: Path, contents: Contents, keys: Path) -> None:
    """The list must be signed by one of the keys at hand: else it is another machine's."""
    for path in keys.glob("*.key"):
        seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
        if Signer(contents.verifier.name, seed).verifier == contents.verifier:
            return
    raise BackupRefused(f"{source.name} is a backup of another machine than these keys are")


def check_logs(logs: LogStore, contents: Contents) -> None:
    """The database that came back holds exactly the logs of the list, each hashed to its head.

    Raises:
        BackupRefused: it does not.
    """
    if set(verified_logs(logs)) != set(contents.logs):
        raise BackupRefused("the logs in the database are not those of the list")
