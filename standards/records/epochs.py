"""日志卷: how the log of a hall goes on in a new volume after the machine lost a part of it."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from standards.records.declare import Field, Owner, Record
from standards.records.wording import Code

OPENED_BECAUSE = {
    "restored": "本机从备份恢复",
    "diverged": "与中心所收记录不一致",
    "kept": "管理员指定由本机继续",
    "replaced": "更换机器",
    "rotated": "更换密钥",
}

Epoch = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Entries = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class EpochOpened(Record, frozen=True, kw_only=True):
    """新卷: the hall's log goes on in this epoch; no earlier one is written any more.

    ``previous`` is the epoch before, which stood here at ``branched_at`` entries; ``known_size``
    is how long it is known to have been (the high-water mark). What lies between and comes back
    from nowhere is lost, and named by these numbers.
    """

    kind: ClassVar[str] = "epoch_opened"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "新卷"

    cause: Annotated[Code, Field(label="原因", choices=OPENED_BECAUSE, typed=False)]
    previous: Annotated[Epoch, Field(label="上一卷", typed=False)]
    branched_at: Annotated[Entries, Field(label="上一卷本机条数", typed=False)]
    known_size: Annotated[Entries, Field(label="上一卷已知条数", typed=False)]


class EntriesMoved(Record, frozen=True, kw_only=True):
    """转录: the next ``count`` entries stood at ``first`` and after in another epoch, ids and all.

    There the center holds other entries at these places, so these go on here.
    """

    kind: ClassVar[str] = "entries_moved"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "转录"

    epoch: Annotated[Epoch, Field(label="原卷", typed=False)]
    first: Annotated[Entries, Field(label="原起始序号", typed=False)]
    count: Annotated[Entries, Field(label="条数", typed=False)]
