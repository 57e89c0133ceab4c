"""The product's stores, watched: after each commit that returned, the record gets a mark.

A mark names the state that the program may rely on from then on: a digest of every row of every
table. After a power cut exactly one of the committed states must stand, and none before the last
mark. ``synchronous`` is for the tests that this proof can fail.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import event

from aggregator.database.store import CenterStore
from node.store import NodeStore
from sync.storage.store import Answer
from tests.powercut import preload

# A first start that was cut before its keys were on the disk makes others; whether the key set that
# names them fits the key files, the start of the machine itself says. And a folder that was cut to
# nothing is set up anew, at another time.
_SAME_WHENEVER = {
    "key_set": "version, at, actor",
    "migration": "name, place",
    "vault_key": "gone, actor",
}


def digest(database: Path) -> str:
    """Every row of every table of a database, and what tables there are."""
    found = sha256()
    if not database.exists():
        return found.hexdigest()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name")
        for kind, name, sql in tables.fetchall():
            found.update(repr((kind, name, sql)).encode())
            if kind == "table":
                columns = _SAME_WHENEVER.get(name, "*")
                for row in connection.execute(f'SELECT {columns} FROM "{name}"'):
                    found.update(repr(row).encode())
    return found.hexdigest()


def sizes(database: Path) -> dict[str, int]:
    """How many entries each log of a database has."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT origin, size FROM log"))


@dataclass
class Commits:
    """The states that one machine committed, in order; the first is what it started from."""

    machine: str
    database: Path
    synchronous: str = "FULL"
    states: list[str] = field(default_factory=list)
    resting: bool = False

    def __post_init__(self) -> None:
        self.states.append(digest(self.database))
        self.sizes_at_first = sizes(self.database)

    def note(self, *, relied_on: bool = True) -> None:
        """A commit returned; mark it when it changed something and must last from now on."""
        state = self.states[-1] if self.resting else digest(self.database)
        if state != self.states[-1]:
            self.states.append(state)
            if relied_on:
                preload.mark("committed", machine=self.machine, state=len(self.states) - 1)


class _Depth:
    """Notices when the outermost transaction has returned."""

    def __init__(self, returned: Callable[[], None]) -> None:
        self._returned, self._depth = returned, 0

    @contextmanager
    def around(self, transaction: Any) -> Iterator[None]:
        self._depth += 1
        try:
            with transaction:
                yield
        finally:
            self._depth -= 1
        if not self._depth:
            self._returned()


class WatchedNodeStore(NodeStore):
    """The node's store over the database of these commits."""

    def __init__(self, commits: Commits) -> None:
        self._around = _Depth(commits.note)
        super().__init__(commits.database)
        self.schema.conn.execute(f"PRAGMA synchronous={commits.synchronous}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``sync.storage.store.Database``."""
        with self._around.around(super().transaction()):
            yield


class WatchedCenterStore(CenterStore):
    """The center's store over the database of these commits."""

    def __init__(self, commits: Commits) -> None:
        self._around = _Depth(commits.note)
        super().__init__(f"sqlite:///{commits.database}")
        self._commits_seen = commits
        if commits.synchronous != "FULL":
            event.listen(self._engine, "connect", _lower(commits.synchronous))

    def soon(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``: seen by everybody, and not relied on yet."""
        if self._commits_seen.synchronous != "FULL":
            return self.together(work)
        answer = super().soon(work)
        self._commits_seen.note(relied_on=False)
        return answer

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``sync.storage.store.Database``."""
        with self._around.around(super().transaction()):
            yield


def _lower(synchronous: str) -> Callable[[Any, Any], None]:
    def on_connect(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA synchronous={synchronous}")

    return on_connect
