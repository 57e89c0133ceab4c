"""扫描件: scans of a case's materials are attached and opened, and what the center handed down.

A scan shows a person in full: opening one is registered like any look at full data.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.cases import reveals
from node.cases.cases import EVERY_ROLE, case_page, the_case
from node.desk import actor, filing, hall
from node.files.scanbook import HANDED_STATES, handed, scans_of
from node.safekeeping import archives
from standards.errors import Invalid
from standards.records import MaterialScanned
from standards.records.files import PURPOSES
from sync.files.archive import Kept
from web import access, logs, page
from web.uploads import MAX_FILES, MAX_UPLOAD_BYTES, Upload, given_out, uploads

pages = Blueprint("scans", __name__)

MIB = 1024 * 1024


@pages.post("/cases/<case_id>/scans")
@access.roles("clerk", "reviewer")
@access.limits(body=MAX_UPLOAD_BYTES, fields=MAX_FILES + 10, memory=MIB)
def attach(case_id: str) -> tuple[str, int] | Response:
    """Keep scans of one material, sealed, and name them in the log; all or none."""
    file = the_case(case_id)
    try:
        if page.earlier_answer() is not None:
            return page.answer_once(lambda: _after(case_id))
        material = request.form.get("material", "")
        if material not in {m.code for m in (file.guide.materials if file.guide else ())}:
            raise Invalid({"material": "请选择扫描的是哪份材料"})
        kept = [(archives.keep(hall(), one.stream), one) for one in uploads("scans")]
    except Invalid as wrong:
        return case_page(the_case(case_id), wrong.fields), 422
    answer = page.answer_once(lambda: _write(case_id, material, kept))
    if (moving := filing()) is not None:
        moving.poke()
    return answer


def _write(case_id: str, material: str, kept: list[tuple[Kept, Upload]]) -> str:
    here = hall()
    there = {(line.scan.material, line.scan.file) for line in scans_of(here, case_id)}
    for file, upload in kept:
        # The same file of the same material twice tells nothing new.
        if (material, file.name) in there:
            continue
        there.add((material, file.name))
        record = MaterialScanned(
            case_id=case_id,
            material=material,
            media=upload.media,
            size=file.size,
            file=file.name,
            name=upload.name,
            key=file.key,
        )
        here.write(record, actor=actor())
    logs.event("scan.attached", case=case_id, files=len(kept))
    return _after(case_id)


def _after(case_id: str) -> str:
    return url_for("cases.one", case_id=case_id, done="scan") + "#scans-of-case"


@pages.post("/cases/<case_id>/scans/<scan_id>")
@access.roles(*EVERY_ROLE)
def open_scan(case_id: str, scan_id: str) -> Response:
    """Give a scan out, after noting who looked."""
    here = hall()
    line = next((one for one in scans_of(here, case_id) if one.id == scan_id), None)
    if line is None or not line.may_open:
        raise NotFound()
    reveals.note(here, case_id, actor(), "scan")
    logs.event("scan.opened", case=case_id)
    return given_out(archives.archive_of(here), line.scan)


@pages.get("/handed")
@access.roles("clerk", "reviewer", "supervisor", "administrator")
def listing() -> str:
    """What the center handed down: pictures of inspections, hand-over files."""
    about = request.args.get("about", "")[:40]
    return render_template(
        "scans/handed.html",
        files=handed(hall(), about),
        about=about,
        states=HANDED_STATES,
        purposes=PURPOSES,
    )


@pages.post("/handed/<handed_id>")
@access.roles("clerk", "reviewer", "supervisor", "administrator")
def open_handed(handed_id: str) -> Response:
    """Give a file out that came down."""
    here = hall()
    line = next(iter(handed(here, one=handed_id)), None)
    if line is None or not line.may_open:
        raise NotFound()
    logs.event("handed.opened", file=handed_id)
    return given_out(archives.archive_of(here), line.file)
