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
from web.mounts import NetworkFolder, file_system_of, refuse_network

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


MOUNTS = """\
21 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
30 21 0:40 / /srv rw,relatime shared:1 - nfs4 files.example:/srv rw
31 30 254:2 / /srv/local rw - xfs /dev/vdb1 rw
32 21 0:41 / /mnt/two\\040words rw - cifs //files.example/x rw
33 21 0:42 / /stick rw - fuse.sshfs clerk@files: rw
34 21 254:3 / /over rw - ext4 /dev/vdc1 rw
35 21 0:43 / /over rw - nfs files.example:/over rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/onehall-node", "ext4"),
        ("/srv/hall", "nfs4"),
        ("/srv/local/hall", "xfs"),
        ("/srvs/hall", "ext4"),
        ("/mnt/two words/hall", "cifs"),
        ("/stick", "fuse.sshfs"),
        ("/over/hall", "nfs"),
    ],
)
def test_the_kind_of_file_system_is_that_of_the_deepest_mount(path: str, kind: str):
    assert file_system_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("path", ["/srv/hall", "/mnt/two words/hall", "/stick/hall", "/over"])
def test_a_folder_on_a_network_file_system_is_refused_before_anything_is_made(path: str):
    with pytest.raises(NetworkFolder):
        refuse_network(Path(path), MOUNTS)
    assert not Path(path).exists()


def test_a_folder_on_a_disk_of_the_machine_is_taken(tmp_path: Path):
    refuse_network(Path("/srv/local/hall"), MOUNTS)
    with exclusive(tmp_path / "hall"):
        assert (tmp_path / "hall").is_dir()


def test_a_second_server_on_the_folder_refuses_to_start(data: Path):
    command = [str(COMMAND), "serve", "--data", str(data)]
    with exclusive(data):
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 1
    assert f"another process works on {data}" in told.stderr


def test_a_network_folder_is_known_under_a_chinese_name_and_behind_a_link(tmp_path: Path):
    mounts = "1 0 0:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:2 / /mnt/备份\\040盘 rw - nfs4 h:/x rw"
    assert file_system_of(Path("/mnt/备份 盘/hall"), mounts) == "nfs4"
    behind = f"{mounts}\n3 1 0:3 / {tmp_path / 'far'} rw - cifs //h/x rw"
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    with pytest.raises(NetworkFolder, match="cifs"):
        refuse_network(tmp_path / "near", behind)
