"""办件: the cases of every hall as the center holds them, and their proven place in the log.

Applicants are masked. A person is shown in full on one page, for one reason, and leaves a row in
``reveal``. The center changes no case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from aggregator.center import Center
from aggregator.files import scanbook
from aggregator.halls.halls import hall_names
from aggregator.office import INSPECTOR, RECONCILER, actor, center
from aggregator.reconciling import timing
from aggregator.supervision.findings import CHIPS, findings
from aggregator.supervision.findings import STATES as FINDING_STATES
from aggregator.supervision.findings import Wanted as FindingsWanted
from standards.cases import STAGES, is_provisional, settled
from standards.identity import IN_PLACE
from standards.judging import RULES
from standards.records import CaseReceived, CaseStanding, CaseStep
from standards.records.cases import GROUNDS, OUTCOMES, STEPS
from standards.records.declare import fields_of
from standards.records.inspection import SEVERITIES
from sync.entries import new_id
from sync.storage.store import Row
from sync.storage.tables import standing
from web import access, logs, page

pages = Blueprint("cases", __name__, url_prefix="/cases")

DDL = (
    """CREATE TABLE IF NOT EXISTS reveal (
        id TEXT PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, hall TEXT NOT NULL,
        case_id TEXT NOT NULL, reason TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS case_step_case ON case_step (case_id)",
    "CREATE INDEX IF NOT EXISTS case_standing_id ON case_standing (id)",
)

PAGE_SIZE = 50
MOST_SEARCH = 100


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which cases a list asks for; empty text asks for all."""

    number: str = ""
    hall: str = ""
    item: str = ""
    stage: str = ""

    @classmethod
    def of_address(cls) -> Wanted:
        """From the address of the request; personal data never stand there."""
        given = {name: request.args.get(name, "") for name in cls.__dataclass_fields__}
        return cls(**{name: text.strip()[:MOST_SEARCH] for name, text in given.items()})


_LIST = """
SELECT s.stage, s.promised_due, s.accepted_on, s.decided_on, s.outcome, r.*
FROM case_standing s JOIN case_received r ON r.hall = s.hall AND r.id = s.id
WHERE (:number = '' OR s.case_no LIKE :number ESCAPE '!') AND (:hall = '' OR s.hall = :hall)
  AND (:item = '' OR s.item = :item) AND (:stage = '' OR s.stage = :stage)
ORDER BY s.id DESC LIMIT :most OFFSET :skip
"""
_COUNT = """
SELECT COUNT(*) AS n FROM case_standing s
WHERE (:number = '' OR s.case_no LIKE :number ESCAPE '!') AND (:hall = '' OR s.hall = :hall)
  AND (:item = '' OR s.item = :item) AND (:stage = '' OR s.stage = :stage)
"""


def _given(wanted: Wanted) -> dict[str, str]:
    escaped = wanted.number.upper()
    for mark in "!%_":
        escaped = escaped.replace(mark, "!" + mark)
    return {
        "number": f"%{escaped}%" if escaped else "",
        "hall": wanted.hall,
        "item": wanted.item,
        "stage": wanted.stage,
    }


def cases(center: Center, wanted: Wanted, number: int = 1) -> list[Row]:
    """One page of cases, the latest first: where they stand and their receipt's row."""
    return center.db.query(_LIST, **_given(wanted), most=PAGE_SIZE, skip=(number - 1) * PAGE_SIZE)


def count(center: Center, wanted: Wanted) -> int:
    """How many cases are wanted."""
    return int(center.db.query(_COUNT, **_given(wanted))[0]["n"])


def received(center: Center, hall: str, case_id: str) -> Row | None:
    """The row of a case's receipt, or None."""
    rows = center.db.query(
        "SELECT * FROM case_received WHERE hall = :hall AND id = :id", hall=hall, id=case_id
    )
    return rows[0] if rows else None


def steps_of(center: Center, hall: str, case_id: str) -> list[Row]:
    """The steps of a case in the order of its hall's log."""
    return center.db.query(
        "SELECT * FROM case_step WHERE hall = :hall AND case_id = :id "
        "ORDER BY LENGTH(origin), origin, idx",
        hall=hall,
        id=case_id,
    )


def proof_of(center: Center, origin: str, index: int) -> Row | None:
    """The first receipt that covers an entry: its size, signer and time."""
    rows = center.db.query(
        "SELECT size, signer, at FROM receipt WHERE origin = :origin AND size > :idx "
        "ORDER BY size LIMIT 1",
        origin=origin,
        idx=index,
    )
    return rows[0] if rows else None


def reveals_of(center: Center, hall: str, case_id: str) -> list[Row]:
    """Who has seen the applicant in full, when and why."""
    return center.db.query(
        "SELECT at, actor, reason FROM reveal WHERE hall = :hall AND case_id = :id "
        "ORDER BY id DESC LIMIT 20",
        hall=hall,
        id=case_id,
    )


def masked(record: CaseReceived, name: str) -> str:
    """A personal field as lists show it."""
    value = str(getattr(record, name))
    if value in IN_PLACE:
        return value
    mask = _MASKS.get(name)
    return mask(value) if value and mask else "****" if value else ""


_MASKS = {f.name: f.field.mask for f in fields_of(CaseReceived) if f.field.mask}
_PERSONAL = tuple((f.name, f.field.label) for f in fields_of(CaseReceived) if f.field.personal)


# --- pages ----------------------------------------------------------------------------------------


@pages.get("")
@access.roles(RECONCILER, INSPECTOR)
def listing() -> str:
    """Cases of all halls by number, hall, item and stage."""
    here, wanted, number = center(), Wanted.of_address(), page.page_number()
    total = count(here, wanted)
    rows = cases(here, wanted, number)
    return render_template(
        "cases/list.html",
        cases=[(row, here.logs.opened(CaseReceived, row)) for row in rows],
        masked=masked,
        total=total,
        number=number,
        page_count=-(-total // PAGE_SIZE),
        wanted=wanted,
        halls=hall_names(here),
        items=_item_names(here),
        stages=STAGES,
    )


def _item_names(center: Center) -> dict[str, str]:
    guides = sorted(center.shelf().current(), key=lambda guide: guide.task_name)
    return {guide.item: guide.task_name for guide in guides}


@pages.get("/<hall>/<case_id>")
@access.roles(RECONCILER, INSPECTOR)
def one(hall: str, case_id: str) -> str:
    """One case: where it stands, its steps, what was found, and its place in the log."""
    return case_page(hall, case_id, in_full=False, errors={})


@pages.post("/<hall>/<case_id>/reveal")
@access.roles(INSPECTOR)
def reveal(hall: str, case_id: str) -> str | tuple[str, int]:
    """Show the applicant in full, once, for a stated reason that is kept."""
    reason = request.form.get("reason", "").strip()
    if not 2 <= len(reason) <= 200:
        wrong = {"reason": "请写明查看原因（2至200字），将记录在案"}
        return case_page(hall, case_id, in_full=False, errors=wrong), 422
    note_reveal(center(), hall, case_id, reason)
    return case_page(hall, case_id, in_full=True, errors={})


def note_reveal(center: Center, hall: str, case_id: str, reason: str) -> None:
    """Keep who looks at the applicant in full, when and why, before anything is shown."""
    if received(center, hall, case_id) is None:
        raise NotFound()
    center.db.execute(
        "INSERT INTO reveal VALUES (:id, :at, :actor, :hall, :case, :reason)",
        id=new_id(center.clock.posix_ms()),
        at=center.clock.stamp(),
        actor=actor(),
        hall=hall,
        case=case_id,
        reason=reason,
    )
    logs.event("case.revealed", case=case_id)


def case_page(hall: str, case_id: str, *, in_full: bool, errors: dict[str, str]) -> str:
    """The page of a case; masked unless the look was noted."""
    here = center()
    row = received(here, hall, case_id)
    state: CaseStanding | None = standing(here.db, CaseStanding, hall, case_id)
    if row is None or state is None:
        raise NotFound()
    shelf = here.shelf()
    known = shelf.guides.get((state.item, state.guide_version))
    state = settled(state, known.guide if known else None, shelf.calendar)
    record = here.logs.opened(CaseReceived, row)
    steps = steps_of(here, hall, case_id)
    return render_template(
        "cases/one.html",
        row=row,
        case=state,
        legal_provisional=is_provisional(state, state.legal_due, shelf.calendar),
        promised_provisional=is_provisional(state, state.promised_due, shelf.calendar),
        case_hall=hall,
        hall=hall_names(here).get(hall, hall),
        applicant=_applicant(record, in_full),
        in_full=in_full,
        steps=[(step, here.logs.opened(CaseStep, step)) for step in steps],
        disputed=timing.disputed(here, steps),
        material_names=_material_names(here, state),
        newer_guide=shelf.newer_than(state.item, state.guide_version),
        scans=scanbook.scans_of(here, hall, case_id),
        task_name=_item_names(here).get(state.item, ""),
        findings=findings(here, FindingsWanted(hall=hall), case=case_id).rows,
        proofs=[(one, proof_of(here, one["origin"], one["idx"])) for one in (row, *steps)],
        reveals=reveals_of(here, hall, case_id),
        errors=errors,
        **_words(),
    )


def _applicant(record: CaseReceived, in_full: bool) -> list[tuple[str, str]]:
    return [
        (label, str(getattr(record, name)) if in_full else masked(record, name))
        for name, label in _PERSONAL
    ]


def _material_names(center: Center, case: CaseStanding) -> dict[str, str]:
    published = center.shelf().guides.get((case.item, case.guide_version))
    materials = published.guide.materials if published else ()
    return {material.code: material.material_name for material in materials}


def _words() -> dict[str, Any]:
    return {
        "stages": STAGES,
        "step_names": STEPS,
        "outcomes": OUTCOMES,
        "grounds": GROUNDS,
        "rules": RULES,
        "severities": SEVERITIES,
        "finding_states": FINDING_STATES,
        "chips": CHIPS,
    }
