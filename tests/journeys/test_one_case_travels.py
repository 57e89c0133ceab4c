"""A clerk takes a case in, the department decides, the center has it judged: in a browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.town import Town, case_of, somebody


def test_a_case_goes_from_the_keyboard_of_a_clerk_to_the_tables_of_the_center(
    town: Town, desk, tmp_path: Path
):
    hall, password = town.demo.hall_url(town.first), town.demo.password
    window = desk(hall, "chuangkou", password)
    number = taken_in_by_keyboard(window)
    address = window.url.partition("?")[0]
    printed_notice(window, number, tmp_path / "notice.png")
    decided_by_keyboard(desk(hall, "shenpi", password), number)
    seen_in_the_outbox(window, hall)
    seen_at_the_center(desk(town.demo.center_url, "duizhang", password), number)
    window.goto(address)
    expect(window.locator(".timeline")).to_contain_text("审批决定:准予")


def taken_in_by_keyboard(window: Page) -> str:
    """From the start page to an accepted case without the mouse."""
    brought = somebody(item="GA001")
    keys = window.keyboard
    keys.press("F2")
    expect(window.locator("#q")).to_be_focused()
    keys.type("jmsfzhl")
    keys.press("Enter")
    expect(window.get_by_role("link", name="居民身份证换领")).to_be_focused()
    keys.press("Enter")
    expect(window.locator("#applicant_name")).to_be_focused()
    keys.type(brought.name)
    for field in ("paper_kind", "paper_no", "mobile"):
        keys.press("Tab")
        expect(window.locator(f"#{field}")).to_be_focused()
        keys.type(brought.typed()[field] if field != "paper_kind" else "")
    while window.evaluate("document.activeElement.name") != "materials":
        keys.press("Tab")
    keys.press("Space")
    keys.press("F9")
    expect(window.locator(".callout-ok")).to_contain_text("已受理")
    return case_of(window.content())


def printed_notice(window: Page, number: str, picture: Path) -> None:
    """The acceptance notice as it goes to the printer."""
    window.keyboard.press("F10")
    sheet = window.locator("article.sheet")
    expect(sheet).to_contain_text(number)
    expect(sheet).to_contain_text("受理通知书")
    expect(sheet.locator("svg.sheet-qr")).to_be_visible()
    window.emulate_media(media="print")
    expect(window.locator("nav").first).to_be_hidden()
    assert window.screenshot(path=picture, full_page=True)
    window.emulate_media(media="screen")


def decided_by_keyboard(desk: Page, number: str) -> None:
    """The reviewer finds the case in the list, grants it, and is told so."""
    desk.get_by_role("link", name=re.compile("^审批")).first.press("Enter")
    desk.get_by_role("link", name=number).press("Enter")
    desk.get_by_label("准予", exact=True).press("Space")
    desk.locator("textarea[name=opinion]").press_sequentially("材料齐全")
    desk.keyboard.press("F9")
    expect(desk.locator(".callout-ok")).to_contain_text("已记入办件")


def seen_in_the_outbox(window: Page, hall: str) -> None:
    """The center's receipt covers all that the hall has written; the page says so by itself."""
    window.goto(f"{hall}/outbox")
    window.get_by_role("button", name="立即同步").press("Enter")
    expect(window.locator("#outbox")).to_contain_text("全部已上报", timeout=20_000)
    figures = window.locator("#outbox").inner_text()
    found = re.search(r"本厅记录\s*(\d+)\s*中心已回执\s*(\d+)", figures)
    assert found is not None
    assert found.group(1) == found.group(2)


def seen_at_the_center(office: Page, number: str) -> None:
    """The reconciler looks the case up: decided, judged by its standard, under receipt."""
    office.get_by_role("link", name="办件", exact=True).press("Enter")
    office.locator("#number").press_sequentially(number)
    office.keyboard.press("Enter")
    office.get_by_role("link", name=number).press("Enter")
    page = office.locator("main")
    expect(page).to_contain_text("标准比对")
    expect(page).to_contain_text("没有发现问题")
    expect(page).to_contain_text("审批决定")
    expect(page).not_to_contain_text("尚无回执")
