"""文书: which papers a case has, their numbers, and each print of them.

A paper follows wholly from the case; nothing of it is stored. What is stored, locally, is that it
was printed: from the second time on the sheet says 补打. Knows no page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from node.cases.casebook import CaseFile, StepTaken
from node.hall import Hall
from standards.guide_codes import ItemType
from standards.workdays import Calendar, add_natural_days

TABLES = (
    """CREATE TABLE IF NOT EXISTS paper_print (
        case_id TEXT NOT NULL,
        paper TEXT NOT NULL,
        copy INTEGER NOT NULL,
        at TEXT NOT NULL,
        staff_no TEXT NOT NULL,
        PRIMARY KEY (case_id, paper, copy)
    )""",
)

# Code -> title and the mark in its number.
PAPERS = {
    "receipt": ("收件凭证", "收"),
    "notice": ("一次性告知书", "补"),
    "acceptance": ("受理通知书", "受理"),
    "refusal": ("不予受理通知书", "不受理"),
    "decision": ("决定书", "决"),
}

_STEP_OF_PAPER = {
    "notice": ("notified",),
    "acceptance": ("accepted", "deemed_accepted"),
    "refusal": ("not_accepted",),
    "decision": ("decided",),
}

# Calendar days to bring what is missing. The law sets no limit; 30 is what halls print.
CORRECTION_DAYS = 30


@dataclass(frozen=True)
class Paper:
    """One paper that a case has, and how often it was printed."""

    code: str
    title: str
    copies: int


@dataclass(frozen=True)
class Print:
    """One print of a paper."""

    copy: int
    at: str
    staff_no: str


def step_of(file: CaseFile, paper: str) -> StepTaken | None:
    """The step that a paper is about; None for the receipt, and when there is no such step."""
    steps = _STEP_OF_PAPER.get(paper, ())
    return next((taken for taken in reversed(file.steps) if taken.step.step in steps), None)


def has_paper(file: CaseFile, paper: str) -> bool:
    """Whether the case has come so far that it has this paper."""
    return paper == "receipt" or step_of(file, paper) is not None


def correction_due(file: CaseFile, calendar: Calendar) -> date | None:
    """Until when the applicant may bring what is missing; None when nothing is asked for."""
    taken = step_of(file, "notice")
    return add_natural_days(taken.step.day, CORRECTION_DAYS, calendar).date if taken else None


def title_of(file: CaseFile, paper: str) -> str:
    """The title on the sheet."""
    if paper != "decision":
        return PAPERS[paper][0]
    word = "准予" if file.standing.outcome == "granted" else "不予"
    is_permit = file.guide is not None and file.guide.task_type is ItemType.PERMIT
    return f"{word}{'行政许可' if is_permit else '办理'}决定书"


def number_of(file: CaseFile, paper: str) -> str:
    """字号: mark, year and the case's own number, which no other hall can have."""
    taken = step_of(file, paper)
    day = taken.step.day if taken else file.standing.received_on
    return f"{PAPERS[paper][1]}〔{day.year}〕{file.standing.case_no}号"


def papers_of(hall: Hall, file: CaseFile) -> list[Paper]:
    """The papers of a case, the latest first."""
    rows = hall.db.query(
        "SELECT paper, MAX(copy) AS copies FROM paper_print WHERE case_id = :id GROUP BY paper",
        id=file.standing.id,
    )
    copies = {str(row["paper"]): int(row["copies"]) for row in rows}
    return [
        Paper(code, title_of(file, code), copies.get(code, 0))
        for code in reversed(PAPERS)
        if has_paper(file, code)
    ]


def note_print(hall: Hall, case_id: str, paper: str, staff_no: str) -> int:
    """Write down one more print; the caller holds the transaction.

    Returns:
        Which print it is, from 1.
    """
    rows = hall.db.query(
        "SELECT COALESCE(MAX(copy), 0) AS copies FROM paper_print "
        "WHERE case_id = :id AND paper = :paper",
        id=case_id,
        paper=paper,
    )
    copy = int(rows[0]["copies"]) + 1
    hall.db.execute(
        "INSERT INTO paper_print VALUES (:case_id, :paper, :copy, :at, :staff_no)",
        case_id=case_id,
        paper=paper,
        copy=copy,
        at=hall.clock.stamp(),
        staff_no=staff_no,
    )
    return copy


def print_of(hall: Hall, case_id: str, paper: str, copy: int) -> Print | None:
    """A noted print, or None."""
    rows = hall.db.query(
        "SELECT copy, at, staff_no FROM paper_print "
        "WHERE case_id = :case_id AND paper = :paper AND copy = :copy",
        case_id=case_id,
        paper=paper,
        copy=copy,
    )
    return Print(int(rows[0]["copy"]), rows[0]["at"], rows[0]["staff_no"]) if rows else None
