"""A center whose database was damaged, or whose folder cannot be written, is read and says so.

On PostgreSQL the server finds damage by its checksums and is the one to be mended
(docs/postgresql.md): then nothing of this file applies.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.app import create_app
from aggregator.center import Center, CenterSettings
from aggregator.commands import main
from aggregator.database import disk
from aggregator.database.faults import meaning
from aggregator.opening import opened_to_serve
from aggregator.receiving.intake import intake
from aggregator.safekeeping.backup_commands import look_at
from aggregator.serving import reading_app
from standards.records import NumberScheme
from sync.errors import DatabaseDamaged, Unwritable
from tests.aggregator.intake_desk import Asker, Desk, open_desk, refusal
from tests.aggregator.office import Hands, Office
from tests.modes import modes, without_power_over_modes
from tests.served import ROOT, eventually, free_port, get
from tests.spoilt import spoilt, zeroed, zeroed_table
from web import mounts
from web.reading import READ_ONLY

SCHEME = NumberScheme(version=1, template="x")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a center that took a batch in and has somebody who reconciles."""
    data = tmp_path_factory.mktemp("sound") / "center"
    desk = open_desk(data)
    with closing(desk.center) as center:
        center.publish(SCHEME, actor="ZX-01")
        assert desk.push(desk.packed(desk.halls["T01"], 0, 30)).status_code == 200
        Office(center, desk.app, Hands()).engage("duizhang")
        center.settings.save(data)
    return data


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "center"
    shutil.copytree(sound, copy)
    return copy


@pytest.fixture
def kept(sound: Path) -> bytes:
    """The database as it was before anything happened to it."""
    return (sound / "center.db").read_bytes()


def read_over(center: Center) -> tuple[Desk, Office]:
    """The center as it is served when it is only read."""
    app, hands = reading_app(center), Hands()
    return Desk(center, hands, app), Office(center, app, hands)


def test_a_start_over_a_damaged_database_keeps_a_copy_aside_and_is_only_read(folder: Path):
    zeroed_table(folder / "center.db", "personal")
    before = (folder / "center.db").read_bytes()
    with opened_to_serve(folder) as center:
        desk, office = read_over(center)
        (aside,) = folder.glob("damaged-*")
        assert (aside / "center.db").read_bytes() == before
        with pytest.raises(DatabaseDamaged):
            center.publish(SCHEME, actor="ZX-01")
        person = office.person("duizhang")
        page, told = person.get("/halls"), person.get("/healthz")
        assert page.status_code == 200 and "中心数据库文件已损坏" in page.text
        assert "T01" in page.text, "what is sound is read"
        assert "磁盘现在不能写入" not in page.text, "only what it is"
        assert told.json is not None and not told.json["checks"]["database"]["ok"]
        assert refusal(desk.push(desk.packed(Asker("T01"), 30, 40))) == (503, "try_later")
    assert (folder / "center.db").read_bytes() == before


def test_a_sound_database_is_served_as_ever(folder: Path):
    with opened_to_serve(folder) as center:
        assert not center.reads_only and not list(folder.glob("damaged*"))
        center.publish(SCHEME, actor="ZX-01")


def test_a_write_ahead_log_of_another_database_is_found_at_the_start(folder: Path, tmp_path: Path):
    """F7: SQLite takes its pages for its own, and calls the mixture sound."""
    shutil.copytree(folder, tmp_path / "other")
    with closing(reopened(tmp_path / "other").center) as center:
        for _ in range(20):
            center.publish(SCHEME, actor="ZX-01")
    desks = [reopened(folder), reopened(tmp_path / "other")]
    for desk, stops in zip(desks, ((40,), (33, 36)), strict=True):
        for stop in stops:
            desk.push(desk.packed(Asker("T01"), desk.size(Asker("T01")), stop))
    shutil.copytree(folder, tmp_path / "mixed")
    shutil.copy(tmp_path / "other" / "center.db-wal", tmp_path / "mixed" / "center.db-wal")
    (tmp_path / "mixed" / "center.db-shm").unlink()
    for desk in desks:
        desk.center.close()
    with opened_to_serve(tmp_path / "mixed") as center:
        assert center.reads_only
        with pytest.raises(DatabaseDamaged):
            reading_app(center)
            center.publish(SCHEME, actor="ZX-01")


def reopened(folder: Path) -> Desk:
    center = Center(folder, CenterSettings.load(folder))
    app = create_app(center)
    app.register_blueprint(intake)
    return Desk(center, Hands(), app)


def test_a_damaged_page_that_is_read_stops_the_writing_at_once(folder: Path):
    zeroed_table(folder / "center.db", "batch")
    desk = reopened(folder)
    with closing(desk.center) as center:
        office = Office(center, desk.app, Hands())
        person = office.person("duizhang")
        with pytest.raises(DatabaseDamaged):
            center.logs.leaves(Asker("T01").origin, 0, 30)
        with pytest.raises(DatabaseDamaged):
            center.publish(SCHEME, actor="ZX-01")
        assert refusal(desk.push(desk.packed(Asker("T01"), 30, 40))) == (503, "try_later")
        page, refused = person.get("/halls"), person.post("/sign-out")
        assert "中心数据库文件已损坏" in page.text
        assert refused.status_code == 503 and "已停止写入" in refused.text
        assert not disk.health(center)[0]


def test_the_nightly_check_never_calls_a_changed_record_sound(folder: Path, kept: bytes):
    dice, keys, found = random.Random(6), folder / "keys", 0
    with closing(reopened(folder).center) as center:
        truth = center.logs.leaves(Asker("T01").origin, 0, 30)
    for _ in range(40):
        for rest in folder.glob("center.db-*"):
            rest.unlink()
        (folder / "center.db").write_bytes(spoilt(kept, dice))
        try:
            look_at(folder / "center.db", keys)
        except Exception:
            found += 1
            continue
        with closing(reopened(folder).center) as center:
            assert center.logs.leaves(Asker("T01").origin, 0, 30) == truth
    assert found > 20, "most of what was done to the file must be noticed"


def test_a_damaged_database_is_named_by_every_command_in_a_sentence(folder: Path, tmp_path: Path):
    zeroed(folder / "center.db", range(3, 400))
    for words in (["verify"], ["status"], ["backup", "--to", str(tmp_path / "to")]):
        told = CliRunner().invoke(main, [*words, "--data", str(folder)])
        assert told.exit_code == 1 and type(told.exception) is SystemExit, told.exception
        assert "malformed" in told.output or "damaged" in told.output
    assert not (tmp_path / "to").exists() and list(folder.glob("damaged-*"))


def test_damage_that_postgresql_found_is_told_as_such():
    class Found(Exception):
        sqlstate = "XX001"

    assert isinstance(meaning(Found("invalid page in block 7")), DatabaseDamaged)


def test_over_a_read_only_folder_somebody_may_sign_in_and_change_nothing(folder: Path):
    database = folder / "center.db"
    before = database.read_bytes()
    with disk.reading(folder, database, READ_ONLY) as center:
        desk, office = read_over(center)
        page = office.person("duizhang").get("/halls")
        assert page.status_code == 200 and "处于只读状态" in page.text and "T01" in page.text
        with pytest.raises(Unwritable):
            center.publish(SCHEME, actor="ZX-01")
        with pytest.raises(Unwritable):
            center.db.execute("UPDATE web_account SET password = 'x'")
        assert refusal(desk.push(desk.packed(Asker("T01"), 30, 40))) == (503, "try_later")
    assert database.read_bytes() == before


def test_a_center_starts_over_a_read_only_folder_and_ends_when_it_can_be_written(
    folder: Path, tmp_path: Path
):
    port = free_port()
    settings = CenterSettings.load(folder)
    replace(settings, listen=f"127.0.0.1:{port}", trusted_hosts=("127.0.0.1",)).save(folder)
    before = (folder / "center.db").read_bytes()
    modes(folder, 0o500, 0o400)
    command = [sys.executable, "-m", "aggregator.commands", "serve", "--data", str(folder)]
    with (tmp_path / "log").open("wb") as log, ExitStack() as stack:
        served = subprocess.Popen(
            command, cwd=ROOT, stderr=log, preexec_fn=without_power_over_modes
        )
        stack.callback(served.wait)
        stack.callback(served.kill)
        stack.callback(modes, folder, 0o700, 0o600)
        assert eventually(lambda: get(port, "/sign-in").status_code == 200)
        told = get(port, "/healthz")
        assert told.status_code == 503
        assert "read-only since the start" in told.json()["checks"]["database"]["reason"]
        assert (folder / "center.db").read_bytes() == before
        modes(folder, 0o700, 0o600)
        assert served.wait(30) == 0, "its supervisor starts it as usual then"


def test_a_database_on_a_network_file_system_is_refused_before_it_is_opened(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """F20: its locks do not hold there."""
    told = tmp_path / "mounts"
    told.write_text(f"1 0 0:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:2 / {tmp_path} rw - nfs4 h:/x rw")
    monkeypatch.setattr(mounts, "MOUNTS", told)
    refused = CliRunner().invoke(main, ["status", "--data", str(folder)])
    assert refused.exit_code == 1 and "file system of kind nfs4" in refused.output
    assert not list(folder.glob("center.db-*"))
