"""督查: one visit to one hall over the seven dimensions, and the findings it gives.

The visit and its findings go into the hall's orders log in one transaction; the hall sees them at
its next contact. What becomes of a finding is in ``aggregator.supervision.findings``.
"""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.files import scanbook
from aggregator.halls.halls import hall_names
from aggregator.office import INSPECTOR, RECONCILER, actor, center
from standards.errors import Invalid
from standards.records import Finding, Inspection
from standards.records.inspection import DIMENSIONS, MODES, SEVERITIES
from sync.storage.store import Row
from web import access, once, page

pages = Blueprint("inspections", __name__, url_prefix="/inspections")

RESULTS = {"passed": "合格", "faulted": "有问题", "unseen": "本次未查"}
SHORTEST_TEXT = 5
MOST_LISTED = 200
_TYPED = ("text", "severity", "clause", "due_on")


def inspections(center: Center, hall: str = "") -> list[Row]:
    """Visits, the latest first, with the number of findings; an empty hall asks for all."""
    return center.db.query(
        "SELECT i.id, i.for_hall, i.mode, i.day, i.inspector, i.passed, i.faulted, i.at, "
        "(SELECT COUNT(*) FROM finding f WHERE f.inspection_id = i.id) AS findings "
        "FROM inspection i WHERE (:hall = '' OR i.for_hall = :hall) "
        "ORDER BY i.id DESC LIMIT :most",
        hall=hall,
        most=MOST_LISTED,
    )


def findings_of(center: Center, inspection_id: str) -> list[Row]:
    """The findings of one visit, in the order of the dimensions."""
    return center.db.query(
        "SELECT id, dimension, severity, due_on FROM finding WHERE inspection_id = :id "
        "ORDER BY idx",
        id=inspection_id,
    )


@pages.get("")
@access.roles(INSPECTOR, RECONCILER)
def listing() -> str:
    """The visits so far."""
    hall = request.args.get("hall", "")
    return render_template(
        "inspections/list.html",
        inspections=inspections(center(), hall),
        halls=hall_names(center()),
        hall=hall,
        modes=MODES,
    )


@pages.get("/new")
@access.roles(INSPECTOR)
def new() -> str:
    """The form of a visit."""
    start = MultiDict({"for_hall": request.args.get("hall", ""), "mode": "overt"})
    start["day"] = center().clock.today().isoformat()
    return _form(start, {})


def _form(typed: MultiDict[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "inspections/new.html",
        typed=typed,
        form=page.form(Inspection, typed, errors),
        errors=errors,
        halls=hall_names(center()),
        dimensions=DIMENSIONS,
        results=RESULTS,
        severities=SEVERITIES,
    )


@pages.post("")
@access.roles(INSPECTOR)
def record() -> tuple[str, int] | Response:
    """Write the visit and one finding for each faulted dimension, all or nothing."""
    try:
        visit, findings = read_visit(center(), request.form, actor())
    except Invalid as wrong:
        return _form(request.form, wrong.fields), 422
    return once.answer_once(
        lambda: url_for("inspections.one", inspection_id=write_visit(center(), visit, findings))
    )


def read_visit(
    center: Center, typed: MultiDict[str, str], inspector: str
) -> tuple[Inspection, list[Finding]]:
    """The visit and its findings of a form.

    Raises:
        Invalid: field -> Chinese message, for all fields of all dimensions at once.
    """
    wrong: dict[str, str] = {}
    hall = typed.get("for_hall", "")
    if hall not in hall_names(center):
        wrong["for_hall"] = "请选择要检查的分厅"
    results = {code: typed.get(f"{code}-result", "") for code in DIMENSIONS}
    for code, result in results.items():
        if result not in RESULTS:
            wrong[f"{code}-result"] = f"请选择“{DIMENSIONS[code]}”的检查结果"
    visit = _part(wrong, "", Inspection, typed, {
        "for_hall": hall, "inspector": inspector,
        "passed": _with(results, "passed"), "faulted": _with(results, "faulted"),
    })  # fmt: skip
    findings = [_finding(wrong, code, typed, hall) for code in _with(results, "faulted")]
    if visit is not None:
        wrong.update(_implausible(center, visit, findings))
    if wrong or visit is None:
        raise Invalid(wrong)
    return visit, [finding for finding in findings if finding is not None]


def _with(results: dict[str, str], wanted: str) -> tuple[str, ...]:
    return tuple(code for code, result in results.items() if result == wanted)


def _part(
    wrong: dict[str, str],
    prefix: str,
    record_type: type[Any],
    typed: MultiDict[str, str],
    given: dict[str, Any],
) -> Any:
    """One record of the form; its mistakes are added to ``wrong`` under the prefix."""
    try:
        return page.read(record_type, typed, **given)
    except Invalid as refused:
        wrong.update({prefix + name: text for name, text in refused.fields.items()})
        return None


def _finding(
    wrong: dict[str, str], code: str, typed: MultiDict[str, str], hall: str
) -> Finding | None:
    own = MultiDict({name: typed.get(f"{code}-{name}", "") for name in _TYPED})
    given = {"for_hall": hall, "source": "inspected", "dimension": code}
    finding: Finding | None = _part(wrong, f"{code}-", Finding, own, given)
    if finding is None:
        return None
    if len(finding.text) < SHORTEST_TEXT:
        wrong[f"{code}-text"] = f"请写明“{DIMENSIONS[code]}”的问题（至少{SHORTEST_TEXT}字）"
    if finding.due_on is None:
        wrong[f"{code}-due_on"] = f"请填写“{DIMENSIONS[code]}”的整改期限"
    return finding


def _implausible(
    center: Center, visit: Inspection, findings: list[Finding | None]
) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if visit.day > center.clock.today():
        wrong["day"] = "检查日期不能晚于今天"
    if not visit.passed and not visit.faulted:
        wrong[""] = "七个方面都没有检查，不能保存"
    for finding in findings:
        if finding is not None and finding.due_on is not None and finding.due_on < visit.day:
            wrong[f"{finding.dimension}-due_on"] = "整改期限不能早于检查日期"
    return wrong


def write_visit(center: Center, visit: Inspection, findings: list[Finding]) -> str:
    """Append the visit and its findings to the hall's orders log; answers the visit's id."""
    with center.db.transaction():
        entry = center.order(visit.for_hall, visit, actor=visit.inspector)
        for finding in findings:
            named = msgspec.structs.replace(finding, inspection_id=entry.leaf.id)
            center.order(visit.for_hall, named, actor=visit.inspector)
        return entry.leaf.id


@pages.get("/<inspection_id>")
@access.roles(INSPECTOR, RECONCILER)
def one(inspection_id: str) -> str:
    """One visit with its findings and pictures."""
    return page_of(inspection_id, {})


def page_of(inspection_id: str, errors: dict[str, str]) -> str:
    """The page of a visit, with what is wrong with the pictures that were handed in."""
    visit = center().logs.read(Inspection, inspection_id)
    if visit is None:
        raise NotFound()
    return render_template(
        "inspections/one.html",
        visit=visit,
        hall=hall_names(center()).get(visit.for_hall, visit.for_hall),
        inspection_id=inspection_id,
        findings=findings_of(center(), inspection_id),
        files=scanbook.handed(center(), about=inspection_id),
        errors=errors,
        dimensions=DIMENSIONS,
        modes=MODES,
        severities=SEVERITIES,
    )
