"""A hall is kept in one sealed file while it serves, and comes back whole or not at all."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.app import create_app
from node.commands import main
from node.hall import HallSettings
from node.lock import exclusive
from node.outbox.syncing import Syncing
from node.staff import face_gallery
from standards.records import CaseReceived
from sync.safekeeping.retention import Retention, over
from tests.node.hall import Browser, TurnableClock, open_hall

COMMAND = Path(sys.executable).parent / "onehall-node"
NAME, PAPER, MOBILE = "欧阳备份", "11010519491231002X", "13812345678"
FACE = b"the-vector-of-a-face" * 20


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def case(number: int) -> CaseReceived:
    return CaseReceived(
        case_no=f"T01-{number}",
        item="GA001",
        guide_version=1,
        received_on=TurnableClock().moment.date(),
        applicant_name=NAME,
        paper_no=PAPER,
        mobile=MOBILE,
    )


class Kept:
    """A hall with a restore key, and the folders around it."""

    def __init__(self, base: Path, name: str = "T01") -> None:
        self.data, self.to, self.offline = base / name, base / "backups", base / f"{name}-offline"
        self.name = name
        setting = re.search(r'"(.+)"', run("restore-key", self.offline).output)
        assert setting is not None
        with closing(open_hall(self.data, TurnableClock(), name)) as hall:
            replace(hall.settings, restore_key=setting.group(1)).save(self.data)
            for number in range(30):
                hall.write(case(number), actor="T01-001")
            hall.db.create(face_gallery.TABLES)
            hall.db.execute(
                "INSERT INTO face_template "
                "(staff_no, model_id, sealed, pictures, enrolled_at, enrolled_by) "
                "VALUES ('T01-001', 'm', :face, 3, '', '')",
                face=FACE,
            )
        (self.data / "files").mkdir(exist_ok=True)
        (self.data / "files" / ("a" * 64)).write_bytes(b"a sealed scan")

    @property
    def key(self) -> Path:
        return self.offline / "restore.key"

    def backup(self, *options: str) -> Path:
        told = run("backup", "--data", self.data, "--to", self.to, *options)
        assert told.exit_code == 0, told.output
        return Path(told.output.split("  ")[0])

    def restore(self, source: Path, into: Path, **other: Path) -> Result:
        keys, key = other.get("keys", self.data / "keys"), other.get("key", self.key)
        return run("restore", source, "--data", into, "--key", key, "--keys", keys)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture
def entries(kept: Kept) -> Iterator[list[bytes]]:
    with closing(open_hall(kept.data, TurnableClock())) as hall:
        found = hall.logs.leaves(hall.origin, 0, hall.state().size)
    yield found


def entries_of(data: Path) -> list[bytes]:
    with closing(open_hall(data, TurnableClock())) as hall:
        assert hall.logs.verify(hall.origin) is None
        return hall.logs.leaves(hall.origin, 0, hall.state().size)


def test_a_hall_comes_back_on_an_empty_machine_with_all_it_wrote(
    kept: Kept, entries: list[bytes], tmp_path: Path
):
    source = kept.backup()
    (kept.data / "highwater").write_text("c.example/T01/1 999\n")
    told = kept.restore(source, tmp_path / "new")
    assert told.exit_code == 0, told.output
    back = tmp_path / "new"
    assert (back / "files" / ("a" * 64)).read_bytes() == b"a sealed scan"
    assert (back / "restored.txt").read_text().startswith(source.name)
    assert (back / "node.db").stat().st_mode & 0o077 == 0
    assert HallSettings.load(back) == HallSettings.load(kept.data)
    assert entries_of(back) == entries and len(entries) == 30
    with closing(open_hall(back, TurnableClock())) as hall:
        row = hall.db.query("SELECT id FROM case_received LIMIT 1")[0]
        found = hall.read(CaseReceived, row["id"])
        assert found is not None and found.applicant_name == NAME


def test_the_mark_outside_the_database_is_in_no_backup(kept: Kept, tmp_path: Path):
    (kept.data / "highwater").write_text("c.example/T01/1 999\n")
    kept.restore(kept.backup("--with-keys"), tmp_path / "new")
    found = {path.name for path in (tmp_path / "new").iterdir()}
    assert found == {"node.db", "node.toml", "keys", "files", "restored.txt"}


def test_nothing_of_a_backup_can_be_read_without_the_key_that_is_kept_offline(kept: Kept):
    raw = kept.backup("--with-keys", "--with-templates").read_bytes()
    seeds = [path.read_text().strip().encode() for path in (kept.data / "keys").glob("*.key")]
    for secret in (*seeds, b"SQLite format 3", NAME.encode(), PAPER.encode(), FACE, b"sealed scan"):
        assert secret not in raw


def test_another_restore_key_opens_nothing(kept: Kept, tmp_path: Path):
    run("restore-key", tmp_path / "other")
    source = kept.backup()
    told = kept.restore(source, tmp_path / "new", key=tmp_path / "other" / "restore.key")
    assert told.exit_code == 1 and source.name in told.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("option", "expected"), [((), 0), (("--with-templates",), 1)])
def test_face_data_leave_the_machine_only_when_the_hall_says_so(
    kept: Kept, tmp_path: Path, option: tuple[str, ...], expected: int
):
    kept.restore(kept.backup(*option), tmp_path / "new")
    assert (tmp_path / "new" / "node.db").read_bytes().count(FACE) == expected
    assert (kept.data / "node.db").read_bytes().count(FACE) == 1, "the hall itself keeps them"


def test_keys_are_in_a_backup_only_when_asked_for(kept: Kept, tmp_path: Path):
    bare = kept.backup()
    alone = run("restore", bare, "--data", tmp_path / "new", "--key", kept.key)
    assert alone.exit_code == 1 and "holds no keys" in alone.output
    bare.unlink()
    whole = kept.backup("--with-keys")
    assert run("restore", whole, "--data", tmp_path / "new", "--key", kept.key).exit_code == 0
    assert len(entries_of(tmp_path / "new")) == 30


def test_a_backup_of_another_hall_is_refused_by_its_name(kept: Kept, tmp_path: Path):
    other = Kept(tmp_path, "T02")
    source = other.backup()
    told = other.restore(source, tmp_path / "new", keys=kept.data / "keys")
    assert told.exit_code == 1
    assert f"{source.name} is a backup of another machine" in told.output


def test_a_folder_with_something_in_it_takes_no_backup(kept: Kept, entries: list[bytes]):
    told = kept.restore(kept.backup(), kept.data)
    assert told.exit_code == 1 and "not empty" in told.output
    assert entries_of(kept.data) == entries


def test_a_backup_cut_or_altered_anywhere_is_refused_and_leaves_nothing(kept: Kept, tmp_path: Path):
    raw, dice = kept.backup().read_bytes(), random.Random(33)
    bad = tmp_path / "bad.onehall-backup"
    cuts = [0, 7, 100, len(raw) - 1, *(dice.randrange(len(raw)) for _ in range(12))]
    flips = [0, 9, *(dice.randrange(len(raw)) for _ in range(24))]
    damaged = [raw[:at] for at in cuts] + [raw + b"\0"]
    damaged += [raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :] for at in flips]
    for whole in damaged:
        bad.write_bytes(whole)
        told = kept.restore(bad, tmp_path / "new")
        assert told.exit_code == 1, told.output
        assert "Traceback" not in told.output and type(told.exception) is SystemExit
    assert not list(tmp_path.glob("new*"))


def test_a_damaged_database_gives_no_backup(kept: Kept):
    with closing(open_hall(kept.data, TurnableClock())) as hall:
        hall.db.execute("UPDATE entry SET leaf = CAST('{}' AS BLOB) WHERE idx = 7")
    told = run("backup", "--data", kept.data, "--to", kept.to)
    assert told.exit_code == 1 and "broken at entry 7" in told.output
    assert not kept.to.exists()


def test_a_backup_during_heavy_writing_is_a_prefix_of_the_log(kept: Kept, tmp_path: Path):
    """F21: the node serves and writes without a pause; the backup waits for nothing, nor it."""
    stop, written = threading.Event(), [30]
    with exclusive(kept.data), closing(open_hall(kept.data, TurnableClock())) as hall:

        def write() -> None:
            while not stop.is_set():
                hall.write(case(written[0]), actor="T01-001")
                written[0] += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            before = written[0]
            source = kept.backup()
            after = written[0]
        finally:
            stop.set()
            writer.join()
        assert after > before, "nothing was written meanwhile"
        all_of_it = hall.logs.leaves(hall.origin, 0, hall.state().size)
    assert kept.restore(source, tmp_path / "new").exit_code == 0
    back = entries_of(tmp_path / "new")
    assert before <= len(back) and back == all_of_it[: len(back)]


def test_a_backup_that_is_killed_leaves_no_file_with_a_backups_name_that_is_half(
    kept: Kept, tmp_path: Path
):
    (kept.data / "files" / ("b" * 64)).write_bytes(random.Random(1).randbytes(30_000_000))
    command = [str(COMMAND), "backup", "--data", str(kept.data), "--to", str(kept.to)]
    for _ in range(3):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while running.poll() is None and not list(kept.to.glob("*.partial")):
            time.sleep(0.002)
        running.kill()
        running.wait()
    for number, final in enumerate(kept.to.glob("*.onehall-backup")):
        assert kept.restore(final, tmp_path / f"new-{number}").exit_code == 0
    whole = kept.backup()
    assert not list(kept.to.glob("*.partial"))
    assert not list(kept.data.glob("backup-room-*"))
    assert kept.restore(whole, tmp_path / "new").exit_code == 0


def test_only_the_newest_stay_and_those_of_other_machines_are_not_touched(kept: Kept):
    kept.to.mkdir()
    others = [kept.to / "onehall-node-T02-20200101T000000Z.onehall-backup", kept.to / "list.xlsx"]
    today = f"{datetime.now(UTC):%Y%m%dT00000}"
    old = [kept.to / f"onehall-node-T01-{today}{n}Z.onehall-backup" for n in (1, 2, 3)]
    for path in (*others, *old):
        path.write_bytes(b"")
    newest = kept.backup("--keep", "2")
    assert set(kept.to.iterdir()) == {*others, old[2], newest, hash_of(newest)}
    check = ["sha256sum", "--check", hash_of(newest).name]
    assert subprocess.run(check, cwd=kept.to, check=False).returncode == 0


def hash_of(backup: Path) -> Path:
    return backup.with_name(backup.name + ".sha256")


def test_what_is_too_old_goes_by_itself_and_never_the_last_one_that_is_whole(kept: Kept):
    replace(HallSettings.load(kept.data), backup_days=30).save(kept.data)
    made, aged = kept.backup(), []
    for day in (1, 2, 3):
        name = f"onehall-node-T01-2020010{day}T000000Z.onehall-backup"
        aged.append(kept.to / name)
        shutil.copy(made, kept.to / name)
        shutil.copy(hash_of(made), hash_of(kept.to / name))
    hash_of(made).unlink()
    made.unlink()
    rotten = bytearray(aged[2].read_bytes())
    rotten[-1] ^= 1
    aged[2].write_bytes(rotten)
    # No new one comes about: of the old ones the newest that is whole stays, and only that.
    (kept.data / "keys" / "vault.key").rename(kept.data / "vault.key")
    assert run("backup", "--data", kept.data, "--to", kept.to).exit_code == 1
    assert set(kept.to.iterdir()) == {aged[1], hash_of(aged[1])}
    (kept.data / "vault.key").rename(kept.data / "keys" / "vault.key")
    newest = kept.backup()
    assert set(kept.to.iterdir()) == {newest, hash_of(newest)}


def test_backups_go_when_they_are_too_many_or_too_old():
    now = datetime(2026, 11, 24, tzinfo=UTC)
    moments = {f"{days}": now - timedelta(days=days) for days in (0, 1, 29, 30, 31, 400)}
    assert over(moments, Retention(), now) == []
    assert over(moments, Retention(days=30), now) == ["400", "31"]
    assert over(moments, Retention(most=2), now) == ["400", "31", "30", "29"]
    assert over(moments, Retention(most=5, days=300), now) == ["400"]


def test_without_a_restore_key_in_the_settings_nothing_is_kept(tmp_path: Path):
    with closing(open_hall(tmp_path / "hall", TurnableClock())) as hall:
        hall.settings.save(tmp_path / "hall")
    told = run("backup", "--data", tmp_path / "hall", "--to", tmp_path / "to")
    assert told.exit_code == 1 and "restore-key" in told.output


def test_a_restore_key_is_never_overwritten(kept: Kept):
    before = kept.key.read_bytes()
    told = run("restore-key", kept.offline)
    assert told.exit_code == 1 and kept.key.read_bytes() == before
    assert kept.key.stat().st_mode & 0o077 == 0
    shutil.rmtree(kept.offline)


def test_a_hall_that_came_back_says_so_above_every_page(kept: Kept, tmp_path: Path):
    kept.restore(kept.backup(), tmp_path / "new")
    with closing(open_hall(tmp_path / "new", TurnableClock())) as hall:
        app = create_app(hall)
        app.extensions["sync"] = Syncing(hall)
        page = Browser(app.test_client()).sign_in("li").get("/").text
        assert "本机是从备份恢复的" in page
        (hall.data / "restored.txt").unlink()
        assert "本机是从备份恢复的" not in Browser(app.test_client()).sign_in("li").get("/").text
