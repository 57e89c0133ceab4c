"""A clerk scans a material while the line is cut; the center opens it; a picture comes down."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from deploy import casework
from tests.journeys.test_an_inspection_is_answered import recorded
from tests.journeys.test_one_case_travels import taken_in_by_keyboard
from tests.journeys.town import Town
from tests.node.filed import MARK, scan

PDF = scan(6_000_000, 31)
PNG = b"\x89PNG\r\n\x1a\n" + scan(200_000, 32)


def test_a_scan_goes_up_behind_its_case_and_a_picture_of_a_visit_comes_down(
    town: Town, desk, tmp_path: Path
):
    window = desk(town.demo.hall_url(town.first), "chuangkou", town.demo.password)
    number = taken_in_by_keyboard(window)
    case = window.url.partition("?")[0]
    with town.pulled(town.first):
        attached(window, tmp_path)
        expect(window.locator("#scans-of-case")).to_contain_text("1份材料已扫描，其中1份传送中")
    arrives(window, case)
    inspector = desk(town.demo.center_url, "ducha", town.demo.password)
    assert opened_at_center(inspector, number) == PDF
    came_down(town, inspector, tmp_path)
    nothing_readable(town)


def attached(window: Page, folder: Path) -> None:
    """Choose material and file, by keyboard as far as a browser lets one choose a file."""
    (folder / "营业执照.pdf").write_bytes(PDF)
    window.locator("#material").focus()
    window.keyboard.press("ArrowDown")
    window.locator("#scans").set_input_files(folder / "营业执照.pdf")
    window.get_by_role("button", name="附上").press("Enter")
    expect(window.locator(".callout-ok")).to_contain_text("已记入办件")


def arrives(window: Page, case: str) -> None:
    """The line is back: the case page says when the center has the scan."""

    def has_arrived() -> bool:
        window.goto(case)
        return "中心已全部收到" in window.locator("#scans-of-case").inner_text()

    casework.until("the scan at the center", has_arrived)


def opened_at_center(office: Page, number: str) -> bytes:
    """The inspector opens the scan for a stated reason."""
    office.get_by_role("link", name="办件", exact=True).press("Enter")
    office.locator("#number").press_sequentially(number)
    office.keyboard.press("Enter")
    office.get_by_role("link", name=number).press("Enter")
    expect(office.locator("#scans")).to_contain_text("已全部收到")
    office.locator("#scan-reason").press_sequentially("核查材料")
    with office.expect_download() as download:
        office.get_by_role("button", name="打开").press("Enter")
    assert download.value.suggested_filename == "营业执照.pdf"
    return Path(download.value.path()).read_bytes()


def came_down(town: Town, inspector: Page, folder: Path) -> None:
    """A picture that was attached to a visit is opened at the hall."""
    visit = recorded(town.at_center("ducha"), "T01", faulted="rules")
    (folder / "等候区.png").write_bytes(PNG)
    inspector.goto(visit.url)
    inspector.locator("#files").set_input_files(folder / "等候区.png")
    inspector.get_by_role("button", name="附上").press("Enter")
    expect(inspector.locator("main")).to_contain_text("等待分厅取走")
    supervisor = town.at_hall("dudao")

    def fetched() -> str | None:
        page = supervisor.open("/handed")
        found = re.search(r'action="(/handed/[0-9a-f-]+)"', page.html)
        return found.group(1) if found and "等候区.png" in page.words else None

    action = casework.until("the picture at the hall", fetched)
    page = supervisor.open("/handed")
    form = next(one for one in page.forms if one.action == action)
    sent = dict(form.fields)
    answer = supervisor.session.post(
        supervisor.base + action, data=sent, headers={"Origin": supervisor.base}, timeout=30
    )
    assert (answer.content, answer.headers["X-Content-Type-Options"]) == (PNG, "nosniff")
    assert "张" in supervisor.open("/findings").words


def nothing_readable(town: Town) -> None:
    """Marked bytes of the files and their names are in no file of any machine and on no wire."""
    files = [path for path in town.demo.data.rglob("*") if path.is_file()]
    assert any("files" in path.parts for path in files)
    cable = town.cable(town.first)
    passed = [bytes(one) for one in cable.passed.values()]  # type: ignore[attr-defined]
    assert sum(map(len, passed)) > len(PDF)
    for secret in (MARK, "营业执照.pdf".encode()):
        assert [path for path in files if secret in path.read_bytes()] == []
        assert [1 for one in passed if secret in one] == []
