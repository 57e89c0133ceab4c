"""个人信息密钥: the key of personal parts at rest belongs to one database, and is known again.

Without it, or with another one in its place, nothing is opened and nothing is written as if all
were well: the start says so. Only when a person decides it another key takes its place; what the
lost one locked is then put aside (``sync.private.shut``) until the other side brings it again.
"""

from __future__ import annotations

from pathlib import Path

from sync.errors import Malformed, StoreBusy
from sync.keys.keyfiles import KeyMissing, key_file
from sync.private import shut
from sync.private.vault import Vault
from sync.storage.durable import sync_names
from sync.storage.migrations import migrate
from sync.storage.schema import DDL
from sync.storage.store import Database

NAME = "vault"
# What stands in a database without a mark: an older program wrote it.
_SOME = (
    "SELECT sealed, origin || '/' || idx FROM personal ORDER BY origin, idx LIMIT 1",
    "SELECT sealed, origin || '/' || idx FROM personal ORDER BY origin DESC, idx DESC LIMIT 1",
    "SELECT sealed, origin || '/' || start || '-' || stop FROM personal_pack "
    "ORDER BY origin, start LIMIT 1",
    "SELECT sealed, origin || '/' || start || '-' || stop FROM personal_pack "
    "ORDER BY origin DESC, start DESC LIMIT 1",
)


class VaultLost(KeyMissing):
    """The key of personal parts is gone, or another one stands in its place."""


def open_vault(db: Database, keys: Path, *, make: bool) -> Vault:
    """The vault of this database.

    Args:
        make: make its key when there is none: nothing was ever written here.

    Raises:
        VaultLost: nothing was changed.
    """
    try:
        vault = Vault(key_file(keys, NAME, make=make))
    except KeyMissing as missing:
        raise VaultLost(str(missing)) from None
    if not make and not _belongs(db, vault):
        raise VaultLost("vault.key is not the key that this data was locked with")
    return vault


def _belongs(db: Database, vault: Vault) -> bool:
    known = db.tables()
    if "vault_key" in known:
        rows = db.cells("SELECT mark FROM vault_key WHERE gone = ''")
        if rows:
            return [bytes(mark) for (mark,) in rows] == [mark_of(vault)]
    if not {"personal", "personal_pack"} <= known:
        return True
    try:
        some = [row for sql in _SOME for row in db.cells(sql)]
    except StoreBusy:
        # One of several database servers is away: the next start looks.
        return True
    return not some or any(_opens(vault, bytes(sealed), place) for sealed, place in some)


def _opens(vault: Vault, sealed: bytes, place: str) -> bool:
    try:
        vault.unlock(sealed, place)
    except Malformed:
        return False
    return True


def mark_of(vault: Vault) -> bytes:
    """By what a key is known again; it tells nothing of the key."""
    return vault.blind("vault key", "")


def note(db: Database, vault: Vault, at: str) -> None:
    """At each start: the key that is in force, where none was noted."""
    if db.cells("SELECT mark FROM vault_key WHERE gone = ''"):
        return
    db.execute(
        "INSERT INTO vault_key VALUES (:mark, :at, '', '') ON CONFLICT DO NOTHING",
        mark=mark_of(vault),
        at=at,
    )


def renew(db: Database, keys: Path, at: str, actor: str) -> Vault:
    """A person decided: another key from now on, and what the lost one locked is put aside.

    Safe to run again after a power cut. A file that stands in its place is kept beside it.
    """
    migrate(db, at)
    db.create(DDL)
    with db.transaction():
        shut.put_aside(db)
        db.execute("UPDATE vault_key SET gone = :at WHERE gone = ''", at=at)
    path = keys / f"{NAME}.key"
    if path.exists():
        path.replace(_free_name(path))
        sync_names(keys)
    vault = Vault(key_file(keys, NAME))
    db.execute(
        "INSERT INTO vault_key VALUES (:mark, :at, '', :actor) ON CONFLICT DO NOTHING",
        mark=mark_of(vault),
        at=at,
        actor=actor,
    )
    return vault


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.old{mark}") for mark in ("", *range(2, 1000)))
    return next(name for name in names if not name.exists())
