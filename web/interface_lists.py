"""The lists that a hall and the center have alike: cases, punches and guides, without a person.

Cases and punches are named by ids and staff numbers; who an applicant is stands in no item.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import msgspec

from sync.storage.store import Database
from web.interface import Listing


class Case(msgspec.Struct, frozen=True):
    """Where a case stands. Dates are days; an empty text means not yet."""

    id: str
    hall: str
    case_no: str
    item: str
    guide_version: int
    stage: str
    received_on: str | None
    accepted_on: str | None
    legal_due: str | None
    promised_due: str | None
    provisional: bool
    decided_on: str | None
    outcome: str | None


class Punch(msgspec.Struct, frozen=True):
    """One signing in; ``grade`` is the strength of the evidence, never a score."""

    id: str
    hall: str
    staff_no: str
    punched_at: str
    way: str
    grade: str
    voided: bool
    """it was written for the wrong person, and counts no more"""


class Guide(msgspec.Struct, frozen=True):
    """One published version of a guide."""

    id: str
    item: str
    version: int
    published_on: str


_CASES = """
SELECT id, hall, case_no, item, guide_version, stage, received_on, accepted_on,
legal_due, promised_due, provisional, decided_on, outcome FROM case_standing
WHERE id > :after ORDER BY id LIMIT :most
"""
_PUNCHES = """
SELECT id, hall, staff_no, punched_at, way, grade, EXISTS (SELECT 1 FROM punch_voided v
WHERE v.hall = punch.hall AND v.punch = punch.id) AS voided FROM punch
WHERE id > :after ORDER BY id LIMIT :most
"""
_GUIDES = """
SELECT id, item, version, published_on FROM guide_published
WHERE id > :after ORDER BY id LIMIT :most
"""

Listed = TypeVar("Listed", Case, Punch, Guide)


def _listed(
    database: Database, kind: type[Listed], sql: str, after: str, most: int
) -> Sequence[Listed]:
    """Items in the order of their ids."""
    rows = database.query(sql, after=after, most=most)
    return [msgspec.convert(dict(row), kind, strict=False) for row in rows]


NAMES = ("cases", "punches", "guides", "reconciliation")
"""What a token may be good for, at a hall as at the center."""


def shared(database: Database) -> list[Listing]:
    """These lists over one database."""
    cases = partial(_listed, database, Case, _CASES)
    punches = partial(_listed, database, Punch, _PUNCHES)
    guides = partial(_listed, database, Guide, _GUIDES)
    return [
        Listing("cases", "办件", "Cases and where they stand.", Case, cases),
        Listing("punches", "签到", "Punches of staff.", Punch, punches),
        Listing("guides", "服务指南", "Published guides.", Guide, guides),
    ]
