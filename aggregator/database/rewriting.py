"""After an erasure on PostgreSQL: the tables are written anew, so that no erased byte stays.

A deleted row stays in its page until that is used again. ``VACUUM FULL`` writes a table without
it, under a lock that holds up whoever reads or writes it meanwhile: at once where the tables are
small, otherwise in the quiet hours of the night. Until then it is said how many erasures wait.
"""

from __future__ import annotations

from datetime import time

from aggregator.center import Center
from sync.errors import StoreBusy

DDL = (
    """CREATE TABLE IF NOT EXISTS rewritten (
        erasures INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (erasures, at))""",
)
QUIET = (time(1), time(5))
# So little is written anew in a few seconds, whatever the hour.
SMALL_BYTES = 64 * 1024 * 1024

# Where the center is spread, only what stands on this server.
_BYTES = """
SELECT COALESCE(SUM(pg_total_relation_size(relid)), 0) AS bytes FROM (
SELECT relid FROM pg_partition_tree('personal') WHERE isleaf
UNION ALL SELECT relid FROM pg_partition_tree('personal_pack') WHERE isleaf
UNION ALL SELECT relid FROM pg_partition_tree('personal_term') WHERE isleaf
UNION ALL SELECT relid FROM pg_partition_tree('personal_index') WHERE isleaf) AS part
"""


class Rewriting:
    """``web.erasures.Scrubbed`` of the center, whichever database it has.

    Args:
        small: up to so many bytes the night is not waited for.
    """

    def __init__(self, center: Center, small: int = SMALL_BYTES) -> None:
        self._center, self._small = center, small

    def scrub(self) -> bool:
        """See ``web.erasures.Scrubbed``; False also while the night is awaited."""
        center = self._center
        if center.db.is_sqlite:
            return center.db.scrub()
        if not waiting(center):
            return True
        first, last = QUIET
        is_night = first <= center.clock.local().time() < last
        if not is_night and int(center.db.query(_BYTES)[0]["bytes"]) > self._small:
            return False
        done = _erasures(center)
        try:
            center.db.write_anew()
        except StoreBusy:
            # Somebody reads for long: the next turn tries again.
            return False
        center.db.execute(
            "INSERT INTO rewritten VALUES (:erasures, :at) ON CONFLICT DO NOTHING",
            erasures=done,
            at=center.clock.stamp(),
        )
        return True


def _erasures(center: Center) -> int:
    return int(center.db.query("SELECT COUNT(*) AS n FROM erased")[0]["n"])


def waiting(center: Center) -> int:
    """How many erased entries may still stand as dead bytes in the pages of the database."""
    if center.db.is_sqlite:
        return 0
    rows = center.db.query("SELECT MAX(erasures) AS n FROM rewritten")
    return max(0, _erasures(center) - int(rows[0]["n"] or 0))
