"""首页: what waits for whoever signs in, and the warnings above every page.

Expiry warns, it never stops the window: an old standard, a missing receipt, a clock that is off or
a disk that fills up is said here, with who can act.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta

from flask import Blueprint, render_template

from node.cases import casebook, findings, reveals
from node.cases.cases import deem_before_listing
from node.days import absent
from node.desk import actor, hall, sync, today, watch
from node.hall import Hall
from node.leave import leave_sight
from node.outbox import comparisons, epoch_page, heads, last_contact, outbox
from node.outbox.progress import duration
from node.terminals.clock_health import clock_trouble
from sync.evidence.comparison import EQUAL, NOTHING
from sync.private import shut
from sync.safekeeping.safekeeping import RESTORED
from web import access
from web.reading import VAULT_LOST
from web.shell import Banner

pages = Blueprint("home", __name__, static_folder="static", static_url_path="/counters")

# From when on something is worth a line above every page.
RECEIPT_LATE = timedelta(hours=24)
CONTACT_LATE, CONTACT_LOST = timedelta(days=3), timedelta(days=14)
SKEW_S = 120.0
# The last tenth of the disk, as far as that is less than what a hall writes in years.
DISK_LOW, DISK_LOW_SHARE, DISK_PLENTY = 1024**3, 0.1, 20 * 1024**3

_MOST_SHOWN = 8


@pages.get("/")
@access.anyone_signed_in
def start() -> str:
    """What waits, by role."""
    deem_before_listing()
    here, staff = hall(), access.current_staff()
    works_on_cases = staff.holds("clerk", "reviewer", "supervisor")
    in_review = casebook.in_stage(here, "accepted", _MOST_SHOWN) if works_on_cases else []
    oversees = staff.holds("supervisor", "administrator")
    waiting = casebook.in_stage(here, "received", _MOST_SHOWN) if works_on_cases else []
    return render_template(
        "home/start.html",
        day=today(),
        counts=casebook.counts_by_stage(here),
        received_today=casebook.count_received_on(here, today()),
        lights=casebook.lights_of_open(here),
        urgent=[line for line in in_review if line.light.code in ("over", "near")],
        notices=waiting,
        findings=findings.count_by_state(here),
        unsent=outbox.unsent(here),
        receipt=outbox.last_receipt(here),
        shelf=here.shelf(),
        looks=reveals.count_since(here, _days_ago(here, 7)),
        disk=shutil.disk_usage(here.data),
        leave_waits=leave_sight.waiting(),
        warned=absent.warned(here) if oversees else [],
        own_warned=absent.warned(here, actor()),
        names=leave_sight.names() if oversees else {},
    )


def _days_ago(here: Hall, days: int) -> str:
    moment = here.clock.local() - timedelta(days=days)
    return moment.isoformat(timespec="seconds")


def warnings() -> Iterable[Banner]:
    """The lines above every page; nobody who is not signed in sees them."""
    if access.staff_or_none() is None:
        return []
    here = hall()
    return [
        *_worker_warnings(),
        *_restored_warning(here),
        *epoch_page.warnings(here),
        *heads.warnings(here),
        *_damage_warning(here),
        *_unwritable_warning(here),
        *_shut_warning(here),
        *_standards_warning(here),
        *_receipt_warning(here),
        *_exchange_warnings(here.clock.now()),
        *_contact_warning(here),
        *_comparison_warning(here),
        *_disk_warning(here),
    ]


WORKERS = {
    "sync": "上报程序",
    "files": "文件传送程序",
    "days": "考勤核算程序",
    "faces": "人脸识别程序",
    "database": "数据库写入",
}


def _worker_warnings() -> Iterable[Banner]:
    looking = watch()
    names = [WORKERS.get(name, name) for name in sorted(looking.stuck())] if looking else []
    if names:
        yield Banner(
            level="danger",
            text=f"{'、'.join(names)}卡住了，系统会自动重启它。数据都在；持续出现请告诉管理员。",
            href="/outbox",
            link="待上报",
        )


def _restored_warning(here: Hall) -> Iterable[Banner]:
    running = sync()
    asked = running is not None and running.status().last_success is not None
    if not asked and (here.data / RESTORED).exists():
        yield Banner(
            level="warn",
            text="本机是从备份恢复的。收件照常;与中心联系后,备份之后的记录会取回。",
            href="/outbox",
            link="待上报",
        )


def _damage_warning(here: Hall) -> Iterable[Banner]:
    if here.db.damaged:
        yield Banner(
            level="danger",
            text="数据库文件已损坏，本机已停止写入、收件和上报，查询可能不完整；损坏的文件已另存一份。"
            "请管理员立即停机，按手册“数据库损坏了怎么办”从备份和中心恢复。",
        )


def _unwritable_warning(here: Hall) -> Iterable[Banner]:
    if here.reads_only == VAULT_LOST:
        yield Banner(
            level="danger",
            text="个人信息密钥(keys/vault.key)丢失或不是这份数据的:姓名、证件号等读不出。本机只供查询,"
            "暂停收件、签到和上报,数据都在。请管理员放回 keys 的副本;没有副本的,"
            "按手册“个人信息密钥丢了”更换,中心有的会自动取回。",
        )
    elif here.db.unwritable and not here.db.damaged:
        yield Banner(
            level="danger",
            text="本机磁盘现在不能写入,系统处于只读状态:可以查询,不能收件、审批、签到。"
            "请管理员检查磁盘和数据文件夹的权限;能写入后自动恢复,不用重启。",
        )
    if here.reserve is not None and here.reserve.is_used:
        yield Banner(
            level="danger",
            text="磁盘已满,只剩预留空间:可以查询和上报,不能收件。请管理员立即清理,腾出空间后自动恢复。",
        )


def _shut_warning(here: Hall) -> Iterable[Banner]:
    if here.reads_only != VAULT_LOST and shut.any_stand(here.db):
        most = sum(shut.counts(here.db).values())
        yield Banner(
            level="warn",
            text=f"个人信息密钥更换过:最多还有{most}条记录的个人信息读不出。业务照常;中心有的,"
            "下次联系时自动取回;取不回的由管理员用 onehall-node keys vault 查看。",
        )


def _standards_warning(here: Hall) -> Iterable[Banner]:
    if not here.shelf().size:
        yield Banner(
            level="warn",
            text="本厅还没有收到中心下发的统一标准，不能收件。请管理员检查入网和线路。",
        )
    elif not here.shelf().calendar.has_table(today().year):
        yield Banner(
            level="warn",
            text=f"还没有收到{today().year}年的工作日历，期限按暂定计算。收件照常，请联系中心。",
        )


def _receipt_warning(here: Hall) -> Iterable[Banner]:
    waiting = outbox.unsent(here)
    age = outbox.age_of(waiting.oldest, here.clock.now())
    if waiting.count and age > RECEIPT_LATE:
        waited = f"{age.days}天" if age.days >= 2 else f"{int(age.total_seconds() // 3600)}小时"
        yield Banner(
            level="warn",
            text=f"有{waiting.count}条记录等待上报，最早的已等{waited}。"
            "业务照常；请管理员检查线路。",
            href="/outbox",
            link="待上报",
        )


def _exchange_warnings(now: datetime) -> Iterable[Banner]:
    running = sync()
    if running is None:
        return
    status = running.status()
    if status.state == "stuck":
        yield Banner(
            level="danger",
            text=f"上报卡住了，已{duration(status.moving.quiet_s)}没有进展。"
            "业务照常、数据都在；请管理员重启本机程序。",
            href="/outbox",
            link="待上报",
        )
    skew = status.center_clock_skew_s
    if skew is not None and abs(skew) > SKEW_S:
        way = "快" if skew > 0 else "慢"
        yield Banner(
            level="warn",
            text=f"本机时钟比中心{way}{int(abs(skew) // 60)}分钟，请管理员校准。收件照常。",
        )


def _contact_warning(here: Hall) -> Iterable[Banner]:
    """Old standards warn, and never stop the window (T13)."""
    running = sync()
    since = (running.status().last_success if running else None) or last_contact.read(here)
    age = here.clock.now() - since if since else timedelta()
    if age > CONTACT_LOST:
        yield Banner(
            level="danger",
            text=f"已有{age.days}天没有与中心联系，统一标准很可能已经过时。收件照常；"
            "请管理员立即修好线路，或用U盘交换。",
            href="/outbox",
            link="待上报",
        )
    elif age > CONTACT_LATE:
        yield Banner(
            level="warn",
            text=f"已有{age.days}天没有与中心联系，统一标准可能不是最新的。收件照常。",
        )


def _comparison_warning(here: Hall) -> Iterable[Banner]:
    if any(one.state not in (EQUAL, NOTHING) for one in comparisons.latest(here)):
        yield Banner(
            level="danger",
            text="对账发现本厅与中心的记录不一致。业务照常；请管理员查看并联系中心，不要自行改动数据。",
            href="/outbox",
            link="待上报",
        )


def _disk_warning(here: Hall) -> Iterable[Banner]:
    disk = shutil.disk_usage(here.data)
    free = disk.free
    if is_low(free, disk.total):
        yield Banner(
            level="danger",
            text=f"磁盘只剩{free // 1024**2}MB。满了就不能收件，请管理员立即清理。",
        )


def is_low(free: int, total: int) -> bool:
    """Whether so little room is left that somebody must act."""
    return free < DISK_LOW or free < min(total * DISK_LOW_SHARE, DISK_PLENTY)


def database_health(here: Hall) -> tuple[bool, str]:
    """For /healthz: whether a damaged page was met with, and whether writes succeed."""
    wrong = here.db.damaged or here.db.unwritable
    return not wrong, wrong or "no damage was met with"


def clock_health(here: Hall) -> tuple[bool, str]:
    """For /healthz: whether the clock can be believed; nothing is refused while it cannot."""
    running = sync()
    skew = running.status().center_clock_skew_s if running else None
    said = "not compared with the center yet" if skew is None else f"{skew:+.0f} s to the center"
    if clock_trouble(here, skew) and skew is None:
        said = "behind the last entry of the log, or before 2026"
    return not clock_trouble(here, skew), said


def disk_health(here: Hall) -> tuple[bool, str]:
    """For /healthz: whether there is room to take cases in."""
    disk = shutil.disk_usage(here.data)
    if here.reserve is not None and here.reserve.is_used:
        return False, f"only the space kept aside is left: {disk.free // 1024**2} MiB"
    return not is_low(disk.free, disk.total), f"{disk.free // 1024**2} MiB free"
