"""The lock and the set-up: what is installed is what was locked, and refusals say what to do."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.modes import modes, without_power_over_modes
from tests.source import ROOT

LOCK = (ROOT / "deploy" / "requirements.lock").read_text(encoding="utf-8")
PINNED = {
    name: (version, hashes.split("--hash=sha256:")[1:])
    for name, version, hashes in re.findall(r"^([\w.-]+)==(\S+)((?: \\\n +\S+)*)$", LOCK, re.M)
}


def test_the_lock_pins_every_line_by_version_and_hash_and_holds_nothing_else():
    left_over = re.sub(
        r"^[\w.-]+==[\w.]+(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n", "", LOCK, flags=re.M
    )
    assert [line for line in left_over.splitlines() if not line.startswith("#")] == []


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]


@pytest.mark.parametrize("wanted", declared(), ids=str)
def test_the_lock_satisfies_every_dependency_of_the_project(wanted: Requirement):
    version, _ = PINNED[canonicalize_name(wanted.name)]
    assert wanted.specifier.contains(version)


def test_the_installed_versions_are_the_locked_ones():
    installed = {name: importlib.metadata.version(name) for name in PINNED}
    assert installed == {name: version for name, (version, _) in PINNED.items()}


def test_everything_that_a_locked_package_needs_is_locked_too():
    """Packages are installed without looking at their dependencies, so the lock must be closed."""
    unmet = [
        f"{name} needs {needed}"
        for name in PINNED
        for needed in map(Requirement, importlib.metadata.requires(name) or ())
        if needed.marker is None or needed.marker.evaluate({"extra": ""})
        if not is_locked(needed)
    ]
    assert unmet == []


def is_locked(needed: Requirement) -> bool:
    name = canonicalize_name(needed.name)
    version, _ = PINNED.get("dlib-bin" if name == "dlib" else name, (None, ()))
    return version is not None and needed.specifier.contains(version)


@pytest.fixture(scope="module")
def lock_command() -> ModuleType:
    """deploy/lock as a module."""
    loader = SourceFileLoader("deploy_lock", str(ROOT / "deploy" / "lock"))
    spec = spec_from_loader("deploy_lock", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("wheel", "served"),
    [
        ("a-1-py3-none-any.whl", {(m, p) for m in range(11, 15) for p in ("x86_64", "aarch64")}),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", {(11, "x86_64")}),
        ("a-1-cp313-abi3-manylinux_2_34_aarch64.whl", {(13, "aarch64"), (14, "aarch64")}),
        ("a-1-py3-none-manylinux1_x86_64.whl", {(m, "x86_64") for m in range(11, 15)}),
        ("a-1-cp311-cp311-manylinux_2_39_x86_64.whl", set()),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", set()),
        ("a-1-cp314-cp314t-manylinux_2_28_x86_64.whl", set()),
        ("a-1-pp311-pypy311_pp73-manylinux_2_28_x86_64.whl", set()),
        ("a-1-cp311-cp311-win_amd64.whl", set()),
    ],
)
def test_the_lock_keeps_the_wheels_of_our_machines_only(
    lock_command: ModuleType, wheel: str, served: set[tuple[int, str]]
):
    assert lock_command.platforms_of(wheel) == served


def test_the_lock_is_refused_when_one_machine_would_have_to_compile(lock_command: ModuleType):
    wheel = {"url": "x/a-1-cp311-cp311-manylinux_2_28_x86_64.whl", "hashes": {"sha256": "00"}}
    with pytest.raises(SystemExit, match="no wheel for"):
        list(lock_command.archive_hashes({"name": "a", "version": "1", "wheels": [wheel]}))


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A copy of the set-up on a machine with nothing but the system's own commands in `bin`."""
    (tmp_path / "deploy").mkdir()
    for path in ("deploy/setup", "deploy/requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / path, tmp_path / path)
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("bash", "dirname", "mkdir", "rm", "cat", "flock", "sha256sum", "grep", "sed"):
        found = shutil.which(name)
        assert found
        (commands / name).symlink_to(found)
    give(tmp_path, "id", "echo 1000")
    give(tmp_path, "apt-get", "exit 1")
    return tmp_path


def give(machine: Path, name: str, script: str) -> None:
    """Put a command on a bare machine."""
    command = machine / "bin" / name
    command.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    command.chmod(0o755)


def set_up(machine: Path, *options: str, bound: bool = False) -> subprocess.CompletedProcess[str]:
    """Run it; ``bound``: by somebody who is bound by the modes of files, as root is not."""
    return subprocess.run(
        ["bash", str(machine / "deploy" / "setup"), *options],
        env={**os.environ, "PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        cwd="/",
        preexec_fn=without_power_over_modes if bound else None,
    )


def test_without_python_a_plain_user_is_told_which_packages_to_install(bare_machine: Path):
    answer = set_up(bare_machine)
    assert answer.returncode != 0
    assert "apt-get install --no-install-recommends python3 python3-venv" in answer.stderr


def test_without_the_venv_package_a_plain_user_is_told_its_name(bare_machine: Path):
    python = f'case "$*" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac'
    give(bare_machine, "python3", python)
    answer = set_up(bare_machine)
    assert answer.returncode != 0
    assert "Run as root, then start again" in answer.stderr
    assert answer.stderr.rstrip().endswith("python3-venv")


def test_an_unknown_option_is_refused_before_anything_is_made(bare_machine: Path):
    answer = set_up(bare_machine, "--test")
    assert answer.returncode != 0
    assert "unknown option --test" in answer.stderr
    assert not (bare_machine / ".venv").exists()


def test_a_python_of_the_wrong_version_is_passed_over(bare_machine: Path):
    give(bare_machine, "python3", "exit 1")
    give(bare_machine, "python3.13", 'case "$*" in --version) echo 3.13;; *.venv) exit 7;; esac')
    answer = set_up(bare_machine)
    assert answer.returncode == 7
    assert "making .venv with 3.13" in answer.stderr


def test_a_machine_whose_python_is_too_old_is_told_what_it_has_and_what_it_needs(
    bare_machine: Path,
):
    give(bare_machine, "python3", 'case "$*" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    answer = set_up(bare_machine)
    assert answer.returncode != 0
    assert "Python 3.11 to 3.14 is needed" in answer.stderr
    assert "python3 is Python 3.9.2" in answer.stderr
    assert "apt-get" not in answer.stderr, "no package of this system would help"


def test_without_a_network_packages_that_are_at_hand_are_installed_all_the_same(
    bare_machine: Path,
):
    give(bare_machine, "id", "echo 0")
    asked = bare_machine / "asked"
    give(bare_machine, "apt-get", f'[ "$1" = update ] && exit 100; echo "$*" >{asked}')
    answer = set_up(bare_machine)
    assert "going on with those that are here" in answer.stderr
    assert "python3 python3-venv" in asked.read_text()


def test_packages_that_cannot_be_installed_are_named_with_the_command_for_later(
    bare_machine: Path,
):
    give(bare_machine, "id", "echo 0")
    answer = set_up(bare_machine)
    assert answer.returncode != 0
    assert answer.stderr.rstrip().endswith("python3 python3-venv")
    assert "could not be installed" in answer.stderr


def ready_python(machine: Path, version: str) -> None:
    """An environment that was made whole with a Python of this version."""
    (machine / ".venv" / "bin").mkdir(parents=True)
    python = machine / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/bash\ncase "$*" in --version) echo Python {version};; esac\n')
    python.chmod(0o755)
    written = "".join(
        (machine / name).read_text() for name in ("deploy/requirements.lock", "pyproject.toml")
    )
    digest = subprocess.run(
        ["sha256sum"], input=written, capture_output=True, text=True, check=True
    )
    (machine / ".venv" / ".onehall-setup").write_text(
        f"{machine}\nPython {version}\n{digest.stdout}"
    )


def test_what_is_ready_is_left_alone_also_for_an_account_that_may_not_write(bare_machine: Path):
    ready_python(bare_machine, "3.11.2")
    assert set_up(bare_machine).returncode == 0
    shutil.rmtree(bare_machine / ".cache")
    modes(bare_machine, 0o555, 0o555)
    answer = set_up(bare_machine, bound=True)
    modes(bare_machine, 0o755, 0o755)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_an_account_that_may_not_write_is_told_whose_folder_it_is(bare_machine: Path):
    give(bare_machine, "stat", "echo somebody")
    modes(bare_machine, 0o555, 0o555)
    answer = set_up(bare_machine, bound=True)
    modes(bare_machine, 0o755, 0o755)
    assert answer.returncode != 0
    assert "belongs to somebody" in answer.stderr and "Permission denied" not in answer.stderr


def test_after_an_upgrade_of_python_the_environment_is_made_anew(bare_machine: Path):
    ready_python(bare_machine, "3.11.2")
    python = bare_machine / ".venv" / "bin" / "python"
    python.write_text(
        '#!/bin/bash\ncase "$*" in --version) echo Python 3.13.5;; *pip*) exit 1;; esac\n'
    )
    give(bare_machine, "python3", 'case "$*" in --version) echo 3.13.5;; *.venv) exit 7;; esac')
    answer = set_up(bare_machine)
    assert answer.returncode == 7 and "making .venv with 3.13.5" in answer.stderr


def test_what_the_callers_shell_has_set_for_other_work_leads_nowhere_else(
    bare_machine: Path, tmp_path: Path
):
    other = tmp_path / "elsewhere"
    (other / "deploy").mkdir(parents=True)
    environment = {
        **os.environ,
        "PATH": str(bare_machine / "bin"),
        "CDPATH": str(other),
        "PYTHONHOME": "/nowhere",
    }
    answer = subprocess.run(
        ["bash", "deploy/setup"], env=environment, capture_output=True, text=True, cwd=bare_machine
    )
    assert "python3 python3-venv" in answer.stderr
    assert not (other / ".cache").exists() and (bare_machine / ".cache").exists()


def test_a_folder_with_blanks_and_chinese_in_its_name_is_no_obstacle(
    bare_machine: Path, tmp_path: Path
):
    home = tmp_path / "一个 厅"
    home.mkdir()
    for name in ("deploy", "bin", "pyproject.toml"):
        (bare_machine / name).rename(home / name)
    ready_python(home, "3.11.2")
    answer = set_up(home)
    assert (answer.returncode, answer.stderr) == (0, "")
