"""Scans and hand-over files travel on the stick, encrypted as they are, both ways."""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path

from click.testing import CliRunner

from aggregator.center import Center
from aggregator.commands import main as center_command
from aggregator.files import archives as at_center
from aggregator.sticks.sticks import bring_in_files as at_center_brought
from aggregator.sticks.sticks import carry_files as center_carries
from node.commands import main as hall_command
from node.hall import Hall
from node.outbox.sticks import bring_in_files as at_hall_brought
from node.outbox.sticks import carry_files
from node.safekeeping import archives
from standards.records import FileHanded, MaterialScanned
from tests.independent.center import Listening
from tests.sticks.carrying import arrive, back, home, out
from web.sticks import Taken

SECRET = b"%PDF-1.7 the paper of a citizen "


def scan(hall: Hall, size: int = 3_000) -> str:
    """A scan of the first case; its name."""
    kept = archives.archive_of(hall).keep(
        BytesIO(SECRET + os.urandom(size)), archives.file_secret(hall)
    )
    case = hall.db.query("SELECT id FROM case_received ORDER BY id")[0]["id"]
    about = {"case_id": case, "material": "01", "media": "pdf", "size": kept.size}
    named = MaterialScanned(**about, file=kept.name, name="一.pdf", key=kept.key)
    hall.write(named, actor="T01-001")
    return kept.name


def handed(office: Listening) -> str:
    """A file that the center hands to the hall; its name."""
    here = office.center
    kept = at_center.archive_of(here, "T01").keep(
        BytesIO(SECRET + b"down"), at_center.file_secret(here)
    )
    file = FileHanded(
        for_hall="T01",
        purpose="handover",
        media="pdf",
        size=kept.size,
        file=kept.name,
        name="通知.pdf",
        key=kept.key,
    )
    here.order("T01", file, actor="ZX-07")
    return kept.name


def center_brings_in(center: Center, hall: str, stick: Path) -> tuple[int, int]:
    """How many files came in, and how many were nobody's."""
    taken = Taken(str(stick), hall)
    at_center_brought(center, taken, stick)
    assert taken.refused is None
    return taken.scans, taken.strange


def bring_in_files(hall: Hall, stick: Path) -> tuple[int, int]:
    taken = Taken(str(stick))
    at_hall_brought(hall, taken, stick)
    assert taken.refused is None
    return taken.scans, taken.strange


def carried(stick: Path, way: str) -> list[Path]:
    return sorted((stick / "ONEHALL" / "T01" / way).iterdir())


def test_scans_go_up_and_files_come_down_once_and_each_side_learns_what_arrived(
    hall: Hall, office: Listening, stick: Path
):
    names, down = {scan(hall), scan(hall)}, handed(office)
    out(hall, stick)
    assert (done := carry_files(hall, stick, 1_000)).count == 2 and done.left == 0
    for path in carried(stick, "FUP"):
        assert len(path.stem) == 8 and path.name == path.name.upper()
        assert SECRET not in path.read_bytes()
    arrive(office, stick)
    assert center_brings_in(office.center, "T01", stick / "ONEHALL") == (2, 0)
    assert center_brings_in(office.center, "T01", stick) == (0, 0)
    assert names <= set(at_center.archive_of(office.center, "T01").cabinet.names())

    back(office, stick)
    assert center_carries(office.center, "T01", stick, 1_000).count == 1
    home(hall, stick)
    assert bring_in_files(hall, stick) == (1, 0)
    assert archives.archive_of(hall).cabinet.is_sound(down)
    # The hall knows that its scans arrived, and says so of the center's file the next time.
    assert archives.to_carry(hall) == []
    out(hall, stick)
    assert carry_files(hall, stick, 1_000).count == 0 and carried(stick, "FUP") == []
    arrive(office, stick)
    assert at_center.to_carry(office.center, "T01") == []


def test_there_is_a_limit_and_what_was_broken_off_goes_on(
    hall: Hall, office: Listening, stick: Path
):
    names = [scan(hall, size) for size in (300_000, 400_000, 500_000)]
    out(hall, stick)
    assert (done := carry_files(hall, stick, 1)).count == 2 and done.left == 1
    first, _ = carried(stick, "FUP")
    written = first.stat().st_mtime_ns
    (first.parent / "HALF.NEW").write_bytes(b"x")
    assert carry_files(hall, stick, 2).count == 3
    assert first.stat().st_mtime_ns == written, "what stood there was written twice"
    assert {path.suffix for path in carried(stick, "FUP")} == {".OHF"}
    arrive(office, stick)
    spoilt = carried(stick, "FUP")[0]
    spoilt.write_bytes(spoilt.read_bytes()[:-1])
    assert center_brings_in(office.center, "T01", stick) == (2, 1)
    assert carry_files(hall, stick, 2).count == 3
    assert center_brings_in(office.center, "T01", stick) == (1, 0)
    assert set(names) == set(at_center.archive_of(office.center, "T01").cabinet.names())


def test_a_file_that_no_entry_names_is_not_taken_in(hall: Hall, office: Listening, stick: Path):
    scan(hall)
    out(hall, stick)
    carry_files(hall, stick, 1_000)
    (stick / "ONEHALL" / "T01" / "FUP" / "FOREIGN1.OHF").write_bytes(b"somebody else's")
    # The entries were not taken in: nothing names the scan yet.
    assert center_brings_in(office.center, "T01", stick) == (0, 2)
    arrive(office, stick)
    assert center_brings_in(office.center, "T01", stick) == (1, 1)


def test_the_commands_say_how_many_files_were_carried(hall: Hall, office: Listening, stick: Path):
    scan(hall)
    data = str(hall.data)
    hall.settings.save(hall.data)
    hall.close()
    office.center.settings.save(office.center.data)
    said = CliRunner().invoke(hall_command, ["export", str(stick), "--data", data])
    assert said.exit_code == 0 and "另带扫描件和文件 1 个" in said.output, said.output
    words = ["import", str(stick), "--data", str(office.center.data)]
    taken = CliRunner().invoke(center_command, [*words, "--json"])
    assert json.loads(taken.stdout)[0]["scans"] == 1, taken.output
    none = CliRunner().invoke(hall_command, ["export", str(stick), "--data", data, "--files", "0"])
    assert "装不下" in none.output
