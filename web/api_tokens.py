"""Tokens with which other systems read the JSON interface: kept hashed, with an end and a scope.

A token is 256 random bits, so that a plain SHA-256 of it can be kept; it is shown once. Knows no
page and no route.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from standards.errors import Invalid
from sync.storage.store import Database, Row
from web.moments import Clock, stamp

TABLES = (
    """CREATE TABLE IF NOT EXISTS api_token (
        id TEXT PRIMARY KEY, label TEXT NOT NULL, digest BLOB NOT NULL UNIQUE,
        scopes TEXT NOT NULL, ends_at TEXT NOT NULL, made_at TEXT NOT NULL,
        made_by TEXT NOT NULL, revoked_at TEXT NOT NULL)""",
)
LONGEST_DAYS = 730
_MARK = "onehall_"


@dataclass(frozen=True)
class ApiToken:
    """What may be known of a token after it was made."""

    id: str
    label: str
    scopes: tuple[str, ...]
    ends_at: str
    made_at: str
    made_by: str
    revoked_at: str

    def is_good(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return not self.revoked_at and stamp(now) < self.ends_at


class ApiTokens:
    """The tokens of one application."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db, self._clock = database, clock

    def all(self) -> list[ApiToken]:
        """Every token, the newest first."""
        rows = self._db.query("SELECT * FROM api_token ORDER BY made_at DESC, id")
        return [_token(row) for row in rows]

    def make(self, label: str, scopes: Collection[str], days: int, actor: str) -> str:
        """A new token; the text is nowhere else and not shown again.

        Raises:
            Invalid: no name, no scope, or no sensible end.
        """
        if not (0 < len(label.strip()) <= 40):
            raise Invalid({"label": "请写明给哪个系统用，40字以内"})
        if not scopes:
            raise Invalid({"scopes": "请至少选一项"})
        if not 1 <= days <= LONGEST_DAYS:
            raise Invalid({"days": f"有效期为1至{LONGEST_DAYS}天"})
        secret, now = _MARK + secrets.token_urlsafe(32), self._clock()
        self._db.execute(
            "INSERT INTO api_token VALUES (:id, :label, :digest, :scopes, :ends, :at, :by, '')",
            id=secrets.token_hex(6),
            label=label.strip(),
            digest=sha256(secret.encode()).digest(),
            scopes=" ".join(sorted(scopes)),
            ends=stamp(now + timedelta(days=days)),
            at=stamp(now),
            by=actor,
        )
        return secret

    def revoke(self, token_id: str) -> bool:
        """End a token now; whether there was one."""
        return bool(
            self._db.execute(
                "UPDATE api_token SET revoked_at = :at WHERE id = :id AND revoked_at = ''",
                id=token_id,
                at=stamp(self._clock()),
            )
        )

    def find(self, secret: str) -> ApiToken | None:
        """The token that this text is, if it still opens anything."""
        rows = self._db.query(
            "SELECT * FROM api_token WHERE digest = :digest",
            digest=sha256(secret.encode()).digest(),
        )
        found = _token(rows[0]) if rows else None
        return found if found is not None and found.is_good(self._clock()) else None


def _token(row: Row) -> ApiToken:
    return ApiToken(
        id=row["id"],
        label=row["label"],
        scopes=tuple(str(row["scopes"]).split()),
        ends_at=row["ends_at"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        revoked_at=row["revoked_at"],
    )
