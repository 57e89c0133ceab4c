"""A center that gets no more memory from its machine refuses, lives, and loses nothing (F19)."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sync.batch import MEDIA_TYPE
from tests.aggregator.test_memory import Served, heaviest, served
from tests.memory import FOREVER, MIB, takes

__all__ = ["served"]


def told(served: Served, body: bytes) -> int:
    """The status; 0 when it could not even answer."""
    try:
        return served._post(body, MEDIA_TYPE)
    except (OSError, IndexError, ValueError):
        return 0


def held(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "center.db")) as database:
        rows = database.execute("SELECT size FROM log WHERE writer = 'T01'").fetchall()
    return int(rows[0][0]) if rows else 0


@pytest.mark.parametrize("more_mib", [4, 30])
def test_a_center_without_memory_refuses_and_takes_the_same_batch_when_it_has_some(
    served: Served, tmp_path: Path, more_mib: int
):
    body = heaviest(served.sealing)
    most = (takes(served.process.pid) + more_mib * MIB, resource.RLIM_INFINITY)
    resource.prlimit(served.process.pid, resource.RLIMIT_AS, most)
    found = [told(served, body) for _ in range(4)]
    assert served.process.poll() is None, "busy, not dead"
    assert 503 in found and set(found) <= {200, 503}, found
    assert (held(tmp_path) > 0) == (200 in found)
    resource.prlimit(served.process.pid, resource.RLIMIT_AS, FOREVER)
    assert told(served, body) == 200
    assert held(tmp_path) == 4_900
