"""A hall's sign-in as tests use it: colleagues through the pages, a paired terminal, its frames."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from attendance.engine import FaceEngine
from attendance.gallery import Enrolled
from deploy.kiosk_device import Device
from node.desk import FACES
from node.hall import Hall
from node.staff import face_gallery
from node.staff.face_gallery import Faces
from node.terminals import terminal_keys, terminals
from node.terminals.kiosk import create_terminal_app
from standards.records import FaceConsent, StaffMember
from tests import pictures
from tests.attendance.people import colleague_of, vectors
from tests.node.hall import Browser
from web.shell import Shell

PIN = "482915"
ZHANG = "T01-021"
"""The colleague whose pictures are those of obama.jpg."""
MEMBER = {
    "staff_no": ZHANG,
    "name": "张小敏",
    "department": "市公安局",
    "window": "A03",
    "mobile": "13800138000",
}


def with_engine(app: Shell, hall: Hall, engine: FaceEngine) -> None:
    """Give the staff pages a face engine, as serving does."""
    app.extensions[FACES] = Faces(hall, engine)


def add_member(office: Browser, **changed: str) -> str:
    """Take somebody in through the page; answers the number."""
    answer = office.post("/staff", {**MEMBER, **changed})
    assert answer.status_code == 303, answer.text
    return answer.location.rpartition("/")[2]


def set_pin(office: Browser, staff_no: str = ZHANG, pin: str = PIN) -> None:
    answer = office.post(f"/staff/{staff_no}/pin", {"pin": pin, "again": pin})
    assert answer.status_code == 303, answer.text


def consent(office: Browser, staff_no: str = ZHANG, **changed: str) -> TestResponse:
    return office.post(f"/staff/{staff_no}/consent", {"agree": "1", "pin": PIN, **changed})


def send_pictures(
    office: Browser, sent: list[bytes], staff_no: str = ZHANG, key: str = ""
) -> TestResponse:
    """Post the form with the pictures; ``key`` is the form's key, a fresh one unless given."""
    files = [FileStorage(io.BytesIO(data), f"{number}.jpg") for number, data in enumerate(sent)]
    key = key or secrets.token_urlsafe(16)
    # Encoded here, because the test client would write a large form to a temporary file.
    boundary, body = encode_multipart({"csrf": office.token(), "once": key, "pictures": files})
    kind = f'multipart/form-data; boundary="{boundary}"'
    return office.send(f"/staff/{staff_no}/face", body, content_type=kind)


def enrolled(office: Browser, name: str = "obama", staff_no: str = ZHANG) -> str:
    """A colleague with PIN, consent and face, all through the pages; answers the number."""
    add_member(office, staff_no=staff_no)
    set_pin(office, staff_no)
    assert consent(office, staff_no).status_code == 303
    answer = send_pictures(office, pictures.enrolment(name), staff_no)
    assert answer.status_code == 303, answer.text
    return staff_no


def seven_more(hall: Hall, model_id: str) -> None:
    """Seven further people on post whose faces are made up, so that the limit is calibrated.

    As far from Zhang's as people are from each other, where Zhang is enrolled: eight faces of which
    one lies elsewhere than all others would make a limit that no hall has.
    """
    real = face_gallery.person_of(hall, ZHANG)
    with hall.db.transaction():
        for seed in range(1, 8):
            staff_no = f"T01-10{seed}"
            hall.write(StaffMember(staff_no=staff_no, name=f"测试{seed}"), actor="T01-005")
            said = FaceConsent(
                staff_no=staff_no, notice_version=1, given=True, day=hall.clock.today()
            )
            hall.write(said, actor="T01-005")
            made = colleague_of(real, seed).vectors if real else vectors(seed, 3)
            person = Enrolled(staff_no, made, model_id)
            face_gallery.keep_template(hall, person, "T01-005")


class Kiosk(Device):
    """An approved kiosk without a browser; its clocks are the hall's."""

    def __init__(self, hall: Hall, engine: FaceEngine | None) -> None:
        self.app = create_terminal_app(hall, engine)
        self.client = self.app.test_client()
        self.hall, began = hall, hall.clock.now()
        super().__init__(
            self._send,
            now=hall.clock.now,
            mono=lambda: round((hall.clock.now() - began).total_seconds() * 1000),
        )
        self.id = self.admitted()

    def admitted(self) -> str:
        """Paired with a new terminal and approved; answers its id."""
        made, code = terminals.create_terminal(self.hall, "一楼签到机", "入口", "T01-006")
        status, told = self.pair(code)
        assert status == 202, told
        assert terminal_keys.approve(self.hall, made, self.key_id, "T01-006")
        return made

    def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        answer = self.client.open(
            target, method=method, headers=headers, data=body, base_url="http://localhost"
        )
        return answer.status_code, answer.get_json(silent=True) or {}

    def punch(self, frames: Sequence[bytes] = (), staff_no: str = "", pin: str = "") -> Told:
        """One sign-in as the kiosk page does it."""
        return self.sign_in(list(frames), staff_no, pin)


Told = tuple[int, dict[str, Any]]


def outcome(answer: Told) -> tuple[int, str]:
    """(status, what the kiosk is told)."""
    status, told = answer
    if "status" in told:
        return status, told["reason"] or told["status"]
    return status, told.get("code") or told.get("outcome") or told.get("state", "")
