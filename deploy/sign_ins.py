"""Signing in at a hall through the pages: staff, PIN, consent, face, terminal, punch.

What a supervisor, an administrator and a kiosk do, over the same addresses. Knows no table, and
keeps no picture.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from deploy.browser import Page, Person, Refused
from deploy.casework import until


@dataclass(frozen=True)
class Terminal:
    """A kiosk that is paired: its listener's address, number and token."""

    url: str
    serial: str
    token: str

    @property
    def page(self) -> str:
        """What to open in the browser that shall be this kiosk; the token never travels."""
        return f"{self.url}/kiosk#token={self.token}"

    @classmethod
    def of_page(cls, page: str, serial: str) -> Terminal:
        """The terminal of the address that ``page`` gives."""
        parts = urlsplit(page)
        token = parts.fragment.removeprefix("token=")
        return cls(f"{parts.scheme}://{parts.netloc}", serial, token)


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


def pair_kiosk(administrator: Person, terminals_url: str, name: str, place: str) -> Terminal:
    """Make a terminal and exchange its one-time code for its token, as the kiosk page does."""
    page = administrator.open("/terminals")
    page = administrator.submit(page, page.form("name", "location"), {
        "name": name, "location": place,
    })  # fmt: skip
    code = re.search(r'id="code">([A-Z0-9]+)<', page.html)
    if code is None:
        raise Refused(f"no pairing code: {page.words[:300]}")
    told = _asked(terminals_url, "/terminal/pair", {"code": code.group(1)}, "")
    return Terminal(terminals_url, told["terminal"], told["token"])


def punch(
    terminal: Terminal, frames: list[bytes], staff_no: str = "", pin: str = ""
) -> dict[str, Any]:
    """One sign-in at a kiosk: frames of the camera, number and PIN, or both; what it answers.

    Raises:
        Refused: with the words that stand on the kiosk's screen.
    """
    attempt = {
        "capture": secrets.token_hex(16),
        "frames": [b64encode(frame).decode() for frame in frames],
        "staff_no": staff_no,
        "pin": pin,
    }
    return _asked(terminal.url, "/terminal/punch", attempt, terminal.token)


def kiosk_state(terminal: Terminal) -> dict[str, Any]:
    """What an idle kiosk is told; Refused when its token does not hold any more."""
    return _asked(terminal.url, "/terminal/state", None, terminal.token)


def _asked(url: str, path: str, body: dict[str, Any] | None, token: str) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            "POST" if body is not None else "GET",
            url + path,
            json=body,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=60,
        )
    told: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        raise Refused(f"{answer.status_code} {told.get('code')}: {told.get('message')}")
    return told
