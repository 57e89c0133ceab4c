"""Password hashing and the rule what a password must be. Knows no account.

Argon2id with 19 MiB, 2 passes, 1 lane: the OWASP minimum for machines with little memory. The RFC
9106 default of 64 MiB would let eight clerks who sign in at the same moment take half a gigabyte.
"""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import (
    HashingError,
    InvalidHashError,
    VerificationError,
    VerifyMismatchError,
)
from argon2.low_level import Type

from standards.errors import Invalid

SHORTEST, LONGEST = 10, 128
# No 0/O, 1/l/I: an initial password is read from paper or told by telephone.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
_two_at_a_time = threading.BoundedSemaphore(2)

_TOO_COMMON = (
    "password", "qwerty", "asdfgh", "123456", "654321", "abc123", "iloveyou", "admin",
    "welcome", "letmein", "5201314", "woaini", "zhengwu", "onehall", "111111", "888888", "000000",
)  # fmt: skip


def hash_password(password: str) -> str:
    """The Argon2id hash in PHC text form, with a fresh salt.

    Raises:
        MemoryError: the machine gives none.
    """
    with _two_at_a_time:
        try:
            return _hasher.hash(password)
        except HashingError as error:
            raise MemoryError(str(error)) from error


def matches(stored: str, password: str) -> bool:
    """Whether the password is the one of this hash; as slow for a wrong one as for a right one.

    Raises:
        MemoryError: the machine gives none; it must not be called a wrong password.
    """
    with _two_at_a_time:
        try:
            return _hasher.verify(stored, password[: LONGEST * 2])
        except (VerifyMismatchError, InvalidHashError):
            return False
        except VerificationError as error:
            raise MemoryError(str(error)) from error


def initial_password() -> str:
    """A random password of 12 characters (60 bits) that must be changed at the first sign-in."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


def check_new_password(password: str, login: str) -> None:
    """Refuse what is guessed first (ASVS 6.2.1, 6.2.4, 6.2.11); no rule about kinds of characters.

    Raises:
        Invalid: with the field ``password``.
    """
    trouble = _trouble(password, login.lower())
    if trouble:
        raise Invalid({"password": trouble})


def _trouble(password: str, login: str) -> str | None:
    if len(password) < SHORTEST:
        return f"密码至少 {SHORTEST} 个字符，可以用一句好记的话"
    if len(password) > LONGEST:
        return f"密码最多 {LONGEST} 个字符"
    if login and login in password.lower():
        return "密码里不能包含登录名"
    rest = password.lower()
    for word in _TOO_COMMON:
        rest = rest.replace(word, "")
    if len(set(rest)) < 5:
        return "这个密码太常见或重复太多，请换一个"
    return None
