"""月度封存: when a month can be frozen, and what that is. Knows no page."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from node.hall import Hall
from standards.errors import Invalid
from standards.records import MonthFrozen


@dataclass(frozen=True)
class MonthState:
    """How a month stands. ``frozen_by`` and ``frozen_at`` are empty while it is open."""

    month: str
    people: int
    results: int
    provisional: int
    unwritten: int
    unsure: int
    requests: int
    frozen_by: str = ""
    frozen_at: str = ""

    @property
    def in_the_way(self) -> list[str]:
        """What has to be settled before it can be frozen."""
        named = (
            (self.provisional, "天暂定（等终端报到，或登记终端停用时段）"),
            (self.unwritten, "天还在核算"),
            (self.unsure, "天有时钟存疑的签到待核实"),
            (self.requests, "件申请待办"),
        )
        return [f"{count} {what}" for count, what in named if count]


def month_state(hall: Hall, month: str) -> MonthState:
    """How one month stands."""
    days = hall.db.query(
        "SELECT COUNT(DISTINCT staff_no) AS people, "
        "SUM(revision > 0) AS results, SUM(provisional = 1) AS provisional, "
        "SUM(revision = 0 AND status <> 'rest') AS unwritten, SUM(status = 'unsure') AS unsure "
        "FROM day_now WHERE day LIKE :month",
        month=f"{month}-%",
    )[0]
    wanted = hall.db.query(
        "SELECT COUNT(*) AS n FROM day_wanted WHERE day LIKE :month", month=f"{month}-%"
    )
    requests = hall.db.query(
        "SELECT COUNT(*) AS n FROM attendance_request r WHERE r.hall = :hall "
        "AND r.day LIKE :month AND NOT EXISTS (SELECT 1 FROM attendance_decision d "
        "WHERE d.hall = r.hall AND d.request = r.id)",
        hall=hall.settings.hall,
        month=f"{month}-%",
    )
    frozen = hall.db.query(
        "SELECT actor, at FROM month_frozen WHERE hall = :hall AND month = :month "
        "ORDER BY at LIMIT 1",
        hall=hall.settings.hall,
        month=month,
    )
    return MonthState(
        month,
        int(days["people"] or 0),
        int(days["results"] or 0),
        int(days["provisional"] or 0),
        int(days["unwritten"] or 0) + int(wanted[0]["n"]),
        int(days["unsure"] or 0),
        int(requests[0]["n"]),
        frozen[0]["actor"] if frozen else "",
        frozen[0]["at"] if frozen else "",
    )


def months(hall: Hall) -> list[str]:
    """Months that are over and of which days are known, the latest first."""
    rows = hall.db.query(
        "SELECT DISTINCT substr(day, 1, 7) AS month FROM day_now ORDER BY month DESC LIMIT 36"
    )
    this = f"{hall.clock.today():%Y-%m}"
    return [row["month"] for row in rows if row["month"] < this]


def freeze(hall: Hall, month: str, actor: str) -> None:
    """Freeze a month.

    Raises:
        Invalid: it is not over, frozen already, or something of it is not settled.
    """
    with hall.db.transaction():
        if month not in months(hall):
            raise Invalid({"": "这个月还没有结束，或没有考勤结果"})
        state = month_state(hall, month)
        if state.frozen_by:
            raise Invalid({"": "这个月已经封存"})
        if state.in_the_way:
            raise Invalid({"": "还不能封存：" + "；".join(state.in_the_way)})
        record = MonthFrozen(
            month=month,
            people=state.people,
            results=state.results,
            digest=_digest(hall, month),
        )
        hall.write(record, actor=actor)


def _digest(hall: Hall, month: str) -> str:
    """Over every result that stands: what was frozen can be shown later."""
    rows = hall.db.query(
        "SELECT staff_no, day, revision, status FROM day_now WHERE day LIKE :month "
        "AND revision > 0 ORDER BY staff_no, day",
        month=f"{month}-%",
    )
    lines = [f"{r['staff_no']} {r['day']} {r['revision']} {r['status']}\n" for r in rows]
    return sha256("".join(lines).encode()).hexdigest()[:32]
