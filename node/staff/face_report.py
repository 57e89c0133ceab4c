"""人脸概况: how well the hall's faces can be told apart, whose pictures have aged, what is kept.

Shows numbers about the gallery, never a template or a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from attendance.calibration import AIM, FEWEST_PEOPLE, Calibration
from attendance.drift import DAYS, Drift, drifts
from node.desk import faces, hall
from node.staff import face_gallery, members
from node.staff.face_gallery import DECISIONS_KEPT, Template
from web import access

pages = Blueprint("face_report", __name__)

FILING_DUTY = 100_000
"""People whose face is stored, from which the processing is filed with the authority
(人脸识别技术应用安全管理办法, in force 2025-06-01)."""


@dataclass(frozen=True)
class Line:
    """One enrolled person."""

    name: str
    template: Template
    drift: Drift | None


@pages.get("/faces")
@access.roles("supervisor", "administrator")
def overview() -> str:
    """What the supervisor must know of the hall's faces."""
    here = hall()
    kept = face_gallery.templates(here)
    lately = drifts(face_gallery.decisions_since(here, DAYS))
    names = {one.staff_no: one.masked_name for one in members.members(here)}
    limits, mistaken = _told_apart(kept)
    return render_template(
        "members/faces.html",
        lines=[Line(names.get(no, "—"), kept[no], lately.get(no)) for no in sorted(kept)],
        limits=limits,
        mistaken=mistaken,
        stored=len(kept),
        filing=FILING_DUTY,
        models=sorted({one.model_id for one in kept.values()}),
        aim=AIM,
        fewest=FEWEST_PEOPLE,
        days=DAYS,
        decisions_days=DECISIONS_KEPT.days,
    )


def _told_apart(kept: dict[str, Template]) -> tuple[Calibration | None, list[str]]:
    """What the gallery of the newest template's model says."""
    if not kept:
        return None, []
    newest = max(kept.values(), key=lambda one: one.enrolled_at)
    gallery = faces().gallery(newest.model_id)
    return gallery.calibration, gallery.mistaken()
