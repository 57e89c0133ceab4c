"""One running town for all journeys, and browsers to walk through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from deploy.run_demo import Demo
from tests.journeys.town import Tapped, Town, free_ports

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A center and two halls as processes; both halls follow the published standards."""
    demo = Demo(tmp_path_factory.mktemp("town"), free_ports())
    demo.cable_type = Tapped
    try:
        demo.set_up()
        demo.start()
        made = Town(demo)
        made.wait_for_standards()
        yield made
    finally:
        demo.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield browser
    browser.close()


@pytest.fixture
def desk(chromium: Browser) -> Iterator[DeskMaker]:
    """Makes browser windows of people who share nothing, as on several machines."""
    made = DeskMaker(chromium)
    yield made
    made.close()


class DeskMaker:
    """Opens a window for somebody who signs in by keyboard."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.addresses: list[str] = []

    def __call__(self, url: str, login: str, password: str) -> Page:
        context = self._browser.new_context(locale="zh-CN", viewport={"width": 1366, "height": 768})
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.addresses.append(request.url))
        page.goto(url)
        page.keyboard.type(login)
        page.keyboard.press("Tab")
        page.keyboard.type(password)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="退出").wait_for()
        page.wait_for_load_state()  # keys do nothing before the page's script has run
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
