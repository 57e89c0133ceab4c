"""问题整改: what the center found at this hall, the hall's answer, and the re-check.

Findings come down in the hall's orders log; an answer is a record of this hall that names the
finding. Nothing of the center's is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.desk import actor, hall, today
from node.files import scanbook
from node.hall import Hall
from standards.answering import is_outdated
from standards.errors import Invalid
from standards.judging import RULES
from standards.records import Finding, FindingAnswer, Inspection, Recheck
from standards.records.inspection import (
    DIMENSIONS,
    MEASURES,
    MODES,
    RECHECKS,
    SEVERITIES,
    SOURCES,
)
from sync.storage.store import Row
from web import access, logs, page

pages = Blueprint("findings", __name__, url_prefix="/findings")

OPEN, ANSWERED, PASSED, FAILED = "open", "answered", "passed", "failed"
STATES = {
    OPEN: ("danger", "待回复"),
    ANSWERED: ("info", "已回复，待复查"),
    FAILED: ("danger", "复查不合格，待再回复"),
    PASSED: ("done", "复查合格"),
}


@dataclass(frozen=True)
class FindingLine:
    """One finding with the latest answer and re-check of it."""

    id: str
    at: str
    finding: Finding
    answers: tuple[tuple[str, FindingAnswer], ...]
    rechecks: tuple[tuple[str, Recheck], ...]
    state: str
    answer_ids: tuple[str, ...] = ()

    def is_overtaken(self, check: Recheck) -> bool:
        """Whether a re-check is of an answer that a later one of this hall has overtaken."""
        return is_outdated(check.answer_id, self.answer_ids)

    @property
    def title(self) -> str:
        """What is wrong, in words."""
        if self.finding.rule in RULES:
            return RULES[self.finding.rule][0]
        return self.finding.text or DIMENSIONS.get(self.finding.dimension, "督查问题")

    @property
    def needs_answer(self) -> bool:
        """Whether the hall is to answer."""
        return self.state in (OPEN, FAILED)


@dataclass(frozen=True)
class _Book:
    """Rows of findings, and by finding the rows of answers and re-checks, in log order."""

    findings: list[Row]
    answers: dict[str, list[Row]]
    rechecks: dict[str, list[Row]]

    def state_of(self, finding_id: str) -> str:
        """Where a finding stands: its latest answer, and what was said about that one."""
        answers = self.answers.get(finding_id)
        if not answers:
            return OPEN
        said = [r for r in self.rechecks.get(finding_id, []) if r["answer_id"] == answers[-1]["id"]]
        result = str(said[-1]["result"]) if said else ""
        return {"passed": PASSED, "failed": FAILED}.get(result, ANSWERED)


def _book(here: Hall) -> _Book:
    mine = here.settings.hall
    return _Book(
        here.db.query(
            "SELECT * FROM finding WHERE for_hall = :hall ORDER BY length(origin), origin, idx",
            hall=mine,
        ),
        _by_finding(
            here.db.query(
                "SELECT * FROM finding_answer WHERE hall = :hall "
                "ORDER BY length(origin), origin, idx",
                hall=mine,
            )
        ),
        _by_finding(
            here.db.query(
                "SELECT * FROM recheck WHERE for_hall = :hall ORDER BY length(origin), origin, idx",
                hall=mine,
            )
        ),
    )


def _by_finding(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["finding_id"]), []).append(row)
    return found


def count_by_state(here: Hall) -> dict[str, int]:
    """How many findings are in each state."""
    book = _book(here)
    counts = dict.fromkeys(STATES, 0)
    for row in book.findings:
        counts[book.state_of(str(row["id"]))] += 1
    return counts


def lines(here: Hall) -> list[FindingLine]:
    """Every finding at this hall, those to answer first, then the newest."""
    book = _book(here)
    found = [_line(here, book, row) for row in reversed(book.findings)]
    return sorted(found, key=lambda line: not line.needs_answer)


def _line(here: Hall, book: _Book, row: Row) -> FindingLine:
    finding_id, opened = str(row["id"]), here.logs.opened
    answers, rechecks = book.answers.get(finding_id, []), book.rechecks.get(finding_id, [])
    return FindingLine(
        finding_id,
        str(row["at"]),
        opened(Finding, row),
        tuple((str(one["at"]), opened(FindingAnswer, one)) for one in answers),
        tuple((str(one["at"]), opened(Recheck, one)) for one in rechecks),
        book.state_of(finding_id),
        tuple(str(one["id"]) for one in answers),
    )


def finding_line(here: Hall, finding_id: str) -> FindingLine:
    """One finding.

    Raises:
        NotFound: no such finding at this hall.
    """
    book = _book(here)
    for row in book.findings:
        if row["id"] == finding_id:
            return _line(here, book, row)
    raise NotFound()


def inspections(here: Hall) -> list[tuple[str, Inspection]]:
    """The inspections of this hall with their ids, the newest first."""
    rows = here.db.query(
        "SELECT * FROM inspection WHERE for_hall = :hall ORDER BY origin, idx DESC LIMIT 100",
        hall=here.settings.hall,
    )
    return [(str(row["id"]), here.logs.opened(Inspection, row)) for row in rows]


def case_of(here: Hall, finding: Finding) -> str | None:
    """The case that a finding is about, whether it names the case or one of its steps."""
    rows = here.db.query(
        "SELECT id FROM case_standing WHERE hall = :hall AND (id = :id OR id = "
        "(SELECT case_id FROM case_step WHERE hall = :hall AND id = :id))",
        hall=here.settings.hall,
        id=finding.subject_id,
    )
    return str(rows[0]["id"]) if rows else None


@pages.get("")
@access.roles("clerk", "reviewer", "supervisor", "administrator")
def listing() -> str:
    """Findings and inspections that came down."""
    here = hall()
    return render_template(
        "findings/listing.html",
        found=lines(here),
        inspections=inspections(here),
        files=scanbook.files_about(here),
        states=STATES,
        severities=SEVERITIES,
        sources=SOURCES,
        dimensions=DIMENSIONS,
        modes=MODES,
    )


@pages.get("/<finding_id>")
@access.roles("clerk", "reviewer", "supervisor", "administrator")
def one(finding_id: str) -> str:
    """One finding with its evidence, answers and re-checks."""
    return _page(finding_id, {})


def _page(finding_id: str, wrong: Mapping[str, str]) -> str:
    line = finding_line(hall(), finding_id)
    start = {"done_on": today().isoformat()}
    return render_template(
        "findings/one.html",
        line=line,
        finding=line.finding,
        case_id=case_of(hall(), line.finding),
        form=page.form(FindingAnswer, request.form if wrong else start, wrong),
        errors=wrong,
        may_answer=line.needs_answer and access.current_staff().holds("supervisor"),
        states=STATES,
        severities=SEVERITIES,
        sources=SOURCES,
        dimensions=DIMENSIONS,
        measures=MEASURES,
        rechecks=RECHECKS,
    )


@pages.post("/<finding_id>")
@access.roles("supervisor")
def answer(finding_id: str) -> tuple[str, int] | Response:
    """Answer a finding."""
    finding_line(hall(), finding_id)
    try:
        return page.answer_once(lambda: _answer(finding_id))
    except Invalid as wrong:
        return _page(finding_id, wrong.fields), 422


def _answer(finding_id: str) -> str:
    here = hall()
    if not finding_line(here, finding_id).needs_answer:
        raise Invalid({"": "这个问题已经回复，正在等中心复查"})
    given = page.read(FindingAnswer, request.form, finding_id=finding_id)
    if given.measure == "rectified" and given.done_on > today():
        raise Invalid({"done_on": "整改完成日期不能晚于今天；还没有完成的请选“限期整改”"})
    if given.measure == "planned" and given.done_on < today():
        raise Invalid({"done_on": "限期整改的日期不能早于今天"})
    here.write(given, actor=actor())
    logs.event("finding.answered", finding=finding_id, measure=given.measure)
    return url_for("findings.one", finding_id=finding_id)
