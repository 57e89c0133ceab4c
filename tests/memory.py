"""How much memory another process has, and may have."""

from __future__ import annotations

import re
import resource
from pathlib import Path

MIB = 1024 * 1024
FOREVER = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def takes(pid: int) -> int:
    """The address space it has now, in bytes."""
    return _kib(pid, "VmSize") * 1024


def writes_to(pid: int) -> int:
    """Of that, what it may write to and shares with nobody, in bytes."""
    return _kib(pid, "VmData") * 1024


def most_mib(pid: int) -> int:
    """The most memory it ever had."""
    return _kib(pid, "VmHWM") // 1024


def _kib(pid: int, what: str) -> int:
    """A line of proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1))
