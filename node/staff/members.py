"""工作人员: who works in this hall, and who has agreed to sign in by face.

Follows from the hall's entries, the latest entry about a number counting. It writes what a page
decided and knows no page, no picture and no template.
"""

from __future__ import annotations

from dataclasses import dataclass

from attendance import consent
from node.hall import Hall
from standards.identity import mask_name
from standards.records import FaceConsent, StaffMember
from sync.storage.store import Row
from sync.storage.tables import as_record

INDEXES = (
    "CREATE INDEX IF NOT EXISTS staff_member_no ON staff_member (hall, staff_no)",
    "CREATE INDEX IF NOT EXISTS face_consent_no ON face_consent (hall, staff_no)",
)


@dataclass(frozen=True)
class Member:
    """A member of staff as lists show them: the name masked."""

    staff: StaffMember
    consented: bool

    @property
    def staff_no(self) -> str:
        return self.staff.staff_no

    @property
    def masked_name(self) -> str:
        """The name with its first character only."""
        return mask_name(self.staff.name) if self.staff.name else "—"


def members(hall: Hall) -> list[Member]:
    """Everybody this hall ever had, in the order of their numbers."""
    rows = hall.db.query(
        "SELECT * FROM staff_member WHERE hall = :hall ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    latest = {str(row["staff_no"]): row for row in rows}
    agreed = {no for no, said in _consents(hall).items() if said.given}
    return [_opened(hall, latest[no], no in agreed) for no in sorted(latest)]


def member(hall: Hall, staff_no: str) -> Member | None:
    """One member of staff, or None."""
    rows = hall.db.query(
        "SELECT * FROM staff_member WHERE hall = :hall AND staff_no = :staff_no "
        "ORDER BY length(origin) DESC, origin DESC, idx DESC LIMIT 1",
        hall=hall.settings.hall,
        staff_no=staff_no,
    )
    if not rows:
        return None
    said = consent_of(hall, staff_no)
    return _opened(hall, rows[0], said is not None and said.given)


def _opened(hall: Hall, row: Row, consented: bool) -> Member:
    return Member(hall.logs.opened(StaffMember, row), consented)


def active_member(hall: Hall, typed: str) -> Member | None:
    """Somebody on post by the number as typed at a keypad: whole, or without the hall's part."""
    number = typed.strip().upper()
    for staff_no in (number, f"{hall.settings.hall}-{number}"):
        found = member(hall, staff_no)
        if found is not None and found.staff.active:
            return found
    return None


def consent_of(hall: Hall, staff_no: str) -> FaceConsent | None:
    """What somebody said last about being recognised; None when never asked."""
    rows = hall.db.query(
        "SELECT * FROM face_consent WHERE hall = :hall AND staff_no = :staff_no "
        "ORDER BY length(origin) DESC, origin DESC, idx DESC LIMIT 1",
        hall=hall.settings.hall,
        staff_no=staff_no,
    )
    return as_record(FaceConsent, rows[0]) if rows else None


def _consents(hall: Hall) -> dict[str, FaceConsent]:
    rows = hall.db.query(
        "SELECT * FROM face_consent WHERE hall = :hall ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    return {str(row["staff_no"]): as_record(FaceConsent, row) for row in rows}


def may_be_recognised(hall: Hall) -> set[str]:
    """Numbers of everybody who is on post and has agreed, by their latest entries."""
    rows = hall.db.query(
        "SELECT staff_no, active FROM staff_member WHERE hall = :hall "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    on_post = {str(row["staff_no"]): bool(row["active"]) for row in rows}
    return {no for no, said in _consents(hall).items() if said.given and on_post.get(no, False)}


def may_enrol(hall: Hall, staff_no: str) -> bool:
    """Whether this person agreed to the notice in its present wording, and is on post."""
    said = consent_of(hall, staff_no)
    up_to_date = said is not None and said.given and said.notice_version == consent.CURRENT
    return up_to_date and staff_no in may_be_recognised(hall)


def write_consent(hall: Hall, staff_no: str, given: bool, actor: str) -> None:
    """Write that consent was given or has ended, today."""
    said = FaceConsent(
        staff_no=staff_no, notice_version=consent.CURRENT, given=given, day=hall.clock.today()
    )
    hall.write(said, actor=actor)
