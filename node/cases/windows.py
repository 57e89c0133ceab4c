"""The window (窗口收件): find an item, take in a case, accept it or say once what is missing.

One transaction for a case: its receipt, the step that follows and the code on its papers. What may
follow what is said in `standards.cases`; what a case looks like afterwards, in `node.cases`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec
from flask import Blueprint, current_app, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from node.cases import casebook, codes
from node.cases.cases import typed_step
from node.cases.items import CLASSES, ItemFinder, ItemIndex, Question
from node.desk import actor, hall, today
from node.hall import Hall
from standards import cases
from standards.errors import Invalid
from standards.guide_codes import ServerType
from standards.guides import Guide, legal_due, promised_due
from standards.identity import BadIdentity, check_credit_code, check_paper
from standards.records import CaseReceived, CaseStanding, CaseStep
from sync.entries import new_id
from web import access, logs, page

pages = Blueprint("windows", __name__, url_prefix="/windows")

TABLES = (*casebook.INDEXES, *codes.TABLES)
FINDER = "onehall.items"
MOST_SHOWN = 60

# What the three buttons of the form ask for.
ACCEPT, NOTIFY, RECEIVE = "accept", "notify", "receive"
_ORGANISATION_PAPER = "USCC"


@pages.get("")
@access.roles("clerk", "supervisor")
def find() -> str:
    """Find a service item."""
    asked = Question(
        words=request.args.get("q", "").strip()[:40],
        department=request.args.get("department", "")[:50],
        item_class=request.args.get("class", "")[:20],
    )
    index = _index(hall())
    found = index.find(asked)
    return render_template(
        "windows/find.html",
        asked=asked,
        found=found[:MOST_SHOWN],
        total=len(found),
        departments=index.departments(),
        classes=CLASSES,
        day=today(),
    )


def _index(here: Hall) -> ItemIndex:
    finder = current_app.extensions[FINDER]
    assert isinstance(finder, ItemFinder)
    return finder.index(here.shelf())


@pages.get("/<item>")
@access.roles("clerk", "supervisor")
def form(item: str) -> str:
    """Ask for everything a case of this item needs, on one page."""
    return _form(item, None, {})


def _form(item: str, typed: MultiDict[str, str] | None, wrong: Mapping[str, str]) -> str:
    guide, calendar = hall().shelf().guide(item), hall().shelf().calendar
    start = {"applicant_kind": usual_applicant(guide), "paper_kind": "111"}
    return render_template(
        "windows/take_in.html",
        guide=guide,
        form=page.form(CaseReceived, start if typed is None else typed, wrong),
        errors=wrong,
        ticked=() if typed is None else typed.getlist("materials"),
        legal=legal_due(guide, today(), calendar),
        promised=promised_due(guide, today(), calendar),
        is_open=guide.open_on(today()),
    )


def usual_applicant(guide: Guide) -> str:
    """Which kind of applicant the form starts with."""
    return "person" if ServerType.PERSON in guide.server_type else "organisation"


@pages.post("/<item>")
@access.roles("clerk")
def take_in(item: str) -> tuple[str, int] | Response:
    """Take a case in; by the button pressed, also accept it or say what is missing."""
    wish = request.form.get("wish", "")
    if wish not in (ACCEPT, NOTIFY, RECEIVE):
        raise BadRequest()
    try:
        return page.answer_once(lambda: _take_in(item, wish))
    except Invalid as wrong:
        return _form(item, request.form, wrong.fields), 422


def _take_in(item: str, wish: str) -> str:
    here, day = hall(), today()
    guide = here.shelf().guide(item)
    drafted = read_application(request.form, guide, day, wish)
    case_id = new_id(here.clock.posix_ms())
    numbered = msgspec.structs.replace(
        drafted, case_no=next_number(here, day, case_id), window=window_of(here, actor())
    )
    here.write(numbered, actor=actor(), record_id=case_id)
    codes.give_code(here, case_id)
    case = casebook.standing_of(here, case_id)
    assert case is not None
    step = _following_step(case, guide, wish)
    if step is not None:
        here.write(step, actor=actor())
    logs.event("case.taken_in", case=case_id, wish=wish)
    return url_for("cases.one", case_id=case_id, done=wish)


def _following_step(case: CaseStanding, guide: Guide, wish: str) -> CaseStep | None:
    if wish == ACCEPT:
        return cases.accept(case, guide, hall().shelf().calendar, today())
    if wish == NOTIFY:
        return cases.notify(case, guide, today(), typed_step(case).opinion)
    return None


def next_number(here: Hall, day: date, case_id: str) -> str:
    """The official number of the next case; the caller holds the transaction."""
    serial = casebook.count_received_on(here, day) + 1
    log = (here.settings.hall, here.epoch)
    return cases.case_number(here.shelf().number_template, log, day, serial, case_id)


def window_of(here: Hall, staff_no: str) -> str:
    """The window where a member of staff sits, from the latest entry about them; else empty."""
    rows = here.db.query(
        "SELECT window FROM staff_member WHERE hall = :hall AND staff_no = :staff_no "
        "ORDER BY length(origin) DESC, origin DESC, idx DESC LIMIT 1",
        hall=here.settings.hall,
        staff_no=staff_no,
    )
    return str(rows[0]["window"]) if rows else ""


# --- reading what was typed ---------------------------------------------------------------------

_NOT_YET_NUMBERED = "-"


def read_application(
    typed: MultiDict[str, str], guide: Guide, day: date, wish: str
) -> CaseReceived:
    """The application as typed, still without number and window.

    Raises:
        Invalid: every mistake at once; for ``accept``, also each required material not ticked.
    """
    wrong: dict[str, str] = {}
    application: CaseReceived | None = None
    paper_kind = _paper_kind(typed)
    try:
        application = page.read(
            CaseReceived,
            typed,
            case_no=_NOT_YET_NUMBERED,
            item=guide.item,
            guide_version=guide.version,
            received_on=day,
            window="",
            paper_kind=paper_kind,
            materials=_materials(typed, guide, wrong),
        )
    except Invalid as refused:
        wrong.update(refused.fields)
    paper_no = "" if "paper_no" in wrong else _paper_no(typed, paper_kind, day, wrong)
    wrong.update(_wrong_with_item(typed, guide, day, wish))
    if wrong or application is None:
        raise Invalid(wrong)
    return msgspec.structs.replace(application, paper_no=paper_no)


def _paper_kind(typed: MultiDict[str, str]) -> str:
    if typed.get("applicant_kind") == "organisation":
        return _ORGANISATION_PAPER
    return typed.get("paper_kind", "")[:40]


def _materials(typed: MultiDict[str, str], guide: Guide, wrong: dict[str, str]) -> tuple[str, ...]:
    try:
        return cases.check_materials(guide, typed.getlist("materials"))
    except Invalid as refused:
        wrong.update(refused.fields)
        return ()


def _paper_no(typed: MultiDict[str, str], kind: str, day: date, wrong: dict[str, str]) -> str:
    text = typed.get("paper_no", "")
    try:
        if typed.get("applicant_kind") == "organisation":
            return check_credit_code(text)
        return check_paper(kind, text, day)
    except BadIdentity as refused:
        wrong["paper_no"] = str(refused)
        return ""


def _wrong_with_item(
    typed: MultiDict[str, str], guide: Guide, day: date, wish: str
) -> dict[str, str]:
    wrong: dict[str, str] = {}
    try:
        cases.check_open(guide, day)
    except Invalid as refused:
        wrong.update(refused.fields)
    if typed.get("guide_version", str(guide.version)) != str(guide.version):
        wrong[""] = f"服务指南刚更新为第{guide.version}版，材料目录可能有变化，请核对后再提交"
    missing = cases.must_bring(guide, typed.getlist("materials"))
    if wish == ACCEPT and missing:
        wrong["materials"] = f"缺少必要材料：{'、'.join(missing)}。请补齐，或按“收件并一次性告知”"
    return wrong
