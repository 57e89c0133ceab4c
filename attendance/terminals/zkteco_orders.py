"""ZKTeco PUSH: what a terminal may be told to do, and what it answers.

A closed list. Nothing that runs programs on a terminal, copies files, changes its firmware, opens
doors or deletes what it holds can be said with it. A text with a tab or a line end would be a
second order: it is refused. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from attendance.terminals.zkteco_speech import Dialect

_PIN = re.compile(r"[0-9A-Za-z._@-]{1,32}\Z")
_KEPT = frozenset({"ID", "RETURN", "CMD", "ATTLOGSUM"})


class Order(StrEnum):
    """Everything a terminal may be told."""

    INFO = "info"
    CHECK = "check"
    LOG = "log"
    REBOOT = "reboot"
    COUNT_DAY = "count_day"
    SEND_DAY = "send_day"
    NAME_PERSON = "name_person"
    FORGET_PERSON = "forget_person"


@dataclass(frozen=True)
class Details:
    """What some orders need."""

    day: date | None = None
    pin: str = ""
    name: str = ""


_PLAIN = {
    Order.INFO: "INFO",
    Order.CHECK: "CHECK",
    Order.LOG: "LOG",
    Order.REBOOT: "REBOOT",
}


def wording(order: Order, details: Details, dialect: Dialect) -> str:
    """An order as the terminal reads it.

    Raises:
        ValueError: something is missing, or a text that would be read as another order.
    """
    if order in _PLAIN:
        return _PLAIN[order]
    if order in (Order.COUNT_DAY, Order.SEND_DAY):
        if details.day is None:
            raise ValueError("which day?")
        verb = "VERIFY SUM" if order is Order.COUNT_DAY else "DATA QUERY"
        day = details.day.isoformat()
        return f"{verb} ATTLOG StartTime={day} 00:00:00\tEndTime={day} 23:59:59"
    if not _PIN.match(details.pin):
        raise ValueError("whose number?")
    if order is Order.FORGET_PERSON:
        return f"DATA DELETE USERINFO PIN={details.pin}"
    if not details.name or not details.name.isprintable() or len(details.name) > 24:
        raise ValueError("a name is printable, at most 24 characters")
    return f"DATA UPDATE USERINFO PIN={details.pin}\tName={details.name}\t{dialect.rights}=0"


@dataclass
class Reply:
    """What a terminal says became of an order."""

    id: str
    code: int = 0
    count: int | None = None
    fields: dict[str, str] = field(default_factory=dict)


# Return codes as a person reads them.
CODES = {
    0: "完成",
    -1: "参数不对、不支持或没有数据",
    -2: "数据大小不对",
    -3: "读写出错",
    -10: "没有这个工号",
    -1001: "容量已满",
    -1002: "命令不支持",
    -1003: "超时",
    -1004: "机型不支持",
    -1005: "终端忙",
}


def replies(body: bytes) -> list[Reply]:
    """What ``devicecmd`` says: several in one body, on one line each or spread over lines."""
    found: list[Reply] = []
    for name, value in _said(body.decode("utf-8", "replace")):
        if name == "ID":
            found.append(Reply(value[:16]))
        elif found:
            _note(found[-1], name, value)
    return [one for one in found if one.id.isalnum()]


def _said(text: str) -> Iterator[tuple[str, str]]:
    for piece in re.split(r"[&\r\n]", text):
        name, equals, value = piece.partition("=")
        if equals and (known := name.strip().upper()) in _KEPT:
            yield known, value.strip()


def _note(reply: Reply, name: str, value: str) -> None:
    if name == "RETURN" and re.match(r"-?[0-9]{1,6}\Z", value):
        reply.code = int(value)
    elif name == "ATTLOGSUM" and re.match(r"[0-9]{1,8}\Z", value):
        reply.count = int(value)
    else:
        reply.fields[name] = value[:80]
