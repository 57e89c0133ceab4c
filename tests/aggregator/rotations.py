"""A root kept in a folder of its own, and rotations of a center's keys as two people do them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from aggregator.center import Center
from aggregator.keys import ceremony, rotation
from sync.keys.keysets import CenterKeys

EVERYTHING = ("roster", "log", "receipts", "sealing")


def take_root_away(center: Center, folder: Path) -> None:
    """Move the root off the center's machine."""
    ceremony.move_root(center.data / "keys", folder, center.settings.center)


def signed(center: Center, folder: Path, purposes: Collection[str] = EVERYTHING) -> bytes:
    """The key set the center wishes, signed where the root is."""
    asked = CenterKeys.parse(center.keys.wish(purposes).text)
    return ceremony.sign_wish(folder, ceremony.open_root(folder), asked)


def rotate(center: Center, folder: Path, purposes: Collection[str] = EVERYTHING) -> CenterKeys:
    """Request, sign, install."""
    return rotation.install(center, signed(center, folder, purposes), "C-006")
