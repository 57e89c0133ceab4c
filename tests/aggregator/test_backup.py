"""The center is kept in one sealed file while it serves, and comes back whole or not at all."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.commands import main
from aggregator.publishing.starter import load_starter
from standards.records import Finding
from tests.aggregator.office import HALLS, Office

NAMED = "欧阳被督查"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def key(office: Office, tmp_path: Path) -> Path:
    """A center with a restore key and something in every log; the key's private half."""
    told = run("restore-key", tmp_path / "offline").output
    setting = re.search(r'"(.+)"', told)
    assert setting is not None
    settings = replace(office.center.settings, restore_key=setting.group(1))
    settings.save(office.center.data)
    load_starter(office.center, "Z000")
    for hall in HALLS:
        finding = Finding(
            for_hall=hall, source="inspected", severity="minor", rule="x", clause="", evidence=NAMED
        )
        office.center.order(hall, finding, actor="Z005")
    return tmp_path / "offline" / "restore.key"


def test_a_center_that_serves_is_kept_and_comes_back(
    office: Office, key: Path, engine: str, tmp_path: Path
):
    data, to = office.center.data, tmp_path / "backups"
    kept = run("backup", "--data", data, "--to", to, "--with-keys")
    if engine == "PostgreSQL":
        assert kept.exit_code == 1 and "pg_dump" in kept.output
        assert not to.exists()
        return
    assert kept.exit_code == 0, kept.output
    (source,) = to.glob("*.onehall-backup")
    assert NAMED.encode() not in source.read_bytes()
    told = run("restore", source, "--data", tmp_path / "new", "--key", key)
    assert told.exit_code == 0, told.output
    shown = [
        run("status", "--data", folder, "--json").output for folder in (data, tmp_path / "new")
    ]
    assert shown[0] == shown[1] and "orders-T02" in shown[0]
    assert run("verify", "--data", tmp_path / "new").exit_code == 0
    assert run("keys", "show", "--data", tmp_path / "new").exit_code == 0


def test_a_halls_command_refuses_the_backup_of_a_center(
    office: Office, key: Path, engine: str, tmp_path: Path
):
    if engine == "PostgreSQL":
        assert not office.center.db.is_sqlite
        return
    from node.commands import main as node_command

    run("backup", "--data", office.center.data, "--to", tmp_path / "backups", "--with-keys")
    (source,) = (tmp_path / "backups").glob("*.onehall-backup")
    words = ["restore", str(source), "--data", str(tmp_path / "new"), "--key", str(key)]
    told = CliRunner().invoke(node_command, words)
    assert told.exit_code == 1 and f"{source.name} is the backup of a center" in told.output
    assert not list(tmp_path.glob("new*"))
