"""原始打卡: what every terminal told, once each and for ever, and the punches that follow from it.

Every way in comes through :func:`take_in`: kiosk, supervisor's hand, terminals of other makers. A
raw punch is never changed and never deleted. Where the person is known it becomes an entry of the
log in the same transaction; where not, it is held until somebody says whose number that is. Knows
no page and no wire.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal, cast

import msgspec

from attendance.holders import Holding, holder_of
from attendance.local_time import zone_of
from attendance.punches import RawPunch, SignIn, punch_of
from node.hall import Hall
from node.presence.holders import holdings_of
from node.terminals.terminal_keys import admitted
from standards.records import Punch
from sync.drafts import Draft
from sync.entries import new_id
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS raw_punch (
        id INTEGER PRIMARY KEY,
        punch_id TEXT NOT NULL,
        source TEXT NOT NULL,
        device TEXT NOT NULL,
        event_key TEXT NOT NULL,
        device_event_id TEXT NOT NULL,
        pin TEXT NOT NULL,
        local_text TEXT NOT NULL,
        zone TEXT NOT NULL,
        t_utc TEXT NOT NULL,
        t_recv TEXT NOT NULL,
        verify TEXT NOT NULL,
        dir_hint TEXT NOT NULL,
        raw_sha TEXT NOT NULL,
        trust TEXT NOT NULL,
        way TEXT NOT NULL,
        clock TEXT NOT NULL
    )""",
    "CREATE UNIQUE INDEX IF NOT EXISTS raw_punch_event ON raw_punch (source, device, event_key)",
    "CREATE INDEX IF NOT EXISTS raw_punch_punch ON raw_punch (punch_id)",
    """CREATE TRIGGER IF NOT EXISTS raw_punch_stays BEFORE DELETE ON raw_punch
        BEGIN SELECT RAISE(ABORT, 'a raw punch is never deleted'); END""",
    """CREATE TRIGGER IF NOT EXISTS raw_punch_as_it_came BEFORE UPDATE ON raw_punch
        BEGIN SELECT RAISE(ABORT, 'a raw punch is never changed'); END""",
    """CREATE TABLE IF NOT EXISTS raw_punch_held (
        raw INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        device TEXT NOT NULL,
        pin TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS raw_punch_held_pin ON raw_punch_held (pin)",
    """CREATE TABLE IF NOT EXISTS terminal_report (
        terminal TEXT PRIMARY KEY,
        complete_to TEXT NOT NULL
    )""",
)
_COLUMNS = (
    *("id", "punch_id", "source", "device", "event_key", "device_event_id", "pin", "local_text"),
    *("zone", "t_utc", "t_recv", "verify", "dir_hint", "raw_sha", "trust", "way", "clock"),
)
_AT_ONCE = 1000

Outcome = Literal["stored", "duplicate", "held"]
_NOBODY: Mapping[str, SignIn] = {}


@dataclass(frozen=True)
class Taken:
    """What became of raw punches, in their order; every one of them is safe now."""

    outcomes: tuple[Outcome, ...]
    punch_ids: tuple[str, ...]
    """the id that the punch of each has, or will have when it is held"""

    @property
    def new(self) -> int:
        """Punches written."""
        return self.outcomes.count("stored")

    @property
    def duplicate(self) -> int:
        """Known before."""
        return self.outcomes.count("duplicate")

    @property
    def held(self) -> int:
        """New, and nobody has said whose number it is."""
        return self.outcomes.count("held")


def take_in(hall: Hall, raws: Sequence[RawPunch], proven: Mapping[str, SignIn] = _NOBODY) -> Taken:
    """Keep raw punches and write the punches of those whose person is known, in one transaction.

    Args:
        raws: of terminals that are allowed to send; many at once are far cheaper.
        proven: by ``event_key``, the sign-ins whose person the hall proved itself. Who stands
            behind the others is asked of the list of numbers.
    """
    with hall.db.transaction():
        known = _known(hall, raws)
        fresh: dict[tuple[str, str, str], RawPunch] = {}
        for raw in raws:
            if _place(raw) not in known:
                fresh.setdefault(_place(raw), raw)
        became = _write(hall, list(fresh.values()), proven)
        new = dict(zip(fresh, became, strict=True))
        found: list[tuple[Outcome, str]] = []
        for raw in raws:
            # Only the first of several equal ones is new.
            found.append(new.pop(_place(raw), ("duplicate", "")))
            known.setdefault(_place(raw), found[-1][1])
        return Taken(tuple(one for one, _ in found), tuple(known[_place(raw)] for raw in raws))


def _place(raw: RawPunch) -> tuple[str, str, str]:
    return raw.source, raw.device, raw.event_key


def _known(hall: Hall, raws: Sequence[RawPunch]) -> dict[tuple[str, str, str], str]:
    """Which of these events stand already, with the ids of their punches."""
    keys: dict[tuple[str, str], set[str]] = {}
    for raw in raws:
        keys.setdefault((raw.source, raw.device), set()).add(raw.event_key)
    return {
        (source, device, row["event_key"]): row["punch_id"]
        for (source, device), some in keys.items()
        for row in hall.db.query(
            "SELECT event_key, punch_id FROM raw_punch WHERE source = :source "
            "AND device = :device AND event_key IN (SELECT value FROM json_each(:keys))",
            source=source,
            device=device,
            keys=msgspec.json.encode(sorted(some)).decode(),
        )
    }


def _write(
    hall: Hall, raws: Sequence[RawPunch], proven: Mapping[str, SignIn]
) -> list[tuple[Outcome, str]]:
    """Keep these and write what can be written; what each became, and the id of its punch."""
    if not raws:
        return []
    first = int(hall.db.query("SELECT COALESCE(MAX(id), 0) + 1 AS n FROM raw_punch")[0]["n"])
    drafts = _drafts(hall, raws, proven)
    standing = _standing(hall, drafts.values())
    became: list[tuple[Outcome, str]] = []
    writing: list[Draft] = []
    for n in range(len(raws)):
        fact = _fact(drafts[n]) if n in drafts else None
        if fact in standing:
            became.append(("duplicate", standing.pop(fact)))
            continue
        became.append(("held" if fact is None else "stored", new_id(hall.clock.posix_ms())))
        if fact is not None:
            writing.append(replace(drafts[n], record_id=became[-1][1]))
    rows = [_row(raw, first + n, became[n][1]) for n, raw in enumerate(raws)]
    hall.db.insert("raw_punch", _COLUMNS, rows)
    waiting = [
        (first + n, raw.source, raw.device, raw.pin)
        for n, raw in enumerate(raws)
        if became[n][0] == "held"
    ]
    if waiting:
        hall.db.insert("raw_punch_held", ("raw", "source", "device", "pin"), waiting)
    if writing:
        hall.write_all(writing)
    return became


# Who was where in which second, and checked in which way.
Fact = tuple[str, str, str, str]


def _fact(draft: Draft) -> Fact:
    punch = cast(Punch, draft.record)
    return punch.staff_no, punch.punched_at, punch.terminal, punch.way


def _standing(hall: Hall, drafts: Iterable[Draft]) -> dict[Fact | None, str]:
    """Of these facts those that the log has and no raw punch here led to, with their ids.

    After a dead machine the log comes back from the center, and what every terminal had told does
    not: they send it all again, and nobody signs in twice because of that.
    """
    asked = [[one[0], one[1]] for one in map(_fact, drafts) if one[2]]
    rows = hall.db.query(
        "SELECT p.staff_no, p.punched_at, p.terminal, p.way, p.id FROM json_each(:asked) AS a "
        # In this order and by this index, or every punch of the hall would be looked at.
        "CROSS JOIN punch AS p INDEXED BY punch_person ON p.hall = :hall "
        "AND p.staff_no = a.value ->> 0 AND p.punched_at = a.value ->> 1 "
        "WHERE NOT EXISTS (SELECT 1 FROM raw_punch AS r WHERE r.punch_id = p.id)",
        asked=msgspec.json.encode(asked).decode(),
        hall=hall.settings.hall,
    )
    return {
        (row["staff_no"], row["punched_at"], row["terminal"], row["way"]): row["id"]
        for row in rows
        if row["terminal"]
    }


def _drafts(hall: Hall, raws: Sequence[RawPunch], proven: Mapping[str, SignIn]) -> dict[int, Draft]:
    """By place in the row, the punches of those whose person is known."""
    asked = {raw.pin for raw in raws if raw.event_key not in proven}
    holdings = holdings_of(hall, asked) if asked else {}
    drafts: dict[int, Draft] = {}
    for n, raw in enumerate(raws):
        if raw.event_key in proven:
            punch = proven[raw.event_key].punch
            drafts[n] = Draft(punch, punch.witness or punch.staff_no)
        elif (staff_no := holder_of(holdings.get(raw.pin, ()), raw.device, _day(raw))) is not None:
            drafts[n] = Draft(punch_of(raw, staff_no), staff_no)
    return drafts


def _day(raw: RawPunch) -> date:
    return raw.t_utc.astimezone(zone_of(raw.zone)).date()


def _row(raw: RawPunch, number: int, punch_id: str) -> tuple[object, ...]:
    return (
        *(number, punch_id, raw.source, raw.device, raw.event_key, raw.device_event_id),
        *(raw.pin, raw.local_text, raw.zone, _text(raw.t_utc), _text(raw.t_recv), raw.verify),
        *(raw.dir_hint, raw.raw_sha, raw.trust, raw.way, raw.clock),
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _raw(row: Row) -> RawPunch:
    return RawPunch(
        **{name: row[name] for name in _COLUMNS if name in RawPunch.__dataclass_fields__}
        | {name: datetime.fromisoformat(row[name]) for name in ("t_utc", "t_recv")}
    )


# --- what waits for a name ----------------------------------------------------------------------


@dataclass(frozen=True)
class Unknown:
    """A number of a terminal that nobody has put a name to."""

    device: str
    pin: str
    times: int
    first: str
    last: str
    """local times, as the terminal wrote them"""


def unknown_numbers(hall: Hall) -> list[Unknown]:
    """Numbers whose punches are held, the most used first."""
    rows = hall.db.query(
        "SELECT h.device, h.pin, COUNT(*) AS times, MIN(r.local_text) AS first, "
        "MAX(r.local_text) AS last FROM raw_punch_held h JOIN raw_punch r ON r.id = h.raw "
        "GROUP BY h.device, h.pin ORDER BY times DESC, h.device, h.pin"
    )
    return [Unknown(**row) for row in rows]


def attribute(hall: Hall, pins: Collection[str]) -> int:
    """Write the punches of these numbers that were held and have a holder now; how many."""
    with hall.db.transaction():
        holdings, written = holdings_of(hall, pins), 0
        rows = hall.db.query(
            "SELECT r.* FROM raw_punch_held h JOIN raw_punch r ON r.id = h.raw "
            "WHERE h.pin IN (SELECT value FROM json_each(:pins)) ORDER BY r.id",
            pins=msgspec.json.encode(sorted(pins)).decode(),
        )
        for start in range(0, len(rows), _AT_ONCE):
            written += _attribute(hall, rows[start : start + _AT_ONCE], holdings)
        return written


def _attribute(hall: Hall, rows: Sequence[Row], holdings: Mapping[str, list[Holding]]) -> int:
    drafts, done = [], []
    for row in rows:
        raw = _raw(row)
        staff_no = holder_of(holdings.get(raw.pin, ()), raw.device, _day(raw))
        if staff_no is not None:
            drafts.append(Draft(punch_of(raw, staff_no), staff_no, row["punch_id"]))
            done.append({"raw": row["id"]})
    if not drafts:
        return 0
    hall.db.executemany("DELETE FROM raw_punch_held WHERE raw = :raw", done)
    standing = _standing(hall, drafts)
    writing = [one for one in drafts if standing.pop(_fact(one), None) is None]
    hall.write_all(writing)
    return len(writing)


# --- up to when everything is here --------------------------------------------------------------


def report(hall: Hall, terminal: str, complete_to: datetime) -> None:
    """A terminal has delivered everything up to this moment; never moves back."""
    hall.db.execute(
        "INSERT INTO terminal_report VALUES (:terminal, :moment) "
        "ON CONFLICT (terminal) DO UPDATE SET complete_to = excluded.complete_to "
        "WHERE excluded.complete_to > terminal_report.complete_to",
        terminal=terminal,
        moment=_text(complete_to),
    )


def withdraw_report(hall: Hall, terminal: str, since: datetime | None = None) -> None:
    """Something is missing from this moment on; without one the terminal is waited for no more."""
    if since is None:
        hall.db.execute("DELETE FROM terminal_report WHERE terminal = :terminal", terminal=terminal)
        return
    hall.db.execute(
        "UPDATE terminal_report SET complete_to = :since "
        "WHERE terminal = :terminal AND complete_to > :since",
        terminal=terminal,
        since=_text(since),
    )


def last_reported(hall: Hall) -> dict[str, datetime]:
    """Of each terminal in use, up to which moment all of its punches are here.

    A day is complete when every one of these lies behind its end; a terminal that is switched off
    keeps its place, so that nobody counts somebody as absent who signed in there.
    """
    found = admitted(hall)
    for row in hall.db.query("SELECT terminal, complete_to FROM terminal_report"):
        found[row["terminal"]] = datetime.fromisoformat(row["complete_to"])
    return found
