"""磁盘: what the center does when its disk is full, fails, or is read-only (F4, F5).

Full: the space that was kept aside is let go, and nothing new is taken in until there is room;
halls keep what they have. Failing or read-only: pages can be read and say so; a write is tried now
and then, and the first one that succeeds ends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from aggregator import figures
from aggregator.center import Center
from sync.errors import DiskFull
from web import logs
from web.shell import Banner, Shell


def look(center: Center) -> None:
    """Run it now and then: hold or let go the space kept aside, and try to write again."""
    if center.reserve is not None and center.reserve.look():
        logs.event("disk.reserve", held=center.reserve.is_held)
    if center.db.unwritable and _can_write(center):
        logs.event("disk.writable")


def _can_write(center: Center) -> bool:
    with suppress(DiskFull), center.db.transaction():
        # Writes the first page, with what stands there.
        center.db.execute("PRAGMA user_version = 0" if center.db.is_sqlite else "SELECT 1")
    return not center.db.unwritable


def warnings(center: Center) -> Iterable[Banner]:
    """The lines above every page."""
    if center.db.unwritable:
        yield Banner(
            level="danger",
            text="中心磁盘现在不能写入,系统处于只读状态:可以查询,不能保存,分厅上报稍后自动补传。"
            "请管理员检查磁盘和数据文件夹的权限;能写入后自动恢复,不用重启。",
        )
    if center.reserve is not None and center.reserve.is_used:
        yield Banner(
            level="danger",
            text="中心磁盘已满,只剩预留空间:可以查询,不能保存,分厅上报稍后自动补传。"
            "请管理员立即清理,腾出空间后自动恢复。",
        )


def told_by(app: Shell, center: Center) -> None:
    """Let ``/healthz`` tell of the disk: whether there is room, and whether writes succeed."""
    app.health.register("disk", lambda: figures.disk_health(center))
    app.health.register("database", lambda: health(center))


def health(center: Center) -> tuple[bool, str]:
    """For /healthz: whether writes succeed."""
    if center.reserve is not None and center.reserve.is_used:
        return False, "only the space kept aside is left"
    return not center.db.unwritable, center.db.unwritable or "writes succeed"
