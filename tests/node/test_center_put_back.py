"""A center that was put back and cannot know it: what it waits for, and what becomes of what it
wrote before anybody could tell. And two histories that were both shown: told at once, kept twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.app import create_app as create_center_app
from aggregator.commands import main
from aggregator.safekeeping import forks, returning, set_aside, unheard
from node.app import create_app
from node.hall import Hall
from node.outbox import heads
from node.outbox.syncing import contact, words_of
from standards.records import Finding, GuidePublished
from sync.batch import unpack
from sync.client import PREFIX
from sync.errors import Fork, StoreBusy, SyncError
from sync.notes import Checkpoint, open_note
from sync.recovery.highwater import HighWater
from sync.storage.tables import records
from tests.aggregator.office import Hands, Office
from tests.independent.center import Listening, listening
from tests.node.contacts import enrolled, line_of, new_hall
from tests.node.hall import Browser
from tests.simulation.machines import guide_published

KEPT = ("center.db", "center.db-wal", "center.db-shm", "highwater")


def publish(office: Listening, *versions: int) -> None:
    for version in versions:
        made = guide_published(version, office.center.clock.today())
        office.center.publish(made, actor="C-1")


def meet(hall: Hall, office: Listening) -> None:
    contact(hall, line_of(hall, office.url))


def versions_at(machine) -> list[int]:
    return [one.version for one in records(machine.db, GuidePublished)]


class Town:
    """Two halls and a center that stand still, and a copy of the center's whole folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def hall(self, name: str) -> Iterator[Hall]:
        with new_hall(self.folder / name, name) as made:
            yield made

    @contextmanager
    def center(self) -> Iterator[Listening]:
        with listening(self.folder / "center") as made:
            yield made

    def copy(self) -> None:
        for name in KEPT:
            if (self.folder / "center" / name).exists():
                shutil.copy2(self.folder / "center" / name, self.folder / f"old-{name}")

    def put_back(self, *, without: str = "") -> None:
        for name in KEPT:
            (self.folder / "center" / name).unlink(missing_ok=True)
            if name != without and (self.folder / f"old-{name}").exists():
                shutil.copy2(self.folder / f"old-{name}", self.folder / "center" / name)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Both halls hold guide 1 and have proved it; then the center is copied."""
    made = Town(tmp_path)
    with made.center() as office, made.hall("T01") as first, made.hall("T02") as second:
        for hall in (first, second):
            enrolled(hall, office)
        publish(office, 1)
        for _ in range(2):
            meet(first, office)
            meet(second, office)
    made.copy()
    return made


def page(office: Listening, who: str = "duizhang") -> str:
    found = Office(office.center, create_center_app(office.center), Hands())
    return found.person(who).text("/returned")


def test_a_center_without_its_marks_writes_nothing_before_it_heard_every_hall(town: Town):
    with town.center() as office, town.hall("T01") as first:
        publish(office, 2)
        meet(first, office)
    town.put_back(without="highwater")
    with town.center() as office, town.hall("T01") as first, town.hall("T02") as second:
        center = office.center
        assert list(unheard.waited_for(center.db)) == ["T01", "T02"]
        with pytest.raises(StoreBusy):
            publish(office, 3)
        assert "还要等的分厅" in page(office) and "还要等2个分厅联系" in page(office)
        meet(first, office)
        assert versions_at(center) == [1, 2], "the hall brought back what was lost"
        finding = Finding(for_hall="T01", source="inspected", text="门口缺指示牌")
        center.order("T01", finding, actor="C-7")
        with pytest.raises(StoreBusy):
            publish(office, 3)
        meet(second, office)
        publish(office, 3)
        for hall in (first, second):
            meet(hall, office)
            assert versions_at(hall) == [1, 2, 3]
        assert "还要等的分厅" not in page(office)


def test_a_center_that_starts_again_with_its_marks_waits_for_nobody(town: Town):
    with town.center() as office:
        publish(office, 2)
    with town.center() as office:
        assert unheard.waited_for(office.center.db) == {}
        publish(office, 3)


def test_a_person_goes_on_without_a_hall_that_is_gone(town: Town):
    town.put_back(without="highwater")
    center = town.folder / "center"
    with town.center() as office, town.hall("T01") as first:
        meet(first, office)
        office.center.settings.save(center)
    told = CliRunner().invoke(main, ["go-on", "--data", str(center)])
    assert told.exit_code == 0 and "hall T02 was not heard" in told.output
    refused = CliRunner().invoke(main, ["go-on", "--data", str(center), "--hall", "T02"])
    assert refused.exit_code == 1 and "--actor" in refused.output
    words = ["go-on", "--data", str(center), "--hall", "T02", "--actor", "C-1"]
    assert "Nothing is waited for" in CliRunner().invoke(main, words).output
    with town.center() as office:
        publish(office, 2)
    again = CliRunner().invoke(main, ["wait-for-halls", "--data", str(center)])
    assert "hall T01" in again.output and "hall T02" in again.output
    with town.center() as office, pytest.raises(StoreBusy):
        publish(office, 3)


def test_what_was_written_before_anybody_called_goes_on_behind_what_was_lost(town: Town):
    with town.center() as office, town.hall("T01") as first, town.hall("T02") as second:
        publish(office, 2)
        meet(first, office)
        meet(second, office)
        publish(office, 3)
        meet(second, office)
    town.put_back()
    with town.center() as office, town.hall("T01") as first, town.hall("T02") as second:
        center = office.center
        assert unheard.waited_for(center.db) == {}, "the whole folder went back: nobody can know"
        publish(office, 4, 5)
        found = Finding(for_hall="T01", source="inspected", text="门口缺指示牌")
        mine = center.order("T01", found, actor="C-7")
        meet(first, office)
        assert versions_at(center) == [1, 2]
        assert set_aside.counts(center) == {center.standards_origin: 2}
        assert "暂存的记录" in page(office)
        assert center.logs.read(Finding, mine.leaf.id) == found, "its people and place are whole"
        meet(second, office)
        assert versions_at(center) == [1, 2, 3, 4, 5] and set_aside.counts(center) == {}
        for hall in (first, second):
            meet(hall, office)
            meet(hall, office)
            assert versions_at(hall) == [1, 2, 3, 4, 5]
            for state in [one for one in hall.logs.states() if one.size]:
                assert center.logs.state(state.origin).frontier == state.frontier
        assert first.read(Finding, mine.leaf.id) == found
        ways = {one.way for one in returning.returned(center)}
        assert ways == {"own", "behind"} and forks.split_heads(center) == []


def test_a_request_from_before_it_was_put_back_shows_nothing_that_was_written_since(town: Town):
    """It says nothing of what the hall holds, and nobody waits for the answer any more."""
    with town.center() as office, town.hall("T01") as first:
        publish(office, 2)
        meet(first, office)
    town.put_back()
    with town.center() as office, town.hall("T01") as first:
        publish(office, 3)
        late = f"{PREFIX}/logs/{first.standards_origin}?from="
        with pytest.raises(SyncError, match="nothing after this size") as told:
            line_of(first, office.url).send("GET", f"{late}1", b"", "")
        assert told.value.facts["size"] == 1
        raw = line_of(first, office.url).send("GET", f"{late}0", b"", "")
        assert unpack(raw, [office.center.signer.verifier]).header.stop == 1
        meet(first, office)
        assert versions_at(office.center) == [1, 2] and forks.split_heads(office.center) == []
        returning.go_on_unheard(office.center, "T02")
        meet(first, office)
        assert versions_at(first) == [1, 2, 3] == versions_at(office.center)


def shown_elsewhere(town: Town) -> None:
    """The center was put back, wrote another guide 2 and showed it to T02; T01 holds the first."""
    with town.center() as office, town.hall("T01") as first:
        publish(office, 2)
        meet(first, office)
    town.put_back()
    with town.center() as office, town.hall("T02") as second:
        publish(office, 3)
        meet(second, office)


def test_another_history_of_the_same_size_is_told_on_both_sides_and_both_heads_are_kept(
    town: Town,
):
    shown_elsewhere(town)
    with town.center() as office, town.hall("T01") as first:
        with pytest.raises(Fork) as told:
            meet(first, office)
        assert "标准日志" in words_of(told.value) and "留证" in words_of(told.value)
        (here,) = heads.split_heads(first)
        (there,) = forks.split_heads(office.center)
        key = [office.center.signer.verifier]
        for one in (here, there):
            both = [
                Checkpoint.parse(open_note(n.encode(), key).text) for n in (one.theirs, one.ours)
            ]
            assert {(p.origin, p.size) for p in both} == {(first.standards_origin, 2)}
            assert both[0].root != both[1].root
        root = Browser(create_app(first).test_client()).sign_in("root")
        assert "不是同一份" in root.get("/outbox").text and here.theirs in root.get("/outbox").text
        assert (first.data / "evidence" / "split-standards-2.txt").exists()
        boss = Office(office.center, create_center_app(office.center), Hands()).person("guanli")
        assert "中心日志分叉" in boss.text("/returned") and "未处置" in page(office)
        boss.post("/returned/settled", {"origin": there.origin, "hall": "T01", "size": "2"})
        assert "中心日志分叉" not in boss.text("/returned") and "两份签名" in page(office)


def test_where_one_log_of_the_center_forked_all_others_go_on_and_a_person_ends_the_waiting(
    town: Town,
):
    with town.center() as office, town.hall("T01") as first:
        publish(office, 2, 3)
        meet(first, office)
    town.put_back()
    with town.center() as office, town.hall("T02") as second:
        publish(office, 4)
        meet(second, office)
    with town.center() as office, town.hall("T01") as first, town.hall("T02") as second:
        center = office.center
        for _ in range(2):
            with pytest.raises(Fork) as told:
                meet(first, office)
            assert "上报和其他下发照常" in words_of(told.value)
        assert len(heads.split_heads(first)) == 1
        center.order("T01", Finding(for_hall="T01", source="inspected"), actor="C-7")
        with pytest.raises(Fork):
            meet(first, office)
        assert first.logs.state(first.orders_origin).size == 1
        meet(second, office)
        with pytest.raises(StoreBusy):
            publish(office, 5)
        returning.go_on_without(center, center.standards_origin, "C-1")
        publish(office, 5)
        with pytest.raises(Fork):
            meet(first, office)
        publish(office, 6)
        meet(second, office)
        assert versions_at(second) == [1, 4, 5, 6]


def test_marks_that_another_program_wrote_are_taken_up(tmp_path: Path):
    here, other = HighWater(tmp_path / "marks"), HighWater(tmp_path / "marks")
    other.promise("c/standards/1", 7)
    other.promise("c/standards/1", 9)
    other.lower("c/standards/1", 8)
    assert here.reached("c/standards/1") == 0
    here.look_again()
    assert here.reached("c/standards/1") == 8


def test_a_head_over_what_was_taken_out_meanwhile_is_not_signed(town: Town):
    with town.center() as office:
        publish(office, 2)
        logs, origin = office.center.logs, office.center.standards_origin
        size = logs.state(origin).size
        set_aside.take_out(office.center, origin)
        with pytest.raises(StoreBusy):
            logs.promise(origin, size)
        assert office.center.offered.reached(origin) == size - 1
