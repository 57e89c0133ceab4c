"""What a person at the kiosk reads when something fails, and that the next one can go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from node.app import LOCAL_TABLES
from node.hall import Hall
from node.staff import cards, pins
from node.terminals import terminal_keys, terminals
from node.terminals.kiosk_views import WAITING
from standards.records import StaffMember
from tests.journeys.conftest import CHROMIUM, QUIET
from tests.node.attendance import PIN, ZHANG, Kiosk
from tests.node.hall import TurnableClock, how_many, open_hall
from web.listener import Listener, Running


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    """A hall with one colleague who has a PIN; nobody signs in by face yet."""
    made = open_hall(tmp_path / "hall", TurnableClock())
    made.db.create(LOCAL_TABLES)
    made.write(StaffMember(staff_no=ZHANG, name="张小敏"), actor="T01-005")
    pins.set_pin(made, ZHANG, PIN)
    yield made
    made.close()


@pytest.fixture
def listener(hall: Hall) -> Iterator[Running]:
    """The terminals' listener of the hall."""
    app = Kiosk(hall, None).app
    ending = app.extensions[WAITING].end
    running = Running(Listener(app=app, host="127.0.0.1", port=0, threads=8, ending=ending))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def without_camera(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield browser
    browser.close()


@pytest.fixture
def kiosk(hall: Hall, listener: Running, without_camera: Browser) -> Iterator[Page]:
    """A paired kiosk on its idle page."""
    context = without_camera.new_context(locale="zh-CN")
    context.set_default_timeout(15_000)
    page = context.new_page()
    admitted(hall, page, f"http://127.0.0.1:{listener.port}/kiosk")
    yield page
    context.close()


def admitted(hall: Hall, page: Page, address: str) -> None:
    """Paired by the address that holds the code, compared and approved."""
    terminal, code = terminals.create_terminal(hall, "一楼签到机", "入口", "T01-006")
    page.goto(f"{address}#pair={code}")
    expect(page.locator("#words")).to_be_visible()
    approve(hall, terminal, page)
    expect(page.locator("#terminal-name")).to_have_text("一楼签到机。")


def approve(hall: Hall, terminal: str, page: Page) -> None:
    """As the administrator does who sees the same six words."""
    (key,) = [k for k in terminal_keys.keys_of(hall)[terminal] if k.state == "pending"]
    expect(page.locator("#words")).to_have_text(" ".join(terminal_keys.words(hall, key)))
    assert terminal_keys.approve(hall, terminal, key.key_id, "T01-006")


def sign_in(kiosk: Page, pin: str) -> None:
    """With number and PIN, by keyboard; the number without the hall's part."""
    if not kiosk.locator("#pin-form").is_visible():
        kiosk.get_by_role("button", name="工号口令签到").click()
    kiosk.fill("#staff-no", "021")
    kiosk.fill("#pin", pin)
    kiosk.keyboard.press("Enter")


def test_the_code_does_not_stay_in_the_address(kiosk: Page):
    assert kiosk.url.endswith("/kiosk")


def test_where_nobody_signs_in_by_face_the_page_offers_number_and_pin_only(kiosk: Page):
    expect(kiosk.locator("#said")).to_have_text("请用工号和口令签到")
    expect(kiosk.get_by_role("button", name="刷脸签到")).to_be_hidden()


def test_a_wrong_pin_is_told_and_cleared_and_the_right_one_signs_in(hall: Hall, kiosk: Page):
    sign_in(kiosk, "000000")
    expect(kiosk.locator("#said")).to_contain_text("工号或口令不对")
    expect(kiosk.locator("#pin")).to_have_value("")
    expect(kiosk.locator("#pin")).to_be_focused()
    kiosk.fill("#pin", PIN)
    kiosk.keyboard.press("Enter")
    expect(kiosk.locator("#said")).to_contain_text("张**")
    expect(kiosk.locator("#said")).to_contain_text(re.compile(r"签到成功 \d\d:\d\d"))
    assert how_many(hall, "punch") == 1


def test_the_keys_on_the_screen_type_into_the_field_one_is_in(hall: Hall, kiosk: Page):
    kiosk.get_by_role("button", name="工号口令签到").click()
    for digit in "021":
        kiosk.locator(f'[data-digit="{digit}"]').click()
    kiosk.locator("#pin").click()
    for digit in ("9", "back", *PIN):
        kiosk.locator(f'[data-digit="{digit}"]').click()
    kiosk.locator("#pin-form button[type=submit]").click()
    expect(kiosk.locator("#said")).to_contain_text("签到成功")
    assert how_many(hall, "punch") == 1


def test_without_a_camera_the_page_says_so_and_offers_number_and_pin(kiosk: Page):
    # The page hides the button here, because nobody in this hall signs in by face.
    kiosk.evaluate("document.getElementById('start').click()")
    expect(kiosk.locator("#said")).to_contain_text("打不开摄像头")
    expect(kiosk.locator("#staff-no")).to_be_focused()
    sign_in(kiosk, PIN)
    expect(kiosk.locator("#said")).to_contain_text("签到成功")


def test_a_revoked_kiosk_asks_for_a_code_and_works_again_with_one(hall: Hall, kiosk: Page):
    for known in terminals.terminals(hall):
        terminal_keys.revoke(hall, known.id)
    sign_in(kiosk, PIN)
    expect(kiosk.locator("#pairing")).to_contain_text("已被停用")

    kiosk.fill("#pair-code", "WRONGCODE2")
    kiosk.keyboard.press("Enter")
    expect(kiosk.locator("#pairing")).to_contain_text("配对码不对")
    terminal, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    kiosk.fill("#pair-code", code)
    kiosk.keyboard.press("Enter")
    expect(kiosk.locator("#words")).to_be_visible()
    approve(hall, terminal, kiosk)
    expect(kiosk.get_by_role("button", name="工号口令签到")).to_be_visible()
    expect(kiosk.locator("#pin-form")).to_be_hidden()
    assert how_many(hall, "punch") == 0


def test_without_the_halls_machine_the_page_says_where_the_sign_in_is(
    hall: Hall, kiosk: Page, listener: Running
):
    listener.stop()
    sign_in(kiosk, PIN)
    expect(kiosk.locator("#said")).to_contain_text("已记在本机，恢复后自动补报")
    expect(kiosk.locator("#away")).to_contain_text("与本厅主机断开")
    expect(kiosk.locator("#waiting")).to_contain_text("条记录待上报")
    assert how_many(hall, "punch") == 0


def hold_card(kiosk: Page, number: str) -> None:
    """A reader types faster than a test can, so the keys are pressed within the page."""
    kiosk.evaluate(
        "number => [...number, 'Enter'].forEach(key => document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })))",
        number,
    )


def test_a_card_signs_in_at_any_time_and_a_number_typed_by_hand_is_no_card(hall: Hall, kiosk: Page):
    hold_card(kiosk, "0012345678")
    expect(kiosk.locator("#said")).to_contain_text("这张卡没有登记或已删除")
    cards.register(hall, ZHANG, "0012345678")
    hold_card(kiosk, "0012345678")
    expect(kiosk.locator("#said")).to_contain_text(
        re.compile(r"张\*\*\s*签到成功 \d\d:\d\d\s*刷卡")
    )

    # With the form open, too; what is typed slowly, or not whole, stays in the form.
    kiosk.get_by_role("button", name="工号口令签到").click()
    hold_card(kiosk, "021 12345678")
    kiosk.locator("#staff-no").press_sequentially("00123456", delay=70)
    kiosk.keyboard.press("Enter")
    expect(kiosk.locator("#staff-no")).to_have_value("00123456")
    assert how_many(hall, "punch") == 1
    hold_card(kiosk, "0012345678")
    expect(kiosk.locator("#said")).to_contain_text("签到成功")
    expect(kiosk.locator("#pin-form")).to_be_hidden()
    assert how_many(hall, "punch") == 2
    assert "0012345678" not in kiosk.evaluate(
        "Kiosk.store.range('events', '', '~').then(found => JSON.stringify(found))"
    )
