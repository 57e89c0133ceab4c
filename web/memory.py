"""A server that runs for months keeps the memory it needs, and no more."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

_M_ARENA_MAX, _FEW = -8, 2


def few_pools() -> None:
    """Call before the first thread is started.

    glibc gives each of many threads a pool of memory of its own and takes nothing back: with large
    bodies in sixteen threads that grows with the time. Two pools are enough for one interpreter.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _FEW)


def settle() -> None:
    """Call when everything stands that stays: the collector need not walk over it ever again."""
    gc.freeze()
    # A batch being applied is more than the collector's usual step, and holds no circles.
    gc.set_threshold(50_000, 10, 10)
