"""ZKTeco 终端: what a terminal uploads becomes safe here, in one transaction, and is then counted.

What is answered "OK" the terminal may forget; so nothing is answered before it is written. Knows
neither addresses nor answers of the wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from attendance.local_time import moment_of, offset_name, zone_of
from attendance.punches import RawPunch
from attendance.terminals.clocks import (
    AHEAD,
    REALTIME_ROWS,
    Doubts,
    clock_of,
    drift,
    estimate,
)
from attendance.terminals.zkteco_lines import (
    LONGEST_LINE,
    Poison,
    Scan,
    lines_of,
    operations,
    pairs,
    punches,
    text_of,
)
from attendance.terminals.zkteco_speech import TIME_WAS_SET, direction_of, way_of
from node.hall import Hall
from node.presence.raw_punches import Taken, take_in
from node.zkteco import zkteco_notes
from node.zkteco.zkteco_calls import keep_stamp, note_clock_set, note_gauge, note_upload
from node.zkteco.zkteco_terminals import ZkTerminal

MOST_A_MINUTE = 60
"""Of one terminal: nobody can pass it more often."""
NIGHT_HOURS = (23, 0, 1, 2, 3, 4)
EVIDENCE_BYTES = 64 * 1024
_STAMP_CHARACTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:._-")


@dataclass(frozen=True)
class Upload:
    """One body that arrived whole.

    Args:
        unbroken: the terminal was in contact up to now, so that what it sends has not waited.
        stamp: what it wants to be told when it begins anew.
    """

    terminal: ZkTerminal
    peer: str
    received: datetime
    unbroken: bool
    stamp: str
    body: bytes


@dataclass(frozen=True)
class Safe:
    """What became of an upload.

    Args:
        lines: how many of it the terminal may forget; None where none are counted.
        backlog: more may come at once.
    """

    lines: int | None
    backlog: bool = False


def take_punches(hall: Hall, upload: Upload) -> Safe:
    """``ATTLOG``: every line becomes a raw punch, or is known already, or is set aside."""
    terminal = upload.terminal
    read = list(punches(upload.body, id_cards=terminal.kind.lower() == "pid"))
    doubts = _doubts(upload, [one for one in read if isinstance(one, Scan)])
    raws = [_raw(upload, one, doubts) for one in read if isinstance(one, Scan)]
    poison = [one for one in read if isinstance(one, Poison)]
    with hall.db.transaction():
        taken = take_in(hall, raws)
        if poison:
            zkteco_notes.set_lines_aside(hall, terminal.serial, "ATTLOG", upload.peer, poison)
        fresh = _fresh(raws, taken)
        moments = [raw.t_utc for raw in fresh]
        late = estimate(moments, upload.received, upload.unbroken)
        note_upload(hall, terminal, late)
        _keep_stamp(hall, upload, "ATTLOG")
        _watch(hall, upload, fresh, late)
    return Safe(len(read), len(read) > REALTIME_ROWS)


def _doubts(upload: Upload, scans: Sequence[Scan]) -> Doubts:
    """Why the times of this upload may be wrong: what is known, and what it shows itself."""
    known, zone = upload.terminal.doubts, zone_of(upload.terminal.zone)
    moments = [_moment(one, zone)[0] for one in scans[: REALTIME_ROWS + 1]]
    shown = Doubts(estimate(moments, upload.received, upload.unbroken), known.set_by_hand)
    return shown if shown.is_off else known


def _moment(scan: Scan, zone: tzinfo) -> tuple[datetime, bool]:
    if scan.offset is None:
        return moment_of(scan.shown, zone)
    return (scan.shown - timedelta(seconds=scan.offset)).replace(tzinfo=UTC), False


def _fresh(raws: Sequence[RawPunch], taken: Taken) -> list[RawPunch]:
    return [
        raw for raw, outcome in zip(raws, taken.outcomes, strict=True) if outcome != "duplicate"
    ]


def _raw(upload: Upload, scan: Scan, doubts: Doubts) -> RawPunch:
    terminal = upload.terminal
    moment, doubtful = _moment(scan, zone_of(terminal.zone))
    # A time in seconds since 1970 tells the moment, and nothing of the zone.
    by_itself = scan.offset is not None and not scan.local_text.isdigit()
    zone = offset_name(scan.offset or 0) if by_itself else terminal.zone
    return RawPunch(
        source="zkteco",
        device=terminal.serial,
        pin=scan.pin,
        local_text=scan.local_text,
        zone=zone,
        t_utc=moment,
        t_recv=upload.received,
        verify=scan.verify,
        dir_hint=direction_of(scan.status),
        raw_sha=scan.raw_sha,
        trust="vendor-unsigned",
        way=way_of(scan.verify, terminal.dialect),
        clock=clock_of(moment, upload.received, doubts, doubtful),
    )


def _keep_stamp(hall: Hall, upload: Upload, kind: str) -> None:
    stamp = upload.stamp
    # It is told to the terminal later, on a line of its own: nothing else may get in with it.
    if 0 < len(stamp) <= 40 and set(stamp) <= _STAMP_CHARACTERS:
        keep_stamp(hall, upload.terminal.serial, kind, stamp)


def _watch(hall: Hall, upload: Upload, fresh: Sequence[RawPunch], late: int | None) -> None:
    """Raise what a person must look at; nothing is refused because of it."""
    serial = upload.terminal.serial
    minutes = Counter(raw.local_text[:16] for raw in fresh)
    busiest = max(minutes.values(), default=0)
    if busiest > MOST_A_MINUTE:
        zkteco_notes.alarm(hall, serial, "rate", f"{busiest} 次")
    if any(raw.t_utc > upload.received + AHEAD for raw in fresh):
        zkteco_notes.alarm(hall, serial, "ahead")
    if upload.unbroken and len(fresh) <= REALTIME_ROWS:
        hours = {upload.received.astimezone(zone_of(raw.zone)).hour for raw in fresh}
        if hours & set(NIGHT_HOURS):
            zkteco_notes.alarm(hall, serial, "night")
    if late is not None:
        now = drift((*upload.terminal.estimates, late))
        if Doubts(now).is_off:
            zkteco_notes.alarm(hall, serial, "drift", f"约 {now} 秒")


def take_operations(hall: Hall, upload: Upload) -> Safe:
    """``OPERLOG``: operations are looked through, names kept, templates thrown away."""
    log = operations(upload.body)
    serial = upload.terminal.serial
    with hall.db.transaction():
        new = zkteco_notes.alarm_of_operations(hall, serial, log.operations)
        if TIME_WAS_SET in new:
            note_clock_set(hall, serial, upload.received)
        if log.people:
            zkteco_notes.keep_names(hall, serial, log.people)
        # Some firmware sends empty ones without pause; they are no reason to write.
        if log.lines:
            _count_dropped(hall, upload, sum(log.dropped.values()))
            _keep_stamp(hall, upload, "OPERLOG")
    return Safe(log.lines)


def _count_dropped(hall: Hall, upload: Upload, dropped: int) -> None:
    note_upload(hall, upload.terminal, None, dropped)


def take_abilities(hall: Hall, upload: Upload) -> Safe:
    """``options``: what the terminal can do; only its firmware is of use here."""
    try:
        told = pairs(text_of(upload.body[:LONGEST_LINE]))
    except ValueError:
        told = {}
    firmware = told.get("FWVersion") or told.get("FirmVer") or told.get("DeviceName") or ""
    if firmware and firmware.isprintable():
        terminal = upload.terminal
        note_gauge(hall, terminal.serial, firmware[:60], terminal.holds)
    return Safe(None)


def take_photograph(hall: Hall, upload: Upload) -> Safe:
    """``ATTPHOTO``: a picture of somebody's face, that nobody here asked for; thrown away."""
    _count_dropped(hall, upload, 1)
    return Safe(None)


def take_nothing(hall: Hall, upload: Upload) -> Safe:
    """Templates, cards, error logs: counted, so that the terminal stops sending them."""
    lines = len(lines_of(upload.body))
    if lines:
        _count_dropped(hall, upload, lines)
    return Safe(lines)


def keep_evidence(hall: Hall, upload: Upload, kind: str, size: int) -> None:
    """Of a body beyond every limit the beginning is kept, and somebody is told."""
    serial = upload.terminal.serial
    with hall.db.transaction():
        beginning = Poison(upload.body[:EVIDENCE_BYTES], "too_large")
        zkteco_notes.set_lines_aside(hall, serial, kind, upload.peer, [beginning])
        zkteco_notes.alarm(hall, serial, "large", f"{kind} {size} 字节")


TABLES = {
    "ATTLOG": take_punches,
    "OPERLOG": take_operations,
    "OPTIONS": take_abilities,
    "ATTPHOTO": take_photograph,
}
