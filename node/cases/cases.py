"""The case (办件): its page, the steps a window takes, and looking for cases.

Which step may follow is said by `standards.cases`; decisions are in `node.review`. A number of a
person is searched by post, so that it stands in no address and no log.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.cases import casebook, codes, papers, reveals
from node.cases.casebook import CaseFile, CaseLine
from node.cases.deemed import deem_overdue
from node.desk import actor, hall, today
from node.files import scanbook
from standards import cases
from standards.cases import STAGES, may_follow
from standards.errors import Invalid
from standards.guides import Guide, missing_materials
from standards.records import CaseStep
from standards.records.cases import GROUNDS, OUTCOMES, STEPS, CaseStanding
from sync.errors import DiskFull
from web import access, logs, page

pages = Blueprint("cases", __name__, url_prefix="/cases")

EVERY_ROLE = ("clerk", "reviewer", "supervisor")
_LISTS = {
    "today": "今日收件",
    "received": STAGES["received"],
    "notified": STAGES["notified"],
    "corrected": STAGES["corrected"],
    "accepted": STAGES["accepted"],
}
_REFUSAL_GROUNDS = ("no_permit_needed", "not_our_power", "forbidden", "not_corrected")
_WORDS = {
    "stages": STAGES,
    "steps": STEPS,
    "outcomes": OUTCOMES,
    "grounds": GROUNDS,
    "refusal_grounds": {code: GROUNDS[code] for code in _REFUSAL_GROUNDS},
}
_LONGEST_SEARCH = 64


class Person(NamedTuple):
    """What a case page shows of the applicant: as kept, or masked."""

    facts: tuple[tuple[str, str], ...]
    is_masked: bool


@pages.get("")
@access.roles(*EVERY_ROLE)
def listing() -> str:
    """Today's cases, or those in one open stage."""
    deem_before_listing()
    chosen = request.args.get("list", "today")
    if chosen not in _LISTS:
        raise NotFound()
    here = hall()
    found = (
        casebook.received_on(here, today())
        if chosen == "today"
        else casebook.in_stage(here, chosen)
    )
    return _list_page(chosen, found)


def deem_before_listing() -> None:
    """Deemed acceptance before a list is drawn; with a full disk the list is drawn all the same."""
    try:
        deem_overdue(hall())
    except DiskFull:
        logs.event("deemed.disk_full")


def _list_page(chosen: str, found: list[CaseLine], sought: str = "", wrong: str = "") -> str:
    counts = casebook.counts_by_stage(hall())
    counts["today"] = casebook.count_received_on(hall(), today())
    return render_template(
        "cases/listing.html",
        lists=_LISTS,
        chosen=chosen,
        counts=counts,
        found=found,
        sought=sought,
        wrong=wrong,
        day=today(),
    )


@pages.post("/search")
@access.roles(*EVERY_ROLE)
def search() -> str | tuple[str, int] | Response:
    """Look for a case by its number, the code on its papers, an identity or mobile number."""
    sought = request.form.get("q", "").strip()
    if len(sought) > _LONGEST_SEARCH or (codes.looks_scanned(sought)):
        return _scanned(sought)
    if len(sought) < 4:
        return _list_page("", [], wrong="请至少输入4个字符"), 422
    found = _search(sought)
    if len(found) == 1:
        return redirect(url_for("cases.one", case_id=found[0].standing.id), 303)
    return _list_page("", found, sought="found")


def _scanned(text: str) -> tuple[str, int] | Response:
    case_id = codes.case_of_payload(hall(), text)
    if case_id is None:
        logs.event("scan.refused", length=len(text))
        return _list_page("", [], wrong="扫到的不是本厅文书上的二维码，请改输办件编号"), 400
    return redirect(url_for("cases.one", case_id=case_id), 303)


def _search(sought: str) -> list[CaseLine]:
    here, number = hall(), "".join(unicodedata.normalize("NFKC", sought).split()).upper()
    found = casebook.with_number(here, number)
    if found:
        return found
    places = [
        place
        for field in ("paper_no", "mobile")
        for place in here.logs.find_personal(field, number)
    ]
    return casebook.of_person(here, dict.fromkeys(places))


@pages.get("/<case_id>")
@access.roles(*EVERY_ROLE)
def one(case_id: str) -> str:
    """One case: facts, materials, what happened, what can be done next."""
    return case_page(the_case(case_id), doing=request.args.get("do", ""))


def the_case(case_id: str) -> CaseFile:
    """The case of an address.

    Raises:
        NotFound: this hall has no such case.
    """
    found = casebook.case_file(hall(), case_id)
    if found is None:
        raise NotFound()
    return found


def case_page(
    file: CaseFile,
    wrong: dict[str, str] | None = None,
    *,
    person: Person | None = None,
    doing: str = "",
) -> str:
    """The page of a case, masked unless a person is given.

    Args:
        doing: the step whose form is open; the most likely one when it is not possible.
    """
    here, staff = hall(), access.current_staff()
    now = file.standing
    possible = _possible(now) if staff.holds("clerk") else {}
    lacking = missing_materials(file.guide, now.materials) if file.guide else []
    return render_template(
        "cases/one.html",
        file=file,
        case=now,
        **_WORDS,
        lacking=lacking,
        light=cases.light(now, here.shelf().calendar, today()),
        legal_left=casebook.working_days_left(now.legal_due, here.shelf().calendar, today()),
        notice_due=casebook.notice_due(now, here.shelf().calendar),
        correction_due=papers.correction_due(file, here.shelf().calendar),
        person=person or masked_person(file),
        reasons=reveals.REASONS,
        newer_guide=here.shelf().newer_than(now.item, now.guide_version),
        papers=papers.papers_of(here, file),
        scans=scanbook.scans_of(here, now.id),
        next_steps=possible,
        doing=doing if doing in possible else _likely(possible, bool(lacking)),
        may_decide=staff.holds("reviewer") and may_follow(now.stage, "decided"),
        done=request.args.get("done", ""),
        errors=wrong or {},
    )


def _possible(case: CaseStanding) -> dict[str, str]:
    """Address -> name of the steps that may follow, the most likely first."""
    return {
        address: name
        for address, (step, name, _) in _STEPS.items()
        if may_follow(case.stage, step) and not (step == "notified" and case.notices)
    }


def _likely(possible: dict[str, str], lacking: bool) -> str:
    """The step whose form is open unasked: never one that ends the case."""
    wanted = ("notify", "correct") if lacking else ("accept", "correct")
    return next((step for step in wanted if step in possible), "")


def masked_person(file: CaseFile) -> Person:
    """The applicant as everybody may see it."""
    return Person(reveals.facts_of(file.received, masked=True), True)


# --- steps --------------------------------------------------------------------------------------

Decide = Callable[[CaseStanding, Guide], CaseStep]


def typed_step(case: CaseStanding) -> CaseStep:
    """Outcome, ground and opinion as typed, in the bounds of the record.

    Raises:
        Invalid: too long, not in the list, or with control characters.
    """
    # The step's name is of no account here: `standards.cases` writes the real one.
    return page.read(CaseStep, request.form, case_id=case.id, step="typed", day=today())


def _accept(case: CaseStanding, guide: Guide) -> CaseStep:
    return cases.accept(case, guide, hall().shelf().calendar, today())


def _correct(case: CaseStanding, guide: Guide) -> CaseStep:
    return cases.correct(case, guide, today(), request.form.getlist("materials"))


def _notify(case: CaseStanding, guide: Guide) -> CaseStep:
    return cases.notify(case, guide, today(), typed_step(case).opinion)


def _refuse(case: CaseStanding, guide: Guide) -> CaseStep:
    typed = typed_step(case)
    return cases.refuse(case, today(), typed.ground, typed.opinion)


def _withdraw(case: CaseStanding, guide: Guide) -> CaseStep:
    reason = typed_step(case).opinion
    if len(reason) < 2:
        raise Invalid({"opinion": "请写明申请人撤回的原因"})
    return cases.withdraw(case, today(), reason)


# Address of a step -> the step, its name on the page, how it is decided.
_STEPS: dict[str, tuple[str, str, Decide]] = {
    "accept": ("accepted", "受理", _accept),
    "correct": ("corrected", "登记补正", _correct),
    "notify": ("notified", "一次性告知补正", _notify),
    "refuse": ("not_accepted", "不予受理", _refuse),
    "withdraw": ("withdrawn", "申请人撤回", _withdraw),
}


@pages.post("/<case_id>/<step>")
@access.roles("clerk")
def take_step(case_id: str, step: str) -> tuple[str, int] | Response:
    """Take the next step at a case; a step that cannot follow changes nothing."""
    the_case(case_id)
    if step not in _STEPS:
        raise NotFound()
    try:
        return page.answer_once(lambda: write_step(case_id, _STEPS[step][2], step))
    except Invalid as wrong:
        return case_page(the_case(case_id), wrong.fields, doing=step), 422


def write_step(case_id: str, decide: Decide, done: str) -> str:
    """Decide on the case as it stands inside the transaction, write, and answer where to go."""
    here = hall()
    case = casebook.standing_of(here, case_id)
    if case is None:
        raise NotFound()
    guide = here.shelf().guide(case.item, case.guide_version)
    step = decide(case, guide)
    here.write(step, actor=actor())
    logs.event("case.step", case=case_id, step=step.step)
    return url_for("cases.one", case_id=case_id, done=done)


# --- the applicant in full ----------------------------------------------------------------------


@pages.post("/<case_id>/reveal")
@access.roles(*EVERY_ROLE)
def reveal(case_id: str) -> str | tuple[str, int]:
    """Show the applicant in full, once, after noting who looked and why."""
    file = the_case(case_id)
    reason = request.form.get("reason", "")
    if reason not in reveals.REASONS:
        return case_page(file, {"reason": "请选择查看完整信息的原因"}), 422
    reveals.note(hall(), case_id, actor(), reason)
    logs.event("case.revealed", case=case_id, reason=reason)
    return case_page(file, person=Person(reveals.facts_of(file.received, masked=False), False))


@pages.get("/reveals")
@access.roles("supervisor", "administrator")
def revealed() -> str:
    """Who looked at whose full data, and why."""
    return render_template(
        "cases/reveals.html", looks=reveals.latest(hall()), reasons=reveals.REGISTERED
    )
