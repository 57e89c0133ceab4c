"""Real Chromium with a camera of film: who is known, who is not; an evening without the node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from attendance.engine import FaceEngine
from attendance.enrolment import enrol
from node.app import LOCAL_TABLES
from node.hall import Hall, HallSettings
from node.serving import terminal_listener
from node.staff import face_gallery, members, pins
from node.terminals.kiosk import create_terminal_app
from standards.records import StaffMember
from tests import pictures
from tests.attendance.people import colleague_of
from tests.journeys.conftest import CHROMIUM, QUIET
from tests.journeys.faces import film
from tests.journeys.test_the_kiosk_says_what_is_wrong import admitted
from tests.journeys.town import free_ports
from tests.node.attendance import PIN, ZHANG
from web.listener import Running

WANG = "T01-022"
KEPT = "已记在本机，恢复后自动补报"
OFFLINE = f"与本厅主机断开，{KEPT}"
SIGNED_IN = re.compile(r"签到成功 \d\d:\d\d")


class Node:
    """The terminals' listener of a hall, which can be taken away and brought back."""

    def __init__(self, data: Path) -> None:
        port = free_ports()
        settings = HallSettings(
            hall="T01", name="公安分厅", center="c.example", terminal_listen=f"127.0.0.1:{port}"
        )
        self.hall = Hall(data, settings)
        self.hall.db.create(LOCAL_TABLES)
        self.engine = FaceEngine()
        assert self.engine.ready.wait(60)
        self.address = f"http://127.0.0.1:{port}/kiosk"
        self.start()

    def start(self) -> None:
        app = create_terminal_app(self.hall, self.engine)
        self.running = Running(terminal_listener(self.hall, app))
        self.running.start()

    def close(self) -> None:
        self.running.stop()
        self.engine.close()
        self.hall.close()

    def takes_in(self, staff_no: str, name: str, face: str, others: int = 0) -> None:
        """A colleague with PIN, consent and face, among made-up others."""
        hall = self.hall
        found = [self.engine.measure(picture) for picture in pictures.enrolment(face)]
        real = enrol(staff_no, found)
        made_up = [colleague_of(real, number) for number in range(others)]
        people = [(staff_no, name, real), *((one.staff_no, "测试", one) for one in made_up)]
        with hall.db.transaction():
            for number, called, enrolled in people:
                hall.write(StaffMember(staff_no=number, name=called), actor="T01-003")
                members.write_consent(hall, number, True, "T01-003")
                face_gallery.keep_template(hall, enrolled, "T01-003")
        pins.set_pin(hall, staff_no, PIN)

    def punches(self) -> list[tuple[str, str]]:
        rows = self.hall.db.query("SELECT staff_no, way FROM punch ORDER BY idx")
        return [(row["staff_no"], row["way"]) for row in rows]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "hall")
    yield made
    made.close()


@pytest.fixture
def camera(playwright: Playwright, tmp_path: Path) -> Iterator[tuple[Browser, Path]]:
    """A browser and the film that its camera shows; it is read anew when the camera is opened."""
    clip = film(tmp_path / "camera.mjpeg", "biden")
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            *QUIET,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={clip}",
        ],
    )
    yield browser, clip
    browser.close()


def before_the_camera(page: Page, clip: Path, who: str | bytes) -> None:
    """Somebody steps before the camera and presses the button."""
    page.evaluate("Kiosk.lens.close()")
    if isinstance(who, str):
        film(clip, who)
    else:
        clip.write_bytes(who * 30)
    page.get_by_role("button", name="刷脸签到").click()


def walks_away(page: Page) -> None:
    if not page.locator("#pin-form").is_visible():
        page.locator("#by-pin").click()
    page.locator("#cancel").click()
    expect(page.locator("#said")).to_have_text("请按下面的按钮签到")


def by_pin(page: Page, number: str) -> None:
    page.get_by_role("button", name="工号口令签到").click()
    page.fill("#staff-no", number)
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")


def test_a_kiosk_knows_whom_it_should_also_over_an_hour_without_the_node(
    node: Node, camera: tuple[Browser, Path]
):
    browser, clip = camera
    node.takes_in(ZHANG, "张小敏", "obama", others=8)
    context = browser.new_context(permissions=["camera"], locale="zh-CN")
    context.set_default_timeout(15_000)
    page = context.new_page()
    admitted(node.hall, page, node.address)
    whoever_is_not_known_is_told_why(page, clip)
    assert node.punches() == []
    before_the_camera(page, clip, "obama")
    expect(page.locator("#said")).to_contain_text(SIGNED_IN, timeout=15_000)
    expect(page.locator("#said")).to_contain_text("张**")
    assert node.punches() == [(ZHANG, "face")]

    the_page_is_kept(page)
    node.running.stop()
    three_sign_in_without_the_node(page, clip)
    nothing_lies_open(page)
    assert node.punches() == [(ZHANG, "face")]

    node.start()
    page.evaluate("Kiosk.upkeep.report()")
    expect(page.locator("#waiting")).to_be_hidden(timeout=20_000)
    expect(page.locator("#away")).to_be_hidden()
    assert node.punches() == [(ZHANG, way) for way in ("face", "pin", "face", "pin")]
    everything_arrived_once_in_order(node.hall)

    node.takes_in(WANG, "王建国", "biden")
    before_the_camera(page, clip, "biden")
    expect(page.locator("#said")).to_contain_text("王**", timeout=15_000)
    assert node.punches()[-1] == (WANG, "face")
    context.close()


def whoever_is_not_known_is_told_why(page: Page, clip: Path) -> None:
    """A stranger, nobody, two people at once."""
    for who, told in (
        ("biden", "没有认出您"),
        (pictures.nobody(), "没有看到人脸"),
        (pictures.two_people(), "不止一个人"),
    ):
        before_the_camera(page, clip, who)
        expect(page.locator("#said")).to_contain_text(told, timeout=15_000)
        walks_away(page)


def three_sign_in_without_the_node(page: Page, clip: Path) -> None:
    """By PIN, by face after the page was opened anew, by PIN; a number that nobody has is not."""
    said = page.locator("#said")
    by_pin(page, "021")
    expect(said).to_contain_text(KEPT)
    page.reload()
    expect(page.locator("#away")).to_have_text(OFFLINE)
    before_the_camera(page, clip, "obama")
    expect(said).to_contain_text("画面加密保存", timeout=15_000)
    by_pin(page, "999")
    expect(said).to_contain_text("没有这个工号")
    page.locator("#cancel").click()
    by_pin(page, "021")
    expect(said).to_contain_text(KEPT)


def the_page_is_kept(page: Page) -> None:
    """The service worker has put page and scripts aside."""
    page.wait_for_function(
        """navigator.serviceWorker.controller
            && caches.match("/kiosk").then(function (kept) { return Boolean(kept); })"""
    )


def nothing_lies_open(page: Page) -> None:
    """Neither PIN nor picture stands in the browser's own store as it is."""
    kept = page.evaluate(
        """Promise.all(["events", "blobs"].map(function (name) {
            return Kiosk.store.range(name, "", "\\uffff", 1000);
        })).then(function (found) {
            return {
                events: found[0].map(function (one) { return one.text; }),
                starts: found[1].map(function (one) { return Array.from(one.data.slice(0, 3)); }),
            };
        })"""
    )
    assert len(kept["starts"]) == 3
    assert [255, 216, 255] not in kept["starts"]
    kinds = [json.loads(text)["kind"] for text in kept["events"]]
    assert [kind for kind in kinds if kind != "app_start"] == ["match", "manual", "frame", "manual"]
    assert not any(PIN in text for text in kept["events"])


def everything_arrived_once_in_order(hall: Hall) -> None:
    rows = hall.db.query("SELECT seq, kind, status, at FROM terminal_event ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert {row["status"] for row in rows} == {"stored"}
    assert hall.db.query("SELECT 1 AS one FROM terminal_blob") == []


LOUDSPEAKER = """
window.heard = { said: [], notes: [], states: [] };
const local = { lang: "zh-CN", localService: true, name: "here" };
const remote = { lang: "zh-CN", localService: false, name: "far away" };
window.SpeechSynthesisUtterance = function (text) { this.text = text; };
Object.defineProperty(window, "speechSynthesis", { value: {
    getVoices: function () { return [remote, local]; },
    cancel: function () {},
    speak: function (one) { heard.said.push([one.text, one.voice.name, one.lang]); },
} });
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (when) {
    heard.notes.push(this.frequency.value);
    const sound = this.context;
    window.setTimeout(function () { heard.states.push(sound.state); }, 100);
    return start.call(this, when);
};
"""
"""Notes what the page gives to the loudspeaker and to the voice; the tones are really made."""

WAIT_FOR = """async function (words) {
    for (let turn = 0; turn < 300; turn += 1) {
        const said = heard.said.some(function (one) { return one[0].includes(words); });
        if (said && heard.states.length === heard.notes.length) return heard;
        await new Promise(function (done) { window.setTimeout(done, 50); });
    }
    return null;
}"""

TONES = {"ok": [660, 880], "warn": [330], "ask": [520]}


def tone_with(page: Page, words: str) -> list[float]:
    """The notes before these words, which a voice of this machine said; then forgets both."""
    found = page.evaluate(WAIT_FOR, words)
    assert found is not None, page.evaluate("heard")
    *_, (text, voice, language) = [one for one in found["said"] if words in one[0]]
    assert "\n" not in text and (voice, language) == ("here", "zh-CN")
    assert set(found["states"]) == {"running"}
    page.evaluate("heard.said.length = heard.notes.length = heard.states.length = 0")
    notes: list[float] = found["notes"]
    return notes


def test_what_the_screen_says_is_spoken_and_has_a_tone_of_its_own(
    node: Node, camera: tuple[Browser, Path]
):
    browser, clip = camera
    node.takes_in(ZHANG, "张小敏", "obama")
    context = browser.new_context(permissions=["camera"], locale="zh-CN")
    context.set_default_timeout(15_000)
    context.add_init_script(LOUDSPEAKER)
    page = context.new_page()
    admitted(node.hall, page, node.address)
    # Too few are enrolled to go by the face alone.
    before_the_camera(page, clip, "obama")
    assert tone_with(page, "请再输入工号和口令")[-len(TONES["ask"]) :] == TONES["ask"]
    page.fill("#staff-no", "021")
    page.fill("#pin", "000000")
    page.keyboard.press("Enter")
    assert tone_with(page, "工号或口令不对")[-len(TONES["warn"]) :] == TONES["warn"]
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")
    assert tone_with(page, "签到成功")[-len(TONES["ok"]) :] == TONES["ok"]
    node.running.stop()
    by_pin(page, "021")
    assert tone_with(page, KEPT)[-len(TONES["ok"]) :] == TONES["ok"]
    context.close()


PEAKS = """
(function () {
    const made = [];
    window.AudioContext = function () {
        const sound = new OfflineAudioContext(1, 22050, 44100);
        made.push(sound);
        return sound;
    };
    window.rendered = async function () {
        const samples = (await made[0].startRendering()).getChannelData(0);
        const notes = [];
        for (let from = 0; from + 3528 < samples.length; from += 7056) {
            let peak = 0, crossings = 0;
            for (let at = from + 1; at < from + 3528; at += 1) {
                peak = Math.max(peak, Math.abs(samples[at]));
                if (samples[at - 1] < 0 && samples[at] >= 0) crossings += 1;
            }
            notes.push([peak, crossings / 3528 * 44100]);
        }
        return notes;
    };
})();
"""
"""Tones are written down instead of played: height and loudness of the first half of each note."""


def test_a_tone_can_be_heard_and_is_as_high_as_it_should_be(
    node: Node, camera: tuple[Browser, Path]
):
    for look, asked in TONES.items():
        page = camera[0].new_page()
        page.add_init_script(PEAKS)
        page.goto(node.address)
        page.evaluate(f"Kiosk.voice.tone({look!r})")
        notes = page.evaluate("rendered()")
        for (peak, height), pitch in zip(notes, asked, strict=False):
            assert peak > 0.1 and abs(height - pitch) < 15
        assert all(peak < 0.001 for peak, _ in notes[len(asked) :])
        page.close()
