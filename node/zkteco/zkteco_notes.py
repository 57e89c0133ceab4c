"""ZKTeco 终端: what a person has to look at: alarms, lines nobody could read, names of numbers.

An alarm of one kind stands once a day for each terminal, an operation at the terminal once for
ever, however often its line is sent. Knows no request and no page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from attendance.terminals.zkteco_lines import Operation, Person, Poison
from attendance.terminals.zkteco_speech import ALARMING
from node.hall import Hall
from node.presence.holders import holdings_of
from sync.errors import Malformed
from web import logs

TABLES = (
    """CREATE TABLE IF NOT EXISTS zkteco_alarm (
        id INTEGER PRIMARY KEY,
        serial TEXT NOT NULL,
        kind TEXT NOT NULL,
        mark TEXT NOT NULL,
        detail TEXT NOT NULL,
        at TEXT NOT NULL,
        seen_at TEXT,
        seen_by TEXT,
        UNIQUE (serial, kind, mark)
    )""",
    """CREATE TABLE IF NOT EXISTS zkteco_line (
        id INTEGER PRIMARY KEY,
        serial TEXT NOT NULL,
        kind TEXT NOT NULL,
        sha TEXT NOT NULL,
        reason TEXT NOT NULL,
        line BLOB NOT NULL,
        peer TEXT NOT NULL,
        at TEXT NOT NULL,
        settled_at TEXT,
        settled_by TEXT,
        UNIQUE (serial, sha)
    )""",
    # What the terminal shows for a number; encrypted, for it is a person's name.
    """CREATE TABLE IF NOT EXISTS zkteco_name (
        serial TEXT NOT NULL,
        pin TEXT NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (serial, pin)
    )""",
)
MOST_LISTED = 200

ALARMS = {
    **{f"op{code}": f"终端上有人{said}" for code, said in ALARMING.items()},
    "address": "同一序列号从两个地址来",
    "source": "从未许可的地址来，已拒绝",
    "secret": "密码路径不对，已拒绝",
    "rate": "一分钟内打卡过多",
    "night": "深夜有人打卡",
    "drift": "时钟偏差超过两分钟",
    "ahead": "打卡时间晚于现在",
    "large": "一次上传过大，只留了开头",
    "short": "终端比本机多出打卡，取了三次仍不一致",
    "doors": "终端处于门禁模式，请在终端上改为考勤（T&A PUSH）",
}

REASONS = {
    "too_long": "太长",
    "nul": "含有空字节",
    "no_time": "没有可读的时间",
    "no_text": "文字无法识别",
    "no_number": "没有可读的工号",
    "too_large": "上传过大",
}


@dataclass(frozen=True)
class Alarm:
    """One alarm as a page shows it."""

    id: int
    serial: str
    kind: str
    detail: str
    at: str

    @property
    def label(self) -> str:
        """What happened."""
        return ALARMS[self.kind]


def alarm(hall: Hall, serial: str, kind: str, detail: str = "", mark: str = "") -> None:
    """Raise an alarm, once for its mark; without one, once a day."""
    assert kind in ALARMS
    raised = hall.db.execute(
        "INSERT INTO zkteco_alarm (serial, kind, mark, detail, at) "
        "VALUES (:s, :kind, :mark, :detail, :at) ON CONFLICT DO NOTHING",
        s=serial,
        kind=kind,
        mark=mark or hall.clock.today().isoformat(),
        detail=detail[:200],
        at=hall.clock.stamp(),
    )
    if raised:
        logs.event("zkteco.alarm", kind=kind, terminal=serial)


def alarm_of_operations(hall: Hall, serial: str, done: Iterable[Operation]) -> set[int]:
    """Raise what was done at the terminal and must be heard of; the codes that are new."""
    new = set()
    for one in done:
        if one.code not in ALARMING:
            continue
        known = hall.db.query(
            "SELECT id FROM zkteco_alarm WHERE serial = :s AND kind = :kind AND mark = :mark",
            s=serial,
            kind=f"op{one.code}",
            mark=one.sha,
        )
        if not known:
            new.add(one.code)
            alarm(hall, serial, f"op{one.code}", f"终端时间 {one.shown}", one.sha)
    return new


def open_alarms(hall: Hall, serial: str = "") -> list[Alarm]:
    """Alarms that nobody has put aside, the latest first."""
    rows = hall.db.query(
        "SELECT id, serial, kind, detail, at FROM zkteco_alarm WHERE seen_at IS NULL "
        "AND (:s = '' OR serial = :s) ORDER BY id DESC LIMIT :most",
        s=serial,
        most=MOST_LISTED,
    )
    return [Alarm(**row) for row in rows]


def put_alarm_aside(hall: Hall, alarm_id: int, by: str) -> bool:
    """Somebody has looked into it."""
    changed = hall.db.execute(
        "UPDATE zkteco_alarm SET seen_at = :at, seen_by = :by WHERE id = :id AND seen_at IS NULL",
        at=hall.clock.stamp(),
        by=by,
        id=alarm_id,
    )
    return changed > 0


@dataclass(frozen=True)
class Line:
    """A line that nobody could read, as a page shows it."""

    id: int
    serial: str
    kind: str
    reason: str
    at: str
    shown: str
    size: int

    @property
    def why(self) -> str:
        """Why it could not be read."""
        return REASONS[self.reason]


def set_lines_aside(hall: Hall, serial: str, kind: str, peer: str, lines: list[Poison]) -> None:
    """Keep what could not be read, once each, in the upload's transaction."""
    hall.db.executemany(
        "INSERT INTO zkteco_line (serial, kind, sha, reason, line, peer, at) "
        "VALUES (:serial, :kind, :sha, :reason, :line, :peer, :at) ON CONFLICT DO NOTHING",
        [
            {
                "serial": serial,
                "kind": kind,
                "sha": one.sha,
                "reason": one.reason,
                "line": one.line,
                "peer": peer,
                "at": hall.clock.stamp(),
            }
            for one in lines
        ],
    )


def lines_aside(hall: Hall, serial: str = "") -> list[Line]:
    """Lines that nobody has settled, the latest first."""
    rows = hall.db.query(
        "SELECT * FROM zkteco_line WHERE settled_at IS NULL AND (:s = '' OR serial = :s) "
        "ORDER BY id DESC LIMIT :most",
        s=serial,
        most=MOST_LISTED,
    )
    return [
        Line(
            **{name: row[name] for name in ("id", "serial", "kind", "reason", "at")},
            shown=_shown(bytes(row["line"])),
            size=len(row["line"]),
        )
        for row in rows
    ]


def _shown(line: bytes) -> str:
    text = line[:120].decode("utf-8", "replace").replace("\t", " ⇥ ")
    return "".join(one if one.isprintable() else "�" for one in text)


def settle_line(hall: Hall, line_id: int, by: str) -> bool:
    """Somebody has dealt with it, e.g. signed for the person; the line itself stays."""
    changed = hall.db.execute(
        "UPDATE zkteco_line SET settled_at = :at, settled_by = :by "
        "WHERE id = :id AND settled_at IS NULL",
        at=hall.clock.stamp(),
        by=by,
        id=line_id,
    )
    return changed > 0


def keep_names(hall: Hall, serial: str, people: Iterable[Person]) -> None:
    """What the terminal shows for its numbers, as long as nobody has said whose they are."""
    people = [one for one in people if one.name]
    known = holdings_of(hall, {one.pin for one in people})
    hall.db.executemany(
        "INSERT INTO zkteco_name VALUES (:serial, :pin, :sealed) "
        "ON CONFLICT (serial, pin) DO UPDATE SET sealed = excluded.sealed",
        [
            {
                "serial": serial,
                "pin": one.pin,
                "sealed": hall.vault.lock(one.name.encode(), _place(serial, one.pin)),
            }
            for one in people
            if one.pin not in known
        ],
    )


def forget_names(hall: Hall, pin: str) -> None:
    """Somebody has said whose number it is: what terminals show for it is needed no more."""
    hall.db.execute("DELETE FROM zkteco_name WHERE pin = :pin", pin=pin)


def name_at(hall: Hall, serial: str, pin: str) -> str:
    """What the terminal shows for a number; empty when it never said."""
    rows = hall.db.query(
        "SELECT sealed FROM zkteco_name WHERE serial = :s AND pin = :pin", s=serial, pin=pin
    )
    try:
        place = _place(serial, pin)
        return hall.vault.unlock(bytes(rows[0]["sealed"]), place).decode() if rows else ""
    except Malformed:
        return ""


def _place(serial: str, pin: str) -> str:
    return f"zkteco_name/{serial}/{pin}"
