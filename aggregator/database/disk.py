"""磁盘: what the center does when its disk is full, fails, is read-only or gave back damage (F4 to
F6).

Full: the space that was kept aside is let go, and nothing new is taken in until there is room;
halls keep what they have. Failing: pages can be read and say so; a write is tried now and then,
and the first one that succeeds ends it. A center that starts over a read-only folder, or over a
damaged database, reads from a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from aggregator import figures
from aggregator.center import Center, CenterSettings
from aggregator.database.store import CenterStore
from sync.clock import system_clock
from sync.errors import DiskFull
from sync.keys.vault_key import renew
from sync.private import shut
from sync.recovery.highwater import HighWater
from web import logs
from web.reading import OF_SESSIONS, READ_ONLY, VAULT_LOST, copied, twin
from web.shell import Banner, Shell

# For how long what need not be on the disk at once may wait for the next commit.
_OWED_S = 2.0


def look(center: Center) -> None:
    """Run it now and then: hold or let go the space kept aside, and try to write again."""
    if center.reserve is not None and center.reserve.look():
        logs.event("disk.reserve", held=center.reserve.is_held)
    if center.db.unwritable and _can_write(center):
        logs.event("disk.writable")
    if not center.db.unwritable:
        with suppress(DiskFull):
            center.db.settle(_OWED_S)


def _can_write(center: Center) -> bool:
    with suppress(DiskFull), center.db.transaction():
        # Writes the first page, with what stands there.
        center.db.execute("PRAGMA user_version = 0" if center.db.is_sqlite else "SELECT 1")
    return not center.db.unwritable


@contextmanager
def reading(data: Path, database: Path, why: str) -> Iterator[Center]:
    """The center of a folder that must not be written, over a copy of its database.

    Args:
        database: its file. why: ``READ_ONLY``, ``VAULT_LOST``, or what is wrong
            with it.
    """
    with ExitStack() as stack:
        if why == VAULT_LOST:
            home = stack.enter_context(twin(data, database))
            store = CenterStore(f"sqlite:///{home / database.name}")
            renew(store, home / "keys", system_clock().stamp(), "")
        else:
            home, copy = data, stack.enter_context(copied(database))
            store = CenterStore(f"sqlite:///{copy}")
        marks = HighWater.of_copy(data / "highwater")
        center = Center(home, CenterSettings.load(data), db=store, highwater=marks)
        stack.callback(center.close)
        center.reads_only = why
        yield center


def seal(center: Center) -> None:
    """After the tables of the copy were made as each start makes them: nothing more is written."""
    center.db.seal(center.reads_only, OF_SESSIONS)
    if center.reads_only not in (READ_ONLY, VAULT_LOST):
        center.db.damaged = center.reads_only


def warnings(center: Center) -> Iterable[Banner]:
    """The lines above every page."""
    if center.db.damaged:
        yield Banner(
            level="danger",
            text="中心数据库文件已损坏,已停止写入和收件,查询可能不完整;损坏的文件已另存一份,各分厅业务照常、"
            "上报稍后自动补传。请管理员立即停机,按手册“数据库损坏了怎么办”恢复。",
        )
    elif center.reads_only == VAULT_LOST:
        yield Banner(
            level="danger",
            text="个人信息密钥(keys/vault.key)丢失或不是这份数据的:姓名、证件号等读不出。中心只供查询,"
            "暂停收件和下发,数据都在,分厅业务照常。请管理员放回 keys 的副本;没有副本的,"
            "按手册“个人信息密钥丢了”更换,各分厅有的会自动补来。",
        )
    elif center.db.unwritable:
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


def shut_parts(center: Center) -> Iterable[Banner]:
    """After the key of personal parts was exchanged: what cannot be read yet."""
    if center.reads_only != VAULT_LOST and shut.any_stand(center.db):
        most = sum(shut.counts(center.db).values())
        yield Banner(
            level="warn",
            text=f"个人信息密钥更换过:最多还有{most}条记录的个人信息读不出。分厅下次联系时自动补来;"
            "补不来的由管理员用 onehall-aggregator keys vault 查看。",
        )


def told_by(app: Shell, center: Center) -> None:
    """Let ``/healthz`` tell of the disk: whether there is room, and whether writes succeed."""
    app.health.register("disk", lambda: figures.disk_health(center))
    app.health.register("database", lambda: health(center))


def health(center: Center) -> tuple[bool, str]:
    """For /healthz: whether writes succeed."""
    if center.reserve is not None and center.reserve.is_used:
        return False, "only the space kept aside is left"
    wrong = center.db.damaged or center.db.unwritable
    return not wrong, wrong or "writes succeed"
