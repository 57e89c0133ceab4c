"""The child that runs the real thing while its disk is recorded.

``python -m tests.powercut.recording FOLDER [--synchronous S] [--path NAME ...]`` leaves for each
path a folder with ``first`` (what was durable before), ``log`` (the record) and ``truth.json``.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from sync.log import LogStore
from tests.powercut import preload
from tests.powercut.coherence import entries_of
from tests.powercut.commit_paths import CommitPath
from tests.powercut.disk import Disk, content_of
from tests.powercut.journal import Mark, read
from tests.powercut.paths import EVERY_PATH
from tests.powercut.stage import CENTER, HALL, NAME, SETTINGS, Stage
from tests.powercut.truth import Truth
from tests.powercut.watched import Commits


def record(path: CommitPath, into: Path, synchronous: str) -> None:
    """Run one path and keep its record.

    Raises:
        ValueError: the record does not explain what stands on the disk at the end; something
            went past the library.
    """
    with TemporaryDirectory(prefix="onehall-powercut-", dir=into) as name:
        disk = Path(name).resolve() / "disk"
        disk.mkdir()
        stage = Stage(disk, synchronous)
        path.prepare(stage)
        stage.watch()
        shutil.copytree(disk, into / "first")
        with preload.recorded(disk, into / "log"):
            path.run(stage)
        stage.rest()
        _check_whole(into, disk)
        (into / "truth.json").write_bytes(msgspec.json.encode(_truth(stage, path, into / "log")))


def _check_whole(into: Path, disk: Path) -> None:
    played = Disk(content_of(into / "first"))
    for op in read(into / "log"):
        played.apply(op)
    if played.image(played.nothing_lost()) != content_of(disk):
        raise ValueError("the record does not lead to what stands on the disk")


def _truth(stage: Stage, path: CommitPath, log: Path) -> dict[str, Truth]:
    """What each machine holds at the end: every image is a part of it."""
    found = {}
    marks = [op for op in read(log) if isinstance(op, Mark)]
    if HALL in path.machines:
        with stage.hall() as hall:
            found[HALL] = _truth_of(stage.commits[HALL], hall.logs, marks)
    if CENTER in path.machines:
        with stage.center() as center:
            found[CENTER] = _truth_of(stage.commits[CENTER], center.logs, marks)
    return {
        machine: msgspec.structs.replace(truth, entries=None, ends={})
        if machine in path.rewrites
        else truth
        for machine, truth in found.items()
    }


def _truth_of(commits: Commits, logs: LogStore, marks: list[Mark]) -> Truth:
    entries = {state.origin: entries_of(logs, state) for state in logs.states()}
    own = f"{NAME}/{SETTINGS.hall}/1"
    told = {mark.facts["size"] for mark in marks if mark.facts.get("origin") == own}
    ends = {own: sorted({commits.sizes_at_first.get(own, 0), *told})}
    return Truth(commits.states, entries, ends if commits.machine == HALL else {})


def main() -> None:
    """Record the paths that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--synchronous", default="FULL")
    parser.add_argument("--path", action="append", default=[])
    asked = parser.parse_args()
    for path in EVERY_PATH:
        if not asked.path or path.name in asked.path:
            into = asked.folder / path.name
            into.mkdir()
            record(path, into, asked.synchronous)


if __name__ == "__main__":
    main()
