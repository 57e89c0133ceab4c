"""审批: the reviewer's list by urgency, and the decision.

Never by the person who took the case in, never against the applicant without reasons: both are
said by `standards.cases.decide`; this counter asks it and shows what it answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from node.cases import casebook
from node.cases.casebook import CaseLine
from node.cases.cases import (
    deem_before_listing,
    masked_person,
    the_case,
    typed_step,
    write_step,
)
from node.desk import actor, hall, today
from standards import cases
from standards.errors import Invalid
from standards.guides import Guide
from standards.records import CaseStanding, CaseStep
from standards.records.cases import GROUNDS, OUTCOMES, STEPS
from web import access, page

pages = Blueprint("review", __name__, url_prefix="/review")

# Grounds on which a permit can be denied (行政许可法 38), not those of refusing to accept.
DENIALS = {
    code: GROUNDS[code]
    for code in ("conditions_not_met", "false_materials", "quota_exhausted", "forbidden")
}
_DECISIONS = {code: name for code, name in OUTCOMES.items() if code}


@pages.get("")
@access.roles("reviewer", "supervisor")
def listing() -> str:
    """Every accepted case that waits for a decision, the most urgent first."""
    deem_before_listing()
    waiting = sorted(casebook.in_stage(hall(), "accepted"), key=_urgency)
    lights = casebook.lights_of_open(hall())
    return render_template("review/listing.html", waiting=waiting, lights=lights, day=today())


def _urgency(line: CaseLine) -> tuple[int, int, str]:
    legal = line.legal_left if line.legal_left is not None else 0
    return min(line.light.days_left, legal), legal, line.standing.case_no


@pages.get("/<case_id>")
@access.roles("reviewer", "supervisor")
def one(case_id: str) -> str:
    """A case with its materials, and the decision to take."""
    return _page(case_id, {})


def _page(case_id: str, wrong: Mapping[str, str]) -> str:
    file, calendar = the_case(case_id), hall().shelf().calendar
    case = file.standing
    return render_template(
        "review/one.html",
        file=file,
        case=case,
        light=cases.light(case, calendar, today()),
        legal_left=casebook.working_days_left(case.legal_due, calendar, today()),
        person=masked_person(file),
        own=actor() in (case.received_by, case.accepted_by),
        may_decide=access.current_staff().holds("reviewer")
        and cases.may_follow(case.stage, "decided"),
        decisions=_DECISIONS,
        denials=DENIALS,
        stages=cases.STAGES,
        steps=STEPS,
        outcomes=OUTCOMES,
        grounds=GROUNDS,
        errors=wrong,
    )


@pages.post("/<case_id>")
@access.roles("reviewer")
def decide(case_id: str) -> tuple[str, int] | Response:
    """Decide the case."""
    the_case(case_id)
    try:
        return page.answer_once(lambda: write_step(case_id, _decision, "decided"))
    except Invalid as wrong:
        return _page(case_id, wrong.fields), 422


def _decision(case: CaseStanding, guide: Guide) -> CaseStep:
    typed = typed_step(case)
    return cases.decide(case, today(), actor(), typed.outcome, (typed.ground, typed.opinion))
