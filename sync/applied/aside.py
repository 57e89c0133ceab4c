"""隔离: entries that were received and could not be applied, and trying them again.

Nothing is lost by being here: the leaf is kept, only its effect is missing. An entry holds back
what comes after it in the same matter, and nothing else (``sync.applied.applying``).
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.applied.applying import Effect, nothing, replay_entry, replay_quarantined
from sync.entries import NewerKind, Unreadable, read_leaf
from sync.log import LogStore
from sync.storage.store import Row
from sync.storage.tables import Observer, nobody

NEWER, WAITS = "newer", "waits"
_NEWER_REASON = "a kind or field of a newer version"
_WAITS_REASON = "waits for entry "


@dataclass(frozen=True)
class Aside:
    """One entry in quarantine. ``why``: ``newer``, ``waits`` (for ``first``), or empty."""

    origin: str
    index: int
    entity: str
    kind: str
    reason: str
    at: str
    behind: int

    @property
    def why(self) -> str:
        """What would bring it in: an upgrade, another entry, or a person."""
        if self.reason.startswith(_NEWER_REASON):
            return NEWER
        return WAITS if self.reason.startswith(_WAITS_REASON) else ""

    @property
    def first(self) -> int | None:
        """The entry of the same matter that this one waits for."""
        number = self.reason.removeprefix(_WAITS_REASON).partition(" ")[0]
        return int(number) if self.why == WAITS and number.isdigit() else None


_ASIDE = """
SELECT q.origin, q.idx, q.entity, q.kind, q.reason, q.at,
  (SELECT COUNT(*) FROM quarantine w WHERE w.origin = q.origin AND w.entity = q.entity
    AND w.idx > q.idx) AS behind
FROM quarantine q JOIN log l ON l.origin = q.origin
WHERE (:writer = '' OR l.writer = :writer) AND (:origin = '' OR q.origin = :origin)
  AND (:idx < 0 OR q.idx = :idx)
ORDER BY LENGTH(q.origin), q.origin, q.idx LIMIT :most OFFSET :skip
"""


def listed(logs: LogStore, writer: str = "", most: int = 100, skip: int = 0) -> list[Aside]:
    """What is in quarantine of the logs of one writer, or of all; in the order of the logs."""
    rows = logs.db.query(_ASIDE, writer=writer, origin="", idx=-1, most=most, skip=skip)
    return [_of_row(row) for row in rows]


def one(logs: LogStore, origin: str, index: int) -> Aside | None:
    """One entry in quarantine, or None when it is not there (any more)."""
    rows = logs.db.query(_ASIDE, writer="", origin=origin, idx=index, most=1, skip=0)
    return _of_row(rows[0]) if rows else None


def _of_row(row: Row) -> Aside:
    return Aside(
        row["origin"],
        row["idx"],
        row["entity"],
        row["kind"],
        row["reason"],
        row["at"],
        int(row["behind"]),
    )


def behind(logs: LogStore, held: Aside, most: int = 50) -> list[Row]:
    """The entries of the same matter that wait until this one is applied."""
    return logs.db.query(
        "SELECT idx, kind, at FROM quarantine WHERE origin = :origin AND entity = :entity "
        "AND idx > :idx ORDER BY idx LIMIT :most",
        origin=held.origin,
        entity=held.entity,
        idx=held.index,
        most=most,
    )


@dataclass(frozen=True)
class Counts:
    """How many entries are in quarantine, and why."""

    total: int
    newer: int
    waiting: int

    @property
    def others(self) -> int:
        """Those that neither an upgrade nor another entry brings in by itself."""
        return self.total - self.newer - self.waiting


def counts(logs: LogStore, writer: str = "") -> Counts:
    """How many are in quarantine of the logs of one writer, or of all."""
    rows = logs.db.query(
        "SELECT COUNT(*) AS total, "
        "SUM(CASE WHEN q.reason LIKE :newer THEN 1 ELSE 0 END) AS newer, "
        "SUM(CASE WHEN q.reason LIKE :waits THEN 1 ELSE 0 END) AS waiting "
        "FROM quarantine q JOIN log l ON l.origin = q.origin "
        "WHERE (:writer = '' OR l.writer = :writer)",
        newer=_NEWER_REASON + "%",
        waits=_WAITS_REASON + "%",
        writer=writer,
    )
    return Counts(*(int(rows[0][name] or 0) for name in ("total", "newer", "waiting")))


def newer_kinds(logs: LogStore, writer: str = "") -> list[Row]:
    """Kind and number of the entries that a newer program wrote."""
    return logs.db.query(
        "SELECT q.kind, COUNT(*) AS n FROM quarantine q JOIN log l ON l.origin = q.origin "
        "WHERE (:writer = '' OR l.writer = :writer) AND q.reason LIKE :newer "
        "GROUP BY q.kind ORDER BY q.kind",
        writer=writer,
        newer=_NEWER_REASON + "%",
    )


def replay_one(
    logs: LogStore, origin: str, index: int, observe: Observer = nobody, effect: Effect = nothing
) -> bool:
    """Try one entry again; whether it could be applied now. What waits for it stays aside."""
    return replay_entry(logs, origin, index, observe, effect)


def replay_newer(
    logs: LogStore, origin: str, observe: Observer = nobody, effect: Effect = nothing
) -> int:
    """Replay a log's quarantine when this program reads what an older one could not.

    Run at every start; answers how many entries could be applied. Doing it twice, or in two
    processes at once, applies nothing twice: an entry leaves the quarantine with its effect.
    """
    rows = logs.db.query(
        "SELECT idx FROM quarantine WHERE origin = :origin AND reason LIKE :newer ORDER BY idx",
        origin=origin,
        newer=_NEWER_REASON + "%",
    )
    if not any(_is_read_now(logs, origin, row["idx"]) for row in rows):
        return 0
    return replay_quarantined(logs, origin, observe, effect)


def _is_read_now(logs: LogStore, origin: str, index: int) -> bool:
    try:
        read_leaf(logs.leaves(origin, index, index + 1)[0], logs.tables.kinds)
    except (NewerKind, Unreadable, LookupError):
        return False
    return True
