"""请假条、销假单 on A4, and the papers of a request: a certificate is attached and opened again.

A paper is kept sealed like a scan of a case, and goes up behind its entry; whoever opens it must be
one who decides, the supervisor, or the applicant.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.cases import papers
from node.desk import actor, filing, hall, today
from node.leave import leave, leave_words, leavebook
from node.leave.leave_sight import line_of, sight_of, the_leave
from node.leave.leave_steps import leave_page
from node.safekeeping import archives
from node.staff import members
from standards.errors import Invalid
from standards.records import LeavePaper
from sync.files.archive import Kept
from web import access, logs, page
from web.signin import accounts
from web.uploads import MAX_FILES, MAX_UPLOAD_BYTES, Upload, given_out, uploads

pages = Blueprint("leave_papers", __name__, url_prefix="/leave")

MIB = 1024 * 1024
SHEETS = {"slip": "请假条", "return": "销假单"}


@pages.post("/<uuid:request_id>/papers")
@access.anyone_signed_in
@access.limits(body=MAX_UPLOAD_BYTES, fields=MAX_FILES + 10, memory=MIB)
def attach(request_id: object) -> tuple[str, int] | Response:
    """Keep papers of a request, sealed, and name them in the log; all or none."""
    one = the_leave(str(request_id)).standing
    sight = sight_of(one)
    try:
        if page.earlier_answer() is not None:
            return page.answer_once(lambda: _after(one.id))
        if not (sight.own or sight.stands_in or access.current_staff().holds("supervisor")):
            raise Invalid({"papers": "由本人、顶岗人或督导上传"})
        kept = [(archives.keep(hall(), each.stream), each) for each in uploads("papers")]
    except Invalid as wrong:
        return leave_page(one.id, wrong.fields), 422
    answer = page.answer_once(lambda: _write(one.id, kept))
    if (moving := filing()) is not None:
        moving.poke()
    return answer


def _write(request_id: str, kept: list[tuple[Kept, Upload]]) -> str:
    here = hall()
    there = {line.paper.file for line in leavebook.papers_of(here, request_id)}
    for file, upload in kept:
        if file.name in there:
            continue
        there.add(file.name)
        record = LeavePaper(
            request_id=request_id,
            media=upload.media,
            size=file.size,
            file=file.name,
            name=upload.name,
            key=file.key,
        )
        here.write(record, actor=actor())
    logs.event("leave.attached", leave=request_id, files=len(kept))
    return _after(request_id)


def _after(request_id: str) -> str:
    return url_for("leave_steps.one", request_id=request_id, done="paper")


@pages.post("/<uuid:request_id>/papers/<uuid:paper_id>")
@access.anyone_signed_in
def open_paper(request_id: object, paper_id: object) -> Response:
    """Give a paper out, to those who may see the reason."""
    here, one = hall(), the_leave(str(request_id)).standing
    found = leavebook.papers_of(here, one.id) if sight_of(one).sees_reason else []
    line = next((each for each in found if each.id == str(paper_id)), None)
    if line is None or not line.is_here:
        raise NotFound()
    logs.event("leave.paper_opened", leave=one.id)
    return given_out(archives.archive_of(here), line.paper)


# --- on paper ------------------------------------------------------------------------------------


@pages.post("/<uuid:request_id>/print/<sheet>")
@access.anyone_signed_in
def print_sheet(request_id: object, sheet: str) -> Response:
    """Note that a sheet is printed and go to it."""
    one = the_leave(str(request_id)).standing
    _printable(one.id, sheet)

    def effect() -> str:
        copy = papers.note_print(hall(), one.id, f"leave-{sheet}", actor())
        return url_for("leave_papers.shown", request_id=one.id, sheet=sheet, copy=copy)

    return page.answer_once(effect)


def _printable(request_id: str, sheet: str) -> None:
    one = the_leave(request_id).standing
    if sheet not in SHEETS or not sight_of(one).sees_reason:
        raise NotFound()
    if sheet == "return" and one.back_on is None:
        raise NotFound()


@pages.get("/<uuid:request_id>/print/<sheet>")
@access.anyone_signed_in
def shown(request_id: object, sheet: str) -> str | Response:
    """A sheet as it was noted for printing; without a note, back to the request."""
    here, file = hall(), the_leave(str(request_id))
    one, rules = file.standing, leavebook.rules(here)
    _printable(one.id, sheet)
    number = request.args.get("copy", "")
    copy = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
    printed = papers.print_of(here, one.id, f"leave-{sheet}", copy)
    if printed is None:
        return redirect(url_for("leave_steps.one", request_id=one.id), 303)
    who = members.member(here, one.staff_no)
    return render_template(
        "leave/sheet.html",
        sheet=sheet,
        heading=SHEETS[sheet],
        number=f"假〔{one.first.year}〕{one.id[-8:].upper()}号",
        file=file,
        line=line_of(one),
        who=who,
        full_names=_full_names(),
        grounds=leave_words.grounds_of(one.legs, file.claims, rules),
        late=leave.is_late(here, one),
        printed=printed,
        words=leave_words,
        rules=rules,
        today=today(),
    )


def _full_names() -> dict[str, str]:
    """Names in full, for the sheet that the people named on it sign."""
    found = {account.staff_no: account.display_name for account in accounts().all()}
    return found | {one.staff_no: one.staff.name for one in members.members(hall())}
