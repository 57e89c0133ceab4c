"""A hall's sign-in as tests use it: colleagues through the pages, a paired terminal, its frames."""

from __future__ import annotations

import io
import secrets
from base64 import b64encode
from collections.abc import Sequence
from itertools import count
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from attendance.engine import FaceEngine
from attendance.gallery import Enrolled
from node import face_gallery, terminals
from node.desk import FACES
from node.face_gallery import Faces
from node.hall import Hall
from node.kiosk import create_terminal_app
from standards.records import FaceConsent, StaffMember
from tests import pictures
from tests.attendance.people import vectors
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
    """Seven further people on post whose faces are made up, so that the limit is calibrated."""
    with hall.db.transaction():
        for seed in range(1, 8):
            staff_no = f"T01-10{seed}"
            hall.write(StaffMember(staff_no=staff_no, name=f"测试{seed}"), actor="T01-005")
            said = FaceConsent(
                staff_no=staff_no, notice_version=1, given=True, day=hall.clock.today()
            )
            hall.write(said, actor="T01-005")
            person = Enrolled(staff_no, vectors(seed, 3), model_id)
            face_gallery.keep_template(hall, person, "T01-005")


class Kiosk:
    """A paired terminal: posts as the kiosk page does."""

    def __init__(self, hall: Hall, engine: FaceEngine | None) -> None:
        self.app = create_terminal_app(hall, engine)
        self.client = self.app.test_client()
        _, code = terminals.create_terminal(hall, "一楼签到机", "入口", "T01-006")
        told = self.pair(code).get_json()
        self.id, self.token = told["terminal"], told["token"]
        self._captures = count(1)

    def pair(self, code: str) -> TestResponse:
        return self.client.post("/terminal/pair", json={"code": code}, base_url="http://localhost")

    def ask(self, method: str, path: str, token: str | None = None, **kw: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return self.client.open(
            path, method=method, headers=headers, base_url="http://localhost", **kw
        )

    def punch(self, frames: Sequence[bytes] = (), **more: str) -> TestResponse:
        """One sign-in, with a capture of its own unless given."""
        body = {
            "capture": f"capture-{next(self._captures):010}",
            "frames": [b64encode(frame).decode() for frame in frames],
            **more,
        }
        return self.ask("POST", "/terminal/punch", json=body)


def outcome(answer: TestResponse) -> tuple[int, str]:
    """(status, what the terminal is told)."""
    told = answer.get_json()
    return answer.status_code, told.get("code") or told["outcome"]
