"""The hall's leave as pages and days ask for it: where a request stands, whose it is, who is away.

Named questions only; what may be asked for is said in `attendance.leave_request`, who may decide in
`attendance.leave_chain`, and nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import cast

from attendance.leave import Claim, claims_of, cut
from node.hall import Hall
from standards.identity import IN_PLACE
from standards.leave_rules import LeaveRules
from standards.records import (
    LeaveDecision,
    LeaveFacts,
    LeavePaper,
    LeaveRequest,
    LeaveReturned,
    LeaveStandIn,
    LeaveStanding,
    Overtime,
    OvertimeDecision,
)
from standards.records.declare import record_of
from standards.records.leave import Leg
from sync.storage.store import Row
from sync.storage.tables import standing

INDEXES = (
    "CREATE INDEX IF NOT EXISTS leave_standing_stage ON leave_standing (hall, stage, first)",
    "CREATE INDEX IF NOT EXISTS leave_standing_last ON leave_standing (hall, last)",
    "CREATE INDEX IF NOT EXISTS leave_standing_person ON leave_standing (hall, staff_no, first)",
    "CREATE INDEX IF NOT EXISTS leave_stand_in_request ON leave_stand_in (hall, request_id)",
    "CREATE INDEX IF NOT EXISTS leave_decision_request ON leave_decision (hall, request_id)",
    "CREATE INDEX IF NOT EXISTS leave_returned_request ON leave_returned (hall, request_id)",
    "CREATE INDEX IF NOT EXISTS leave_paper_request ON leave_paper (hall, request_id)",
    "CREATE INDEX IF NOT EXISTS leave_paper_file ON leave_paper (file)",
    "CREATE INDEX IF NOT EXISTS leave_facts_person ON leave_facts (hall, staff_no)",
    "CREATE INDEX IF NOT EXISTS overtime_person ON overtime (hall, staff_no)",
    "CREATE INDEX IF NOT EXISTS overtime_decision_entry ON overtime_decision (hall, overtime_id)",
)
MOST_LISTED = 200
_LIVE = ("asked", "pending", "granted", "returned")


def rules(hall: Hall) -> LeaveRules:
    """The rules of leave in force in this hall."""
    return hall.shelf().leave_rules


def standing_of(hall: Hall, request_id: str) -> LeaveStanding | None:
    """Where a request stands now."""
    found = standing(hall.db, LeaveStanding, hall.settings.hall, request_id)
    return cast(LeaveStanding | None, found)


def request_of(hall: Hall, request_id: str) -> LeaveRequest | None:
    """A request with its reason."""
    return hall.read(LeaveRequest, request_id)


def _standings(rows: Iterable[Row]) -> list[LeaveStanding]:
    return [cast(LeaveStanding, record_of(LeaveStanding, row)) for row in rows]


def of_person(hall: Hall, staff_no: str) -> list[LeaveStanding]:
    """One person's requests, the latest first."""
    return _standings(
        hall.db.query(
            "SELECT * FROM leave_standing WHERE hall = :hall AND staff_no = :staff_no "
            "ORDER BY first DESC, id DESC LIMIT :most",
            hall=hall.settings.hall,
            staff_no=staff_no,
            most=MOST_LISTED,
        )
    )


def in_stage(hall: Hall, stage: str) -> list[LeaveStanding]:
    """The requests at one stage, those that begin first at the top."""
    return _standings(
        hall.db.query(
            "SELECT * FROM leave_standing WHERE hall = :hall AND stage = :stage "
            "ORDER BY first, id LIMIT 1000",
            hall=hall.settings.hall,
            stage=stage,
        )
    )


def between(
    hall: Hall, first: date, last: date, stages: Iterable[str] = _LIVE
) -> list[LeaveStanding]:
    """The requests that touch these days, in the order of their beginning."""
    wanted = set(stages)
    rows = hall.db.query(
        "SELECT * FROM leave_standing WHERE hall = :hall AND first <= :last AND last >= :first "
        "ORDER BY first, id",
        hall=hall.settings.hall,
        first=first.isoformat(),
        last=last.isoformat(),
    )
    return [one for one in _standings(rows) if one.stage in wanted]


def legs_taken(one: LeaveStanding, table: LeaveRules) -> tuple[Leg, ...]:
    """The legs as they count: cut where somebody came back early."""
    if one.stage != "returned" or one.back_on is None:
        return one.legs
    return cut(one.legs, one.back_on, one.back_from, table.clock)


def claims(hall: Hall, one: LeaveStanding) -> tuple[Claim, ...]:
    """On which grounds the legs are asked for; nothing is known of erased ones."""
    request = request_of(hall, one.id)
    return claims_of(request.grounds if request else "", len(one.legs))


# --- what happened to a request ------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One thing that happened to a request, for its timeline."""

    at: str
    actor: str
    what: str
    office: str = ""
    agreed: bool = True
    opinion: str = ""


@dataclass(frozen=True)
class LeaveFile:
    """One request whole."""

    standing: LeaveStanding
    request: LeaveRequest
    claims: tuple[Claim, ...]
    steps: tuple[Step, ...]


def leave_file(hall: Hall, request_id: str) -> LeaveFile | None:
    """One request whole, or None when this hall has no such request."""
    now, request = standing_of(hall, request_id), request_of(hall, request_id)
    if now is None or request is None:
        return None
    claimed = claims_of(request.grounds, len(request.legs))
    return LeaveFile(now, request, claimed, tuple(_steps(hall, now)))


def _steps(hall: Hall, now: LeaveStanding) -> list[Step]:
    found = [Step(now.asked_at, now.staff_no, "asked")]
    for row in _about(hall, "leave_stand_in", now.id):
        said = hall.logs.opened(LeaveStandIn, row)
        found.append(_step(row, "stood_in", "", said.agreed, said.opinion))
    for row in _about(hall, "leave_decision", now.id):
        decided = hall.logs.opened(LeaveDecision, row)
        found.append(_step(row, "decided", decided.office, decided.granted, decided.opinion))
    for row in _about(hall, "leave_withdrawn", now.id):
        found.append(_step(row, "withdrawn", "", False, ""))
    for row in _about(hall, "leave_returned", now.id):
        back = hall.logs.opened(LeaveReturned, row)
        found.append(_step(row, "returned", "", True, back.opinion))
    return sorted(found, key=lambda step: step.at)


def _step(row: Row, what: str, office: str, agreed: bool, opinion: str) -> Step:
    return Step(str(row["at"]), str(row["actor"]), what, office, agreed, opinion)


_ABOUT = {
    "leave_stand_in": "SELECT * FROM leave_stand_in WHERE hall = :hall AND request_id = :id "
    "ORDER BY length(origin), origin, idx",
    "leave_decision": "SELECT * FROM leave_decision WHERE hall = :hall AND request_id = :id "
    "ORDER BY length(origin), origin, idx",
    "leave_withdrawn": "SELECT * FROM leave_withdrawn WHERE hall = :hall AND request_id = :id "
    "ORDER BY length(origin), origin, idx",
    "leave_returned": "SELECT * FROM leave_returned WHERE hall = :hall AND request_id = :id "
    "ORDER BY length(origin), origin, idx",
    "leave_paper": "SELECT * FROM leave_paper WHERE hall = :hall AND request_id = :id "
    "ORDER BY length(origin), origin, idx",
}


def _about(hall: Hall, kind: str, request_id: str) -> list[Row]:
    return hall.db.query(_ABOUT[kind], hall=hall.settings.hall, id=request_id)


@dataclass(frozen=True)
class PaperLine:
    """One paper of a request."""

    id: str
    at: str
    actor: str
    paper: LeavePaper
    is_here: bool


def papers_of(hall: Hall, request_id: str) -> list[PaperLine]:
    """The papers of a request; one that was erased or is not on this disk cannot be opened."""
    found = []
    for row in _about(hall, "leave_paper", request_id):
        paper = hall.logs.opened(LeavePaper, row)
        held = hall.db.query(
            "SELECT hash FROM file_held WHERE hall = :hall AND hash = :file",
            hall=hall.settings.hall,
            file=paper.file,
        )
        # The key of an erased one is gone.
        is_here = bool(held) and paper.key not in ("", *IN_PLACE)
        found.append(PaperLine(str(row["id"]), str(row["at"]), str(row["actor"]), paper, is_here))
    return found


def with_papers(hall: Hall, requests: Iterable[str]) -> set[str]:
    """Those of these requests for which a paper was handed in."""
    wanted = set(requests)
    rows = hall.db.query(
        "SELECT DISTINCT request_id FROM leave_paper WHERE hall = :hall", hall=hall.settings.hall
    )
    return wanted & {str(row["request_id"]) for row in rows}


# --- facts and overtime --------------------------------------------------------------------------


def facts_of(hall: Hall, staff_no: str) -> dict[int, LeaveFacts]:
    """Year -> what was settled for a person's annual leave, the latest entry of each year."""
    rows = hall.db.query(
        "SELECT * FROM leave_facts WHERE hall = :hall AND staff_no = :staff_no "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
        staff_no=staff_no,
    )
    return {int(row["year"]): hall.logs.opened(LeaveFacts, row) for row in rows}


def employments(hall: Hall) -> dict[str, str]:
    """Staff number -> kind of employment, by the entry about the latest year."""
    rows = hall.db.query(
        "SELECT staff_no, employment FROM leave_facts WHERE hall = :hall "
        "ORDER BY year, length(origin), origin, idx",
        hall=hall.settings.hall,
    )
    return {str(row["staff_no"]): str(row["employment"]) for row in rows}


@dataclass(frozen=True)
class OvertimeLine:
    """One entry of overtime and what was decided about it."""

    id: str
    at: str
    overtime: Overtime
    decision: OvertimeDecision | None
    decided_by: str = ""

    @property
    def state(self) -> str:
        """waiting, confirmed or refused."""
        if self.decision is None:
            return "waiting"
        return "confirmed" if self.decision.minutes else "refused"


_OVERTIME = """
SELECT o.*, (SELECT d.id FROM overtime_decision d WHERE d.hall = o.hall AND d.overtime_id = o.id
ORDER BY length(d.origin), d.origin, d.idx LIMIT 1) AS decision
FROM overtime o WHERE o.hall = :hall AND (:staff_no = '' OR o.staff_no = :staff_no)
ORDER BY o.day DESC, o.idx DESC LIMIT 1000
"""


def overtime_of(hall: Hall, staff_no: str = "") -> list[OvertimeLine]:
    """The overtime of one person, or of everybody, the latest day first."""
    rows = hall.db.query(_OVERTIME, hall=hall.settings.hall, staff_no=staff_no)
    return [_overtime(hall, row) for row in rows]


def overtime_line(hall: Hall, overtime_id: str) -> OvertimeLine | None:
    """One entry of overtime."""
    return next((line for line in overtime_of(hall) if line.id == overtime_id), None)


def _overtime(hall: Hall, row: Row) -> OvertimeLine:
    decision, by = None, ""
    if row["decision"]:
        decision = hall.read(OvertimeDecision, str(row["decision"]))
        found = hall.db.query(
            "SELECT actor FROM overtime_decision WHERE hall = :hall AND id = :id",
            hall=hall.settings.hall,
            id=row["decision"],
        )
        by = str(found[0]["actor"])
    entry = hall.logs.opened(Overtime, row)
    return OvertimeLine(str(row["id"]), str(row["at"]), entry, decision, by)
