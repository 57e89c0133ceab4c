"""A hall whose people sign in at terminals, for the benches: eight enrolled, terminals paired."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from http.client import HTTPConnection
from typing import Any

from deploy.kiosk_device import Device

PERSON = "T01-021"
"""The one whose pictures are real."""


def enrol_eight(hall: Any, faces: list[Any]) -> None:
    """One real face, measured already, and seven made-up ones: enough for a limit of its own."""
    from attendance.enrolment import enrol
    from node.staff.face_gallery import keep_template
    from node.staff.members import write_consent
    from standards.records import StaffMember
    from tests.node.attendance import seven_more

    with hall.db.transaction():
        hall.write(StaffMember(staff_no=PERSON, name="张小敏"), actor="T01-900")
        write_consent(hall, PERSON, True, "T01-900")
        keep_template(hall, enrol(PERSON, faces), "T01-900")
    seven_more(hall, faces[0].model_id)


def paired_terminal(hall: Any, name: str) -> str:
    """The key of a new terminal, as a prepared address holds it."""
    from node.terminals.terminal_keys import prepare
    from node.terminals.terminals import create_terminal

    terminal, _ = create_terminal(hall, name, "", "T01-900")
    key = urlsafe_b64encode(prepare(hall, terminal, "T01-900")).decode()
    return f"terminal={terminal}&key={key}"


class Terminal:
    """A kiosk that signs somebody in over HTTP; ``pace`` seconds from frame to frame at least."""

    def __init__(self, port: int, key: str, frames: list[bytes], pace: float = 0) -> None:
        self._line = HTTPConnection("127.0.0.1", port, timeout=120)
        self._frames, self._pace, self._next = frames, pace, 0.0
        self._kiosk = Device(self._send)
        self._kiosk.take_key(key)
        # The key may have signed events before: the chain goes on behind them.
        self._kiosk.take_up()

    def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        if self._pace and "/frames" in target:
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._pace
        self._line.request(method, target, body, headers)
        answer = self._line.getresponse()
        return answer.status, json.loads(answer.read())

    def check_in(self) -> dict[str, Any]:
        """Send the frames as a new sign-in, one by one; what the terminal is told at the end."""
        _, told = self._kiosk.sign_in(self._frames)
        return {"outcome": "accepted", **told} if told.get("status") == "stored" else told

    def close(self) -> None:
        """Hang up."""
        self._line.close()
