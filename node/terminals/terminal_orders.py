"""给终端的指令: what the administrator asks of a kiosk, from a short list, each carried out once.

A kiosk asks for its orders and waits a while for one. There is no order that runs anything else.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

from node.hall import Hall
from standards.errors import Invalid
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS terminal_order (
        id INTEGER PRIMARY KEY,
        terminal TEXT NOT NULL,
        kind TEXT NOT NULL,
        argument TEXT NOT NULL,
        given_at TEXT NOT NULL,
        given_by TEXT NOT NULL,
        done_at TEXT,
        result TEXT NOT NULL
    )""",
)

KINDS: Final = {
    "show_message": "显示通知",
    "refresh_roster": "更新名册",
    "resync_from": "从某序号起重新上报",
    "rotate_key": "更换密钥",
}
LONGEST_MESSAGE: Final = 60
MOST_OPEN: Final = 20
LONGEST_WAIT_S: Final = 25
MOST_WAITING: Final = 3
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Order:
    """One order as the kiosk gets it."""

    id: int
    kind: str
    argument: str


def give(here: Hall, terminal: str, kind: str, argument: str, by: str) -> None:
    """Put an order where the terminal finds it.

    Raises:
        Invalid: no such order, or an argument that does not go with it.
    """
    argument = argument.strip()
    if kind not in KINDS:
        raise Invalid({"kind": "没有这种指令"})
    if kind == "show_message" and not (
        0 < len(argument) <= LONGEST_MESSAGE and argument.isprintable()
    ):
        raise Invalid({"argument": f"通知要写 1 到 {LONGEST_MESSAGE} 个字"})
    if kind == "resync_from" and not (argument.isascii() and argument.isdigit()):
        raise Invalid({"argument": "请写从哪个序号起，例如 1"})
    with here.db.transaction():
        if len(orders(here, terminal)) >= MOST_OPEN:
            raise Invalid({"kind": "这台终端还有很多指令没有取走"})
        here.db.execute(
            "INSERT INTO terminal_order (terminal, kind, argument, given_at, given_by, result) "
            "VALUES (:terminal, :kind, :argument, :at, :by, '')",
            terminal=terminal,
            kind=kind,
            argument=argument if kind in ("show_message", "resync_from") else "",
            at=here.clock.stamp(),
            by=by,
        )


class WaitingRoom:
    """Kiosks that wait for an order. Each holds a thread of the terminals' listener, so there are
    few; the others are told to come again.
    """

    def __init__(self) -> None:
        self._seats = threading.BoundedSemaphore(MOST_WAITING)
        self._ending = threading.Event()

    def end(self) -> None:
        """The listener ends: nobody waits any more."""
        self._ending.set()

    def orders(self, here: Hall, terminal: str, wait_s: int) -> list[Order]:
        """What is to be done; waits for something when there is nothing and few others wait."""
        found = orders(here, terminal)
        if found or wait_s <= 0 or not self._seats.acquire(blocking=False):
            return found
        try:
            until = time.monotonic() + min(wait_s, LONGEST_WAIT_S)
            while not found and time.monotonic() < until:
                if self._ending.wait(_LOOK_EVERY_S):
                    return []
                found = orders(here, terminal)
            return found
        finally:
            self._seats.release()


def orders(here: Hall, terminal: str) -> list[Order]:
    """What this terminal has still to do."""
    rows = here.db.query(
        "SELECT id, kind, argument FROM terminal_order "
        "WHERE terminal = :terminal AND done_at IS NULL ORDER BY id",
        terminal=terminal,
    )
    return [Order(int(row["id"]), row["kind"], row["argument"]) for row in rows]


def done(here: Hall, terminal: str, order_id: int, result: str) -> bool:
    """The kiosk has carried an order out, or says why not; False when it was told already."""
    changed = here.db.execute(
        "UPDATE terminal_order SET done_at = :now, result = :result "
        "WHERE id = :id AND terminal = :terminal AND done_at IS NULL",
        now=here.clock.stamp(),
        result=result[:200] if result.isprintable() else "",
        id=order_id,
        terminal=terminal,
    )
    return changed > 0


def given(here: Hall, terminal: str) -> list[Row]:
    """The last orders of a terminal with what became of them."""
    return here.db.query(
        "SELECT * FROM terminal_order WHERE terminal = :terminal ORDER BY id DESC LIMIT 20",
        terminal=terminal,
    )
