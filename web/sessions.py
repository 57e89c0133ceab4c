"""Sessions: rows on the server, so that one can be ended from the server at any time.

The cookie holds a random token, the table its hash: whoever reads the table or a backup cannot
sign in with it. Knows no request and no page.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sync.storage.store import Database, Row
from web.accounts import Account, account_of
from web.moments import Clock, read_stamp, stamp

TABLES = (
    """CREATE TABLE IF NOT EXISTS web_session (
        token_hash TEXT PRIMARY KEY,
        session_id TEXT NOT NULL UNIQUE,
        login TEXT NOT NULL,
        opened_at TEXT NOT NULL,
        seen_at TEXT NOT NULL,
        address TEXT NOT NULL,
        agent TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS web_session_login ON web_session (login)",
)

# One write a minute is enough to know who is idle; one per request would be an fsync per click.
_SEEN_EVERY = timedelta(seconds=60)
_MOST_PER_LOGIN = 10


@dataclass(frozen=True, kw_only=True)
class SessionRules:
    """How long a session lives and where from."""

    idle: timedelta
    longest: timedelta
    bind_address: bool


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request comes from."""

    address: str
    agent: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """One open session."""

    session_id: str
    login: str
    opened_at: str
    seen_at: str
    address: str
    agent: str


def csrf_of(token: str) -> str:
    """The form token of a session; derived, so that it is stored nowhere."""
    return sha256(b"csrf:" + token.encode()).hexdigest()


def _hash(token: str) -> str:
    return sha256(b"session:" + token.encode()).hexdigest()


def _session_of(row: Row) -> Session:
    return Session(
        session_id=row["session_id"],
        login=row["login"],
        opened_at=row["opened_at"],
        seen_at=row["seen_at"],
        address=row["address"],
        agent=row["agent"],
    )


class Sessions:
    """The open sessions of one database."""

    def __init__(self, database: Database, clock: Clock, rules: SessionRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    def open(self, login: str, origin: Origin) -> str:
        """Open a session and answer its token (256 bits); ended ones of anybody are swept away."""
        now = self._clock()
        token = secrets.token_urlsafe(32)
        with self._database.transaction():
            self._sweep(login)
            self._database.execute(
                "INSERT INTO web_session (token_hash, session_id, login, opened_at, seen_at,"
                " address, agent) VALUES (:hash, :id, :login, :now, :now, :address, :agent)",
                hash=_hash(token),
                id=secrets.token_hex(8),
                login=login,
                now=stamp(now),
                address=origin.address,
                agent=origin.agent[:200],
            )
        return token

    def find(self, token: str, origin: Origin) -> tuple[Session, Account] | None:
        """The session of a token and its account, or None when it is over for whatever reason."""
        found = self._found(token)
        if found and self._rules.bind_address and found[0].address != origin.address:
            return None
        return found

    def holder(self, token: str) -> Account | None:
        """Whose open session a token is, wherever it is used from: no right by itself."""
        found = self._found(token)
        return found[1] if found else None

    def _found(self, token: str) -> tuple[Session, Account] | None:
        rows = self._database.query(
            "SELECT s.token_hash, s.session_id, s.opened_at, s.seen_at, s.address, s.agent, a.*"
            " FROM web_session s JOIN web_account a ON a.login = s.login"
            " WHERE s.token_hash = :hash AND a.disabled = 0",
            hash=_hash(token),
        )
        if not rows:
            return None
        session = _session_of(rows[0])
        return None if self._is_over(session) else (session, account_of(rows[0]))

    def seen(self, session: Session) -> None:
        """Note that the person is there; at most one write a minute."""
        now = self._clock()
        if now - read_stamp(session.seen_at) < _SEEN_EVERY:
            return
        with self._database.transaction():
            self._database.execute(
                "UPDATE web_session SET seen_at = :now WHERE session_id = :id",
                now=stamp(now),
                id=session.session_id,
            )

    def of(self, login: str) -> list[Session]:
        """The open sessions of a login, last used first."""
        rows = self._database.query(
            "SELECT * FROM web_session WHERE login = :login ORDER BY seen_at DESC, session_id",
            login=login,
        )
        found = [_session_of(row) for row in rows]
        return [session for session in found if not self._is_over(session)]

    def end(self, token: str) -> None:
        """End the session of a token."""
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM web_session WHERE token_hash = :hash", hash=_hash(token)
            )

    def revoke(self, login: str, session_id: str) -> bool:
        """End one session of a login; False when it has none of this id."""
        with self._database.transaction():
            ended = self._database.execute(
                "DELETE FROM web_session WHERE session_id = :id AND login = :login",
                id=session_id,
                login=login,
            )
        return ended > 0

    def revoke_all(self, login: str, *, except_id: str = "") -> int:
        """End every session of a login but one; answers how many."""
        with self._database.transaction():
            return self._database.execute(
                "DELETE FROM web_session WHERE login = :login AND session_id <> :keep",
                login=login,
                keep=except_id,
            )

    def _is_over(self, session: Session) -> bool:
        now = self._clock()
        idle = now - read_stamp(session.seen_at)
        age = now - read_stamp(session.opened_at)
        # A session from the future was opened while the clock was wrong.
        return not -self._rules.idle < idle <= self._rules.idle or age > self._rules.longest

    def _sweep(self, login: str) -> None:
        now = self._clock()
        self._database.execute(
            "DELETE FROM web_session WHERE seen_at < :idle OR opened_at < :oldest",
            idle=stamp(now - self._rules.idle),
            oldest=stamp(now - self._rules.longest),
        )
        for old in self.of(login)[_MOST_PER_LOGIN - 1 :]:
            self.revoke(login, old.session_id)
