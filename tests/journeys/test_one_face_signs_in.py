"""A colleague enrols before the camera, the kiosk knows the face, the center gets the event."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from attendance.gallery import Enrolled
from deploy import casework, sign_ins
from node.hall import Hall, HallSettings
from node.lock import exclusive
from node.staff import face_gallery, members
from standards.records import StaffMember
from sync.keys.keyfiles import key_file
from sync.private.vault import Vault
from tests.attendance.people import colleague_of
from tests.journeys.conftest import CHROMIUM, QUIET, DeskMaker
from tests.journeys.faces import film, forms_of_picture, forms_of_vectors
from tests.journeys.leaks import all_files, found_in
from tests.journeys.town import Town
from tests.pictures import Augmentation, frame

STAFF_NO, PIN = "T01-088", "571934"
PEOPLE_FOR_CALIBRATION = 8


@pytest.fixture(scope="module")
def camera(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera shows a real face."""
    clip = film(tmp_path_factory.mktemp("camera") / "person.mjpeg", "obama")
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            *QUIET,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={clip}",
        ],
    )
    yield browser
    browser.close()


def test_a_colleague_enrols_before_the_camera_and_signs_in_at_the_kiosk(
    town: Town, camera: Browser
):
    desks = DeskMaker(camera)
    office = desks(town.demo.hall_url(town.first), "dudao", town.demo.password)
    enrolled_before_the_camera(office, town.demo.hall_url(town.first))
    kiosk = camera.new_context(permissions=["camera"]).new_page()
    admit(town, kiosk)
    expect(kiosk.locator("#said")).to_have_text("请按下面的按钮签到")
    assert kiosk.url.endswith("/kiosk")

    # With fewer than eight enrolled there is nothing to calibrate on: face, number and PIN.
    kiosk.get_by_role("button", name="刷脸签到").click()
    expect(kiosk.locator("#staff-no")).to_be_focused(timeout=20_000)
    kiosk.keyboard.type("088")
    kiosk.locator("#pin").fill(PIN)
    kiosk.keyboard.press("Enter")
    signed_in = re.compile(r"签到成功 \d\d:\d\d\s*人脸加口令$")
    expect(kiosk.locator("#said")).to_contain_text(signed_in, timeout=20_000)

    # In a hall of usual size the face alone is enough.
    enrol_made_up_colleagues(town)
    kiosk.reload()
    expect(kiosk.locator("#said")).to_have_text("请按下面的按钮签到", timeout=20_000)
    kiosk.get_by_role("button", name="刷脸签到").click()
    signed_in = re.compile(r"签到成功 \d\d:\d\d\s*人脸$")
    expect(kiosk.locator("#said")).to_contain_text(signed_in, timeout=30_000)
    assert_the_center_has_the_events(town)
    desks.close()
    kiosk.context.close()


def test_no_byte_of_a_face_is_outside_the_template_table(town: Town):
    row = template(town)
    vault = Vault(key_file(town.first.data / "keys", "vault"))
    place = f"face_template/{STAFF_NO}/{row['model_id']}"
    packed = vault.unlock(bytes(row["sealed"]), place)
    forms = forms_of_vectors(packed)
    forms += forms_of_picture(frame("obama", Augmentation()))
    # The way of looking finds what is there: the template itself, unsealed.
    assert any(form in packed for form in forms)
    assert found_in(all_files(town.demo.data), forms) == []
    for cable in town.demo.cables:
        passed = b"".join(cable.passed.values())  # type: ignore[attr-defined]
        assert passed
        assert not any(form in passed for form in forms)


def test_whoever_withdraws_is_known_no_more_and_nothing_of_the_face_is_left(town: Town):
    sealed = bytes(template(town)["sealed"])
    office = town.at_hall("dudao")
    page = office.open(f"/staff/{STAFF_NO}")
    withdraw = next(form for form in page.forms if form.action.endswith("/consent/withdraw"))
    answer = office.submit(page, withdraw, {})
    assert "人脸特征已删除" in answer.words
    assert town.rows("T01", "SELECT * FROM face_template WHERE staff_no = :n", n=STAFF_NO) == []
    town.demo.stop_process("T01")
    # The last connection has written the log of the database back into it.
    assert found_in(all_files(town.first.data), [sealed[16:48]]) == []
    town.restart("T01")


def admit(town: Town, kiosk: Page) -> None:
    """Paired under a one-time code; the administrator sees the same six words and approves."""
    administrator = town.at_hall("admin")
    code = sign_ins.add_terminal(administrator, "窗边签到机", "入口")
    kiosk.goto(f"http://127.0.0.1:{town.first.terminal_port}/kiosk#pair={code}")
    expect(kiosk.locator("#words")).to_be_visible()
    (made,) = town.rows("T01", "SELECT terminal FROM terminal_key WHERE state = 'pending'")
    assert sign_ins.approve(administrator, made["terminal"]) == kiosk.locator("#words").inner_text()


def template(town: Town):
    sql = "SELECT * FROM face_template WHERE staff_no = :n"
    return town.rows("T01", sql, n=STAFF_NO)[0]


def enrolled_before_the_camera(office: Page, url: str) -> None:
    """Staff member, PIN, consent and three pictures, in the supervisor's browser."""
    office.goto(f"{url}/staff/new")
    for name, text in (("name", "镜头测试"), ("staff_no", STAFF_NO), ("department", "公安局")):
        office.locator(f"[name={name}]").fill(text)
    office.get_by_role("button", name="保存").click()
    office.get_by_role("link", name="设口令").click()
    office.locator("#pin").fill(PIN)
    office.locator("#again").fill(PIN)
    office.get_by_role("button", name="保存").click()
    office.get_by_role("link", name="给本人看告知书").click()
    office.locator("#agree").check()
    office.locator("#pin").fill(PIN)
    office.get_by_role("button", name="我同意").click()
    office.context.grant_permissions(["camera"])
    office.get_by_role("button", name="打开摄像头").click()
    for number in range(1, 4):
        office.get_by_role("button", name=re.compile("^拍一张")).click()
        expect(office.locator("#shots li")).to_have_count(number)
    office.get_by_role("button", name="登记", exact=True).click()
    expect(office.locator("main")).to_contain_text("人脸已登记，图片没有保存", timeout=20_000)


def enrol_made_up_colleagues(town: Town) -> None:
    """Enough others that the hall has a limit of its own; their vectors are points, not people."""
    model = str(template(town)["model_id"])
    town.demo.stop_process("T01")
    data = town.first.data
    with exclusive(data):
        hall = Hall(data, HallSettings.load(data))
        own = hall.vault.unlock(
            bytes(template(town)["sealed"]), f"face_template/{STAFF_NO}/{model}"
        )
        real = Enrolled.unpacked(STAFF_NO, own, model)
        for seed in range(PEOPLE_FOR_CALIBRATION):
            made = colleague_of(real, seed)
            with hall.db.transaction():
                member = StaffMember(staff_no=made.staff_no, department="虚拟", name="虚拟人员")
                hall.write(member, actor="T01-003")
                members.write_consent(hall, made.staff_no, True, "T01-003")
                face_gallery.keep_template(hall, made, "T01-003")
        hall.close()
    town.restart("T01")


def assert_the_center_has_the_events(town: Town) -> None:
    reconciler, clerk = town.at_center("duizhang"), town.at_hall("chuangkou")
    casework.wait_for_receipt(clerk)
    casework.until(
        "both punches at the center",
        lambda: casework.punches_at_center(reconciler, STAFF_NO) == 2,
    )
    rows = town.rows("center", "SELECT way, grade FROM punch WHERE staff_no = :n", n=STAFF_NO)
    assert sorted((row["way"], row["grade"]) for row in rows) == [("face", "B"), ("face_pin", "B")]
