"""What an administrator reads when a command of the hall cannot do its work."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.commands import main

COMMAND = Path(sys.executable).parent / "onehall-node"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def data(tmp_path: Path) -> str:
    folder = str(tmp_path / "hall")
    named = ("--hall", "T01", "--name", "公安分厅", "--center", "c.example")
    assert run("init", "--data", folder, *named).exit_code == 0
    return folder


def test_serving_on_an_address_that_is_taken_says_so_and_what_to_do(data: str):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = Path(data) / "node.toml"
        text = settings.read_text("utf-8").replace("127.0.0.1:8701", f"127.0.0.1:{port}")
        settings.write_text(text, "utf-8")
        # A process of its own: serving takes over the logs of the one it runs in.
        told = subprocess.run(
            [str(COMMAND), "serve", "--data", data], capture_output=True, text=True, check=False
        )
    assert told.returncode == 1
    assert f"127.0.0.1:{port} is taken" in told.stderr
    assert "node.toml" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_folder_without_a_hall_is_named_as_such(tmp_path: Path):
    told = run("status", "--data", str(tmp_path / "nothing"))
    assert told.exit_code == 1
    assert "run onehall-node init first" in told.output


@pytest.mark.parametrize("name", ["vault", "signing", "cosigning", "sealing"])
def test_a_key_that_is_gone_is_asked_for_and_not_made_anew(data: str, name: str):
    """With a new one nothing that was sealed could be read, and the center would not know us."""
    key = Path(data) / "keys" / f"{name}.key"
    kept = key.read_text()
    key.unlink()
    told = run("status", "--data", data)
    assert told.exit_code == 1 and f"{name}.key is missing" in told.output
    assert "backup" in told.output and not key.exists()
    key.write_text(kept)
    key.chmod(0o640)
    told = run("status", "--data", data)
    assert told.exit_code == 1 and "chmod 600" in told.output
    key.chmod(0o600)
    assert run("status", "--data", data).exit_code == 0


def test_a_hall_is_never_set_up_twice(data: str):
    told = run("init", "--data", data, "--hall", "T02", "--name", "x", "--center", "d.example")
    assert told.exit_code == 1
    assert "nothing was changed" in told.output
    assert json.loads(run("status", "--json", "--data", data).stdout)["hall"] == "T01"


def test_a_sync_without_enrolment_says_so(data: str):
    told = run("sync", "--json", "--data", data)
    assert json.loads(told.stdout)["state"] == "unenrolled"


def test_a_new_hall_verifies(data: str):
    told = run("verify", "--data", data)
    assert told.exit_code == 0
    assert "c.example/T01/1  0 entries  holds" in told.output
