"""终端近况: what each kiosk says of itself once a minute, and the anchors for its times.

A report tells how much waits to be sent and since when, how full the store is, whether the camera
works. With each of them the node notes how long the kiosk's page has been open beside its own time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec

from attendance.terminals.anchors import Anchor
from node.hall import Hall
from node.presence import raw_punches

TABLES = (
    """CREATE TABLE IF NOT EXISTS kiosk_report (
        terminal TEXT PRIMARY KEY,
        at TEXT NOT NULL,
        report TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS terminal_anchor (
        terminal TEXT NOT NULL,
        boot_id TEXT NOT NULL,
        mono_ms INTEGER NOT NULL,
        at TEXT NOT NULL,
        rtt_ms INTEGER NOT NULL,
        wall TEXT NOT NULL,
        PRIMARY KEY (terminal, boot_id, mono_ms)
    )""",
    "CREATE INDEX IF NOT EXISTS terminal_anchor_at ON terminal_anchor (at)",
)

ANCHORS_KEPT: Final = timedelta(days=100)
HELD_BACK: Final = timedelta(minutes=5)
ANCHOR_EVERY_MS: Final = 10 * 60_000
"""The last two anchors of a page stay; of earlier ones, one for each ten minutes."""


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """How long the page has been open, what its machine's clock says, how long an answer takes."""

    boot_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{16,64}$")]
    mono_ms: Annotated[int, msgspec.Meta(ge=0, le=2**48)]
    wall: Annotated[str, msgspec.Meta(max_length=40)]
    rtt_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 5_000


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A kiosk's word on itself."""

    clocks: Clocks
    queue: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 0
    oldest: Annotated[str, msgspec.Meta(max_length=40)] = ""
    pictures: Annotated[int, msgspec.Meta(ge=0, le=10**6)] = 0
    storage_used: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    storage_quota: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    acked_through: Annotated[int, msgspec.Meta(ge=0, le=2**48)] = 0
    camera: Annotated[str, msgspec.Meta(max_length=40)] = ""
    version: Annotated[str, msgspec.Meta(max_length=40)] = ""
    secure: bool = False


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it is kept: with what the node made of the clocks."""

    at: str
    drift_s: float
    report: Report

    @property
    def holds_back(self) -> bool:
        """Whether something waited for longer than a moment when it reported."""
        try:
            waited = datetime.fromisoformat(self.at) - datetime.fromisoformat(self.report.oldest)
        except (ValueError, TypeError):
            return False
        # The kiosk's own clock told when it was written.
        return waited + timedelta(seconds=self.drift_s) > HELD_BACK


def note_clocks(here: Hall, terminal: str, clocks: Clocks) -> bool:
    """Anchor a page's time; False when its clock says nothing usable."""
    try:
        wall = datetime.fromisoformat(clocks.wall)
        if wall.tzinfo is None:
            return False
    except ValueError:
        return False
    with here.db.transaction():
        _thin_out(here, terminal, clocks)
        here.db.execute(
            "INSERT INTO terminal_anchor VALUES (:terminal, :boot, :mono, :at, :rtt, :wall) "
            "ON CONFLICT (terminal, boot_id, mono_ms) DO NOTHING",
            terminal=terminal,
            boot=clocks.boot_id,
            mono=clocks.mono_ms,
            at=here.clock.now().isoformat(),
            rtt=clocks.rtt_ms,
            wall=wall.isoformat(),
        )
    return True


def _thin_out(here: Hall, terminal: str, clocks: Clocks) -> None:
    here.db.execute(
        "DELETE FROM terminal_anchor WHERE at < :old",
        old=(here.clock.now() - ANCHORS_KEPT).isoformat(),
    )
    last = here.db.query(
        "SELECT mono_ms FROM terminal_anchor WHERE terminal = :terminal AND boot_id = :boot "
        "ORDER BY mono_ms DESC LIMIT 2",
        terminal=terminal,
        boot=clocks.boot_id,
    )
    if len(last) == 2 and int(last[0]["mono_ms"]) - int(last[1]["mono_ms"]) < ANCHOR_EVERY_MS:
        here.db.execute(
            "DELETE FROM terminal_anchor WHERE terminal = :terminal AND boot_id = :boot "
            "AND mono_ms = :mono AND mono_ms > 0",
            terminal=terminal,
            boot=clocks.boot_id,
            mono=last[0]["mono_ms"],
        )


def anchors_of(here: Hall, terminal: str, boot_id: str) -> list[Anchor]:
    """Everything known of one page's time."""
    rows = here.db.query(
        "SELECT mono_ms, at, rtt_ms, wall FROM terminal_anchor "
        "WHERE terminal = :terminal AND boot_id = :boot ORDER BY mono_ms",
        terminal=terminal,
        boot=boot_id,
    )
    return [
        Anchor(
            int(row["mono_ms"]),
            datetime.fromisoformat(row["at"]),
            int(row["rtt_ms"]),
            datetime.fromisoformat(row["wall"]),
        )
        for row in rows
    ]


def keep_report(here: Hall, terminal: str, report: Report) -> bool:
    """Keep the last report; False when its clocks say nothing usable."""
    with here.db.transaction():
        if not note_clocks(here, terminal, report.clocks):
            return False
        drift = datetime.fromisoformat(report.clocks.wall) - here.clock.now()
        known = Known(at=here.clock.stamp(), drift_s=drift.total_seconds(), report=report)
        here.db.execute(
            "INSERT INTO kiosk_report VALUES (:terminal, :at, :report) ON CONFLICT (terminal) "
            "DO UPDATE SET at = excluded.at, report = excluded.report",
            terminal=terminal,
            at=known.at,
            report=msgspec.json.encode(known).decode(),
        )
        _note_complete(here, terminal, report)
    return True


def _note_complete(here: Hall, terminal: str, report: Report) -> None:
    """Up to when everything of this terminal is here: until now, or until the oldest that waits."""
    try:
        waiting = datetime.fromisoformat(report.oldest) if report.queue else here.clock.now()
    except ValueError:
        return
    if waiting.tzinfo is not None:
        raw_punches.report(here, terminal, min(waiting, here.clock.now()))


def reports(here: Hall) -> dict[str, Known]:
    """Terminal -> its last report."""
    rows = here.db.query("SELECT terminal, report FROM kiosk_report")
    return {str(row["terminal"]): msgspec.json.decode(row["report"], type=Known) for row in rows}
