"""Consent and enrolment: only by the person's own word, refused with a reason, gone when withdrawn.

Real pictures, the real engine. What must never leave the template table is looked for everywhere.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from attendance.engine import FaceEngine
from attendance.gallery import Enrolled
from node.app import create_app
from node.hall import Hall
from node.staff import face_gallery, members
from node.staff.face_gallery import Faces
from standards.records import FaceConsent
from tests import pictures
from tests.attendance.people import MODEL, vectors
from tests.attendance.test_pictures import REFUSED
from tests.node.attendance import (
    PIN,
    ZHANG,
    Kiosk,
    add_member,
    consent,
    enrolled,
    outcome,
    send_pictures,
    set_pin,
    with_engine,
)
from tests.node.hall import Browser, TurnableClock, how_many, open_hall
from tests.pictures import Augmentation
from web import logs
from web.shell import Shell

GOOD = pictures.enrolment("obama")


@pytest.fixture
def office(app: Shell, hall: Hall, engine: FaceEngine) -> Browser:
    """The supervisor, with a face engine behind the pages."""
    with_engine(app, hall, engine)
    return Browser(app.test_client()).sign_in("chen")


@pytest.fixture
def agreed(office: Browser) -> Browser:
    """The supervisor's screen when Zhang has a PIN and has consented."""
    add_member(office)
    set_pin(office)
    assert consent(office).status_code == 303
    return office


# --- consent ------------------------------------------------------------------------------------


def test_the_notice_names_the_hall_and_every_right(office: Browser):
    add_member(office)
    set_pin(office)
    text = office.get(f"/staff/{ZHANG}/consent").text
    for words in ("公安分厅", "第 2 版", "您可以不同意", "撤回", "个人信息保护法"):
        assert words in text


def test_consent_is_signed_with_the_own_pin(hall: Hall, office: Browser):
    add_member(office)
    set_pin(office)
    for wrong, said in (({"pin": "000000"}, "口令不对"), ({"agree": ""}, "勾选同意")):
        answer = consent(office, **wrong)
        assert answer.status_code == 422
        assert said in answer.text
    assert how_many(hall, "face_consent") == 0

    assert consent(office).status_code == 303
    said_now = members.consent_of(hall, ZHANG)
    assert said_now == FaceConsent(
        staff_no=ZHANG, notice_version=2, given=True, day=hall.clock.today()
    )


def test_without_a_pin_the_notice_says_how_to_get_one(office: Browser):
    add_member(office)
    assert "请先" in office.get(f"/staff/{ZHANG}/consent").text
    assert consent(office).status_code == 422


def test_no_picture_is_looked_at_without_consent(hall: Hall, office: Browser):
    add_member(office)
    for answer in (office.get(f"/staff/{ZHANG}/face"), send_pictures(office, GOOD)):
        assert answer.status_code == 303
        assert answer.location == f"/staff/{ZHANG}/consent"
    assert how_many(hall, "face_template") == 0


# --- enrolment ----------------------------------------------------------------------------------


def test_three_good_pictures_enrol_and_only_encrypted_vectors_are_kept(
    hall: Hall, agreed: Browser, engine: FaceEngine
):
    assert send_pictures(agreed, GOOD).location == f"/staff/{ZHANG}?done=face"
    (kept,) = hall.db.query("SELECT * FROM face_template")
    assert (kept["staff_no"], kept["pictures"]) == (ZHANG, 3)
    assert kept["enrolled_by"] == "T01-005"
    (person,) = Faces(hall, engine).gallery(kept["model_id"]).people
    assert person.vectors.shape == (3, 128)
    assert person.packed() not in bytes(kept["sealed"])


def test_the_same_form_sent_twice_enrols_once(hall: Hall, agreed: Browser):
    key = "the-same-form-key-twice"
    answers = [send_pictures(agreed, GOOD, key=key) for _ in range(2)]
    assert [one.location for one in answers] == [f"/staff/{ZHANG}?done=face"] * 2
    assert hall.db.query("SELECT max(id) AS n FROM face_template")[0]["n"] == 1


BAD = {
    "blurred": (pictures.frame("obama", Augmentation(blur=4.0)), "blurred"),
    "two people": (pictures.two_people(), "two_faces"),
    "nobody": (pictures.nobody(), "no_face"),
    "too far": (pictures.frame("obama", Augmentation(face=100)), "too_small"),
    "too dark": (pictures.frame("obama", Augmentation(light=0.25)), "too_dark"),
    "an essay": ("这不是图片".encode(), "not_a_picture"),
    "13,000 x 13,000": (pictures.png(Image.new("L", (13_000, 13_000))), "too_large"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_picture_is_refused_by_its_number_with_a_reason(
    hall: Hall, agreed: Browser, what: str
):
    picture, code = BAD[what]
    answer = send_pictures(agreed, [GOOD[0], picture, GOOD[2]])
    assert answer.status_code == 422
    assert f'<li data-code="{code}">第 2 张：' in answer.text
    assert how_many(hall, "face_template") == 0


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_picture_costs_one_clear_answer(hall: Hall, agreed: Browser, name: str):
    answer = send_pictures(agreed, [GOOD[0], REFUSED[name][0], GOOD[2]])
    assert answer.status_code in (413, 422)
    assert "Traceback" not in answer.text
    assert how_many(hall, "face_template") == 0
    assert agreed.get(f"/staff/{ZHANG}").status_code == 200


def test_ten_megabytes_are_refused_before_anything_looks_at_them(hall: Hall, agreed: Browser):
    answer = send_pictures(agreed, [b"\xff" * (10 * 1024 * 1024)])
    assert answer.status_code == 413
    assert "提交的内容太大" in answer.text
    assert how_many(hall, "face_template") == 0


def test_too_few_pictures_and_none_at_all_are_refused(agreed: Browser):
    assert "还差 1 张" in send_pictures(agreed, GOOD[:2]).text
    assert "还差 3 张" in send_pictures(agreed, []).text


def test_pictures_of_two_people_do_not_become_one_template(hall: Hall, agreed: Browser):
    mixed = [*GOOD[:2], pictures.frame("biden", Augmentation(face=200))]
    answer = send_pictures(agreed, mixed)
    assert answer.status_code == 422
    assert 'data-code="person_changed"' in answer.text
    assert how_many(hall, "face_template") == 0


def test_one_face_is_not_enrolled_under_two_numbers(hall: Hall, office: Browser):
    enrolled(office, "obama", ZHANG)
    add_member(office, staff_no="T01-022")
    set_pin(office, "T01-022")
    consent(office, "T01-022")
    answer = send_pictures(office, GOOD, "T01-022")
    assert answer.status_code == 422
    assert f"与已登记的 {ZHANG} 几乎相同" in answer.text
    assert how_many(hall, "face_template") == 1


def test_a_second_enrolment_replaces_the_first(hall: Hall, agreed: Browser):
    send_pictures(agreed, GOOD)
    (first,) = hall.db.query("SELECT sealed FROM face_template")
    assert send_pictures(agreed, list(reversed(GOOD))).status_code == 303
    (second,) = hall.db.query("SELECT sealed FROM face_template")
    assert first["sealed"] != second["sealed"]


def test_look_alikes_are_told_to_the_supervisor(hall: Hall, office: Browser, engine: FaceEngine):
    enrolled(office)
    (own,) = Faces(hall, engine).gallery(engine.status().model_id or "").people
    add_member(office, staff_no="T01-022")
    with hall.db.transaction():
        members.write_consent(hall, "T01-022", True, "T01-005")
        shift = 0.35 / 128**0.5
        twin = Enrolled("T01-022", own.vectors + shift, own.model_id)
        face_gallery.keep_template(hall, twin, "T01-005")
    text = office.get(f"/staff/{ZHANG}").text
    assert "相似提醒" in text
    assert "T01-022" in text


# --- the way back -------------------------------------------------------------------------------


def test_withdrawing_deletes_the_template_at_once_and_keeps_the_punches(
    hall: Hall, office: Browser, kiosk: Kiosk
):
    enrolled(office)
    frames = pictures.frames("obama")
    assert outcome(kiosk.punch(frames, staff_no=ZHANG, pin=PIN)) == (200, "stored")

    answer = office.post(f"/staff/{ZHANG}/consent/withdraw")
    assert answer.status_code == 303
    assert how_many(hall, "face_template") == 0
    assert how_many(hall, "punch") == 1
    said = members.consent_of(hall, ZHANG)
    assert said is not None
    assert not said.given
    assert outcome(kiosk.punch(frames)) == (200, "unknown")
    assert outcome(kiosk.punch(staff_no=ZHANG, pin=PIN)) == (200, "stored")


def test_a_deleted_template_is_not_in_the_file_any_more(
    hall: Hall, office: Browser, tmp_path: Path
):
    enrolled(office)
    sealed = bytes(hall.db.query("SELECT sealed FROM face_template")[0]["sealed"])
    with hall.db.transaction():
        # Some builds of SQLite overwrite what is deleted by themselves; not every one does.
        hall.db.query("PRAGMA secure_delete = OFF")
    office.post(f"/staff/{ZHANG}/consent/withdraw")
    hall.close()
    left = (tmp_path / "hall" / "node.db").read_bytes()
    assert sealed[16:48] not in left
    assert sealed[-32:] not in left


def test_whoever_leaves_the_post_leaves_no_template(hall: Hall, office: Browser):
    enrolled(office)
    office.post(f"/staff/{ZHANG}/leave")
    assert how_many(hall, "face_template") == 0
    office.post(f"/staff/{ZHANG}/return")
    assert not members.may_enrol(hall, ZHANG)


def test_the_person_withdraws_on_the_own_page(hall: Hall, app: Shell, office: Browser):
    enrolled(office, staff_no="T01-001")
    own = Browser(app.test_client()).sign_in("li")
    assert "撤回同意" in own.get("/presence/mine").text
    assert own.post("/presence/mine/withdraw").status_code == 303
    assert how_many(hall, "face_template") == 0


def test_a_template_that_a_restored_database_brought_back_is_deleted_at_start(
    hall: Hall, office: Browser, engine: FaceEngine
):
    """The log says that consent ended; a table from an older backup cannot say otherwise."""
    enrolled(office)
    (row,) = hall.db.query("SELECT * FROM face_template")
    office.post(f"/staff/{ZHANG}/consent/withdraw")
    hall.db.execute(
        "INSERT INTO face_template (staff_no, model_id, sealed, pictures, enrolled_at, "
        "enrolled_by) VALUES (:staff_no, :model_id, :sealed, 3, :enrolled_at, :enrolled_by)",
        **{n: row[n] for n in ("staff_no", "model_id", "sealed", "enrolled_at", "enrolled_by")},
    )
    assert Faces(hall, engine).gallery(row["model_id"]).people == ()
    create_app(hall)
    assert how_many(hall, "face_template") == 0


# --- the gallery --------------------------------------------------------------------------------


def test_the_gallery_is_the_same_after_a_restart_and_follows_every_change(
    tmp_path: Path, clock: TurnableClock
):
    hall = open_hall(tmp_path / "other", clock)
    app = create_app(hall)
    office = Browser(app.test_client()).sign_in("chen")
    faces = Faces(hall, None)
    for seed in (1, 2):
        staff_no = add_member(office, staff_no=f"T01-10{seed}")
        members.write_consent(hall, staff_no, True, "T01-005")
        face_gallery.keep_template(hall, Enrolled(staff_no, vectors(seed, 3), MODEL), "T01-005")
    before = [person.packed() for person in faces.gallery(MODEL).people]
    assert len(before) == 2
    assert faces.gallery(MODEL) is faces.gallery(MODEL)
    assert faces.gallery("another:model").people == ()
    hall.close()

    again = open_hall(tmp_path / "other", clock)
    faces = Faces(again, None)
    assert [person.packed() for person in faces.gallery(MODEL).people] == before
    face_gallery.delete_template(again, "T01-101")
    assert [person.staff_no for person in faces.gallery(MODEL).people] == ["T01-102"]
    again.close()


def test_a_template_moved_to_another_number_opens_for_nobody(hall: Hall, office: Browser):
    """The number is bound into the ciphertext: whoever edits the table cannot pass a face on."""
    enrolled(office)
    add_member(office, staff_no="T01-022")
    members.write_consent(hall, "T01-022", True, "T01-005")
    hall.db.execute("UPDATE face_template SET staff_no = 'T01-022'")
    model = str(hall.db.query("SELECT model_id FROM face_template")[0]["model_id"])
    with pytest.raises(Exception, match="cannot be opened"):
        Faces(hall, None).gallery(model)


# --- what must not be anywhere else -------------------------------------------------------------


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers[:] = []
    path = tmp_path / "log" / "onehall.log"
    logs.set_up(path)
    yield path
    for made in list(root.handlers):
        root.removeHandler(made)
        made.close()
    root.handlers[:] = before
    root.setLevel(level)


def needles(hall: Hall, engine: FaceEngine, sent: list[bytes]) -> list[bytes]:
    """Pieces of every vector and picture, raw and in base64."""
    found = []
    (person,) = Faces(hall, engine).gallery(engine.status().model_id or "").people
    for vector in (*person.vectors, person.template):
        raw = vector.astype("<f4").tobytes()
        found += [raw[at : at + 16] for at in range(0, len(raw), 16)]
        found.append(f"{vector[0]:.6f}"[:8].encode())
    for picture in sent:
        middle = len(picture) // 2
        found += [picture[middle : middle + 24], picture[-60:-30]]
    return found + [b64encode(piece)[:20] for piece in found if len(piece) > 16]


def test_nothing_of_a_face_is_anywhere_but_in_the_ciphertext_of_its_template(
    hall: Hall, office: Browser, engine: FaceEngine, log_file: Path, tmp_path: Path
):
    enrolled(office)
    kiosk = Kiosk(hall, engine)
    frames = pictures.frames("obama")
    assert outcome(kiosk.punch(frames)) == (200, "pin_required")
    assert outcome(kiosk.punch(frames, staff_no=ZHANG, pin=PIN)) == (200, "repeated")
    kiosk.punch([pictures.nobody()] * 3)
    kiosk.ask("POST", "/t/v1/events", frames[0])
    kiosk.ask("PUT", f"/t/v1/blobs/{'0' * 64}", frames[0])

    looked_for = needles(hall, engine, [*GOOD, *frames])
    size = hall.state().size
    leaves = b"\n".join(hall.logs.leaves(hall.origin, 0, size))
    personal = b"\n".join(hall.logs.personal(hall.origin, 0, size).values())
    assert ZHANG.encode() in leaves
    assert "张小敏".encode() in personal
    everywhere = {"leaves": leaves, "personal parts": personal}
    for path in sorted(tmp_path.rglob("*")):
        if path.is_file():
            everywhere[path.name] = path.read_bytes()
    assert {"node.db", "onehall.log"} <= everywhere.keys()
    found = [(place, n) for place, text in everywhere.items() for n in looked_for if n in text]
    assert found == []


def test_what_a_face_was_decided_by_stays_in_the_hall(hall: Hall, office: Browser, kiosk: Kiosk):
    enrolled(office)
    kiosk.punch(pictures.frames("obama"), staff_no=ZHANG, pin=PIN)
    (row,) = hall.db.query("SELECT id FROM punch")
    decision = face_gallery.decision_of(hall, row["id"])
    assert decision is not None
    assert decision.distance is not None
    size = hall.state().size
    parts = [
        *hall.logs.leaves(hall.origin, 0, size),
        *hall.logs.personal(hall.origin, 0, size).values(),
    ]
    for part in parts:
        assert str(decision.distance)[:8].encode() not in part
        assert b"threshold" not in part
