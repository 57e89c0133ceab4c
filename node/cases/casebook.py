"""The hall's cases as pages ask for them: one case whole, and the lists.

Named questions only; what may happen to a case is said in `standards.cases`, and nothing is
written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, cast

from node.hall import Hall
from node.outbox.timing import doubt
from standards import cases
from standards.cases import NOTICE_DAYS, STAGES, Light, light
from standards.errors import Invalid
from standards.guides import Guide, Material
from standards.identity import mask_name
from standards.records import CaseReceived, CaseStanding, CaseStep
from standards.records.declare import record_of
from standards.records.wording import APPLICANT_KINDS, PAPER_KINDS
from standards.shelf import Shelf
from standards.workdays import Calendar, add_working_days, count_working_days
from sync.evidence.timing import Bounds
from sync.storage.store import Row
from sync.storage.tables import standing

INDEXES = (
    "CREATE INDEX IF NOT EXISTS case_received_day ON case_received (hall, received_on)",
    "CREATE INDEX IF NOT EXISTS case_received_no ON case_received (case_no)",
    "CREATE INDEX IF NOT EXISTS case_received_place ON case_received (origin, idx)",
    "CREATE INDEX IF NOT EXISTS case_step_case ON case_step (case_id)",
    "CREATE INDEX IF NOT EXISTS case_standing_stage ON case_standing (hall, stage, promised_due)",
)

MOST_LISTED = 200
# Working days before a limit from when on a case is urgent.
WARN_DAYS = 2


@dataclass(frozen=True)
class StepTaken:
    """One step of a case with who took it and when it was written.

    ``doubt``: between which moments it was, by the center's clock, when that is not the day it
    claims.
    """

    step: CaseStep
    actor: str
    at: str
    doubt: Bounds | None = None


class Provisional(NamedTuple):
    """Which of the two due dates may still move."""

    promised: bool
    legal: bool


@dataclass(frozen=True)
class CaseFile:
    """One case whole. ``guide`` is None when its version is not here (any more)."""

    standing: CaseStanding
    received: CaseReceived
    received_at: str
    steps: tuple[StepTaken, ...]
    guide: Guide | None
    recomputed: bool
    provisional: Provisional

    @property
    def item_name(self) -> str:
        """Name of the item, or its code where the guide is not here."""
        return self.guide.task_name if self.guide else self.standing.item

    @property
    def applicant_kind(self) -> str:
        """Kind of applicant, in words."""
        return APPLICANT_KINDS.get(self.received.applicant_kind, "其他申请人")

    @property
    def paper_kind(self) -> str:
        """Kind of identity paper, in words."""
        return PAPER_KINDS.get(self.received.paper_kind, "其他证件")

    def materials(self, codes: Iterable[str]) -> list[Material]:
        """The guide's materials with these codes, in the guide's order."""
        wanted = set(codes)
        return [m for m in self.guide.materials if m.code in wanted] if self.guide else []


@dataclass(frozen=True)
class CaseLine:
    """One case as a row of a list."""

    standing: CaseStanding
    item_name: str
    applicant: str
    light: Light
    legal_left: int | None
    notice_due: date | None
    provisional: Provisional

    @property
    def stage(self) -> str:
        """Where it stands, in words."""
        return STAGES[self.standing.stage]


def standing_of(hall: Hall, case_id: str) -> CaseStanding | None:
    """Where a case stands now."""
    return cast(CaseStanding | None, standing(hall.db, CaseStanding, hall.settings.hall, case_id))


def case_file(hall: Hall, case_id: str) -> CaseFile | None:
    """One case whole, or None when this hall has no such case."""
    now = standing_of(hall, case_id)
    rows = hall.db.query(
        "SELECT * FROM case_received WHERE hall = :hall AND id = :id",
        hall=hall.settings.hall,
        id=case_id,
    )
    if now is None or not rows:
        return None
    shelf = hall.shelf()
    guide = guide_of(now, shelf)
    settled = cases.settled(now, guide, shelf.calendar)
    return CaseFile(
        settled,
        hall.logs.opened(CaseReceived, rows[0]),
        str(rows[0]["at"]),
        tuple(steps_of(hall, case_id)),
        guide,
        now.provisional and not settled.provisional,
        _provisional(settled, shelf.calendar),
    )


def steps_of(hall: Hall, case_id: str) -> list[StepTaken]:
    """Every step of a case, in the order of the log; a later epoch has the longer or later name."""
    rows = hall.db.query(
        "SELECT * FROM case_step WHERE hall = :hall AND case_id = :case_id "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
        case_id=case_id,
    )
    return [_step(hall, hall.logs.opened(CaseStep, row), row) for row in rows]


def _step(hall: Hall, step: CaseStep, row: Row) -> StepTaken:
    # The day of an acceptance by lapse of time follows from the law: nobody claims it.
    claims = step.step != "deemed_accepted"
    place = str(row["origin"]), int(row["idx"])
    found = doubt(hall, place, step.day) if claims else None
    return StepTaken(step, str(row["actor"]), str(row["at"]), found)


def guide_of(case: CaseStanding, shelf: Shelf) -> Guide | None:
    """The version of the guide that the case names."""
    try:
        return shelf.guide(case.item, case.guide_version)
    except Invalid:
        return None


def _provisional(case: CaseStanding, calendar: Calendar) -> Provisional:
    return Provisional(
        cases.is_provisional(case, case.promised_due, calendar),
        cases.is_provisional(case, case.legal_due, calendar),
    )


def notice_due(case: CaseStanding, calendar: Calendar) -> date | None:
    """Last day for the one-time notice (行政许可法 32(4)); None when that is behind."""
    if case.stage != "received":
        return None
    return add_working_days(case.received_on, NOTICE_DAYS, calendar).date


def working_days_left(due: date | None, calendar: Calendar, today: date) -> int | None:
    """Working days after today up to a due date; negative when it is over."""
    if due is None:
        return None
    if today > due:
        return -max(count_working_days(due, today, calendar) - 1, 1)
    return count_working_days(today, due, calendar) - int(calendar.is_working_day(today))


def line_of(hall: Hall, case: CaseStanding, shelf: Shelf, today: date) -> CaseLine:
    """A case as a row of a list, the applicant masked."""
    guide = guide_of(case, shelf)
    settled = cases.settled(case, guide, shelf.calendar)
    received = hall.read(CaseReceived, case.id)
    is_open = settled.stage == "accepted"
    return CaseLine(
        settled,
        guide.task_name if guide else case.item,
        mask_name(received.applicant_name) if received and received.applicant_name else "—",
        light(settled, shelf.calendar, today, WARN_DAYS),
        working_days_left(settled.legal_due, shelf.calendar, today) if is_open else None,
        notice_due(settled, shelf.calendar),
        _provisional(settled, shelf.calendar),
    )


def lines(hall: Hall, rows: Iterable[Row]) -> list[CaseLine]:
    """Rows of ``case_standing`` as lines of a list."""
    shelf, today = hall.shelf(), hall.clock.today()
    found = (cast(CaseStanding, record_of(CaseStanding, row)) for row in rows)
    return [line_of(hall, case, shelf, today) for case in found]


def received_on(hall: Hall, day: date) -> list[CaseLine]:
    """The cases taken in on a day, the last one first."""
    return lines(
        hall,
        hall.db.query(
            "SELECT s.* FROM case_received r JOIN case_standing s "
            "ON s.hall = r.hall AND s.id = r.id WHERE r.hall = :hall AND r.received_on = :day "
            "ORDER BY length(r.origin) DESC, r.origin DESC, r.idx DESC LIMIT :most",
            hall=hall.settings.hall,
            day=day.isoformat(),
            most=MOST_LISTED,
        ),
    )


def in_stage(hall: Hall, stage: str, most: int = MOST_LISTED) -> list[CaseLine]:
    """The cases in one stage, the most urgent first."""
    return lines(
        hall,
        hall.db.query(
            "SELECT * FROM case_standing WHERE hall = :hall AND stage = :stage "
            "ORDER BY promised_due, received_on, case_no LIMIT :most",
            hall=hall.settings.hall,
            stage=stage,
            most=most,
        ),
    )


def counts_by_stage(hall: Hall) -> dict[str, int]:
    """How many cases are in each open stage."""
    rows = hall.db.query(
        "SELECT stage, COUNT(*) AS n FROM case_standing WHERE hall = :hall "
        "AND stage IN ('received', 'notified', 'corrected', 'accepted') GROUP BY stage",
        hall=hall.settings.hall,
    )
    return {str(row["stage"]): int(row["n"]) for row in rows}


def lights_of_open(hall: Hall) -> dict[str, int]:
    """How many cases in review are over, near and calm, however many there are."""
    rows = hall.db.query(
        "SELECT promised_due, COUNT(*) AS n FROM case_standing WHERE hall = :hall "
        "AND stage = 'accepted' AND promised_due IS NOT NULL GROUP BY promised_due",
        hall=hall.settings.hall,
    )
    calendar, today = hall.shelf().calendar, hall.clock.today()
    counts = dict.fromkeys(("over", "near", "calm"), 0)
    for row in rows:
        left = working_days_left(date.fromisoformat(row["promised_due"]), calendar, today) or 0
        counts["over" if left < 0 else "near" if left <= WARN_DAYS else "calm"] += int(row["n"])
    return counts


def count_received_on(hall: Hall, day: date) -> int:
    """How many cases were taken in on a day; the serial of the next one is one more."""
    rows = hall.db.query(
        "SELECT COUNT(*) AS n FROM case_received WHERE hall = :hall AND received_on = :day",
        hall=hall.settings.hall,
        day=day.isoformat(),
    )
    return int(rows[0]["n"])


def with_number(hall: Hall, part: str) -> list[CaseLine]:
    """The cases whose number contains this text (at least four characters are asked for)."""
    return lines(
        hall,
        hall.db.query(
            "SELECT * FROM case_standing WHERE hall = :hall AND instr(case_no, :part) > 0 "
            "ORDER BY received_on DESC, case_no DESC LIMIT 50",
            hall=hall.settings.hall,
            part=part,
        ),
    )


def of_person(hall: Hall, places: Iterable[tuple[str, int]]) -> list[CaseLine]:
    """The cases at these places of the log (from the blind index), the newest first."""
    rows: list[dict[str, Any]] = []
    for origin, index in places:
        rows += [
            dict(row)
            for row in hall.db.query(
                "SELECT s.* FROM case_received r JOIN case_standing s "
                "ON s.hall = r.hall AND s.id = r.id WHERE r.origin = :origin AND r.idx = :idx",
                origin=origin,
                idx=index,
            )
        ]
    rows.sort(key=lambda row: (row["received_on"], row["case_no"]), reverse=True)
    return lines(hall, rows[:MOST_LISTED])
