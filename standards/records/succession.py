"""分厅撤并: a hall that is closed, and the halls that carry its business on."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from standards.records.declare import Field, Owner, Record
from standards.records.epochs import Entries, Epoch
from standards.records.wording import HallId, Line

MOST_SUCCESSORS = 20
Successors = Annotated[tuple[HallId, ...], msgspec.Meta(min_length=1, max_length=MOST_SUCCESSORS)]


class HallSucceeded(Record, frozen=True, kw_only=True):
    """撤并: nothing more of this hall is taken after a place in its log; others go on.

    Its history stays under its own name for ever. Two records with one successor are a merger, one
    record with several successors is a split.
    """

    kind: ClassVar[str] = "hall_succeeded"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "撤并"

    closed: Annotated[HallId, Field(label="撤销的分厅", typed=False)]
    successors: Annotated[Successors, Field(label="承接的分厅", typed=False)]
    closed_on: Annotated[date, Field(label="撤并日期", typed=False)]
    epoch: Annotated[Epoch, Field(label="末卷", typed=False)]
    size: Annotated[Entries, Field(label="末卷条数", typed=False)]
    document: Annotated[Line, Field(label="文号", hint="只写文号，不写姓名")]
