"""The outbox, the start page and the warnings: everything is said, nothing is stopped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from node import home
from node.app import create_app
from node.desk import SYNC
from node.hall import Hall
from node.outbox import outbox
from node.outbox.progress import Progress, duration, volume
from node.outbox.syncing import SyncStatus
from standards.guides import Guide
from sync.evidence import comparison
from tests.node.hall import (
    Browser,
    TurnableClock,
    few,
    open_hall,
    publish,
    published,
    take_in,
)
from web.shell import Shell

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


@dataclass
class Line:
    """The background exchange as a page sees it."""

    now: SyncStatus
    poked: list[bool] = field(default_factory=list)

    def status(self) -> SyncStatus:
        return self.now

    def poke(self) -> None:
        self.poked.append(True)

    def compare(self) -> None:
        self.poked.append(False)


def connect(app: Shell, **status) -> Line:
    line = Line(SyncStatus(**{"state": "waiting", **status}))
    app.extensions[SYNC] = line
    return line


def banners(browser: Browser) -> str:
    text = browser.get("/sessions").text
    return text.split('class="banners"')[1].split("<main")[0] if 'class="banners"' in text else ""


def test_what_is_unsent_is_counted_from_the_last_checked_receipt(
    window: Browser, hall: Hall, guide: Guide, clock: TurnableClock
):
    take_in(window, guide)
    clock.turn(minutes=5)
    take_in(window, guide)
    assert outbox.unsent(hall).count == 4
    assert outbox.unsent(hall).oldest == "2026-11-24T01:00:00.000Z"
    hall.logs.keep_receipt(hall.origin, 2, "center", b"note")
    hall.logs.move_mark(hall.origin, 2)
    assert outbox.unsent(hall) == outbox.Unsent(2, "2026-11-24T01:05:00.000Z")
    receipt = outbox.last_receipt(hall)
    assert receipt is not None
    assert receipt.size == 2


def test_a_hall_with_everything_sent_has_no_oldest(hall: Hall):
    assert outbox.unsent(hall) == outbox.Unsent(0, None)
    assert outbox.last_receipt(hall) is None


def test_the_page_works_without_an_exchange(window: Browser):
    text = window.get("/outbox").text
    assert "未启用自动同步" in text
    assert "统一标准" in text


def test_the_page_shows_the_exchange_in_plain_words(app: Shell, window: Browser):
    connect(
        app,
        state="offline",
        last_try=NOW,
        error_code="unreachable",
        last_error="连不上中心。本厅业务不受影响",
        center_clock_skew_s=-42.0,
    )
    text = window.get("/outbox").text
    for wanted in ("连不上中心，稍后自动再试", "本厅业务不受影响", "比中心慢 42 秒"):
        assert wanted in text


@pytest.mark.parametrize("state", list(outbox.STATES))
def test_every_state_of_the_exchange_has_its_words(app: Shell, window: Browser, state: str):
    connect(app, state=state)
    assert outbox.STATES[state][1] in window.get("/outbox").text


def test_the_button_asks_for_an_exchange_at_once(app: Shell, window: Browser):
    line = connect(app)
    answer = window.post("/outbox/now")
    assert answer.status_code == 303
    assert line.poked == [True]


def test_the_other_button_asks_for_a_comparison(app: Shell, window: Browser, office: Browser):
    line = connect(app)
    answer = office.post("/outbox/compare")
    assert (answer.status_code, line.poked) == (303, [False])
    assert "已请求比对" in office.get(answer.location).text
    assert window.post("/outbox/compare").status_code == 403


def moving(**changed) -> Progress:
    return Progress(
        **{"total": 1000, "done": 400, "moved_bytes": 90_000, "seconds": 8.0, **changed}
    )


def test_a_running_contact_shows_records_bytes_rate_and_time_left(app: Shell, window: Browser):
    connect(app, state="running", moving=moving())
    text = " ".join(window.get("/outbox").text.split())
    for wanted in ("400 / 1000 条", "90.0 KB", "每秒 50.0 条，11.2 KB", "约剩 12秒", 'value="40"'):
        assert wanted in text
    assert "没有进展" not in text


def test_a_contact_that_does_not_move_is_shown_as_stuck_on_every_page(app: Shell, window: Browser):
    connect(app, state="running", moving=moving(quiet_s=90.0))
    assert "已 1分钟没有进展" in window.get("/outbox").text
    assert "卡住" not in banners(window)
    connect(app, state="stuck", moving=moving(quiet_s=7300.0))
    assert "卡住了，长时间没有进展" in window.get("/outbox").text
    assert "上报卡住了，已2小时1分钟没有进展" in banners(window)


@pytest.mark.parametrize(
    ("progress", "rate", "left", "percent"),
    [
        (Progress(), None, None, 100),
        (Progress(total=100, done=0, seconds=60), None, None, 0),
        (Progress(total=100, done=50, seconds=1), None, None, 50),
        (Progress(total=100, done=50, seconds=10), 5.0, 10.0, 50),
        (Progress(total=100, done=120, seconds=10), 12.0, 0.0, 100),
    ],
)
def test_rate_and_time_left_are_told_only_when_they_can_be_known(progress, rate, left, percent):
    assert (progress.records_per_s, progress.left_s, progress.percent) == (rate, left, percent)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0秒"), (59.9, "59秒"), (60, "1分钟"), (3600, "1小时0分钟"), (7500, "2小时5分钟")],
)
def test_a_length_of_time_is_said_as_people_say_it(seconds: float, words: str):
    assert duration(seconds) == words


def test_volumes_are_said_in_the_unit_that_fits():
    assert [volume(n) for n in (0, 999, 1500, 2_500_000)] == ["0 B", "999 B", "1.5 KB", "2.5 MB"]


def test_what_was_compared_stands_on_the_page_and_a_difference_above_every_page(
    hall: Hall, window: Browser
):
    found = comparison.Comparison(hall.origin, "2026-11-24T01:00:00.000Z", "equal", 7, 7)
    comparison.keep(hall.logs, found)
    assert "前 <b>7</b> 条与中心逐条相同" in window.get("/outbox").text
    assert banners(window) == ""
    comparison.keep(hall.logs, replace(found, state="different", index=3))
    text = window.get("/outbox").text
    assert "第 <b>3</b> 条与中心出具过回执的内容不同" in text and "上次一致" in text
    assert "对账发现本厅与中心的记录不一致" in banners(window)


def test_asking_without_an_exchange_does_no_harm(window: Browser):
    assert window.post("/outbox/now").status_code == 303


@pytest.mark.parametrize("login", ["li", "zhao", "wang", "both", "chen", "root"])
def test_everybody_has_a_start_page(app: Shell, window: Browser, guide: Guide, login: str):
    take_in(window, guide)
    take_in(window, guide, "receive")
    answer = Browser(app.test_client()).sign_in(login).get("/")
    assert answer.status_code == 200
    assert ("今日收件" in answer.text) is (login != "root")


def test_the_start_page_counts_what_waits(window: Browser, guide: Guide):
    take_in(window, guide)
    take_in(window, guide, "notify", materials=[])
    text = " ".join(window.get("/").text.split())
    assert '今日收件</span><b class="tile-value">2</b>' in text
    assert '待补正</span><b class="tile-value">1</b>' in text


# --- warnings -----------------------------------------------------------------------------------


def test_a_hall_in_order_shows_no_warning(app: Shell, window: Browser):
    connect(app, last_success=NOW, center_clock_skew_s=1.0)
    assert banners(window) == ""


def test_a_day_without_a_receipt_is_a_warning_and_intake_goes_on(
    app: Shell, window: Browser, guide: Guide, clock: TurnableClock
):
    take_in(window, guide)
    clock.turn(hours=25)
    later = Browser(app.test_client()).sign_in("li")
    assert "最早的已等25小时" in banners(later)
    take_in(later, guide)


def test_a_long_silence_and_a_wrong_clock_are_warnings(app: Shell, window: Browser):
    connect(app, last_success=NOW - timedelta(days=5), center_clock_skew_s=600.0)
    said = banners(window)
    assert "已有5天没有与中心联系" in said
    assert "比中心快10分钟" in said


@pytest.mark.parametrize(
    ("skew", "told"),
    [
        (None, (True, "not compared with the center yet")),
        (3.0, (True, "+3 s to the center")),
        (-600.0, (False, "-600 s to the center")),
    ],
)
def test_healthz_says_whether_the_clock_can_be_believed(
    app: Shell, window: Browser, skew: float | None, told: tuple[bool, str]
):
    connect(app, center_clock_skew_s=skew)
    clock = window.get("/healthz").get_json()["checks"]["clock"]
    assert (clock["ok"], clock["reason"]) == told


def test_without_a_center_healthz_finds_a_clock_that_went_back(
    app: Shell, window: Browser, guide: Guide, clock: TurnableClock
):
    take_in(window, guide)
    clock.turn(minutes=-30)
    told = window.get("/healthz").get_json()["checks"]["clock"]
    assert told == {"ok": False, "reason": "behind the last entry of the log, or before 2026"}


def test_the_health_of_the_node_names_disk_and_log(app: Shell, window: Browser):
    checks = window.get("/healthz").get_json()["checks"]
    assert {"disk", "log"} <= set(checks)
    assert checks["log"]["ok"] is True


def test_a_disk_nearly_full_is_a_warning(window: Browser, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(home, "DISK_LOW", 2**62)
    assert "磁盘只剩" in banners(window)


def test_a_hall_without_standards_says_so_on_every_page_and_breaks_on_none(
    tmp_path, clock: TurnableClock
):
    hall = open_hall(tmp_path / "new", clock)
    app = create_app(hall)
    for login in ("li", "wang", "chen", "root"):
        browser = Browser(app.test_client()).sign_in(login)
        assert "还没有收到中心下发的统一标准" in banners(browser)
        for path in ("/", "/windows", "/cases", "/review", "/findings", "/outbox"):
            assert browser.get(path).status_code in (200, 403)
    hall.close()


def test_a_year_without_its_calendar_is_a_warning_and_intake_goes_on(
    tmp_path, clock: TurnableClock, catalogue
):
    hall = open_hall(tmp_path / "new", clock)
    app = create_app(hall)
    guide = few(catalogue)[0]
    publish(hall, published(guide))
    browser = Browser(app.test_client()).sign_in("li")
    assert "还没有收到2026年的工作日历" in banners(browser)
    take_in(browser, guide)
    hall.close()


def test_a_stranger_is_told_nothing_about_the_hall(app: Shell):
    connect(app, last_success=NOW - timedelta(days=50))
    text = Browser(app.test_client()).get("/sign-in").text
    assert "没有与中心联系" not in text
