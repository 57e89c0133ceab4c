"""A hall and a center as a release leaves them: real work through the real code, and a contact.

Everything that was ever kept or sent should be in it, so that a later version is held to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from aggregator.app import create_app as center_app
from aggregator.center import Center, CenterSettings
from aggregator.halls import roster
from aggregator.receiving.apply import apply_all
from aggregator.receiving.intake import intake
from node.app import create_app as hall_app
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.outbox.syncing import contact
from standards.catalogue import starter_guides
from standards.records import FaceConsent, Finding, FindingAnswer, NumberScheme, Punch, StaffMember
from standards.workdays import published_years
from sync.log import LogStore
from tests.independent.client import Client
from tests.node.contacts import line_of
from tests.node.hall import ORGANISATION, Browser, TurnableClock, calendar, complete, few, take_in
from tests.node.hall import published as guide_published
from tests.releases.tap import Passed, Tap
from web.listener import Listener, Running

NAME = "tonghua.example"
SETTINGS = HallSettings(hall="T01", name="公安分厅", center=NAME)
OFFICE = CenterSettings(center=NAME, name="市政务公开办公室")
GUIDES = few(starter_guides())
DAY = date(2026, 11, 24)
ACTOR = "T01-001"


@dataclass
class Town:
    """One hall and the center below one folder, and the line between them."""

    folder: Path
    clock: TurnableClock = field(default_factory=TurnableClock)

    @contextmanager
    def hall(self) -> Iterator[Hall]:
        """The hall's program runs."""
        data = self.folder / "hall"
        if not (data / "node.toml").exists():
            SETTINGS.save(data)
        hall = Hall(data, HallSettings.load(data), self.clock.as_clock())
        hall.db.create(enrolment.DDL)
        try:
            yield hall
        finally:
            hall.close()

    @contextmanager
    def center(self) -> Iterator[tuple[Center, Tap, str]]:
        """The center's program runs and listens: it, what passes its wire, its address."""
        data = self.folder / "center"
        if not (data / "center.toml").exists():
            OFFICE.save(data)
        center = Center(data, CenterSettings.load(data), self.clock.as_clock())
        app = center_app(center)
        app.register_blueprint(intake)
        tap = Tap(app)
        running = Running(Listener(app=tap, host="127.0.0.1", port=0, max_body=40 * 1024 * 1024))
        running.start()
        try:
            yield center, tap, f"http://127.0.0.1:{running.port}"
        finally:
            running.stop(grace=1.0)
            center.close()


def make(town: Town) -> Passed:
    """A day of work; at its end both sides hold what the other one has not got.

    Answers how the center told the hall that it is admitted.
    """
    with town.hall() as hall, town.center() as (center, tap, url):
        with center.db.transaction():
            for record in (*map(calendar, published_years()), *map(guide_published, GUIDES)):
                center.publish(record, actor="Z-03")
        _enrol(hall, center, url)
        admitted = tap.passed[-1]
        contact(hall, line_of(hall, url))
        _window(hall)
        contact(hall, line_of(hall, url))
        _of_a_newer_hall(center, url)
        apply_all(center)
        finding = center.order("T01", _finding("样品台无标识"), actor="Z-07")
        contact(hall, line_of(hall, url))
        hall.write(_answer(finding.leaf.id, "已补标识"), actor=ACTOR)
        town.clock.turn(hours=2)
        take_in(Browser(hall_app(hall).test_client()).sign_in("zhao"), GUIDES[1])
        center.publish(NumberScheme(version=2, template="{hall}-{serial:04d}"), actor="Z-03")
        center.order("T01", _finding("饮水机无水"), actor="Z-07")
        return admitted


def _enrol(hall: Hall, center: Center, url: str) -> None:
    roster.register_hall(center, "T01", SETTINGS.name)
    enrolment.ask(hall, line_of(hall, url), url, roster.new_code(center, "T01"))
    roster.approve(center, roster.pending(center)[0].id, "Z-00")
    enrolment.ask_again(hall, line_of(hall, url))


def _window(hall: Hall) -> None:
    """Windows, desk and the door, through the pages where there is one."""
    app = hall_app(hall)
    window = Browser(app.test_client()).sign_in("li")
    desk = Browser(app.test_client()).sign_in("wang")
    guide, slow = GUIDES[0], complete(GUIDES[0])
    decided = take_in(window, guide)
    denied = take_in(window, guide, **ORGANISATION)
    notified = take_in(window, guide, "notify", materials=slow[:1])
    take_in(window, guide, "receive")
    for browser, path, form in (
        (window, f"/cases/{notified}/correct", {"materials": slow[1:]}),
        (window, f"/cases/{notified}/accept", {}),
        (desk, f"/review/{decided}", {"outcome": "granted", "opinion": "符合条件"}),
        (desk, f"/review/{denied}", {"outcome": "denied", "ground": "conditions_not_met",
                                     "opinion": "经营场所与申报地址不一致"}),
    ):  # fmt: skip
        answer = browser.post(path, form)
        assert answer.status_code == 303, (path, answer.text)
    for number in range(3):
        who = f"T01-00{number + 1}"
        hall.write(StaffMember(staff_no=who, department="公安局", name="李四"), actor=ACTOR)
        consent = FaceConsent(staff_no=who, notice_version=1, given=number < 2, day=DAY)
        hall.write(consent, actor=who)
        way, grade = (("face", "B"), ("pin", "C"), ("supervisor", "D"))[number]
        at = f"2026-11-24T08:2{number}:57+08:00"
        hall.write(Punch(staff_no=who, punched_at=at, way=way, grade=grade), actor=who)


def _of_a_newer_hall(center: Center, url: str) -> None:
    """A second hall sends a kind that this release does not know."""
    roster.register_hall(center, "T02", "税务分厅")
    client, code = Client(url, NAME, "T02"), roster.new_code(center, "T02")
    client.enrol(code)
    roster.approve(center, roster.pending(center)[0].id, "Z-00")
    client.enrol(code)
    client.write("weather_seen", {"sky": "snow"}, {"who": "李四"})
    client.write(
        "face_consent",
        {"day": "2026-11-24", "given": True, "notice_version": 1, "staff_no": "T02-001"},
    )
    client.round()
    client.push(0, 2)


def _finding(text: str) -> Finding:
    return Finding(
        for_hall="T01",
        source="inspected",
        severity="minor",
        dimension="amenities",
        clause="5.1",
        text=text,
    )


def _answer(finding: str, text: str) -> FindingAnswer:
    return FindingAnswer(finding_id=finding, measure="rectified", done_on=DAY, text=text)


def one_contact(town: Town) -> list[Passed]:
    """A whole contact over the wire, and how an address is answered that is not there yet."""
    with town.hall() as hall, town.center() as (_, tap, url):
        contact(hall, line_of(hall, url))
        kept = list(tap.passed)
        unknown = Passed("POST", "/sync/v1/not-there-yet", {}, b"", 0, {}, b"")
        unknown.again(int(url.rsplit(":", 1)[1]))
        return [*kept, tap.passed[-1]]


def facts(logs: LogStore) -> dict[str, Any]:
    """What must still be true under a later version: logs, cases with their people, quarantine."""
    return {
        "logs": {
            s.origin: {
                "size": s.size,
                "root": s.frontier.root.hex(),
                "mark": s.mark.size,
                "applied": s.applied,
            }
            for s in logs.states()
        },
        "cases": [
            {"id": row["id"], "stage": row["stage"], "payload": _payload(logs, row["id"])}
            for row in logs.db.query("SELECT id, stage FROM case_standing ORDER BY id")
        ],
        "quarantine": [
            [row["origin"], row["idx"], row["kind"]]
            for row in logs.db.query("SELECT origin, idx, kind FROM quarantine ORDER BY idx")
        ],
    }


def _payload(logs: LogStore, case_id: str) -> object:
    rows = logs.db.query("SELECT origin, idx FROM case_received WHERE id = :id", id=case_id)
    payload = logs.payload(rows[0]["origin"], rows[0]["idx"]) if rows else None
    return json.loads(payload) if payload is not None else None
