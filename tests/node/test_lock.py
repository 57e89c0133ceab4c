"""One process on one data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.hall import Hall, HallSettings
from node.lock import Taken, exclusive

COMMAND = Path(sys.executable).parent / "onehall-node"
HOLD = """
import sys, time
from pathlib import Path
from node.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    settings = HallSettings(hall="T01", name="公安分厅", center="c.example")
    settings.save(tmp_path / "hall")
    Hall(tmp_path / "hall", settings).close()
    return tmp_path / "hall"


def status(data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), "status", "--data", str(data)], capture_output=True, text=True, check=False
    )


def test_a_second_command_on_the_folder_refuses_in_one_sentence(data: Path):
    with exclusive(data):
        told = status(data)
    assert told.returncode == 1
    assert told.stderr.strip() == (
        f"Error: another process works on {data}; stop it, or use its pages."
    )
    assert status(data).returncode == 0


def test_the_folder_is_taken_even_for_a_second_try_of_the_same_process(data: Path):
    with exclusive(data), pytest.raises(Taken), exclusive(data):
        pass


def test_two_halls_of_one_machine_do_not_hinder_each_other(data: Path, tmp_path: Path):
    with exclusive(data), exclusive(tmp_path / "other"):
        assert (tmp_path / "other").stat().st_mode & 0o777 == 0o700


def test_a_killed_process_leaves_no_lock_behind(data: Path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(Taken), exclusive(data):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with exclusive(data):
        pass


def test_an_error_inside_lets_go_of_the_folder(data: Path):
    with pytest.raises(KeyError), exclusive(data):
        raise KeyError
    with exclusive(data):
        pass
