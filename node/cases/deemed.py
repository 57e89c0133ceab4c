"""视为受理: what nobody noticed about in time is accepted from the day of receipt.

行政许可法 32(4): no one-time notice within five working days means accepted. Runs at start-up,
daily, and before the lists of cases; knows no page.
"""

from __future__ import annotations

from node.cases.casebook import standing_of
from node.hall import Hall
from standards.cases import NOTICE_DAYS, accept, is_deemed_accepted
from standards.errors import Invalid
from standards.workdays import add_working_days

SYSTEM = "SYSTEM"


def deem_overdue(hall: Hall) -> int:
    """Write the acceptance of every case whose time for a notice is over.

    Returns:
        How many were written.

    Raises:
        sync.errors.DiskFull: nothing was written; the next run does it.
    """
    today, shelf = hall.clock.today(), hall.shelf()
    waiting = hall.db.query(
        "SELECT id FROM case_standing WHERE hall = :hall AND stage = 'received' "
        "AND received_on < :today",
        hall=hall.settings.hall,
        today=today.isoformat(),
    )
    return sum(_deem(hall, str(row["id"])) for row in waiting) if shelf.size else 0


def _deem(hall: Hall, case_id: str) -> int:
    shelf, today = hall.shelf(), hall.clock.today()
    with hall.db.transaction():
        # Somebody may have acted since the list was read; only this reading counts.
        case = standing_of(hall, case_id)
        if case is None or not is_deemed_accepted(case, shelf.calendar, today):
            return 0
        if add_working_days(case.received_on, NOTICE_DAYS, shelf.calendar).provisional:
            # The five days cannot be counted without the year's table; the step will carry the
            # same date when it has come.
            return 0
        try:
            guide = shelf.guide(case.item, case.guide_version)
        except Invalid:
            # Without the guide there are no limits to write; it comes with the next standards.
            return 0
        hall.write(accept(case, guide, shelf.calendar, today, deemed=True), actor=SYSTEM)
    return 1
