"""ZKTeco PUSH: how a terminal introduces itself, and what it is answered.

The dialects of firmware are data; what a terminal is never asked for does not stand here at all:
faces, fingerprints, photographs, encryption by a closed library, waiting for the server's verdict.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

SERIAL = re.compile(r"[0-9A-Za-z_-]{4,40}\Z")
ERROR_DELAY_S = 30
POLL_S = 10
VERSION = "2.4.1"

# Which stamps a greeting tells, under the names that current and old firmware ask for.
_STAMPS = {"ATTLOG": "ATTLOGStamp", "OPERLOG": "OPERLOGStamp", "ATTPHOTO": "ATTPHOTOStamp"}
_OLD_STAMPS = {"ATTLOG": "Stamp", "OPERLOG": "OpStamp", "ATTPHOTO": "PhotoStamp"}

_WAYS = {
    **{"1": "finger", "3": "pin", "4": "card", "15": "device_face"},
    **{str(code): "device_face" for code in range(16, 21)},
    **{str(code): "palm" for code in range(25, 30)},
}
_OLD_WAYS = {"0": "pin", "1": "finger", "2": "card", "15": "device_face"}
_DIRECTIONS = {
    **{"0": "in", "1": "out", "2": "break_out", "3": "break_in", "4": "ot_in", "5": "ot_out"},
    **{"255": "", "": ""},
}


@dataclass(frozen=True)
class Dialect:
    """How one family of firmware speaks.

    Args:
        label: what an administrator reads.
        old_stamps, new_stamps: which names of the stamps are told; both are a cheap hedge.
        rights: the key of a person's rights in ``DATA UPDATE USERINFO``.
        ways: how the codes of the check are read; old lists differ.
    """

    label: str
    old_stamps: bool = True
    new_stamps: bool = True
    rights: str = "Pri"
    old_ways: bool = False


DIALECTS = {
    "standard": Dialect("标准（2.x 固件）"),
    "privilege": Dialect("标准，权限写作 Privilege", rights="Privilege"),
    "old": Dialect("旧固件（Stamp、OpStamp）", new_stamps=False, old_ways=True),
}


def way_of(verify: str, dialect: Dialect) -> str:
    """How ``Punch`` names a check that the terminal numbers."""
    return (_OLD_WAYS if dialect.old_ways else _WAYS).get(verify, "other")


def direction_of(status: str) -> str:
    """The direction key that was pressed; a code that is unknown stays as it is."""
    return _DIRECTIONS.get(status, status)


@dataclass(frozen=True)
class Introduction:
    """What a terminal says of itself when it asks for its settings."""

    serial: str
    version: str = ""
    kind: str = ""

    @property
    def access_control(self) -> bool:
        """Another protocol on the same address: doors, not attendance."""
        first = self.version.partition(".")[0]
        return self.kind.lower() == "acc" or (first.isdigit() and int(first) >= 3)

    @property
    def id_cards(self) -> bool:
        """It checks identity cards of visitors, too."""
        return self.kind.lower() == "pid"


def introduction(query: Mapping[str, str]) -> Introduction:
    """Read the query of a request; names in lower case."""
    return Introduction(
        query.get("sn", ""), query.get("pushver", "")[:20], query.get("devicetype", "")[:20]
    )


def greeting(
    who: Introduction, dialect: Dialect, stamps: Mapping[str, str], zone: tzinfo, at: datetime
) -> str:
    """The settings of a registered terminal.

    Args:
        stamps: by table, the last one whose rows are safe here.
        zone, at: the hall's zone, and when it is asked.
    """
    told = {table: stamps.get(table, "None") for table in _STAMPS}
    # Old photographs are not asked for: there is no table whose stamp would bring them.
    lines = [f"GET OPTION FROM: {who.serial}"]
    if dialect.new_stamps:
        lines += [f"{name}={told[table]}" for table, name in _STAMPS.items()]
    if dialect.old_stamps:
        lines += [f"{name}={told[table]}" for table, name in _OLD_STAMPS.items()]
    lines += [
        f"ErrorDelay={ERROR_DELAY_S}",
        f"Delay={POLL_S}",
        "TransTimes=00:00;14:05",
        "TransInterval=1",
        "TransFlag=TransData AttLog\tOpLog",
        f"TimeZone={_time_zone(zone, at)}",
        "Realtime=1",
        "Encrypt=None",
        f"ServerVer={VERSION}",
        f"PushProtVer={VERSION}",
    ]
    return "\n".join(lines) + "\n"


def _time_zone(zone: tzinfo, at: datetime) -> int:
    """Whole hours; of a zone with half hours the minutes."""
    offset = at.astimezone(zone).utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset is not None else 0
    return minutes // 60 if minutes % 60 == 0 else minutes


@dataclass(frozen=True)
class Gauge:
    """What a terminal counts of itself; -1 where it does not say."""

    firmware: str = ""
    users: int = -1
    punches: int = -1


def gauge(info: str) -> Gauge:
    """Read ``INFO=`` of a poll: firmware, users, fingerprints, punches, address …"""
    cells = [*info.split(","), "", "", "", ""]
    return Gauge(cells[0].strip()[:60], _count(cells[1]), _count(cells[3]))


def _count(text: str) -> int:
    text = text.strip()
    return int(text) if re.match(r"[0-9]{1,8}\Z", text) else -1


# Operations at the terminal that somebody must hear of.
ALARMING = {
    13: "清除了数据",
    21: "改了时间",
    23: "删除了考勤记录",
    24: "清除了管理员",
    82: "改了服务器地址",
    83: "改了服务器端口",
}
TIME_WAS_SET = 21
