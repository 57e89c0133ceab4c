"""The line from this hall to the center's address, with its own authority if it has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from node.hall import Hall
from sync.client import HttpLine

L = TypeVar("L", bound=HttpLine)


def line_to(hall: Hall, url: str, kind: type[L], alive: Callable[[], None] = lambda: None) -> L:
    """A line of this kind; the file of the authority is looked for beside ``node.toml``.

    Args:
        alive: called while a request goes on.
    """
    named = hall.settings.center_ca
    ca = str(hall.data / named) if named else None
    return kind(url, hall.signer, lambda: hall.clock.posix_ms() // 1000, ca, alive)
