"""核算: the thread that works days out in the background, in small pieces.

It follows the hall's own logs: what was written there, by whatever way in, says which days it
touches. So no way in has to know of days, nothing is forgotten by a crash, and what came back from
the center after a restore counts too. Nobody waits for it. Knows no rule of a day.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

from attendance.shifts import days
from node.days.day_facts import Place, moment_text, reported_until, roster_of, wall
from node.days.day_touch import FURTHEST_BACK, TOUCHES, Head, touched
from node.days.days import wish, work_out
from node.hall import Hall
from web import logs
from web.watchdog import Heart

TABLES = (
    """CREATE TABLE IF NOT EXISTS day_mark (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    )""",
)

PIECE = 4000
"""Days that are worked out from one reading of the tables."""
_SPAN = timedelta(days=7)
_STRIDE = 2000
_LOOK_S = 1.0
_GIVE_WAY_S = 0.002
# Days that passed while the machine was off are worked out too, this far back.
_LONGEST_GAP = timedelta(days=62)
LONGEST_PIECE_S = 120.0


class Reckoning:
    """The thread beside the listeners."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self.heart = Heart(lambda: hall.clock.mono_ms() / 1000)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="reckoning", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the running piece."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_PIECE_S)

    def health(self) -> tuple[bool, str]:
        """For /healthz."""
        if not self._thread.is_alive():
            return False, "the reckoning thread has ended"
        hangs = self.heart.overdue()
        return not hangs, hangs or "days are worked out"

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = 0.0
            try:
                with self.heart.step("working days out", LONGEST_PIECE_S):
                    pause = 0.05 if turn(self._hall) else _LOOK_S
            except Exception as error:
                # A fault of our own must not end the thread; the next turn tries again.
                logs.failure("reckoning", error)
                pause = 10 * _LOOK_S
            self._wake.wait(pause)
            self._wake.clear()


def turn(hall: Hall) -> int:
    """One piece of whatever is to be done; how much there was."""
    followed = follow(hall)
    look_at_the_clock(hall)
    return followed + work_piece(hall)


def settle(hall: Hall) -> None:
    """Work until nothing is left to do (commands and tests)."""
    while turn(hall):
        pass


# --- pieces ---------------------------------------------------------------------------------------


def work_piece(hall: Hall, most: int = PIECE) -> int:
    """Work out the newest days that are asked for; how many were taken."""
    newest = hall.db.query("SELECT MAX(day) AS day FROM day_wanted")[0]["day"]
    if newest is None:
        return 0
    rows = hall.db.query(
        "SELECT staff_no, day, change, asked FROM day_wanted WHERE day > :since "
        "ORDER BY day DESC, staff_no LIMIT :most",
        since=(date.fromisoformat(newest) - _SPAN).isoformat(),
        most=most,
    )
    wanted = {(row["staff_no"], date.fromisoformat(row["day"])): row["change"] for row in rows}
    work_out(hall, wanted, lambda: time.sleep(_GIVE_WAY_S))
    # What was asked for again meanwhile stays asked for.
    hall.db.executemany(
        "DELETE FROM day_wanted WHERE staff_no = :staff_no AND day = :day AND asked = :asked",
        [{name: row[name] for name in ("staff_no", "day", "asked")} for row in rows],
    )
    return len(rows)


# --- following the log ----------------------------------------------------------------------------


def follow(hall: Hall) -> int:
    """Look at what was written since, and ask for the days it touches; how many entries."""
    looked = 0
    for state in hall.logs.states():
        if state.writer != hall.settings.hall:
            continue
        name = f"log {state.origin}"
        start = int(_mark(hall, name) or 0)
        stop = min(state.size, start + _STRIDE)
        if start < stop:
            leaves = hall.logs.leaves(state.origin, start, stop)
            with hall.db.transaction():
                for change, places in _touched_by(hall, map(Head.of, leaves)):
                    wish(hall, places, change)
                _set_mark(hall, name, str(stop))
            looked += stop - start
    return looked


def _touched_by(hall: Hall, heads: Iterable[Head]) -> list[tuple[str, list[Place]]]:
    found: dict[str, dict[Place, None]] = {}
    for head in heads:
        if head.kind in TOUCHES:
            change, places = touched(hall, head)
            found.setdefault(change, {}).update(dict.fromkeys(places))
    return [(change, list(places)) for change, places in found.items()]


# --- what the clock brings ------------------------------------------------------------------------


def look_at_the_clock(hall: Hall) -> None:
    """Ask for each new day, and for the days that are over or complete since the last look."""
    now = wall(hall.clock.local())
    minute = f"{now:%Y-%m-%d %H:%M}"
    if _mark(hall, "clock") == minute:
        return
    told = reported_until(hall, now)
    with hall.db.transaction():
        _follow_calendar(hall)
        _begin_days(hall, now.date())
        _ask_for(hall, "terminal", _passed(hall, told))
        _ask_for(hall, "first", _begun(hall, now))
        _set_mark(hall, "clock", minute)


def _follow_calendar(hall: Hall) -> None:
    """A year's official table that is new here may make days of work into rest, or back; and from
    the day on from which new hours hold, days already worked out are worked out by them.
    """
    shelf = hall.shelf()
    tables = {f"{one.year}": one.version for one in shelf.calendar.years}
    tables |= {f"hours {since}": book.version for since, book in shelf.timetables}
    known = msgspec.json.decode(_mark(hall, "calendar") or b"{}", type=dict[str, int])
    if tables == known:
        return
    changed = {name for name in {*tables, *known} if tables.get(name) != known.get(name)}
    hours = min((name[6:] for name in changed if name.startswith("hours ")), default="9999")
    rows = hall.db.query(
        "SELECT staff_no, day FROM day_now WHERE day >= :since",
        since=(hall.clock.today() - FURTHEST_BACK).isoformat(),
    )
    places = [
        (row["staff_no"], date.fromisoformat(row["day"]))
        for row in rows
        if row["day"][:4] in changed or row["day"] >= hours
    ]
    _ask_for(hall, "calendar", places)
    _set_mark(hall, "calendar", msgspec.json.encode(tables).decode())


def _begin_days(hall: Hall, today: date) -> None:
    """Everybody who has a shift has a line on the page of each day."""
    last = _mark(hall, "day")
    if last == today.isoformat():
        return
    since = max(date.fromisoformat(last), today - _LONGEST_GAP) if last else today
    roster = roster_of(hall, since, today)
    for staff_no in roster.posts:
        wish(hall, [(staff_no, day) for day in days(since, today)], "first")
    _set_mark(hall, "day", today.isoformat())


def _passed(hall: Hall, told: datetime) -> list[Place]:
    """Provisional days with a window that has closed, and that every terminal has reported past."""
    rows = hall.db.query(
        "SELECT staff_no, day FROM day_now WHERE provisional = 1 AND revision > 0 "
        "AND again <= :told",
        told=moment_text(told),
    )
    return [(row["staff_no"], date.fromisoformat(row["day"])) for row in rows]


def _begun(hall: Hall, now: datetime) -> list[Place]:
    """Days that are not written yet although their first window is open."""
    rows = hall.db.query(
        "SELECT staff_no, day FROM day_now WHERE revision = 0 AND status <> 'rest' "
        "AND again <= :now",
        now=moment_text(now),
    )
    return [(row["staff_no"], date.fromisoformat(row["day"])) for row in rows]


def _ask_for(hall: Hall, change: str, places: list[Place]) -> None:
    if places:
        wish(hall, places, change)


def _mark(hall: Hall, name: str) -> str:
    rows = hall.db.query("SELECT value FROM day_mark WHERE name = :name", name=name)
    return str(rows[0]["value"]) if rows else ""


def _set_mark(hall: Hall, name: str, value: str) -> None:
    hall.db.execute(
        "INSERT INTO day_mark VALUES (:name, :value) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name=name,
        value=value,
    )
