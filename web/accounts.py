"""Staff accounts: who may sign in, and as what. Local to one installation; never travels.

Knows no session, no request and no page. The login is the key; the staff number ties the account
to the person's other records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from standards.errors import Invalid
from sync.storage.store import Database, Row
from web import passwords
from web.moments import Clock, stamp

TABLES = (
    """CREATE TABLE IF NOT EXISTS web_account (
        login TEXT PRIMARY KEY,
        staff_no TEXT NOT NULL,
        display_name TEXT NOT NULL,
        roles TEXT NOT NULL,
        password TEXT NOT NULL,
        disabled INTEGER NOT NULL,
        must_change INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        password_at TEXT NOT NULL,
        signed_in_at TEXT
    )""",
)

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
# As it stands in every entry a person writes (standards.records.wording.StaffNo).
_STAFF_NO = re.compile(r"[A-Z0-9-]{2,20}")


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account as pages see it; the password hash stays in this module."""

    login: str
    staff_no: str
    display_name: str
    roles: tuple[str, ...]
    disabled: bool
    must_change: bool
    created_at: str
    signed_in_at: str | None


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """What is needed to open an account."""

    login: str
    staff_no: str
    display_name: str
    roles: tuple[str, ...]


def account_of(row: Row) -> Account:
    """The account of a row that holds all columns of ``web_account``."""
    return Account(
        login=row["login"],
        staff_no=row["staff_no"],
        display_name=row["display_name"],
        roles=tuple(json.loads(row["roles"])),
        disabled=bool(row["disabled"]),
        must_change=bool(row["must_change"]),
        created_at=row["created_at"],
        signed_in_at=row["signed_in_at"],
    )


def check_account(new: NewAccount, known_roles: Collection[str]) -> NewAccount:
    """The account in its normal form.

    Raises:
        Invalid: field -> Chinese message, all fields at once.
    """
    new = NewAccount(
        login=new.login.strip().lower(),
        staff_no=new.staff_no.strip().upper(),
        display_name=new.display_name.strip(),
        roles=tuple(dict.fromkeys(new.roles)),
    )
    wrong = {}
    if not _LOGIN.fullmatch(new.login):
        wrong["login"] = "登录名为 2 至 32 位小写字母、数字、点、横线"
    if not _STAFF_NO.fullmatch(new.staff_no):
        wrong["staff_no"] = "请填写工号（2 至 20 位大写字母、数字、横线）"
    if not 1 <= len(new.display_name) <= 40 or not new.display_name.isprintable():
        wrong["display_name"] = "请填写姓名（最多 40 个字）"
    if not new.roles or not set(new.roles) <= set(known_roles):
        wrong["roles"] = "请至少选择一个岗位"
    if wrong:
        raise Invalid(wrong)
    return new


class Accounts:
    """The accounts of one database. Every writing verb is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, new: NewAccount, password: str, *, must_change: bool = True) -> None:
        """Open an account; ``new`` has passed :func:`check_account`.

        Raises:
            Invalid: the login is taken.
        """
        now = stamp(self._clock())
        hashed = passwords.hash_password(password)
        with self._database.transaction():
            added = self._database.execute(
                "INSERT INTO web_account (login, staff_no, display_name, roles, password, disabled,"
                " must_change, created_at, password_at) VALUES (:login, :staff_no, :name, :roles,"
                " :password, 0, :must, :now, :now) ON CONFLICT (login) DO NOTHING",
                login=new.login,
                staff_no=new.staff_no,
                name=new.display_name,
                roles=json.dumps(list(new.roles)),
                password=hashed,
                must=int(must_change),
                now=now,
            )
            if not added:
                raise Invalid({"login": "这个登录名已经有人使用，请换一个"})

    def find(self, login: str) -> Account | None:
        """The account of a login, or None."""
        rows = self._database.query("SELECT * FROM web_account WHERE login = :login", login=login)
        return account_of(rows[0]) if rows else None

    def all(self) -> list[Account]:
        """Every account, those in use first, by staff number."""
        rows = self._database.query(
            "SELECT * FROM web_account ORDER BY disabled, staff_no, login LIMIT 2000"
        )
        return [account_of(row) for row in rows]

    def password_is(self, login: str, password: str) -> bool:
        """Whether this is the login's password; takes as long for a login that does not exist."""
        rows = self._database.query(
            "SELECT password FROM web_account WHERE login = :login AND disabled = 0", login=login
        )
        right = passwords.matches(rows[0]["password"] if rows else _NOBODY, password)
        return right and bool(rows)

    def set_password(self, login: str, password: str, *, must_change: bool) -> None:
        """Give an account another password."""
        hashed = passwords.hash_password(password)
        with self._database.transaction():
            self._database.execute(
                "UPDATE web_account SET password = :password, must_change = :must,"
                " password_at = :now WHERE login = :login",
                login=login,
                password=hashed,
                must=int(must_change),
                now=stamp(self._clock()),
            )

    def set_roles(self, login: str, roles: tuple[str, ...]) -> None:
        """Give an account other roles; they hold from its next request on."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE web_account SET roles = :roles WHERE login = :login",
                login=login,
                roles=json.dumps(list(roles)),
            )

    def set_disabled(self, login: str, disabled: bool) -> None:
        """Close or reopen an account; a closed one's next request is refused."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE web_account SET disabled = :disabled WHERE login = :login",
                login=login,
                disabled=int(disabled),
            )

    def note_sign_in(self, login: str) -> None:
        """Remember the moment of the last sign-in."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE web_account SET signed_in_at = :now WHERE login = :login",
                login=login,
                now=stamp(self._clock()),
            )


# Compared against when nobody has the login, so that the answer comes after the same work.
_NOBODY = passwords.hash_password(passwords.initial_password())
