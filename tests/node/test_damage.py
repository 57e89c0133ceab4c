"""A database file that the disk damaged is never called sound while a record in it has changed."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.app import create_app
from node.commands import main
from node.home import is_low
from node.opening import opened_to_serve
from node.safekeeping import disk
from node.safekeeping.backup_commands import look_at
from node.store import NodeStore
from standards.records import CaseReceived
from sync.errors import DatabaseDamaged
from tests.node.hall import Browser, TurnableClock, open_hall
from tests.spoilt import spoilt, zeroed, zeroed_table
from web.damage import keep_aside


def case(number: int) -> CaseReceived:
    return CaseReceived(
        case_no=f"T01-{number}",
        item="GA001",
        guide_version=1,
        received_on=TurnableClock().moment.date(),
        applicant_name="欧阳损坏",
        paper_no="11010519491231002X",
        mobile="13812345678",
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("sound") / "hall"
    with closing(open_hall(data, TurnableClock())) as hall:
        hall.settings.save(data)
        for number in range(60):
            hall.write(case(number), actor="T01-001")
    return data


def written(data: Path) -> list[bytes]:
    """What the log holds, byte by byte."""
    with closing(open_hall(data, TurnableClock())) as hall:
        return hall.logs.leaves(hall.origin, 0, hall.state().size)


def is_called_sound(database: Path, keys: Path) -> bool:
    """What the nightly check says of a database."""
    try:
        look_at(database, keys)
    except Exception:
        return False
    return True


def test_the_nightly_check_never_calls_a_changed_record_sound(sound: Path, tmp_path: Path):
    """F6: flips, zeroed, overwritten and missing pages, anywhere in the file."""
    raw, dice, truth = (sound / "node.db").read_bytes(), random.Random(6), written(sound)
    keys, copy = sound / "keys", tmp_path / "hall"
    shutil.copytree(sound, copy)
    assert is_called_sound(copy / "node.db", keys)
    found = 0
    for _ in range(150):
        (copy / "node.db").write_bytes(spoilt(raw, dice))
        for rest in copy.glob("node.db-*"):
            rest.unlink()
        if not is_called_sound(copy / "node.db", keys):
            found += 1
        else:
            assert written(copy) == truth
    assert found > 75, "most of what was done to the file must be noticed"


def test_a_damaged_database_is_named_by_every_command_in_a_sentence(sound: Path, tmp_path: Path):
    copy = tmp_path / "hall"
    shutil.copytree(sound, copy)
    zeroed(copy / "node.db", range(3, 200))
    for words in (["verify"], ["status"], ["backup", "--to", str(tmp_path / "to")]):
        told = CliRunner().invoke(main, [*words, "--data", str(copy)])
        assert told.exit_code == 1 and type(told.exception) is SystemExit, told.exception
        assert "malformed" in told.output or "damaged" in told.output
    assert not (tmp_path / "to").exists()


def test_a_hall_that_meets_a_damaged_page_writes_nothing_more_and_says_so(
    sound: Path, tmp_path: Path
):
    copy = tmp_path / "hall"
    shutil.copytree(sound, copy)
    with closing(open_hall(copy, TurnableClock())) as hall:
        app = create_app(hall)
        browser = Browser(app.test_client()).sign_in("li")
        assert "数据库文件已损坏" not in browser.get("/").text
        before = hall.state().size
        hall.db.damaged = "database disk image is malformed"
        with pytest.raises(DatabaseDamaged):
            hall.write(case(99), actor="T01-001")
        page, told = browser.get("/sessions"), browser.get("/healthz")
        assert "数据库文件已损坏" in page.text
        assert told.status_code == 503
        assert told.json is not None and not told.json["checks"]["database"]["ok"]
        assert hall.state().size == before


def test_a_start_over_a_damaged_database_keeps_a_copy_aside_and_writes_nothing(
    sound: Path, tmp_path: Path
):
    copy = tmp_path / "hall"
    shutil.copytree(sound, copy)
    with closing(open_hall(copy, TurnableClock())) as hall:
        Browser(create_app(hall).test_client()).sign_in("li")
    zeroed_table(copy / "node.db", "receipt")
    before = (copy / "node.db").read_bytes()
    with opened_to_serve(copy) as hall:
        app = create_app(hall)
        disk.seal(hall)
        (aside,) = copy.glob("damaged-*")
        assert (aside / "node.db").read_bytes() == before
        with pytest.raises(DatabaseDamaged):
            hall.write(case(99), actor="T01-001")
        browser = Browser(app.test_client()).sign_in("li")
        page = browser.get("/cases?list=received")
        assert page.status_code == 200 and "数据库文件已损坏" in page.text
        assert "T01-7" in page.text, "what is sound is read"
        assert "磁盘现在不能写入" not in page.text, "only what it is"
        refused = browser.post("/large-type", {})
        told = browser.get("/healthz")
        assert told.json is not None and not told.json["checks"]["database"]["ok"]
        assert refused.status_code in (302, 303)
    assert (copy / "node.db").read_bytes() == before
    with opened_to_serve(sound) as hall:
        assert not hall.reads_only and not list(sound.glob("damaged-*"))


def test_a_write_ahead_log_of_another_database_is_found_at_the_start(tmp_path: Path):
    """F7: SQLite takes its pages for its own, and calls the mixture sound."""
    for name, before, since in (("one", 30, 10), ("other", 20, 15)):
        data = tmp_path / name
        for count in (before, since):
            with closing(open_hall(data, TurnableClock())) as hall:
                hall.settings.save(data)
                for number in range(count):
                    hall.write(case(100 * count + number), actor="T01-001")
                if count == since:
                    shutil.copytree(data, tmp_path / f"{name}-at-work")
    mixed = tmp_path / "one-at-work"
    shutil.copy(tmp_path / "other-at-work" / "node.db-wal", mixed / "node.db-wal")
    (mixed / "node.db-shm").unlink()
    with opened_to_serve(mixed) as hall:
        disk.seal(hall)
        assert "two databases are mixed" in hall.db.damaged
        with pytest.raises(DatabaseDamaged):
            hall.write(case(99), actor="T01-001")


def test_without_room_no_half_copy_is_kept_aside(sound: Path, monkeypatch: pytest.MonkeyPatch):
    full = shutil.disk_usage(sound)._replace(free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    assert keep_aside(sound / "node.db", "2026-11-24") is None
    assert not list(sound.glob("damaged*"))


def test_the_look_at_the_start_ends_within_its_budget(sound: Path):
    store = NodeStore(sound / "node.db")
    assert store.look_within(60) == "ok"
    with store.transaction():
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
        store.execute("CREATE TABLE many (i INTEGER)")
        store.execute(f"INSERT INTO many {rows} SELECT i FROM n")
    assert store.look_within(0) == "", "there was more to see"
    store.execute("DROP TABLE many")
    store.close()


def test_a_damaged_page_that_is_read_stops_the_writing(sound: Path, tmp_path: Path):
    copy = tmp_path / "hall"
    shutil.copytree(sound, copy)
    zeroed_table(copy / "node.db", "entry")
    store = NodeStore(copy / "node.db")
    with pytest.raises(DatabaseDamaged):
        store.query("SELECT leaf FROM entry")
    with pytest.raises(DatabaseDamaged):
        store.execute("DELETE FROM receipt")
    assert store.query("SELECT origin FROM log"), "what is sound can still be read"
    store.close()


@pytest.mark.parametrize(
    ("free_gib", "total_gib", "low"),
    [(0.5, 4, True), (9, 100, True), (11, 100, False), (50, 2000, False), (19, 2000, True)],
)
def test_the_last_tenth_of_the_disk_is_worth_an_alarm(free_gib: float, total_gib: float, low: bool):
    assert is_low(int(free_gib * 1024**3), int(total_gib * 1024**3)) is low


def test_a_write_ahead_log_that_is_lost_is_found_at_the_next_start(sound: Path, tmp_path: Path):
    """F7: the head in the database is below the mark beside it; no number is given out twice."""
    copy, lost = tmp_path / "hall", tmp_path / "lost"
    shutil.copytree(sound, copy)
    with closing(open_hall(copy, TurnableClock())) as hall:
        first, before = hall.origin, hall.state().size
        for number in range(60, 70):
            hall.write(case(number), actor="T01-001")
        hall.highwater.promise(first, hall.state().size)
        shutil.copytree(copy, lost)
    for name in ("node.db-wal", "node.db-shm"):
        (lost / name).unlink()
    with closing(open_hall(lost, TurnableClock())) as hall:
        assert hall.logs.state(first).size == before, "the ten entries are lost"
        assert hall.origin != first, "and their numbers are not given out again"
