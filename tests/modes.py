"""A folder that cannot be written, also for root."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

# Of prctl(2) and capabilities(7).
_CAPBSET_DROP, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2


def without_power_over_modes() -> None:
    """In a child: root too is bound by the modes of files."""
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(_CAPBSET_DROP, capability, 0, 0, 0)


def modes(data: Path, folder: int, file: int) -> None:
    """Set the modes of a folder and of everything in it."""
    os.chmod(data, 0o700)
    for path in data.rglob("*"):
        os.chmod(path, folder if path.is_dir() else file)
    os.chmod(data, folder)
