"""考勤统计: who is here now by window and department, and the month of the hall as table and chart.

Reads results of days; writes nothing. Names are masked, in the workbook too:
the staff number says who it is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from flask import Blueprint, Response, render_template, request

from attendance.month_sheet import LEGEND, Person, matrix, summary
from attendance.statistics import GROUPS, STANDINGS, by_day, latest, month_span, months, standing
from node.days.days import frozen_months
from node.desk import hall, today
from node.hall import Hall
from node.staff import members
from node.staff.members import Member
from standards.records.attendance import EFFECTS, DayResult
from sync.storage.tables import as_record
from web import access, logs
from web.sheets import Origin, download, sheet

pages = Blueprint("statistics", __name__, url_prefix="/statistics")

INDEXES = (
    "CREATE INDEX IF NOT EXISTS day_result_day ON day_result (hall, day, staff_no, revision)",
)


@dataclass(frozen=True)
class Here:
    """One member of staff now."""

    member: Member
    standing: str
    result: DayResult | None


def results(here: Hall, first: date, last: date) -> list[DayResult]:
    """Every revision of every day from the first to the last."""
    rows = here.db.query(
        "SELECT * FROM day_result WHERE hall = :hall AND day >= :first AND day <= :last "
        "ORDER BY day, staff_no, revision",
        hall=here.settings.hall,
        first=first.isoformat(),
        last=last.isoformat(),
    )
    return [as_record(DayResult, row) for row in rows]


def everybody_now(here: Hall, now: datetime) -> list[Here]:
    """Where everybody on post is, in order of department, window and number."""
    day = now.date()
    known = latest(results(here, day, day))
    found = []
    for one in members.members(here):
        if one.staff.active:
            result = known.get((one.staff_no, day))
            found.append(Here(one, standing(result, now), result))
    return sorted(found, key=_place)


def _place(one: Here) -> tuple[str, str, str]:
    return one.member.staff.department, one.member.staff.window, one.member.staff_no


@pages.get("")
@access.roles("supervisor", "administrator")
def now() -> str:
    """Who is here, by department and window; the page looks again by itself."""
    here = hall()
    moment = here.clock.local()
    found = everybody_now(here, moment)
    groups: dict[str, list[Here]] = {}
    for one in found:
        groups.setdefault(one.member.staff.department or "未填部门", []).append(one)
    return render_template(
        "statistics/now.html",
        moment=moment,
        groups=groups,
        counts=Counter(one.standing for one in found),
        late=sum(_is_late(one) for one in found),
        people=len(found),
        words=STANDINGS,
        effects=EFFECTS,
    )


def _is_late(one: Here) -> bool:
    return one.result is not None and any(slot.state == "late" for slot in one.result.slots)


@pages.get("/month")
@access.roles("supervisor", "administrator")
def month() -> str:
    """The month of the hall: a bar for each day, a row for each person."""
    here = hall()
    first, last = month_span(request.args.get("month", ""), today())
    found = results(here, first, last)
    return render_template(
        "statistics/month.html",
        first=first,
        last=last,
        today=today(),
        table=summary(months(found), _people(here)),
        chart=by_day(found),
        groups=GROUPS,
        frozen=f"{first:%Y-%m}" in frozen_months(here),
    )


@pages.get("/month.xlsx")
@access.roles("supervisor", "administrator")
def month_sheet() -> Response:
    """The same as a workbook: the sums, and each day of each person."""
    here = hall()
    first, last = month_span(request.args.get("month", ""), today())
    found, people = months(results(here, first, last)), _people(here)
    name, made = here.settings.name, here.clock.local()
    origin = Origin(whose=name, period=f"{first:%Y年%m月}", unit=name, made=made)
    sheets = [
        sheet("月汇总", summary(found, people), origin),
        sheet("逐日明细", matrix(found, people, first, last), origin, LEGEND),
    ]
    logs.event("statistics.taken_along", month=f"{first:%Y-%m}", people=len(found))
    return download(sheets, made, f"考勤月表-{here.settings.hall}-{first:%Y-%m}")


def _people(here: Hall) -> dict[str, Person]:
    return {
        one.staff_no: Person(one.staff_no, one.staff.department, one.staff.window, one.masked_name)
        for one in members.members(here)
    }
