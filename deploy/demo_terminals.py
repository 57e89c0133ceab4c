"""The ZKTeco terminals of the demo: taken in, approved, and with the sample staff behind numbers.

Everything through the pages and the port, as an administrator and a real terminal would.
"""

from __future__ import annotations

import html
import re
from datetime import datetime, time
from typing import Any

from attendance.terminals.zkteco_trial import Faults, Request, TrialTerminal
from deploy.browser import Person, Refused
from deploy.casework import until
from node.zkteco.trial_commands import Unreachable, carried
from sync.clock import BEIJING

SINCE = "2026-01-01"
TODAY = {
    "1": "08:52 12:04 12:48 17:06",
    "3": "08:41 12:02 12:55 17:15",
    "5": "09:07 12:01 12:51 17:02",
}
"""Number at the terminal -> when that person stands before it on the day the demo begins."""


def serial_of(hall: str) -> str:
    """The serial number of a hall's terminal."""
    return f"DEMO-{hall}-0001"


def numbers_of(staff: tuple[tuple[str, str, str, str], ...]) -> dict[str, str]:
    """Under which numbers the terminal knows the sample staff: short, as typed, and whole."""
    found: dict[str, str] = {}
    for staff_no, *_ in staff:
        short = staff_no.rpartition("-")[2]
        found |= {short.lstrip("0") or "0": staff_no, short: staff_no, staff_no: staff_no}
    return found


def take_in(administrator: Person, hall: str, numbers: dict[str, str]) -> None:
    """Take a terminal in, let it call, approve it, and say whose its numbers are."""
    page = administrator.open("/terminals/zkteco")
    form = page.form("serial", "name")
    serial = serial_of(hall)
    typed = {"serial": serial, "name": "二楼考勤机", "location": "办公区", "dialect": "standard"}
    administrator.submit(page, form, typed)
    _call(address(administrator, hall), Request(f"/iclock/cdata?SN={serial}&options=all"))
    page = administrator.open(f"/terminals/zkteco/{serial}")
    found = [one for one in page.forms if one.action.endswith("/approve")]
    if not found:
        raise Refused(f"the terminal cannot be approved: {page.words[:300]}")
    administrator.submit(page, found[0], {})
    page = administrator.open("/terminals/numbers")
    form = page.form("pin", "staff_no")
    for pin, staff_no in numbers.items():
        said = {"pin": pin, "device": "", "staff_no": staff_no, "valid_from": SINCE}
        page = administrator.submit(page, form, said)
        form = page.form("pin", "staff_no")


def address(administrator: Person, hall: str) -> str:
    """What is typed into the terminal, as the page shows it."""
    page = administrator.open(f"/terminals/zkteco/{serial_of(hall)}")
    found = re.search(r"http://[0-9.]+:[0-9]+/[a-z2-7]+", html.unescape(page.html))
    if found is None:
        raise Refused(f"the page shows no address of the terminal: {page.words[:300]}")
    return found[0]


def entry(administrator: Person, hall: str, numbers: dict[str, str]) -> dict[str, Any]:
    """The terminal as it stands in demo.json: ``url`` is what comes before ``/iclock``."""
    url = address(administrator, hall)
    return {"kind": "zkteco", "url": url, "serial": serial_of(hall), "pins": numbers}


def punch(url: str, hall: str, pin: str) -> None:
    """Somebody stands before the terminal now; it is done when the hall has taken the punch."""
    # It holds this one punch, whatever it is told of earlier ones.
    box = TrialTerminal(serial_of(hall), Faults(ignores_stamps=True))
    box.scan(pin, datetime.now(BEIJING))

    def sent() -> bool:
        now = datetime.now(BEIJING)
        request = box.next_request(max(now, box.next_at or now))
        assert request is not None
        box.take(_call(url, request), now)
        return not box.waiting

    until("the punch of a ZKTeco terminal", sent, 30)


def so_far_today(url: str, hall: str) -> None:
    """What the terminal has seen of some of the staff since this morning, one of them late."""
    box, now = TrialTerminal(serial_of(hall)), datetime.now(BEIJING)
    scans = [(clock, pin) for pin, clocks in TODAY.items() for clock in clocks.split()]
    for clock, pin in sorted(scans):
        at = datetime.combine(now.date(), time.fromisoformat(clock), BEIJING)
        if at <= now:
            box.scan(pin, at)
    # Without a stamp: whatever takes this terminal's place begins at its own beginning.
    body = b"".join(row.line() + b"\n" for row in box.rows)
    if not body:
        return
    answer = _call(url, Request(f"/iclock/cdata?SN={box.serial}&table=ATTLOG", body))
    if not answer.text.startswith("OK"):
        raise Refused(f"the terminal's punches were not taken: {answer.status} {answer.text}")


def _call(url: str, request: Request) -> Any:
    try:
        return carried(url, request)
    except Unreachable as failed:
        raise Refused(f"the port for terminals does not answer: {failed}") from failed
