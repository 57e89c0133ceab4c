"""U盘交换 in words and numbers: what was carried, and why something was not, for whoever can act.

Both applications say the same of a stick; neither knows the other. Knows no page of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal, cast

from flask import Response, request

from sync.errors import DiskFull, Gap, StickRefused, SyncError, UnknownLog
from sync.failpoints import fp
from sync.files.carried_files import Brought, Carried, Trailing
from sync.files.sealed_files import Scratch
from sync.log import LogStore
from sync.sticks.stick import Heading, Manifest, Piece
from sync.sticks.stick_export import FileTarget, Target, Written, refused_by
from sync.sticks.usb import FileSource, Source
from web.uploads import attachment, shown_name

MAX_DOWNLOAD_BYTES = 32 * 1024 * 1024
"""How long the entries of a stick as one file may be: they are sealed before they go out."""
MEGABYTES = (0, 100, 300, 1000)
"""Of scans and files that stand behind them, as a person picks."""
MAX_UPLOAD_BYTES = MAX_DOWNLOAD_BYTES + MEGABYTES[-1] * 10**6 + 1024 * 1024

Place = Literal["hall", "center"]
HERE: dict[Place, str] = {"hall": "本厅", "center": "中心"}
MAKER: dict[Place, str] = {"hall": "中心", "center": "分厅"}
_MOST_NAMED = 5
_COUNTED = ("new", "known", "receipts", "scans", "strange")

SENTENCES = {
    "no_folder": "找不到“{name}”。请核对路径，确认U盘已经插好。",
    "nothing_chosen": "请先选择U盘上的文件（名称以 .OHS 结尾），再点“导入”。",
    "empty": "“{name}”里没有{maker}导出的内容。可能插错了U盘：请换一个，或到{maker}重新导出。",
    "missing": "U盘上缺少文件 {name}，可能没有拷贝完就拔下了。请到{maker}重新导出，不要手工拷贝。",
    "cut_short": "文件 {name} 不完整（应有 {size} 字节，只有 {found} 字节），"
    "可能没有写完就拔下了。请到{maker}重新导出。",
    "altered": "文件 {name} 与导出时不一致，被改动过或已损坏，没有读取。"
    "请到{maker}重新导出；再出现请换一个U盘，并告诉管理员。",
    "damaged": "文件 {name} 不是本系统导出的，或已损坏，没有读取。请到{maker}重新导出。",
    "unsigned": "文件 {name} 的签名不是{maker}的，没有读取。请管理员核查这个U盘从哪里来。",
    "other_center": "这是另一个中心（{there}）的U盘，{here}属于 {own}。请换成正确的U盘。",
    "other_hall": "这是分厅 {there} 的U盘，不是本厅（{own}）的。"
    "请送到该分厅，并向中心要本厅的U盘。",
    "wrong_way": "“{name}”是{here}自己导出的，请拿到{maker}导入；这里要的是{maker}导出的内容。",
    "unknown_hall": "分厅 {there} 没有在本中心入网，没有读取。请中心管理员到“分厅登记”核对。",
    "not_for_us": "文件 {name} 是为另一把密钥加密的，这里打不开，可能是更换机器或密钥以前导出的。"
    "请到{maker}重新导出。",
    "old_keys": "这个U盘是中心更换密钥以前导出的，没有读取。请中心重新导出。",
    "no_room": "U盘空间不够：写 {name} 需要 {needed} 字节，可用 {free} 字节。"
    "请清理U盘或换一个，再导出一次；U盘上原来导出的内容没有动。",
    "not_writable": "U盘不能写入（{name}）。请检查写保护开关，或换一个U盘。",
    "broken": "写 {name} 时U盘出错（{told}）。请换一个U盘重新导出。",
    "unreadable": "读 {name} 时U盘出错（{told}）。请重新插好再试；仍不行请到{maker}换一个U盘导出。",
    "unenrolled": "本厅尚未入网，不能用U盘交换。请管理员先办理入网。",
    "busy": "另一个U盘正在导入，请稍等再试。",
    "gap": "文件 {name} 从第 {start} 条以后开始，{here}收到第 {held} 条为止，接不上，没有收下。"
    "没有丢失：请到{maker}重新导出；仍接不上，导出时请选“全部”。",
    "overlap": "文件 {name} 从第 {start} 条以后开始，而网络已经送来到第 {held} 条，这一段没有收下。"
    "没有丢失：有网络时会自动接着送；没有网络，请到{maker}重新导出。",
    "behind": "中心收到的比本厅现有的多，本厅机器可能是从备份恢复的（{name}）。"
    "请分厅管理员联系中心，不要自行处理。",
    "fork": "文件 {name} 与{here}已有的记录在同一序号上不一致，没有收下。"
    "请联系中心核查，不要自行处理。",
    "revoked": "文件 {name}：分厅的密钥已被中心吊销，没有收下。请分厅管理员联系中心重新入网。",
    "epoch_closed": "文件 {name} 属于分厅已经停用的日志，没有收下。请分厅管理员联系中心。",
    "try_later": "{here}暂时忙或磁盘已满，读到文件 {name} 为止。"
    "请管理员清理磁盘，再导入同一个U盘；已收下的不会重复。",
    "refused": "文件 {name} 没有收下（{code}）。请管理员检查两边的程序版本，并联系{maker}。",
}


def uploaded(field: str) -> Source:
    """The stick that somebody handed in as one file; it stays outside memory.

    Raises:
        StickRefused: no file was chosen.
    """
    sent = request.files.get(field)
    if sent is None or not sent.filename:
        raise StickRefused("nothing_chosen")
    stream: IO[bytes] = sent.stream
    return FileSource(lambda: nullcontext(stream), shown_name(sent.filename, ""))


def picked_megabytes() -> int:
    """How many megabytes of scans and files the person wants behind the export; 0 for none."""
    picked = request.args.get("files", "0")
    return int(picked) if picked in map(str, MEGABYTES) else 0


def download(
    make: Callable[[Callable[[Heading], Target]], Given], files: Trailing, name: str
) -> Response:
    """A stick as one file, to be saved; scans and files come straight from where they are kept.

    Args:
        make: writes the export to a target; its index names the files.

    Raises:
        StickRefused: nothing could be written.
    """
    spool = cast(IO[bytes], Scratch())
    target = FileTarget(spool, MAX_DOWNLOAD_BYTES)
    try:
        make(lambda _: target)
    except BaseException:
        spool.close()
        raise
    whole = chain(target.blocks(), files.blocks())
    return attachment(whole, name, "", target.length + files.size)


@contextmanager
def on_stick(stick: Path) -> Iterator[None]:
    """Errors of a stick by their reason.

    Raises:
        StickRefused: it is full, cannot be written, or fails.
    """
    try:
        yield
    except OSError as error:
        raise refused_by(error, str(stick)) from None


def held_of(logs: LogStore, origin: str) -> int:
    """How much of a log is here."""
    try:
        return logs.state(origin).size
    except UnknownLog:
        return 0


def bytes_in_words(count: int) -> str:
    """A length for a person."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} 字节"


def _gap(piece: Piece, held: int, code: str) -> StickRefused:
    """Something is missing before it; or the network, cutting elsewhere, brought its beginning."""
    if piece.start < held:
        return StickRefused("overlap", piece.name, start=piece.start, held=held)
    return StickRefused(code, piece.name, start=piece.start, held=held)


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "—"


def sentences(refused: StickRefused, place: Place) -> list[str]:
    """What was refused and who can act, one sentence for each file."""
    every = (refused, *refused.more)
    said = [_sentence(one, place) for one in every[:_MOST_NAMED]]
    if len(every) > _MOST_NAMED:
        said.append(f"还有 {len(every) - _MOST_NAMED} 个文件也有问题。")
    return said


def _sentence(refused: StickRefused, place: Place) -> str:
    text = SENTENCES.get(refused.reason, SENTENCES["refused"])
    told = {
        "here": HERE[place],
        "maker": MAKER[place],
        "name": refused.name or "U盘",
        "code": refused.reason,
    }
    return text.format_map(_Facts(told | refused.facts))


@dataclass
class Taken:
    """What came in with one export. ``refused``: what stopped it; all before it stays."""

    where: str
    hall: str = ""
    made_at: str = ""
    files: int = 0
    new: int = 0
    known: int = 0
    receipts: int = 0
    scans: int = 0
    strange: int = 0
    refused: StickRefused | None = None
    source: Source | None = None
    manifest: Manifest | None = None
    names: list[str] = field(default_factory=list)
    logs: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)

    def stop(self, refused: StickRefused, origin: str = "") -> None:
        """Something was not taken; nothing more of that log is tried."""
        self.refused = self.refused or refused
        self.stopped.add(origin)

    def brought(self, files: Brought) -> None:
        """Scans and other files that came in beside the entries, or did not."""
        self.scans, self.strange = self.scans + files.new, self.strange + files.strange
        self.names += files.names
        for wrong in files.wrong:
            before = self.refused
            if before is None:
                self.refused = wrong
            else:
                more = (*before.more, wrong)
                self.refused = StickRefused(before.reason, before.name, more, **before.facts)

    def batch(self, logs: LogStore, piece: Piece, take: Callable[[], object]) -> None:
        """Take one batch in and count what it brought; a refusal is kept by the file's name."""
        if piece.origin in self.stopped:
            return
        before = held_of(logs, piece.origin)
        try:
            take()
        except Gap as gap:
            if before < piece.stop:
                self.stop(_gap(piece, before, gap.code), piece.origin)
                return
        except SyncError as error:
            self.stop(StickRefused(error.code, piece.name), piece.origin)
            return
        except DiskFull:
            self.stop(StickRefused("try_later", piece.name), piece.origin)
            return
        fp("stick.taken")
        after = min(held_of(logs, piece.origin), piece.stop)
        fresh = max(0, after - max(before, piece.start))
        self.new += fresh
        self.known += piece.stop - piece.start - fresh
        self.logs.add(piece.origin)

    def query(self) -> dict[str, Any]:
        """The numbers, to be shown by the page that one is sent to."""
        return {
            "hall": self.hall,
            "new": self.new,
            "known": self.known,
            "receipts": self.receipts,
            "scans": self.scans,
            "strange": self.strange,
        }

    @classmethod
    def of_query(cls, args: Mapping[str, str]) -> Taken | None:
        """What :meth:`query` told; None when nothing was."""
        told = {name: args.get(name, "") for name in _COUNTED}
        if not all(re.fullmatch(r"[0-9]{1,9}", text) for text in told.values()):
            return None
        found = cls("", args.get("hall", "")[:12])
        found.new, found.known, found.receipts, found.scans, found.strange = map(int, told.values())
        return found

    def lines(self, place: Place) -> Iterator[str]:
        """The same for a person, what was refused last."""
        yield from self.arrived(place)
        if self.refused:
            yield from sentences(self.refused, place)

    def arrived(self, place: Place) -> Iterator[str]:
        """What came in, for a person."""
        whose = f"分厅 {self.hall} " if place == "center" and self.hall else ""
        if self.new or self.known or not self.refused:
            yield f"{whose}收下新记录 {self.new} 条；已经有的 {self.known} 条，没有重复。"
        if self.receipts:
            yield f"中心确认收到本厅记录，又核对了回执 {self.receipts} 份。"
        if self.scans:
            yield f"收下扫描件和文件 {self.scans} 个。"
        if self.strange:
            named = "（" + "、".join(self.names[:_MOST_NAMED]) + "）" if self.names else ""
            told = f"另有 {self.strange} 个文件没有拷贝完、被改动或不属于已收到的记录，没有收下"
            yield f"{told}{named}。"
        if not self.refused and not (self.new or self.receipts or self.scans):
            yield "U盘里的内容以前都收到过（旧U盘，或已由网络送到），没有影响。"

    def facts(self, place: Place) -> dict[str, object]:
        """The same for a script."""
        every = (self.refused, *self.refused.more) if self.refused else ()
        return {
            "where": self.where,
            "hall": self.hall,
            "made_at": self.made_at,
            "files": self.files,
            "new": self.new,
            "known": self.known,
            "receipts": self.receipts,
            "scans": self.scans,
            "strange": self.strange,
            "refused": [{"reason": one.reason, "file": one.name} for one in every],
            "said": [*self.lines(place)],
        }


_NO_FILES = Carried()


@dataclass(frozen=True)
class Given:
    """What one export wrote. ``left``: entries that found no room."""

    hall: str
    files: int
    bytes: int
    entries: int
    left: int
    scans: Carried = _NO_FILES

    def facts(self) -> dict[str, object]:
        """The same for a script."""
        return asdict(self)

    def line(self, place: Place) -> str:
        """The same for a person."""
        whose = f"给分厅 {self.hall} 的" if place == "center" else ""
        size = bytes_in_words(self.bytes)
        told = f"已写好{whose} {self.files} 个文件，记录 {self.entries} 条，共 {size}。"
        if self.left:
            told += f"空间不够，还有 {self.left} 条没有写："
            told += f"请{MAKER[place]}导入并带回回执后，再导出一次。"
        if self.scans.count or self.scans.left:
            told += f"另带扫描件和文件 {self.scans.count} 个，共 {bytes_in_words(self.scans.bytes)}"
            told += f"，还有 {self.scans.left} 个装不下。" if self.scans.left else "。"
        return told


def given(written: Written, waiting: int) -> Given:
    """What an export wrote of so many entries that were waiting."""
    pieces = written.manifest.pieces
    entries = sum(piece.stop - piece.start for piece in pieces)
    hall = written.manifest.heading.hall
    return Given(hall, len(pieces) + 1, written.bytes, entries, max(0, waiting - entries))
