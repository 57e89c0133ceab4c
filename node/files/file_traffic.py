"""What the outbox page says of the files: how much is on its way, which way, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from node.desk import filing
from node.files.filing import FilingStatus
from node.hall import Hall
from node.safekeeping import archives
from node.safekeeping.archives import OnTheWay

STATES = {
    "unenrolled": ("warn", "尚未入网"),
    "closed": ("idle", "不在传送时段"),
    "log": ("info", "让新记录先走"),
    "moving": ("info", "正在传送"),
    "idle": ("ok", "没有要传的文件"),
    "offline": ("warn", "连不上中心，稍后从断点续传"),
    "refused": ("danger", "有文件传不过去"),
    "stopped": ("idle", "已停止"),
}


@dataclass(frozen=True)
class FileTraffic:
    """The files on their way and what the thread does; no status where none runs here."""

    up: OnTheWay
    down: OnTheWay
    missing: int
    status: FilingStatus | None

    @property
    def state(self) -> tuple[str, str]:
        """Shape and words."""
        if self.status is None:
            return "idle", "本机未启用"
        if self.status.is_stuck:
            return "danger", "卡住了，请告诉管理员"
        return STATES[self.status.state]

    @property
    def seconds_left(self) -> int | None:
        """How long the rest takes at the measured rate; None when nothing was measured."""
        rate = self.status.bytes_s if self.status else 0
        return int((self.up.size + self.down.size) / rate) if rate else None


def file_traffic(hall: Hall) -> FileTraffic:
    """What is on its way now."""
    up, down = archives.on_the_way(hall)
    rows = hall.db.query(
        "SELECT COUNT(*) AS n FROM file_missing WHERE hall = :hall", hall=hall.settings.hall
    )
    moving = filing()
    return FileTraffic(up, down, int(rows[0]["n"]), moving.status() if moving else None)
