"""各厅考勤: who is here in every hall now, and the months of all halls and of each one.

Counts what the halls' batches brought, the moment they are applied. Knows staff numbers; no name,
no face, no picture and no score.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter

from flask import Blueprint, Response, abort, render_template, request
from msgspec.structs import replace

from aggregator.center import Center
from aggregator.halls.halls import hall_names
from aggregator.office import INSPECTOR, RECONCILER, center
from attendance.month_sheet import LEGEND, Person, Table, by_hall, matrix, summary
from attendance.statistics import (
    GROUPS,
    STANDINGS,
    Tally,
    by_day,
    latest,
    month_span,
    months,
    standing,
    tally,
)
from standards.records.attendance import DayResult
from sync.storage.tables import as_record
from web import access
from web.moments import CHINA
from web.sheets import Origin, download, sheet

pages = Blueprint("attendance", __name__, url_prefix="/attendance")

INDEXES = (
    "CREATE INDEX IF NOT EXISTS day_result_day ON day_result (hall, day, staff_no, revision)",
    "CREATE INDEX IF NOT EXISTS staff_member_no ON staff_member (hall, staff_no)",
)


def results(here: Center, first: date, last: date, hall: str = "") -> dict[str, list[DayResult]]:
    """Hall -> every revision of every day from the first to the last; "" asks for all halls."""
    rows = here.db.query(
        "SELECT * FROM day_result WHERE day >= :first AND day <= :last "
        "AND (:hall = '' OR hall = :hall) ORDER BY hall, day, staff_no, revision",
        first=first.isoformat(),
        last=last.isoformat(),
        hall=hall,
    )
    found: dict[str, list[DayResult]] = defaultdict(list)
    for row in rows:
        found[str(row["hall"])].append(as_record(DayResult, row))
    return dict(found)


@dataclass(frozen=True)
class HallNow:
    """One hall now: how many are where, and how much of today is still provisional."""

    standings: Counter[str]
    late: int
    absent: int
    provisional: int

    @property
    def asked(self) -> int:
        """How many have to be there today, or would without leave."""
        return self.standings.total() - self.standings["rest"] - self.standings["covered"]


def halls_now(here: Center, now: datetime) -> dict[str, HallNow]:
    """Every hall that has told a result of today."""
    found = results(here, now.date(), now.date())
    return {hall: hall_now(latest(ones).values(), now) for hall, ones in found.items()}


def hall_now(ones: Iterable[DayResult], now: datetime) -> HallNow:
    """Where the people of one hall are, from the results of today."""
    known = list(ones)
    return HallNow(
        Counter(standing(one, now) for one in known),
        late=sum(any(slot.state == "late" for slot in one.slots) for one in known),
        absent=sum(one.halves > 0 for one in known),
        provisional=sum(one.provisional for one in known),
    )


def staff_of(here: Center, hall: str) -> dict[str, Person]:
    """Number -> department and window, by the hall's latest entry about each."""
    rows = here.db.query(
        "SELECT * FROM staff_member WHERE hall = :hall ORDER BY length(origin), origin, idx",
        hall=hall,
    )
    return {
        str(row["staff_no"]): Person(
            str(row["staff_no"]), str(row["department"]), str(row["window"])
        )
        for row in rows
    }


@pages.get("")
@access.roles(RECONCILER, INSPECTOR)
def now() -> str:
    """All halls side by side: who is here now, and the month so far."""
    here = center()
    moment = here.clock.now().astimezone(CHINA)
    first, last = month_span(request.args.get("month", ""), moment.date())
    found = results(here, first, last)
    return render_template(
        "attendance/halls.html",
        moment=moment,
        first=first,
        names=hall_names(here),
        halls=halls_now(here, moment),
        table=_all_halls(here, found),
        chart=by_day(_told_apart(found)),
        groups=GROUPS,
        words=STANDINGS,
    )


def _all_halls(here: Center, found: Mapping[str, list[DayResult]]) -> Table:
    sums = {hall: tally(latest(ones).values()) for hall, ones in found.items()}
    names = hall_names(here)
    return by_hall({hall: sums.get(hall, Tally()) for hall in sorted({*names, *sums})}, names)


def _told_apart(found: Mapping[str, list[DayResult]]) -> Iterable[DayResult]:
    """All results, the numbers of different halls told apart."""
    for hall, ones in found.items():
        for one in latest(ones).values():
            yield replace(one, staff_no=f"{hall} {one.staff_no}")


def board(here: Center, hall: str, now: datetime) -> dict[str, list[Person]]:
    """Where everybody of a hall is of whom something is asked today; by standing, then by place."""
    staff, found = staff_of(here, hall), defaultdict[str, list[Person]](list)
    for one in latest(results(here, now.date(), now.date(), hall).get(hall, ())).values():
        found[standing(one, now)].append(staff.get(one.staff_no, Person(one.staff_no)))
    return {
        code: sorted(found[code], key=attrgetter("department", "window", "staff_no"))
        for code in STANDINGS
        if code in found and code != "rest"
    }


@pages.get("/<hall>")
@access.roles(RECONCILER, INSPECTOR)
def month(hall: str) -> str:
    """One hall: where everybody is now, and its month by day and by person."""
    here, name = center(), _name(hall)
    moment = here.clock.now().astimezone(CHINA)
    today = moment.date()
    first, last = month_span(request.args.get("month", ""), today)
    found = results(here, first, last, hall).get(hall, [])
    return render_template(
        "attendance/month.html",
        hall=hall,
        name=name,
        first=first,
        today=today,
        moment=moment,
        board=board(here, hall, moment),
        words=STANDINGS,
        table=summary(months(found), staff_of(here, hall)),
        chart=by_day(found),
        groups=GROUPS,
    )


@pages.get("/<hall>/month.xlsx")
@access.roles(RECONCILER, INSPECTOR)
def month_sheet(hall: str) -> Response:
    """The same as a workbook: the sums, and each day of each person."""
    here, name = center(), _name(hall)
    first, last = month_span(request.args.get("month", ""), here.clock.today())
    found, people = months(results(here, first, last, hall).get(hall, [])), staff_of(here, hall)
    origin = _origin(here, name, first)
    sheets = [
        sheet("月汇总", summary(found, people), origin),
        sheet("逐日明细", matrix(found, people, first, last), origin, LEGEND),
    ]
    return download(sheets, origin.made, f"考勤月表-{hall}-{first:%Y-%m}")


@pages.get("/month.xlsx")
@access.roles(RECONCILER, INSPECTOR)
def halls_sheet() -> Response:
    """All halls' month as a workbook, one row a hall."""
    here = center()
    first, last = month_span(request.args.get("month", ""), here.clock.today())
    origin = _origin(here, "各分厅", first)
    found = _all_halls(here, results(here, first, last))
    return download([sheet("各厅汇总", found, origin)], origin.made, f"各厅考勤-{first:%Y-%m}")


def _origin(here: Center, whose: str, first: date) -> Origin:
    made = here.clock.now().astimezone(CHINA)
    return Origin(whose, f"{first:%Y年%m月}", here.settings.name, made)


def _name(hall: str) -> str:
    found = hall_names(center()).get(hall)
    if found is None:
        abort(404)
    return found
