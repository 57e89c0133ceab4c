"""排班页: who works by which timetable, stand-ins, and rosters pasted from a sheet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from attendance import rosters
from node.days import shifts
from node.days.correction_pages import names
from node.days.timetables import book, labels
from node.desk import actor, hall, today
from node.hall import Hall
from node.staff.members import members
from standards.errors import Invalid
from standards.records import ShiftAssigned, StandIn
from standards.records.attendance import SHIFT_TARGETS
from standards.timetables import hours
from web import access, logs, page

pages = Blueprint("shifts", __name__, url_prefix="/shifts")

_SEEN = ("supervisor", "administrator")
Answer = tuple[str, int] | Response


@pages.get("")
@access.roles(*_SEEN)
def listing() -> str:
    """Timetables in force, who works by them, and the forms for more."""
    return _listing({})


def _listing(wrong: dict[str, str]) -> str:
    here = hall()
    return render_template(
        "shifts/listing.html",
        tables=book(here).timetables,
        labels=labels(hall()),
        hours=hours,
        assigned=shifts.assignments(here, today()),
        stand_ins=shifts.stand_ins(here, today() - timedelta(days=31)),
        targets=SHIFT_TARGETS,
        whose=_whose(here),
        names=names(here),
        errors=wrong,
        typed=request.form,
        today=today(),
        done=request.args.get("done", ""),
        count=request.args.get("count", ""),
    )


@dataclass(frozen=True)
class Whose:
    """What an assignment can be about: numbers, windows and departments of this hall."""

    staff: tuple[str, ...]
    windows: tuple[str, ...]
    departments: tuple[str, ...]

    def known(self, target: str) -> tuple[str, ...]:
        """The names that one kind of assignment may have."""
        return {
            "person": self.staff,
            "window": self.windows,
            "department": self.departments,
        }.get(target, ("",))


def _whose(here: Hall) -> Whose:
    every = [one.staff for one in members(here) if one.staff.active]
    return Whose(
        tuple(one.staff_no for one in every),
        tuple(sorted({one.window for one in every if one.window})),
        tuple(sorted({one.department for one in every if one.department})),
    )


@pages.post("/assign")
@access.roles("supervisor")
def assign() -> Answer:
    """Assign a timetable."""
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        assigned = page.read(ShiftAssigned, request.form)
        _refuse_strange(assigned)
    except Invalid as wrong:
        return _listing(wrong.fields), 422

    def effect() -> str:
        hall().write(assigned, actor=actor())
        logs.event("shift.assigned", target=assigned.target)
        return url_for("shifts.listing", done="assigned")

    return page.answer_once(effect)


def _refuse_strange(assigned: ShiftAssigned) -> None:
    if assigned.timetable and assigned.timetable not in labels(hall()):
        raise Invalid({"timetable": "请从列表中选择作息时间"})
    if assigned.whose not in _whose(hall()).known(assigned.target):
        said = "全厅不用填对象" if assigned.target == "hall" else "没有这个工号、窗口或部门"
        raise Invalid({"whose": said})
    if assigned.last_day is not None and assigned.last_day < assigned.first_day:
        raise Invalid({"last_day": "结束日期早于开始日期"})


@pages.post("/stand-in")
@access.roles("supervisor")
def stand_in() -> Answer:
    """Let somebody hold another's post."""
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    try:
        said = page.read(StandIn, request.form)
        staff = _whose(hall()).staff
        for name in ("staff_no", "post_of"):
            if getattr(said, name) not in staff:
                raise Invalid({name: "工作人员名单里没有这个工号"})
        if said.staff_no == said.post_of:
            raise Invalid({"post_of": "不能顶自己的岗"})
        if said.last_day < said.first_day:
            raise Invalid({"last_day": "结束日期早于开始日期"})
    except Invalid as wrong:
        return _listing({f"stand-{name}": text for name, text in wrong.fields.items()}), 422

    def effect() -> str:
        hall().write(said, actor=actor())
        logs.event("shift.stand_in")
        return url_for("shifts.listing", done="stand-in")

    return page.answer_once(effect)


@pages.post("/<uuid:record_id>/withdraw")
@access.roles("supervisor")
def withdraw(record_id: object) -> Answer:
    """Take an assignment or a stand-in back."""
    try:

        def effect() -> str:
            shifts.withdraw(hall(), str(record_id), actor())
            logs.event("shift.withdrawn", record=str(record_id))
            return url_for("shifts.listing", done="withdrawn")

        return page.answer_once(effect)
    except Invalid as wrong:
        return _listing(wrong.fields), 422


@pages.post("/<uuid:record_id>/end")
@access.roles("supervisor")
def end(record_id: object) -> Answer:
    """Let an assignment end."""
    try:
        last = _last_day()

        def effect() -> str:
            shifts.end(hall(), str(record_id), last, actor())
            logs.event("shift.ended", record=str(record_id))
            return url_for("shifts.listing", done="ended")

        return page.answer_once(effect)
    except Invalid as wrong:
        return _listing(wrong.fields), 422


def _last_day() -> date:
    try:
        return date.fromisoformat(request.form.get("last_day", ""))
    except ValueError:
        raise Invalid({"": "请选择结束日期"}) from None


# --- a roster from a sheet ------------------------------------------------------------------------


@pages.get("/paste")
@access.roles("supervisor")
def paste() -> str:
    """A large field for what was copied from a sheet."""
    return _paste(rosters.Pasted((), {}))


def _paste(pasted: rosters.Pasted) -> str:
    here = hall()
    return render_template(
        "shifts/paste.html",
        pasted=pasted,
        labels=labels(hall()),
        typed=request.form,
        names=names(here),
        today=today(),
    )


@pages.post("/paste")
@access.roles("supervisor")
def read_paste() -> Answer | str:
    """Show what was understood; write it when it was looked at and nothing is wrong."""
    if (earlier := page.earlier_answer()) is not None:
        return redirect(earlier, 303)
    known = rosters.Names(frozenset(_whose(hall()).staff), labels(hall()))
    pasted = rosters.read(request.form.get("sheet", ""), known, today().year)
    if pasted.errors:
        return _paste(pasted), 422
    if request.form.get("sure") != "1":
        return _paste(pasted)

    def effect() -> str:
        shifts.assign(hall(), pasted.planned, actor())
        logs.event("shift.roster", lines=len(pasted.planned))
        return url_for("shifts.listing", done="roster", count=len(pasted.planned))

    return page.answer_once(effect)
