"""The child whose disk has no room until the space kept aside is let go.

``python -m tests.powercut.full_start FOLDER hall|center yes|no``: starts a machine over a full disk
with or without such space, and prints JSON: whether it started, and what it says then.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import sys
from pathlib import Path

import sync.safekeeping.reserve
from aggregator import opening as center_opening
from node import opening as hall_opening
from node.hall import Hall
from sync.errors import DiskFull
from sync.safekeeping.reserve import MIB, Reserve
from sync.storage.durable import remove_file
from tests.powercut import preload
from tests.powercut.commit_paths import cut_off
from tests.powercut.stage import CENTER, HALL, Stage


def remove_and_have_room(path: Path) -> None:
    """The disk has room again when the file is gone."""
    remove_file(path)
    preload.disarm()


def main() -> None:
    """See the module."""
    folder, machine, kept = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "yes"
    stage = Stage(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        cut_off(stage)
    data = folder / machine
    if kept:
        Reserve(data / "reserve", 64 * MIB)._hold()
    vars(sync.safekeeping.reserve)["remove_file"] = remove_and_have_room
    started = hall_opening.started if machine == HALL else center_opening.started
    assert machine in (HALL, CENTER)
    preload.arm(data, 1, errno.ENOSPC, stays=True)
    try:
        begun = started(data)
    except (DiskFull, OSError) as error:
        print(json.dumps({"started": False, "said": type(error).__name__}))
        return
    finally:
        preload.disarm()
    with contextlib.closing(begun):
        begun.keep_room()
        assert begun.reserve is not None
        begun.reserve._free = lambda _folder: 60 * MIB
        said: dict[str, object] = {
            "started": True,
            "used": begun.reserve.is_used,
            "there": begun.reserve.is_held,
        }
        if isinstance(begun, Hall):
            said["size"] = begun.state().size
        print(json.dumps(said))


if __name__ == "__main__":
    main()
