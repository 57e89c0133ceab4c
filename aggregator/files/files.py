"""文件: scans of a hall's cases are opened here; pictures and hand-over files go down to halls.

A scan shows a person in full: it is opened for one stated reason, which is kept.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.files import archives
from aggregator.files.scanbook import HANDED_STATES, handed, scans_of
from aggregator.halls.halls import hall_names
from aggregator.office import INSPECTOR, RECONCILER, actor, center
from aggregator.supervision import cases, inspections
from standards.errors import Invalid
from standards.records import FileHanded, Inspection
from standards.records.files import PURPOSES
from sync.files.archive import Kept
from web import access, logs, once
from web.shell import MIB
from web.uploads import MAX_FILES, MAX_UPLOAD_BYTES, Upload, given_out, uploads

pages = Blueprint("files", __name__)

LONGEST_NOTE = 200


@pages.post("/cases/<hall>/<case_id>/scans")
@access.roles(INSPECTOR)
def open_scan(hall: str, case_id: str) -> tuple[str, int] | Response:
    """Give a scan out, once, for a stated reason that is kept."""
    here, wanted = center(), request.form.get("scan", "")
    line = next((one for one in scans_of(here, hall, case_id) if one.id == wanted), None)
    if line is None or line.state != "here":
        raise NotFound()
    reason = request.form.get("scan-reason", "").strip()
    if not 2 <= len(reason) <= 200:
        wrong = {"scan-reason": "请写明打开扫描件的原因（2至200字），将记录在案"}
        return cases.case_page(hall, case_id, in_full=False, errors=wrong), 422
    cases.note_reveal(here, hall, case_id, reason)
    logs.event("scan.opened", hall=hall, case=case_id)
    return given_out(archives.archive_of(here, hall), line.scan)


# --- down to the halls ----------------------------------------------------------------------------


@pages.get("/handed")
@access.roles(INSPECTOR, RECONCILER)
def listing() -> str:
    """What was handed to halls, and whether they have fetched it."""
    return _listing({})


def _listing(wrong: dict[str, str]) -> str:
    return render_template(
        "files/handed.html",
        files=handed(center()),
        states=HANDED_STATES,
        purposes=PURPOSES,
        halls=hall_names(center()),
        errors=wrong,
    )


@pages.post("/handed")
@access.roles(INSPECTOR, RECONCILER)
@access.limits(body=MAX_UPLOAD_BYTES, fields=MAX_FILES + 10, memory=MIB)
def hand_over() -> tuple[str, int] | Response:
    """Hand files to a hall; all or none."""
    try:
        hall = request.form.get("for_hall", "")
        if hall not in hall_names(center()):
            raise Invalid({"for_hall": "请选择分厅"})
        return _hand_over(hall, "handover", "")
    except Invalid as wrong:
        return _listing(wrong.fields), 422


@pages.post("/inspections/<inspection_id>/files")
@access.roles(INSPECTOR)
@access.limits(body=MAX_UPLOAD_BYTES, fields=MAX_FILES + 10, memory=MIB)
def attach(inspection_id: str) -> tuple[str, int] | Response:
    """Attach pictures to a visit; the hall sees them when they have arrived."""
    visit = center().logs.read(Inspection, inspection_id)
    if visit is None:
        raise NotFound()
    try:
        return _hand_over(visit.for_hall, "inspection", inspection_id)
    except Invalid as wrong:
        return inspections.page_of(inspection_id, wrong.fields), 422


def _hand_over(hall: str, purpose: str, about: str) -> Response:
    back = url_for("inspections.one", inspection_id=about) if about else url_for("files.listing")
    if once.earlier_answer() is not None:
        return once.answer_once(lambda: back)
    note = request.form.get("note", "").strip()
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise Invalid({"note": f"说明最多 {LONGEST_NOTE} 个字，不能换行"})
    archive = archives.archive_of(center(), hall)
    secret = archives.file_secret(center())
    kept = [(archive.keep(one.stream, secret), one) for one in uploads("files")]

    def effect() -> str:
        for file, upload in kept:
            record = _record((hall, purpose, about), file, upload, note)
            center().order(hall, record, actor=actor())
        logs.event("file.handed", hall=hall, files=len(kept))
        return back

    return once.answer_once(effect)


def _record(whom: tuple[str, str, str], file: Kept, upload: Upload, note: str) -> FileHanded:
    hall, purpose, about = whom
    return FileHanded(
        for_hall=hall,
        purpose=purpose,
        about_id=about,
        media=upload.media,
        size=file.size,
        file=file.name,
        name=upload.name,
        note=note,
        key=file.key,
    )


@pages.post("/handed/<handed_id>")
@access.roles(INSPECTOR, RECONCILER)
def open_handed(handed_id: str) -> Response:
    """Give a file out that was handed to a hall."""
    line = next(iter(handed(center(), one=handed_id)), None)
    if line is None or not line.may_open:
        raise NotFound()
    logs.event("handed.opened", file=handed_id)
    return given_out(archives.archive_of(center(), line.file.for_hall), line.file)
