"""任职: who holds which office that approves leave. An office is no role of an account.

Follows from the hall's entries, the latest about a person and office counting. Knows no page.
"""

from __future__ import annotations

from datetime import date

from attendance.leave_chain import Seats, seats_on
from node.hall import Hall
from node.leave import leavebook
from standards.records import OfficeHeld
from sync.storage.tables import as_record
from web.accounts import Accounts

INDEXES = ("CREATE INDEX IF NOT EXISTS office_held_person ON office_held (hall, staff_no)",)


def all_held(hall: Hall) -> list[OfficeHeld]:
    """The latest entry about each person, office and department, by office."""
    rows = hall.db.query(
        "SELECT * FROM office_held WHERE hall = :hall ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    latest: dict[tuple[str, str, str], OfficeHeld] = {}
    for row in rows:
        one = as_record(OfficeHeld, row)
        latest[one.office, one.department, one.staff_no] = one
    return [latest[key] for key in sorted(latest)]


def seats(hall: Hall, day: date | None = None) -> Seats:
    """Who holds which office on a day, today unless another is asked for."""
    left, accounts = _left(hall), Accounts(hall.db, hall.clock.now).all()
    held = all_held(hall)
    active = {one.staff_no for one in held} - left
    named = seats_on(held, day or hall.clock.today(), active)
    by_role = {office.code: office.role for office in leavebook.rules(hall).office if office.role}
    return Seats(
        named.held,
        frozenset(
            (code, account.staff_no)
            for code, role in by_role.items()
            for account in accounts
            if role in account.roles and not account.disabled and account.staff_no not in left
        ),
    )


def _left(hall: Hall) -> set[str]:
    """Numbers of those who have left their post."""
    rows = hall.db.query(
        "SELECT staff_no, active FROM staff_member WHERE hall = :hall "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    on_post = {str(row["staff_no"]): bool(row["active"]) for row in rows}
    return {staff_no for staff_no, active in on_post.items() if not active}
