"""The demo's leave: who approves, since when people work, and a few requests at different stages.

Through the pages as they are served, like all sample data; the days are working days of the weeks
to come, so that the demo looks alike whenever it is started.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from deploy.browser import Page, Person, Refused
from standards.workdays import next_working_day, published_calendar

_CALENDAR = published_calendar()


@dataclass(frozen=True)
class Team:
    """The people of a hall who are signed in."""

    hall: str
    clerk: Person
    reviewer: Person
    supervisor: Person
    administrator: Person

    def number(self, last: str) -> str:
        """A staff number of this hall."""
        return f"{self.hall}-{last}"


def fill(team: Team, department: str) -> None:
    """Bring the hall's leave in.

    Args:
        department: that of the clerk and the reviewer.

    Raises:
        Refused: a page did not do what it should.
    """
    _appoint(team, department)
    for number, since in (("001", "2013-07-01"), ("002", "2004-03-15"), ("005", "2021-08-02")):
        settle(team.supervisor, team.number(number), since)
    _ask_for_leave(team)
    _work_late(team)


def _appoint(team: Team, department: str) -> None:
    since = date.today().replace(month=1, day=1).isoformat()
    held = (("chief", "003"), ("leader", "004"), ("department", "002"))
    for office, number in held:
        page = team.administrator.open("/leave/offices")
        team.administrator.submit(page, page.form("office", "since"), {
            "office": office, "staff_no": team.number(number), "since": since,
            "department": department if office != "leader" else "",
        })  # fmt: skip


def settle(supervisor: Person, staff_no: str, work_start: str) -> None:
    """Say since when somebody works."""
    page = supervisor.open(f"/leave/facts/{staff_no}")
    supervisor.submit(page, page.form("work_start"), {"work_start": work_start})


def working_day(weeks: int) -> date:
    """The first working day in so many weeks."""
    monday = date.today() - timedelta(days=date.today().weekday())
    return next_working_day(monday + timedelta(weeks=weeks), _CALENDAR)


def _ask_for_leave(team: Team) -> None:
    trip, outing, errand = working_day(2), working_day(1), working_day(3)
    long = ask(team.clerk, {
        "leave-0": "annual:annual", "first-0": trip.isoformat(),
        "last-0": (trip + timedelta(days=3)).isoformat(),
        "stand_in": team.number("002"), "reason": "回老家看望父母",
    })  # fmt: skip
    say(team.reviewer, long, "stand-in", {"agreed": "1", "opinion": "在办件已交接"})
    short = ask(team.clerk, {
        "leave-0": "outing:outing", "first-0": outing.isoformat(), "begins-0": "09:30",
        "ends-0": "11:00", "reason": "到局里送材料",
    })  # fmt: skip
    say(team.supervisor, short, "decide", {"granted": "1", "opinion": "同意"})
    ask(team.reviewer, {
        "leave-0": "personal:personal", "first-0": errand.isoformat(),
        "stand_in": team.number("001"), "reason": "家中有事",
    })  # fmt: skip


def ask(who: Person, typed: dict[str, str]) -> str:
    """Ask for leave: look at what it comes to, then send it; answers the request's id."""
    page = who.open("/leave/new")
    page = who.submit(page, page.form("leave-0", "reason"), {**typed, "wish": "look"})
    page = who.submit(page, page.form("leave-0", "mark"), {"wish": "send"})
    found = re.search(r"/leave/([0-9a-f-]{36})", page.url)
    if found is None:
        raise Refused(f"no request of leave: {page.words[:300]}")
    return found.group(1)


def say(who: Person, request_id: str, step: str, typed: dict[str, str]) -> Page:
    """Answer a request on its page: ``stand-in`` or ``decide``."""
    page = who.open(f"/leave/{request_id}")
    form = next((one for one in page.forms if one.action.endswith(f"/{step}")), None)
    if form is None:
        raise Refused(f"no form to {step}: {page.words[:300]}")
    return who.submit(page, form, typed)


def _work_late(team: Team) -> None:
    saturday = date.today() - timedelta(days=date.today().weekday() + 2)
    for who in (team.clerk, team.reviewer):
        page = who.open("/leave/overtime")
        who.submit(page, page.form("day", "begins"), {
            "day": saturday.isoformat(), "begins": "09:00", "ends": "12:00", "reason": "集中办件",
        })  # fmt: skip
    page = team.supervisor.open("/leave/overtime")
    team.supervisor.submit(page, page.form("hours"), {"granted": "1"})
