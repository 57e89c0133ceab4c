"""ZKTeco 终端: what a terminal is told, and whether it holds more punches than this hall.

An order is offered when the terminal asks, again after five minutes, five times at most, and is
done only when the terminal says so. Every day that has passed is counted on both sides; where the
terminal holds more, it is told to send that day again. Knows no request and no page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from attendance.local_time import moment_of, zone_of
from attendance.terminals.zkteco_orders import Details, Order, Reply, wording
from node.hall import Hall
from node.presence import raw_punches
from node.zkteco.zkteco_notes import alarm
from node.zkteco.zkteco_terminals import ZkTerminal
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS zkteco_order (
        id INTEGER PRIMARY KEY,
        serial TEXT NOT NULL,
        kind TEXT NOT NULL,
        day TEXT NOT NULL,
        wording TEXT NOT NULL,
        made_at TEXT NOT NULL,
        made_by TEXT NOT NULL,
        offered_at TEXT,
        tries INTEGER NOT NULL,
        done_at TEXT,
        code INTEGER
    )""",
    "CREATE INDEX IF NOT EXISTS zkteco_order_open ON zkteco_order (serial, done_at, id)",
    # state: equal; open: equal so far; short: the terminal holds more; accepted: ours stands.
    """CREATE TABLE IF NOT EXISTS zkteco_count (
        serial TEXT NOT NULL,
        day TEXT NOT NULL,
        theirs INTEGER NOT NULL,
        ours INTEGER NOT NULL,
        state TEXT NOT NULL,
        asked INTEGER NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (serial, day)
    )""",
)
AGAIN_AFTER = timedelta(minutes=5)
MOST_TRIES = 5
AT_ONCE = 5
DAYS_BACK = 31
MOST_ASKED = 3
NIGHT = time(1, 0)
"""Counting begins after this, when nobody is signing in."""


def give(
    hall: Hall, terminal: ZkTerminal, order: Order, details: Details | None = None, by: str = ""
) -> None:
    """Tell a terminal something, when it asks next; the same again while it waits changes nothing.

    Raises:
        ValueError: something is missing, or a text that would be read as another order.
    """
    details = details or Details()
    said = wording(order, details, terminal.dialect)
    with hall.db.transaction():
        waiting = hall.db.query(
            "SELECT id FROM zkteco_order WHERE serial = :s AND wording = :said "
            "AND done_at IS NULL AND tries < :most",
            s=terminal.serial,
            said=said,
            most=MOST_TRIES,
        )
        if waiting:
            return
        hall.db.execute(
            "INSERT INTO zkteco_order (serial, kind, day, wording, made_at, made_by, tries) "
            "VALUES (:s, :kind, :day, :said, :at, :by, 0)",
            s=terminal.serial,
            kind=order.value,
            day=details.day.isoformat() if details.day else "",
            said=said,
            at=hall.clock.stamp(),
            by=by,
        )


def offered(hall: Hall, terminal: ZkTerminal) -> list[str]:
    """The orders that are due, as lines for the terminal; each of them is noted as offered."""
    due = _due(hall, terminal)
    if not due:
        return []
    with hall.db.transaction():
        due = _due(hall, terminal)
        hall.db.executemany(
            "UPDATE zkteco_order SET offered_at = :at, tries = tries + 1 WHERE id = :id",
            [{"at": hall.clock.stamp(), "id": row["id"]} for row in due],
        )
    return [f"C:{row['id']}:{row['wording']}" for row in due]


def _due(hall: Hall, terminal: ZkTerminal) -> list[Row]:
    before = hall.clock.now() - AGAIN_AFTER
    return hall.db.query(
        "SELECT id, wording FROM zkteco_order WHERE serial = :s AND done_at IS NULL "
        "AND tries < :most AND (offered_at IS NULL OR offered_at <= :before) "
        "ORDER BY id LIMIT :n",
        s=terminal.serial,
        most=MOST_TRIES,
        before=before.isoformat(timespec="milliseconds")[:23] + "Z",
        n=AT_ONCE,
    )


def take_replies(hall: Hall, terminal: ZkTerminal, said: Sequence[Reply]) -> None:
    """What became of orders; one that was answered before is answered no more."""
    with hall.db.transaction():
        for reply in said:
            if not reply.id.isdigit():
                continue
            rows = hall.db.query(
                "SELECT * FROM zkteco_order WHERE id = :id AND serial = :s AND done_at IS NULL",
                id=int(reply.id[:15]),
                s=terminal.serial,
            )
            if rows:
                _done(hall, terminal, rows[0], reply)


def _done(hall: Hall, terminal: ZkTerminal, row: Row, reply: Reply) -> None:
    hall.db.execute(
        "UPDATE zkteco_order SET done_at = :at, code = :code WHERE id = :id",
        at=hall.clock.stamp(),
        code=reply.code,
        id=row["id"],
    )
    if row["kind"] == Order.COUNT_DAY and reply.count is not None:
        _compare(hall, terminal, date.fromisoformat(row["day"]), reply.count)
    elif row["kind"] == Order.SEND_DAY:
        # What it sends comes by itself; then both sides are counted anew.
        give(hall, terminal, Order.COUNT_DAY, Details(day=date.fromisoformat(row["day"])))


def _compare(hall: Hall, terminal: ZkTerminal, day: date, theirs: int) -> None:
    ours = punches_of_day(hall, terminal.serial, day)
    before = hall.db.query(
        "SELECT asked FROM zkteco_count WHERE serial = :s AND day = :day",
        s=terminal.serial,
        day=day.isoformat(),
    )
    asked = before[0]["asked"] if before else 0
    short = theirs > ours
    if short and asked < MOST_ASKED:
        give(hall, terminal, Order.SEND_DAY, Details(day=day))
        asked += 1
    elif short:
        detail = f"{day.isoformat()} 终端 {theirs} 条，本机 {ours} 条"
        alarm(hall, terminal.serial, "short", detail, day.isoformat())
    if short:
        start, _ = moment_of(datetime.combine(day, time()), zone_of(terminal.zone))
        raw_punches.withdraw_report(hall, terminal.serial, start)
    state = "short" if short else "equal" if day < _today(hall, terminal) else "open"
    _keep_count(hall, terminal.serial, Count(day, theirs, ours, state), asked)


@dataclass(frozen=True)
class Count:
    """One day on both sides."""

    day: date
    theirs: int
    ours: int
    state: str


def _keep_count(hall: Hall, serial: str, count: Count, asked: int) -> None:
    hall.db.execute(
        "INSERT INTO zkteco_count VALUES (:s, :day, :theirs, :ours, :state, :asked, :at) "
        "ON CONFLICT (serial, day) DO UPDATE SET theirs = excluded.theirs, ours = excluded.ours, "
        "state = excluded.state, asked = excluded.asked, at = excluded.at",
        s=serial,
        day=count.day.isoformat(),
        theirs=count.theirs,
        ours=count.ours,
        state=count.state,
        asked=asked,
        at=hall.clock.stamp(),
    )


def punches_of_day(hall: Hall, serial: str, day: date) -> int:
    """How many punches of a terminal's day are here, by the terminal's own clock face."""
    rows = hall.db.query(
        "SELECT COUNT(*) AS n FROM raw_punch WHERE source = 'zkteco' AND device = :s "
        "AND event_key >= :day AND event_key < :next",
        s=serial,
        day=day.isoformat(),
        next=(day + timedelta(days=1)).isoformat(),
    )
    return int(rows[0]["n"])


def received(hall: Hall, serial: str) -> int:
    """How many punches of a terminal are here."""
    rows = hall.db.query(
        "SELECT COUNT(*) AS n FROM raw_punch WHERE source = 'zkteco' AND device = :s", s=serial
    )
    return int(rows[0]["n"])


def counts(hall: Hall, serial: str) -> list[Count]:
    """The latest comparisons of a terminal, the latest day first."""
    rows = hall.db.query(
        "SELECT day, theirs, ours, state FROM zkteco_count WHERE serial = :s "
        "ORDER BY day DESC LIMIT :most",
        s=serial,
        most=DAYS_BACK,
    )
    return [
        Count(date.fromisoformat(row["day"]), row["theirs"], row["ours"], row["state"])
        for row in rows
    ]


def is_comparing(hall: Hall, serial: str) -> bool:
    """Whether a day is being counted or sent again, or the terminal holds more of one."""
    rows = hall.db.query(
        "SELECT EXISTS (SELECT 1 FROM zkteco_count WHERE serial = :s AND state = 'short') "
        "OR EXISTS (SELECT 1 FROM zkteco_order WHERE serial = :s AND done_at IS NULL "
        "AND tries < :most AND kind IN ('count_day', 'send_day')) AS comparing",
        s=serial,
        most=MOST_TRIES,
    )
    return bool(rows[0]["comparing"])


def plan_counts(hall: Hall, terminal: ZkTerminal, *, today_too: bool = False) -> None:
    """Have every day counted that has passed and was not found equal after it had ended.

    Args:
        today_too: after this program started: its database may be one of before.
    """
    today, settled = _today(hall, terminal), ("equal", "accepted")
    equal = {one.day for one in counts(hall, terminal.serial) if one.state in settled}
    first = max(today - timedelta(days=DAYS_BACK), _first_day(hall, terminal))
    with hall.db.transaction():
        for back in range(0 if today_too else 1, (today - first).days + 1):
            day = today - timedelta(days=back)
            if day not in equal:
                give(hall, terminal, Order.COUNT_DAY, Details(day=day))


def _today(hall: Hall, terminal: ZkTerminal) -> date:
    return hall.clock.now().astimezone(zone_of(terminal.zone)).date()


def accept_count(hall: Hall, serial: str, day: date) -> bool:
    """A person decided that what is here stands, although the terminal holds more."""
    changed = hall.db.execute(
        "UPDATE zkteco_count SET state = 'accepted' "
        "WHERE serial = :s AND day = :day AND state = 'short'",
        s=serial,
        day=day.isoformat(),
    )
    return changed > 0


def _first_day(hall: Hall, terminal: ZkTerminal) -> date:
    rows = hall.db.query(
        "SELECT MIN(event_key) AS first FROM raw_punch WHERE source = 'zkteco' AND device = :s",
        s=terminal.serial,
    )
    try:
        return date.fromisoformat(str(rows[0]["first"])[:10])
    except ValueError:
        since = datetime.fromisoformat(str(terminal.approved_at))
        return since.astimezone(zone_of(terminal.zone)).date()


def waiting(hall: Hall, serial: str) -> tuple[int, int]:
    """Orders that wait for the terminal, and those it never answered."""
    rows = hall.db.query(
        "SELECT tries < :most AS waits, COUNT(*) AS n FROM zkteco_order "
        "WHERE serial = :s AND done_at IS NULL GROUP BY tries < :most",
        s=serial,
        most=MOST_TRIES,
    )
    found = {bool(row["waits"]): int(row["n"]) for row in rows}
    return found.get(True, 0), found.get(False, 0)
