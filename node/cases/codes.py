"""查询码: the random code on printed papers, and reading it back from a scanner.

A code is 128 random bits, kept with its case in a local table; it says nothing about anybody. In
a QR code it stands as ``HS1.C.<base32>`` followed by a keyed check, so that what a scanner types
is told from anything else before a table is asked. Knows no page.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b32decode, b32encode

from node.hall import Hall

TABLES = (
    """CREATE TABLE IF NOT EXISTS case_code (
        case_id TEXT PRIMARY KEY,
        code TEXT NOT NULL UNIQUE
    )""",
)

# 16 bytes of code and 9 of check are 40 characters of base32, without padding.
_CODE_BYTES = 16
_CHECK_BYTES = 9
_PAYLOAD = re.compile(r"HS1\.C\.([A-Z2-7]{40})")
LONGEST = 64


def give_code(hall: Hall, case_id: str) -> str:
    """A new code for a case, written beside it; call it in the transaction of the receipt."""
    code = secrets.token_bytes(_CODE_BYTES)
    hall.db.execute(
        "INSERT INTO case_code VALUES (:case_id, :code)", case_id=case_id, code=code.hex()
    )
    return code.hex()


def code_of(hall: Hall, case_id: str) -> str | None:
    """The code of a case in hexadecimal; None for a case whose history came from elsewhere."""
    rows = hall.db.query("SELECT code FROM case_code WHERE case_id = :id", id=case_id)
    return str(rows[0]["code"]) if rows else None


def payload_of(hall: Hall, code: str) -> str:
    """What stands in the QR code: 46 characters, no identity data."""
    raw = bytes.fromhex(code)
    return "HS1.C." + b32encode(raw + _check(hall, raw)).decode()


def printed(code: str) -> str:
    """The code as people read it aloud: groups of four characters."""
    text = b32encode(bytes.fromhex(code)).decode().rstrip("=")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def looks_scanned(text: str) -> bool:
    """Whether this claims to be a code of ours, rightly or not."""
    return text[:3].upper() == "HS1"


def case_of_payload(hall: Hall, text: str) -> str | None:
    """The case of a scanned QR code; None for anything that is not exactly one of ours (T25)."""
    found = _PAYLOAD.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    raw = b32decode(found.group(1))
    code, check = raw[:_CODE_BYTES], raw[_CODE_BYTES:]
    if not hmac.compare_digest(check, _check(hall, code)):
        return None
    rows = hall.db.query("SELECT case_id FROM case_code WHERE code = :code", code=code.hex())
    return str(rows[0]["case_id"]) if rows else None


def _check(hall: Hall, code: bytes) -> bytes:
    return hall.vault.blind("case code on paper", code.hex())[:_CHECK_BYTES]
