"""A hall whose people sign in at terminals, for the benches: eight enrolled, terminals paired."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from http.client import HTTPConnection
from typing import Any

PERSON = "T01-021"
"""The one whose pictures are real."""


def enrol_eight(hall: Any, faces: list[Any]) -> None:
    """One real face, measured already, and seven made-up ones: enough for a limit of its own."""
    from attendance.enrolment import enrol
    from node.face_gallery import keep_template
    from node.members import write_consent
    from standards.records import StaffMember
    from tests.node.attendance import seven_more

    with hall.db.transaction():
        hall.write(StaffMember(staff_no=PERSON, name="张小敏"), actor="T01-900")
        write_consent(hall, PERSON, True, "T01-900")
        keep_template(hall, enrol(PERSON, faces), "T01-900")
    seven_more(hall, faces[0].model_id)


def paired_terminal(hall: Any, name: str) -> str:
    """The token of a new terminal."""
    from node.terminals import create_terminal, pair

    paired = pair(hall, create_terminal(hall, name, "", "T01-900")[1])
    assert paired is not None
    return str(paired[1])


class Terminal:
    """A kiosk that signs somebody in over HTTP."""

    def __init__(self, port: int, token: str, frames: list[bytes]) -> None:
        self._line = HTTPConnection("127.0.0.1", port, timeout=120)
        self._rest = json.dumps({"frames": [b64encode(frame).decode() for frame in frames]})[1:]
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def check_in(self) -> dict[str, Any]:
        """Send the frames as a new sign-in; what the terminal is told."""
        body = f'{{"capture": "{secrets.token_hex(16)}", {self._rest}'
        self._line.request("POST", "/terminal/punch", body, self._headers)
        told: dict[str, Any] = json.loads(self._line.getresponse().read())
        return told

    def close(self) -> None:
        """Hang up."""
        self._line.close()
