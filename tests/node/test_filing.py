"""Files go up and come down behind the log, over a real line that breaks anywhere."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregator.receiving.apply import apply_all
from node.files.filing import STUCK_S
from node.outbox import syncing
from node.outbox.syncing import SyncStatus
from node.safekeeping import archives
from sync.client import Answer, HttpLine
from sync.contact.signed_requests import Asked
from sync.errors import Unreachable
from sync.files import pacing
from tests.independent.center import Listening, office
from tests.node.contacts import line_of
from tests.node.filed import MARK, Filed, Fraying, filed, scan
from tests.simulation.clocks import Time

__all__ = ["office"]

OTHER_CASE = "0193b2c4-2222-7aaa-8bbb-000000000002"


@pytest.fixture
def town(tmp_path: Path, office: Listening) -> Iterator[Filed]:
    with filed(tmp_path / "hall", office) as made:
        yield made


@pytest.fixture
def cable(office: Listening) -> Iterator[Fraying]:
    made = Fraying(int(office.url.rpartition(":")[2]))
    yield made
    made.close()


class Watched:
    """A line that notes every request and may change what comes back."""

    def __init__(self, line: HttpLine, time: Time | None = None) -> None:
        self.line, self.time = line, time
        self.asked: list[Asked] = []

    def ask(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.time is not None:
            # As a line of half a megabit would take it.
            self.time.pass_on(0.05 + len(asked.body) / 64_000)
        return self.line.ask(asked)

    def pieces(self, name: str) -> list[str]:
        """The ranges of one file that were sent."""
        return [
            one.headers["Content-Range"]
            for one in self.asked
            if one.method == "PUT" and one.target.endswith(name)
        ]


def watched(town: Filed) -> Watched:
    """The town's line from here on, watched."""
    line = Watched(line_of(town.hall, town.office.url), town.time)
    town.filing._line_to = lambda url: line
    return line


# --- both ways --------------------------------------------------------------------------------


def test_scans_go_up_and_hand_overs_come_down_and_both_sides_can_read_them(town: Filed) -> None:
    up = town.attach(plain := scan(200_000, 1))
    down = town.hand_over(handed := scan(150_000, 2))
    town.sync()
    town.move()
    assert town.opened_at_center(up) == plain
    here = archives.archive_of(town.hall)
    assert b"".join(here.read(down.name, down.key)) == handed
    assert archives.on_the_way(town.hall) == (archives.OnTheWay(0, 0), archives.OnTheWay(0, 0))


def test_a_line_that_is_cut_at_random_bytes_goes_on_where_it_was_and_never_from_the_start(
    town: Filed, cable: Fraying
) -> None:
    kept = town.attach(plain := scan(3_000_000, 3))
    down = town.hand_over(handed := scan(1_500_000, 4))
    town.sync()
    town.url = cable.url
    chance = random.Random(5)
    cable.fray(iter([chance.randrange(1, 250_000) for _ in range(40)]))
    town.move(2_000)
    assert cable.broken >= 20
    assert town.opened_at_center(kept) == plain
    assert b"".join(archives.archive_of(town.hall).read(down.name, down.key)) == handed
    size = len(town.at_center(kept.name) or b"") + len(town.here(down.name) or b"")
    # What a cut costs is the piece that was on the way, never what was kept before.
    assert len(cable.kept) < size + cable.broken * 300_000
    starts = cable.kept.count(b"Content-Range: bytes 0-")
    assert starts <= 4, "a file began anew"


def test_nothing_readable_of_a_file_is_on_the_wire_or_on_either_disk(
    town: Filed, cable: Fraying, office: Listening
) -> None:
    plain = scan(400_000, 6)
    assert plain.count(MARK) >= 2
    kept, down = town.attach(plain), town.hand_over(scan(90_000, 7))
    town.url = cable.url
    town.sync()
    town.move()
    everything = [*town.hall.data.rglob("*"), *office.center.data.rglob("*")]
    contents = [path.read_bytes() for path in everything if path.is_file()]
    assert len(contents) > 10
    for secret in (MARK, "扫描件.pdf".encode(), kept.key.encode(), bytes.fromhex(down.key)):
        assert [1 for content in contents if secret in content] == []
        assert secret not in cable.kept
    assert len(cable.kept) > 400_000


def test_a_file_of_two_cases_is_kept_and_sent_once(town: Filed) -> None:
    first = town.attach(scan(120_000, 8))
    second = town.attach(scan(120_000, 8), OTHER_CASE)
    other = town.attach(scan(120_000, 9))
    assert first == second and other.name != first.name
    line = watched(town)
    town.sync()
    town.move()
    assert len(line.pieces(first.name)) == len(set(line.pieces(first.name)))
    assert town.at_center(first.name) == town.here(first.name)
    whole = list((town.hall.data / "files").glob("??/*"))
    assert len(whole) == 2


# --- what goes wrong with one file -------------------------------------------------------------


def test_a_file_that_is_gone_at_its_source_is_a_gap_with_a_name_and_the_others_go_on(
    town: Filed,
) -> None:
    gone, altered, well = (town.attach(scan(70_000, seed)) for seed in (10, 11, 12))
    town.path(gone.name).unlink()
    town.path(altered.name).write_bytes(b"\0" * len(town.here(altered.name) or b""))
    town.sync()
    town.move_and_sync()
    assert town.at_center(well.name) is not None
    said = town.office.center.db.query("SELECT missing, absence FROM file_missing ORDER BY absence")
    assert [(row["missing"], row["absence"]) for row in said] == [
        (altered.name, "altered"),
        (gone.name, "gone"),
    ]
    size = town.hall.state().size
    town.time.pass_on(24 * 3600)
    town.move_and_sync()
    assert town.hall.state().size == size, "a gap is told once"


def test_a_file_that_the_center_lacks_is_a_gap_and_comes_when_it_is_found(town: Filed) -> None:
    lost, well = town.hand_over(scan(60_000, 13)), town.hand_over(scan(61_000, 14))
    path = town.office.center.data / "files" / "T01" / lost.name[:2] / lost.name
    content = path.read_bytes()
    path.unlink()
    town.sync()
    town.move()
    assert town.here(well.name) is not None and town.here(lost.name) is None
    path.write_bytes(content)
    town.time.pass_on(7 * 3600)
    town.filing.turn()
    town.move()
    assert town.here(lost.name) == content


def test_what_the_hall_s_disk_lost_after_it_was_sent_comes_back_from_the_center(
    town: Filed,
) -> None:
    kept = town.attach(scan(80_000, 15))
    town.sync()
    town.move()
    content = town.here(kept.name)
    town.path(kept.name).unlink()
    assert archives.archive_of(town.hall).look_through() == 1
    town.move()
    assert town.here(kept.name) == content
    assert town.hall.db.query("SELECT id FROM file_missing") == []


def test_what_the_center_lost_is_sent_again(town: Filed) -> None:
    kept = town.attach(scan(80_000, 16))
    town.sync()
    town.move()
    path = town.office.center.data / "files" / "T01" / kept.name[:2] / kept.name
    path.unlink()
    town.office.center.db.execute("DELETE FROM file_held")
    town.time.pass_on(3600)
    town.filing.turn()
    town.move()
    assert path.read_bytes() == town.here(kept.name)


class Altering(Watched):
    """A line that changes bytes of what comes down, the first few times."""

    left = 3

    def ask(self, asked: Asked) -> Answer:
        answer = super().ask(asked)
        if asked.method == "GET" and "Range" in asked.headers and self.left:
            self.left -= 1
            changed = bytes([answer.body[0] ^ 1]) + answer.body[1:]
            return Answer(answer.status, answer.headers, changed)
        return answer


def test_wrong_bytes_are_not_kept_and_are_asked_for_again(town: Filed) -> None:
    down = town.hand_over(plain := scan(200_000, 17))
    line = Altering(line_of(town.hall, town.office.url))
    town.filing._line_to = lambda url: line
    town.sync()
    town.move()
    assert line.left == 0
    assert b"".join(archives.archive_of(town.hall).read(down.name, down.key)) == plain


def test_a_file_waits_for_its_entry_to_be_applied_and_then_goes(town: Filed) -> None:
    kept = town.attach(scan(50_000, 18))
    syncing.contact(town.hall, line_of(town.hall, town.office.url))
    for _ in range(3):
        town.time.pass_on(town.filing.turn())
    assert town.filing.status().error_code == "unknown_file"
    assert town.at_center(kept.name) is None
    apply_all(town.office.center)
    town.time.pass_on(600)
    town.move()
    assert town.at_center(kept.name) == town.here(kept.name)


# --- order, budget, hours ------------------------------------------------------------------------


def test_the_smallest_goes_first_and_a_smaller_one_overtakes(
    town: Filed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With more than one place the large one would go on beside it.
    monkeypatch.setattr(pacing, "_PLACES", 1)
    large, small = town.attach(scan(900_000, 19)), town.attach(scan(30_000, 20))
    town.sync()
    line = watched(town)
    town.filing.turn()
    assert line.pieces(small.name) and not line.pieces(large.name)
    for _ in range(3):
        town.time.pass_on(town.filing.turn())
    begun = len(line.pieces(large.name))
    assert begun
    smaller = town.attach(scan(20_000, 21))
    town.sync()
    town.filing.turn()
    assert line.pieces(smaller.name) and len(line.pieces(large.name)) == begun
    town.move()
    assert not line.pieces(large.name)[begun].startswith("bytes 0-")
    assert town.at_center(large.name) == town.here(large.name)


class LogFirst:
    """The log's exchange, as far as the file thread uses it; counts how often it is asked."""

    def __init__(self) -> None:
        self.poked = 0

    def status(self) -> SyncStatus:
        return SyncStatus("waiting")

    def poke(self) -> None:
        self.poked += 1


def test_a_new_entry_goes_before_the_next_piece_of_a_large_file(town: Filed) -> None:
    large = town.attach(scan(2_000_000, 22))
    town.sync()
    line, asked = watched(town), LogFirst()
    town.filing._sync = asked
    for _ in range(3):
        town.time.pass_on(town.filing.turn())
    begun = len(line.pieces(large.name))
    assert begun
    town.write_case()
    for _ in range(5):
        assert town.filing.turn() < 1.0
    assert town.filing.status().state == "log"
    assert (len(line.pieces(large.name)), asked.poked) == (begun, 5)
    town.sync()
    town.move()
    assert town.at_center(large.name) == town.here(large.name)


def test_a_budget_is_kept(tmp_path: Path, office: Listening) -> None:
    with filed(tmp_path / "hall", office, file_kbit_s=256) as town:
        kept = town.attach(scan(600_000, 23))
        town.sync()
        before = town.time.passed
        town.move()
        took = (town.time.passed - before).total_seconds()
        assert took >= town.pieces_sent(kept) / 32_000 - 1
        assert town.filing.pace.piece <= 64 * 1024


def test_outside_its_hours_no_file_moves(tmp_path: Path, office: Listening) -> None:
    # The test's day begins at nine in the morning, Beijing time.
    with filed(tmp_path / "hall", office, file_windows=("12:00-13:00",)) as town:
        kept = town.attach(scan(20_000, 24))
        town.sync()
        line = watched(town)
        for _ in range(5):
            town.time.pass_on(town.filing.turn())
        assert (town.filing.status().state, line.asked) == ("closed", [])
        town.time.pass_on(3 * 3600)
        town.move()
        assert town.at_center(kept.name) is not None


# --- the line and what is said about it -----------------------------------------------------------


def test_a_line_that_is_away_is_said_and_tried_again_with_growing_pauses(town: Filed) -> None:
    class Away:
        def ask(self, asked: Any) -> Answer:
            raise Unreachable("no answer")

    town.attach(scan(20_000, 25))
    town.sync()
    town.filing._line_to = lambda url: Away()
    pauses = [max(town.filing.turn() for _ in range(3)) for _ in range(4)]
    status = town.filing.status()
    assert (status.state, status.error_code) == ("offline", "unreachable")
    assert all(1.0 <= pause <= 600.0 for pause in pauses)


def test_files_that_could_move_and_do_not_are_said_to_be_stuck(town: Filed) -> None:
    class Refusing(Watched):
        def ask(self, asked: Asked) -> Answer:
            if asked.method == "PUT":
                return Answer(200, {}, b'{"held":0}')
            return super().ask(asked)

    town.attach(scan(20_000, 26))
    town.sync()
    line = Refusing(line_of(town.hall, town.office.url))
    town.filing._line_to = lambda url: line
    town.filing.turn()
    assert not town.filing.status().is_stuck
    while town.time.passed.total_seconds() < STUCK_S + 60:
        town.time.pass_on(max(5.0, town.filing.turn()))
    status = town.filing.status()
    assert (status.is_stuck, status.state, status.error_code) == (True, "refused", "malformed")


def test_a_new_machine_gets_the_hall_s_scans_back_with_its_history(
    tmp_path: Path, office: Listening
) -> None:
    with filed(tmp_path / "dead", office) as dead:
        kept = dead.attach(plain := scan(150_000, 27))
        dead.sync()
        dead.move()
    with filed(tmp_path / "new", office) as town:
        town.sync()
        town.sync()
        town.move_and_sync()
        here = archives.archive_of(town.hall)
        assert b"".join(here.read(kept.name, kept.key)) == plain
        assert town.hall.db.query("SELECT id FROM file_missing") == []
        again = town.attach(scan(90_000, 28))
        town.sync()
        town.move_and_sync()
        assert town.at_center(again.name) == town.here(again.name)
