"""Signing in at a hall through the pages: staff, PIN, consent, face, terminal, punch.

What a supervisor, an administrator and a kiosk do, over the same addresses. Knows no table, and
keeps no picture.
"""

from __future__ import annotations

import re
import time
from typing import Any

import requests

from deploy.browser import Page, Person, Refused
from deploy.casework import until
from deploy.kiosk_device import Device


class Kiosk(Device):
    """An approved kiosk without a browser, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url, self._session = url, requests.Session()
        self._session.trust_env = False
        self._began = time.monotonic()
        super().__init__(self._send, mono=lambda: round((time.monotonic() - self._began) * 1000))

    def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        answer = self._session.request(
            method, self.url + target, headers=headers, data=body, timeout=60
        )
        told: dict[str, Any] = answer.json()
        return answer.status_code, told


def add_member(supervisor: Person, staff_no: str, name: str, more: dict[str, str]) -> None:
    """Take a member of staff in, unless the number is known already."""
    try:
        supervisor.open(f"/staff/{staff_no}")
        return
    except Refused as refused:
        if not str(refused).startswith("404"):
            raise
    page = supervisor.open("/staff/new")
    supervisor.submit(
        page, page.form("staff_no", "name"), {"staff_no": staff_no, "name": name, **more}
    )


def set_pin(supervisor: Person, staff_no: str, pin: str) -> None:
    """Let the person type a PIN on the supervisor's screen."""
    page = supervisor.open(f"/staff/{staff_no}/pin")
    supervisor.submit(page, page.form("pin", "again"), {"pin": pin, "again": pin})


def enrol(supervisor: Person, staff_no: str, pin: str, pictures: list[bytes]) -> Page:
    """The person signs the notice with their PIN; then the pictures are sent."""
    page = supervisor.open(f"/staff/{staff_no}/consent")
    page = supervisor.submit(page, page.form("agree", "pin"), {"agree": "1", "pin": pin})
    files = [
        ("pictures", (f"{number}.jpg", picture, "image/jpeg"))
        for number, picture in enumerate(pictures, 1)
    ]
    # A face engine that was just started may still be loading its weights.
    return until("the enrolment", lambda: _sent(supervisor, page, files), 30)


def _sent(supervisor: Person, page: Page, files: list[Any]) -> Page | None:
    try:
        return supervisor.submit(page, page.form("pictures"), {}, files)
    except Refused as refused:
        if "稍" in str(refused) or "再试" in str(refused):
            return None
        raise


def step(supervisor: Person, staff_no: str, name: str) -> Page:
    """Press one of the buttons of a member's page: leave, return, consent/withdraw."""
    page = supervisor.open(f"/staff/{staff_no}")
    address = f"/staff/{staff_no}/{name}"
    found = [form for form in page.forms if form.action.endswith(address)]
    if not found:
        raise Refused(f"no button for {address}: {page.words[:300]}")
    return supervisor.submit(page, found[0], {})


def add_terminal(administrator: Person, name: str, place: str) -> str:
    """Make a terminal on the administrator's page; its one-time code."""
    page = administrator.open("/terminals")
    page = administrator.submit(page, page.form("name", "location"), {
        "name": name, "location": place,
    })  # fmt: skip
    code = re.search(r'id="code">([A-Z0-9]+)<', page.html)
    if code is None:
        raise Refused(f"no pairing code: {page.words[:300]}")
    return code.group(1)


def approve(administrator: Person, terminal: str) -> str:
    """Compare and approve the key that waits at a terminal; the words that stand on the page."""
    page = administrator.open(f"/terminals/{terminal}")
    words = re.search(r'id="words">([^<]+)<', page.html)
    if words is None:
        raise Refused(f"no key waits for approval: {page.words[:300]}")
    administrator.submit(page, page.form("same"), {"same": "1"})
    return words.group(1)


def pair_kiosk(administrator: Person, terminals_url: str, name: str, place: str) -> Kiosk:
    """Make a terminal, bring a key under its code, and let the administrator approve it."""
    kiosk = Kiosk(terminals_url)
    status, told = kiosk.pair(add_terminal(administrator, name, place))
    if status != 202:
        raise Refused(f"{status} {told.get('code')}: {told.get('message')}")
    approve(administrator, kiosk.terminal)
    return kiosk


def prepared_kiosk(address: str) -> Kiosk:
    """The kiosk of an address that ``onehall-node terminal --prepared`` printed."""
    url, _, fragment = address.partition("#")
    kiosk = Kiosk(url.removesuffix("/kiosk"))
    kiosk.take_key(fragment)
    kiosk_state(kiosk)
    return kiosk


def beat(kiosk: Kiosk) -> bool:
    """The kiosk says that nothing waits; False once it is used by somebody else, or gone."""
    try:
        status, told = kiosk.ask("POST", "/t/v1/heartbeat", {"clocks": kiosk.clocks()})
    except requests.RequestException:
        return True
    return status == 200 and int(told["acked_through"]) <= kiosk.seq


def punch(kiosk: Kiosk, frames: list[bytes], staff_no: str = "", pin: str = "") -> dict[str, Any]:
    """One sign-in at a kiosk: frames of the camera, number and PIN, or both; what it answers.

    Raises:
        Refused: with the words that stand on the kiosk's screen.
    """
    status, told = kiosk.sign_in(frames, staff_no, pin)
    # Somebody left out, like a face that is not there, is an answer; a wrong PIN is none.
    if status != 200 or told.get("status") in ("rejected", "held"):
        raise Refused(f"{status} {told.get('code') or told.get('reason')}: {told.get('message')}")
    return told


def kiosk_state(kiosk: Kiosk) -> dict[str, Any]:
    """What an idle kiosk is told; Refused when its key does not count any more."""
    told = kiosk.take_up()
    if told.get("state") != "approved":
        raise Refused(f"{told.get('state') or told.get('code')}: {told.get('message')}")
    return told
