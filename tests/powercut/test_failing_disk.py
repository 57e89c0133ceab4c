"""A disk that fails under running machines, and under machines that start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.powercut import preload
from tests.powercut.failing import FAULTS, MUTANTS, WORKS, Found
from tests.powercut.proof import ROOT

Tried = Callable[..., Found]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return preload.compile_into(tmp_path_factory.mktemp("libraries"))


@pytest.fixture
def tried(libraries: list[Path], tmp_path: Path) -> Tried:
    """What a child found whose disk failed."""

    def run(module: str, *names: str) -> Found:
        command = [sys.executable, "-m", f"tests.powercut.{module}", str(tmp_path), *names]
        loaded = preload.environment(libraries)
        answer = subprocess.run(command, check=True, cwd=ROOT, env=loaded, stdout=subprocess.PIPE)
        return msgspec.json.decode(answer.stdout, type=Found)

    return run


def test_work_on_a_failing_disk_is_refused_whole_and_done_when_the_disk_is_well(tried: Tried):
    found = tried("failing")
    assert found.violations == []
    assert set(found.points) == {f"{work}, {fault.name}" for work in WORKS for fault in FAULTS}
    assert min(found.points.values()) >= 2
    # Past the commit an error is only a write-back put off, and the work is done.
    assert sum(found.refused.values()) > 0.9 * sum(found.points.values())


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        ("in two parts", "refused, and yet something stands"),
        ("says nothing", "done, and nothing of it stands"),
    ],
)
def test_work_that_is_not_refused_whole_is_found_out(tried: Tried, mutant: str, said: str):
    assert mutant in MUTANTS
    assert any(said in violation for violation in tried("failing", mutant).violations)


def test_a_machine_whose_disk_fails_while_it_starts_after_a_cut_starts_on_a_healthy_one(
    tried: Tried,
):
    found = tried("first_start")
    assert found.violations == []
    assert min(found.points.values()) >= 2
    assert min(found.refused.values()) >= 1
