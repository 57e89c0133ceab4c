"""问题清单: findings of the judge and of inspectors, the halls' answers, and the re-check.

A finding waits for the hall's answer, an answer for the re-check; a failed re-check waits for
another answer. Only the hall that a finding is for can answer it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.halls.halls import hall_names
from aggregator.office import ADMINISTRATOR, INSPECTOR, RECONCILER, actor, center
from standards.answering import is_outdated
from standards.cases import STAGES
from standards.errors import Invalid
from standards.judging import RULES
from standards.records import Finding, FindingAnswer, Recheck
from standards.records.inspection import (
    DIMENSIONS,
    MEASURES,
    RECHECKS,
    SEVERITIES,
    SOURCES,
)
from sync.storage.store import Row
from web import access, once, page

pages = Blueprint("findings", __name__, url_prefix="/findings")

INDEXES = (
    "CREATE INDEX IF NOT EXISTS finding_for_hall ON finding (for_hall)",
    "CREATE INDEX IF NOT EXISTS finding_inspection ON finding (inspection_id)",
    "CREATE INDEX IF NOT EXISTS finding_subject ON finding (subject_id)",
    "CREATE INDEX IF NOT EXISTS finding_answer_finding ON finding_answer (finding_id)",
    "CREATE INDEX IF NOT EXISTS recheck_finding ON recheck (finding_id)",
)

STATES = {"waiting": "待回复", "answered": "已回复", "passed": "复查合格", "failed": "复查不合格"}
CHIPS = {"waiting": "warn", "answered": "info", "passed": "done", "failed": "danger"}
PAGE_SIZE = 50


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which findings a list asks for; empty text asks for all."""

    id: str = ""
    hall: str = ""
    source: str = ""
    severity: str = ""
    state: str = ""
    overdue: str = ""

    @classmethod
    def of_address(cls) -> Wanted:
        """From the address of the request."""
        return cls(**{name: request.args.get(name, "") for name in cls.__dataclass_fields__})

    def total(self, counts: dict[str, int]) -> int:
        """How many findings the list has over all its pages."""
        if self.overdue:
            return counts["overdue"]
        return counts.get(self.state, 0) if self.state else sum(counts[s] for s in STATES)


@dataclass(frozen=True)
class Listed:
    """One page of findings, and how many there are by state and overdue over all pages."""

    rows: list[Row]
    counts: dict[str, int]


# The latest answer is the last in its hall's log: ids and times are by the hall's clock, which may
# be off; the log's index is the only order (a later epoch has a longer or greater origin). The
# counts stand beside every row, so that one question answers the list and its tabs.
_FINDINGS = """
WITH standing AS (
  SELECT f.id, f.for_hall, f.source, f.severity, f.dimension, f.rule, f.clause, f.evidence,
    f.inspection_id, f.due_on, f.at, f.subject_id, a.id AS answer_id, a.measure,
    a.at AS answered_at,
    CASE WHEN a.id IS NULL THEN 'waiting' WHEN r.id IS NULL THEN 'answered' ELSE r.result END
      AS state
  FROM finding f
  LEFT JOIN finding_answer a ON a.hall = f.for_hall AND a.id = (
    SELECT x.id FROM finding_answer x WHERE x.finding_id = f.id AND x.hall = f.for_hall
    ORDER BY LENGTH(x.origin) DESC, x.origin DESC, x.idx DESC LIMIT 1)
  LEFT JOIN recheck r ON r.id = (
    SELECT x.id FROM recheck x WHERE x.finding_id = f.id AND x.answer_id = a.id
    ORDER BY x.idx DESC LIMIT 1)
  WHERE (:id = '' OR f.id = :id) AND (:hall = '' OR f.for_hall = :hall)
    AND (:source = '' OR f.source = :source) AND (:severity = '' OR f.severity = :severity)
    AND (:case = '' OR f.subject_id = :case OR f.subject_id IN (
      SELECT id FROM case_step WHERE case_id = :case AND hall = :hall))
), counted AS (
  SELECT SUM(CASE state WHEN 'waiting' THEN 1 ELSE 0 END) AS n_waiting,
    SUM(CASE state WHEN 'answered' THEN 1 ELSE 0 END) AS n_answered,
    SUM(CASE state WHEN 'passed' THEN 1 ELSE 0 END) AS n_passed,
    SUM(CASE state WHEN 'failed' THEN 1 ELSE 0 END) AS n_failed,
    SUM(CASE WHEN state IN ('waiting', 'failed') AND due_on < :today THEN 1 ELSE 0 END)
      AS n_overdue
  FROM standing
), shown AS (
  SELECT * FROM standing WHERE (:state = '' OR state = :state)
    AND (:overdue = '' OR (state IN ('waiting', 'failed') AND due_on < :today))
  ORDER BY id DESC LIMIT :most OFFSET :skip
)
SELECT * FROM counted LEFT JOIN shown ON 1 = 1 ORDER BY shown.id DESC
"""


def findings(
    center: Center, wanted: Wanted, number: int = 1, case: str = "", most: int = PAGE_SIZE
) -> Listed:
    """Findings with where they stand, the latest first.

    Args:
        number: page, from 1.
        case: only what was found at this case of ``wanted.hall`` or at one of its steps.
    """
    named = {name: getattr(wanted, name) for name in wanted.__dataclass_fields__}
    today = center.clock.today().isoformat()
    rows = center.db.query(
        _FINDINGS, **named, case=case, today=today, most=most, skip=(number - 1) * most
    )
    counts = {state: int(rows[0][f"n_{state}"] or 0) for state in (*STATES, "overdue")}
    return Listed([row for row in rows if row["id"] is not None], counts)


def standing_of(center: Center, finding_id: str) -> Row | None:
    """Where one finding stands, or None when there is no such finding."""
    rows = findings(center, Wanted(id=finding_id)).rows if finding_id else []
    return rows[0] if rows else None


def case_of(center: Center, hall: str, subject_id: str) -> Row | None:
    """The case that a finding is about, named by the case's own id or by one of its steps."""
    rows = center.db.query(
        "SELECT id, case_no, stage, item FROM case_standing WHERE hall = :hall AND (id = :subject "
        "OR id = (SELECT case_id FROM case_step WHERE hall = :hall AND id = :subject))",
        hall=hall,
        subject=subject_id,
    )
    return rows[0] if rows else None


@dataclass(frozen=True)
class Said:
    """One answer or re-check. ``outdated``: it is, or refers to, an answer that was overtaken."""

    kind: str
    row: Row
    record: Any
    outdated: bool


def exchange_of(center: Center, finding_id: str, hall: str) -> list[Said]:
    """Each answer in the order of its log, followed by its re-checks."""
    answers = center.db.query(
        "SELECT * FROM finding_answer WHERE finding_id = :id AND hall = :hall "
        "ORDER BY LENGTH(origin), origin, idx",
        id=finding_id,
        hall=hall,
    )
    rechecks = center.db.query(
        "SELECT * FROM recheck WHERE finding_id = :id ORDER BY idx", id=finding_id
    )
    ids = [str(answer["id"]) for answer in answers]
    found: list[Said] = []
    for answer in answers:
        old, opened = is_outdated(answer["id"], ids), center.logs.opened
        found.append(Said("answer", answer, opened(FindingAnswer, answer), old))
        found += [
            Said("recheck", row, opened(Recheck, row), old)
            for row in rechecks
            if row["answer_id"] == answer["id"]
        ]
    return found


# --- pages ----------------------------------------------------------------------------------------


@pages.get("")
@access.roles(INSPECTOR, RECONCILER, ADMINISTRATOR)
def listing() -> str:
    """Findings by hall, source, severity and state."""
    here, wanted, number = center(), Wanted.of_address(), page.page_number()
    found = findings(here, wanted, number)
    total = wanted.total(found.counts)
    return render_template(
        "inspections/findings.html",
        findings=found.rows,
        counts=found.counts,
        total=total,
        number=number,
        page_count=-(-total // PAGE_SIZE),
        wanted=wanted,
        halls=hall_names(here),
        today=here.clock.today().isoformat(),
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {
        "sources": SOURCES,
        "severities": SEVERITIES,
        "states": STATES,
        "chips": CHIPS,
        "rules": RULES,
        "dimensions": DIMENSIONS,
        "measures": MEASURES,
        "rechecks": RECHECKS,
        "stages": STAGES,
    }


@pages.get("/<finding_id>")
@access.roles(INSPECTOR, RECONCILER)
def one(finding_id: str) -> str:
    """One finding with evidence, the case it is about, the hall's answers, the re-check."""
    return _page(finding_id, {})


def _page(finding_id: str, errors: dict[str, str]) -> str:
    here = center()
    finding, standing = here.logs.read(Finding, finding_id), standing_of(here, finding_id)
    if finding is None or standing is None:
        raise NotFound()
    typed = request.form or {"day": here.clock.today().isoformat()}
    return render_template(
        "inspections/finding.html",
        finding=finding,
        standing=standing,
        hall=hall_names(here).get(finding.for_hall, finding.for_hall),
        case=case_of(here, finding.for_hall, finding.subject_id),
        exchange=exchange_of(here, finding_id, finding.for_hall),
        form=page.form(Recheck, typed, errors),
        errors=errors,
        today=here.clock.today(),
        **_words(),
    )


@pages.post("/<finding_id>/recheck")
@access.roles(INSPECTOR)
def recheck(finding_id: str) -> tuple[str, int] | Response:
    """Look again at what the hall answered: passed closes the finding, failed opens it anew."""

    def effect() -> str:
        _write_recheck(center(), finding_id)
        return url_for("findings.one", finding_id=finding_id)

    try:
        return once.answer_once(effect)
    except Invalid as wrong:
        return _page(finding_id, wrong.fields), 422


def _in_turn(center: Center, finding_id: str) -> Row:
    """Where a finding stands, which nobody else changes until the transaction ends."""
    known = standing_of(center, finding_id)
    if known is None:
        raise NotFound()
    center.logs.lock(center.orders_origin(known["for_hall"]))
    return standing_of(center, finding_id) or known


def _write_recheck(center: Center, finding_id: str) -> None:
    standing = _in_turn(center, finding_id)
    if standing["state"] != "answered":
        raise Invalid({"": f"这个问题现在是“{STATES[standing['state']]}”，分厅回复后才能复查"})
    if request.form.get("answer_id") != standing["answer_id"]:
        raise Invalid({"": "分厅刚刚更新了回复，请看过新的回复再复查"})
    written = page.read(
        Recheck,
        request.form,
        for_hall=standing["for_hall"],
        finding_id=finding_id,
        answer_id=standing["answer_id"],
    )
    if written.day > center.clock.today():
        raise Invalid({"day": "复查日期不能晚于今天"})
    if written.result == "failed" and not written.text:
        raise Invalid({"text": "复查不合格的，请写明还有什么问题"})
    center.order(standing["for_hall"], written, actor=actor())
