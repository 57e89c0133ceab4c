"""打印: the sheets a citizen takes home, as pages for A4 paper.

Each print is noted before the sheet is shown. The QR code carries a random code, never a number or
a name. What a paper is and when a case has it, is in `node.papers`.
"""

from __future__ import annotations

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.cases import codes, papers
from node.cases.cases import EVERY_ROLE, the_case
from node.desk import actor, hall
from standards.guide_codes import ItemType
from standards.identity import mask_id
from standards.records.cases import GROUNDS
from web import access, page

pages = Blueprint("notices", __name__, url_prefix="/notices")

TABLES = papers.TABLES


@pages.post("/<case_id>/<paper>")
@access.roles(*EVERY_ROLE)
def print_paper(case_id: str, paper: str) -> Response:
    """Note that a paper is printed and go to its sheet."""
    file = the_case(case_id)
    if paper not in papers.PAPERS or not papers.has_paper(file, paper):
        raise NotFound()

    def effect() -> str:
        copy = papers.note_print(hall(), case_id, paper, actor())
        return url_for("notices.sheet", case_id=case_id, paper=paper, copy=copy)

    return page.answer_once(effect)


@pages.get("/<case_id>/<paper>")
@access.roles(*EVERY_ROLE)
def sheet(case_id: str, paper: str) -> str | Response:
    """A paper as it was noted for printing; without a note, back to the case."""
    file = the_case(case_id)
    if paper not in papers.PAPERS or not papers.has_paper(file, paper):
        raise NotFound()
    number = request.args.get("copy", "")
    copy = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
    printed = papers.print_of(hall(), case_id, paper, copy)
    if printed is None:
        return redirect(url_for("cases.one", case_id=case_id), 303)
    taken = papers.step_of(file, paper)
    code = codes.code_of(hall(), case_id)
    return render_template(
        f"notices/{paper}.html",
        file=file,
        case=file.standing,
        guide=file.guide,
        received=file.received,
        paper_no=mask_id(file.received.paper_no) if file.received.paper_no else "",
        taken=taken,
        step=taken.step if taken else None,
        printed=printed,
        heading=papers.title_of(file, paper),
        number=papers.number_of(file, paper),
        correction_due=papers.correction_due(file, hall().shelf().calendar),
        grounds=GROUNDS,
        is_permit=file.guide is not None and file.guide.task_type is ItemType.PERMIT,
        code=codes.printed(code) if code else "",
        qr=qr_code(codes.payload_of(hall(), code)) if code else Markup(),
    )


def qr_code(payload: str, look: str = "sheet-qr") -> Markup:
    """A QR code (level M) as an inline drawing; it has no style, so the page's policy allows it."""
    drawn = segno.make_qr(payload, error="m").svg_inline(
        border=2, svgclass=look, lineclass=None, omitsize=True
    )
    return Markup(drawn)
