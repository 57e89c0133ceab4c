"""A machine that stopped and whose disk is full starts with the space kept aside (F4)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.powercut import preload
from tests.powercut.proof import ROOT
from tests.powercut.stage import CENTER, HALL


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return preload.compile_into(tmp_path_factory.mktemp("libraries"))


def started(libraries: list[Path], folder: Path, machine: str, kept: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.powercut.full_start", str(folder), machine]
    answer = subprocess.run(
        [*command, "yes" if kept else "no"],
        check=True,
        cwd=ROOT,
        env=preload.environment(libraries),
        stdout=subprocess.PIPE,
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("machine", [HALL, CENTER])
def test_a_machine_with_space_kept_aside_starts_on_a_full_disk_and_takes_nothing_new_in(
    libraries: list[Path], tmp_path: Path, machine: str
):
    told = started(libraries, tmp_path, machine, kept=True)
    assert told["started"] and told["used"] and not told["there"]
    assert told.get("size", 10) >= 10, "what stood on the disk is there"


def test_without_it_the_machine_does_not_start(libraries: list[Path], tmp_path: Path):
    told = started(libraries, tmp_path, HALL, kept=False)
    assert not told["started"] and told["said"] in ("DiskFull", "Unwritable")
