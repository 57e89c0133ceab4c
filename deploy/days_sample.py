"""The demo's days: who works by which hours, and a few past days as a paper list told them.

Through the pages as they are served. The past days come as signs after an outage, asked for by the
supervisor and confirmed by the administrator, so that every grade and name in them is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from deploy.browser import Page, Refused
from deploy.casework import until
from deploy.leave_sample import Team
from standards.workdays import published_calendar

_PAST_DAYS = 4
_USUAL = "08:52 12:04 12:48 17:06"
_PATIENCE_S = 20.0


def fill(team: Team) -> None:
    """Assign the hall's hours, bring the past days in, and appeal against one of them.

    Raises:
        Refused: a page did not do what it should.
    """
    past = past_days(_PAST_DAYS)
    _assign(team, past)
    late, short, *usual = reversed(past)
    everybody = [team.number(number) for number in ("001", "002", "005")]
    for day in usual:
        sign_for(team, day, everybody, _USUAL)
    sign_for(team, late, everybody[:1], "09:14 12:04 12:48 17:06")
    sign_for(team, late, everybody[1:], _USUAL)
    sign_for(team, short, everybody[:2], _USUAL)
    sign_for(team, short, everybody[2:], "08:52 12:04 12:48")
    _appeal(team, late)


def past_days(count: int) -> list[date]:
    """The last working days before today, the earliest first."""
    calendar = published_calendar()
    before = (date.today() - timedelta(days=ago) for ago in range(1, 30))
    return [day for day in before if calendar.is_working_day(day)][:count][::-1]


def _assign(team: Team, past: Sequence[date]) -> None:
    """The whole hall from today on; for the days before, a roster as one pastes it."""
    page = team.supervisor.open("/shifts")
    team.supervisor.submit(page, page.form("target", "timetable"), {
        "target": "hall", "timetable": "four", "first_day": date.today().isoformat(),
    })  # fmt: skip
    lines = [["工号", *(day.isoformat() for day in past)]]
    lines += [
        [team.number(number), *(["一日四签"] * len(past))] for number in ("001", "002", "005")
    ]
    sheet = "\n".join("\t".join(line) for line in lines)
    page = team.supervisor.open("/shifts/paste")
    page = team.supervisor.submit(page, page.form("sheet"), {"sheet": sheet})
    team.supervisor.submit(page, page.form("sheet", "sure"), {"sheet": sheet, "sure": "1"})


def sign_for(team: Team, day: date, staff: Sequence[str], times: str) -> None:
    """Signs of a day for some people, asked for by one person and confirmed by another."""
    page = team.supervisor.open(f"/corrections/bulk?day={day.isoformat()}")
    team.supervisor.submit(page, page.form("times", "reason"), {
        "times": times, "staff": list(staff), "reason": "系统启用前，按纸质签到表补录",
    })  # fmt: skip
    page = team.administrator.open("/corrections")
    (link,) = waiting(page)
    page = team.administrator.open(link)
    team.administrator.submit(
        page, page.form("reason", "granted"), {"reason": "与纸质签到表一致", "granted": "1"}
    )


def waiting(page: Page) -> list[str]:
    """The addresses of the requests that wait, from the page of corrections."""
    open_part = page.html.partition('id="waiting"')[2].partition("</table>")[0]
    return [piece.partition('"')[0] for piece in open_part.split('href="')[1:]]


def _appeal(team: Team, day: date) -> None:
    address = f"/days/person/{team.number('001')}/{day.isoformat()}"

    def ready() -> Page | None:
        page = team.clerk.open(address)
        return page if any("appealed" in form.names for form in page.forms) else None

    page = until("the day is worked out", ready, _PATIENCE_S)
    choices = page.form("appealed").choices["appealed"]
    if not choices:
        raise Refused(f"nothing to appeal against: {page.words[:300]}")
    team.clerk.submit(page, page.form("appealed"), {
        "appealed": choices[:1], "reason": "前一天已电话报备，早上送孩子就医",
    })  # fmt: skip
