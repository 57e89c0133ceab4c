"""One case through the pages: what a clerk, a reviewer and a reconciler do with it.

Everything goes through forms as they are served. Knows the pages' words and fields, no table.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from deploy.applications import Application
from deploy.browser import Page, Person, Refused

PATIENCE_S = 60.0

T = TypeVar("T")


class Taken(NamedTuple):
    """A case that was taken in."""

    case_id: str
    case_no: str


def until(what: str, look: Callable[[], T | None], seconds: float = PATIENCE_S) -> T:
    """Look until something is there.

    Raises:
        Refused: it did not come in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Refused(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)
    return found


def take_in(clerk: Person, brought: Application) -> Taken:
    """Take a case in as a clerk: all materials, or without the first when it is to be notified."""
    page = clerk.open(f"/windows/{brought.item}")
    form = page.form("applicant_name")
    materials = form.choices["materials"][1 if brought.wish == "notify" else 0 :]
    answer = clerk.submit(
        page, form, {**brought.typed(), "materials": materials, "wish": brought.wish}
    )
    case_id = re.search(r"/cases/([0-9a-f-]{36})", answer.url)
    case_no = re.search(r'class="big-code">([^<]+)<', answer.html)
    if not case_id or not case_no:
        raise Refused(f"no case came of it: {answer.words[:300]}")
    return Taken(case_id.group(1), case_no.group(1))


def decide(reviewer: Person, case: Taken, outcome: str) -> Page:
    """Decide a case as a reviewer: granted, or denied with its reasons."""
    page = reviewer.open(f"/review/{case.case_id}")
    form = page.form("outcome")
    reasons = {"ground": "", "opinion": "材料齐全，符合法定条件，准予。"}
    if outcome == "denied":
        reasons = {
            "ground": "conditions_not_met",
            "opinion": "提交的材料不能证明符合办理条件，可补充证明后重新申请。",
        }
    return reviewer.submit(page, form, {"outcome": outcome, **reasons})


class Sizes(NamedTuple):
    """What a hall's outbox says: entries written here, and entries the center has receipted."""

    local: int
    receipted: int


def outbox(person: Person) -> Sizes:
    """The figures of the outbox page.

    Raises:
        Refused: the page does not show them.
    """
    words = person.open("/outbox").words
    found = re.search(r"本厅记录 (\d+).*?中心已回执 (\d+)", words)
    if found is None:
        raise Refused(f"the outbox shows no figures: {words[:300]}")
    return Sizes(int(found.group(1)), int(found.group(2)))


def wait_for_receipt(person: Person) -> Sizes:
    """Ask for an exchange and wait until the center has receipted everything written so far."""
    wanted = outbox(person).local
    page = person.open("/outbox")
    now = [form for form in page.forms if form.action.endswith("/outbox/now")]
    if now:
        person.submit(page, now[0], {})
    return until(
        "the receipt", lambda: found if (found := outbox(person)).receipted >= wanted else None
    )


def standards_followed(person: Person) -> int:
    """Which standards version a hall follows, by its start page; 0 before the first."""
    found = re.search(r"统一标准 第 (\d+) 号", person.open("/").words)
    return int(found.group(1)) if found else 0


def wait_for_standards(person: Person, wanted: int, seconds: float = PATIENCE_S) -> None:
    """Wait until a hall follows a standards version or a later one."""
    until(f"standards {wanted}", lambda: standards_followed(person) >= wanted, seconds)


def arrived(reconciler: Person, hall: str, case: Taken) -> Page:
    """Wait for a case at the center; its page there."""
    return until(f"{case.case_no} at the center", lambda: seen_at_center(reconciler, hall, case))


def seen_at_center(reconciler: Person, hall: str, case: Taken) -> Page | None:
    """The center's page of a case; None while the case is not in its tables."""
    try:
        return reconciler.open(f"/cases/{hall}/{case.case_id}")
    except Refused as refused:
        if str(refused).startswith("404"):
            return None
        raise


def standards_published(reconciler: Person) -> int:
    """The standards version that the center has published, by its overview of the halls.

    Raises:
        Refused: the overview does not show it.
    """
    words = reconciler.open("/halls").words
    found = re.search(r"中心标准版本 (\d+)", words)
    if found is None:
        raise Refused(f"the overview names no standards version: {words[:300]}")
    return int(found.group(1))


def punches_at_center(reconciler: Person, staff_no: str) -> int:
    """How many punches of a member of staff the center has of today."""
    return reconciler.open("/presence").html.count(f"<td>{staff_no}</td>")
