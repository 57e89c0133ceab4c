"""Today's programs over what each release kept, and against what it said on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from click.testing import CliRunner

from aggregator import center as center_module
from aggregator.app import create_app as center_app
from aggregator.commands import main as center_command
from aggregator.receiving.apply import apply_all
from node.app import create_app as hall_app
from node.commands import main as hall_command
from node.hall import Hall
from node.keys import enrolment
from node.outbox.syncing import contact
from standards.records import RECORDS
from standards.records.declare import Field, Owner, Record
from standards.records.wording import Line
from sync.applied.applying import rebuild
from sync.client import refusal_of
from sync.contact import messages
from sync.contact.messages import EnrolAnswer, RoundAnswer
from sync.errors import SyncError
from sync.notes import Checkpoint, open_note
from tests.aggregator.office import Hands, Office
from tests.node.contacts import line_of
from tests.node.hall import Browser, take_in
from tests.releases.content import GUIDES, NAME, Town, facts
from tests.releases.recorded import Recording, releases
from tests.releases.tap import Passed
from tests.source import ROOT
from tests.sync.stores import content as rows_of

OWN, ORDERS, STANDARDS = (f"{NAME}/{log}/1" for log in ("T01", "orders-T01", "standards"))


class WeatherSeen(Record, frozen=True, kw_only=True):
    """天气: the kind that no release of the recordings knew."""

    kind: ClassVar[str] = "weather_seen"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "天气"

    sky: Annotated[Line, Field(label="天空")]
    who: Annotated[Line, Field(label="谁", personal=True)]


@pytest.fixture(params=releases())
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(request.param)


@pytest.fixture
def town(recording: Recording, tmp_path: Path) -> Iterator[Town]:
    """The data folders of that release, as its administrator would upgrade them."""
    recording.unpack(tmp_path)
    found = Town(tmp_path)
    found.clock.turn(days=1)
    yield found


def run(command, *told: object) -> str:
    answer = CliRunner().invoke(command, [str(word) for word in told])
    assert answer.exit_code == 0, answer.output
    return answer.output


# --- what a release kept ------------------------------------------------------------------------


def test_every_release_in_the_changelog_has_its_recording():
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+)", told, re.M)
    assert set(released) | {"0.1"} <= set(releases())


def test_a_recording_stays_small(recording: Recording):
    assert recording.size() < 300_000


def test_todays_commands_open_the_folders_of_a_release_and_find_every_log_whole(
    recording: Recording, town: Town
):
    for machine, command in (("hall", hall_command), ("center", center_command)):
        told = run(command, "verify", "--data", town.folder / machine)
        for origin, log in recording.facts()[machine]["logs"].items():
            assert re.search(rf"{origin}\s+{log['size']} entries\s+holds", told)
        # A second start finds nothing left to change.
        run(command, "status", "--data", town.folder / machine)


def test_todays_programs_find_every_case_with_its_people_and_what_waits(
    recording: Recording, town: Town
):
    with town.hall() as hall, town.center() as (center, _, _):
        now = {"hall": facts(hall.logs), "center": facts(center.logs)}
    was = recording.facts()
    for machine in ("hall", "center"):
        assert now[machine]["cases"] == was[machine]["cases"]
        assert now[machine]["quarantine"] == was[machine]["quarantine"]
        # A later version may begin logs of its own, and write; it changes none of these.
        logs = now[machine]["logs"]
        assert {origin: logs[origin] for origin in was[machine]["logs"]} == was[machine]["logs"]


def test_hall_and_center_of_a_release_go_on_together_after_both_were_upgraded(
    recording: Recording, town: Town
):
    was = recording.facts()
    with town.hall() as hall, town.center() as (center, _, url):
        line = line_of(hall, url)
        done = contact(hall, line)
        assert done.sent >= was["hall"]["logs"][OWN]["size"] - was["hall"]["logs"][OWN]["mark"]
        assert done.fetched >= 2
        take_in(Browser(hall_app(hall).test_client()).sign_in("li"), GUIDES[0])
        contact(hall, line)
        apply_all(center)
        assert contact(hall, line).sent == 0
        for logs in (hall.logs, center.logs):
            assert [logs.verify(state.origin) for state in logs.states()] == [None] * len(
                logs.states()
            )
        own = [s for s in hall.logs.states() if s.writer == "T01"]
        copies = [s for s in center.logs.states() if s.writer == "T01"]
        assert [(s.origin, s.frontier.root) for s in own] == [
            (s.origin, s.frontier.root) for s in copies
        ]
        assert all(s.mark.size == s.size for s in own)
        assert cases_of(hall.logs) == cases_of(center.logs)
        assert len(cases_of(hall.logs)) == len(was["hall"]["cases"]) + 1


def cases_of(logs) -> list[Any]:
    found = facts(logs)["cases"]
    assert isinstance(found, list)
    return found


def test_the_tables_of_a_release_can_be_built_anew_from_what_it_kept(town: Town):
    with town.hall() as hall, town.center() as (center, _, _):
        for logs in (hall.logs, center.logs):
            names = logs.tables.names()
            before = rows_of(logs.db, names)
            assert rebuild(logs) > 0
            assert rows_of(logs.db, names) == before


# --- what a release says ------------------------------------------------------------------------


def test_the_requests_of_an_older_hall_are_answered_by_todays_center(
    recording: Recording, town: Town
):
    admitted, asked, *rest, _ = recording.wire()
    with town.center() as (center, _, url):
        port = int(url.rsplit(":", 1)[1])

        def answer_to(passed: Passed) -> bytes:
            status, headers, body = passed.again(port)
            assert (status, headers.get("onehall")) == (200, "1"), body
            assert headers["content-type"] == passed.answer_headers["Content-Type"]
            return body

        assert messages.read(answer_to(admitted), EnrolAnswer).state == "approved"
        told, was = (messages.read(raw, RoundAnswer) for raw in (answer_to(asked), asked.answer))
        offered = {head.origin: head.size for head in told.logs}
        assert {head.origin: head.size for head in was.logs}.items() <= offered.items()
        for passed in rest:
            body = answer_to(passed)
            if passed.method == "POST":
                # An older hall believes a receipt only over the very head it sent.
                assert head_of(body, center.cosigner) == head_of(passed.answer, center.cosigner)
                assert center.logs.state(OWN).size == head_of(body, center.cosigner).size
            else:
                assert leaves_of(body) == leaves_of(passed.answer)
        apply_all(center)
        cases = {case["id"] for case in recording.facts()["hall"]["cases"]}
        assert {case["id"] for case in cases_of(center.logs)} == cases
        # The same bytes once more: a hall that lost every answer.
        for passed in (admitted, asked, *rest):
            answer_to(passed)
        assert apply_all(center) == 0


def head_of(receipt: bytes, cosigner) -> Checkpoint:
    return Checkpoint.parse(open_note(receipt, [cosigner.verifier]).text)


def leaves_of(batch: bytes) -> bytes:
    """Header lines 2 to 5, 7: which entries of which log; and the signed head over them."""
    lines = batch.split(b"\n")
    text, head = lines[2:8], batch.split(b"\n\n")[1].split(b"\n")[1:]
    return b"\n".join([*text[:4], text[5], *head])


class OlderCenter:
    """A line on which a center of that release answers, with the very bytes it answered."""

    def __init__(self, recording: Recording) -> None:
        self._admitted, *rest, self._unknown = recording.wire()
        self._answers = {(p.method, p.target): p for p in (self._admitted, *rest)}
        self.unknown: list[str] = []

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        passed = self._answers.get((method, target))
        if passed is None:
            self.unknown.append(f"{method} {target}")
            raise refusal_of(self._unknown.answer)
        return passed.answer


def test_todays_hall_understands_the_answers_of_an_older_center(recording: Recording, town: Town):
    line = OlderCenter(recording)
    with town.hall() as hall:
        was = hall.state()
        assert was.mark.size < was.size
        told = contact_of(hall, line)
        assert hall.logs.state(OWN).mark.size == recording.facts()["hall"]["logs"][OWN]["size"]
        down = recording.facts()["hall"]["logs"]
        for origin in (STANDARDS, ORDERS):
            state = hall.logs.state(origin)
            assert state.size == state.applied == down[origin]["size"] + 1
        assert told is None, (told, line.unknown)
        hall.db.execute("UPDATE trust SET state = 'pending'")
        found = enrolment.ask_again(hall, line)
        assert found is not None and found.state == "approved"


def contact_of(hall: Hall, line: OlderCenter) -> SyncError | None:
    """A contact, or what stopped it; an older center does not know all that is asked today."""
    try:
        contact(hall, line)
    except SyncError as stopped:
        return stopped
    return None


# --- newer kinds --------------------------------------------------------------------------------


def test_a_kind_of_a_newer_hall_was_kept_is_shown_and_stands_once_after_the_upgrade(
    town: Town, monkeypatch: pytest.MonkeyPatch
):
    origin = f"{NAME}/T02/1"
    with town.center() as (center, _, _):
        apply_all(center)
        rows = center.db.query("SELECT idx, kind, reason FROM quarantine")
        assert [(row["idx"], row["kind"]) for row in rows] == [(0, "weather_seen")]
        assert "newer version" in rows[0]["reason"]
        page = Office(center, center_app(center), Hands()).person("duizhang").text("/halls/T02")
        assert "隔离 1 条" in page
    monkeypatch.setattr(center_module, "RECORDS", (*RECORDS, WeatherSeen))
    data = town.folder / "center"
    assert "1 entries could be applied" in run(center_command, "replay", "T02", "--data", data)
    assert "0 entries could be applied" in run(center_command, "replay", "T02", "--data", data)
    with town.center() as (center, _, _):
        assert center.db.query("SELECT idx FROM quarantine") == []
        rows = center.db.query("SELECT hall, origin, idx, sky FROM weather_seen")
        assert [tuple(row.values()) for row in rows] == [("T02", origin, 0, "snow")]
        found = center.logs.read(
            WeatherSeen, center.db.query("SELECT id FROM weather_seen")[0]["id"]
        )
        assert found is not None and found.who == "李四"
