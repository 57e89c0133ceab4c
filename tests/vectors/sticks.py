"""The golden stick: what stands in the other golden files, carried."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

from sync.keys.keysets import sign_keys
from sync.notes import b64
from sync.sticks.stick import Heading
from sync.sticks.stick_export import Content, FileTarget, Sealer, export
from tests.vectors.make import (
    CENTER,
    HALL,
    HALL_SEALING,
    KEYS,
    LOG,
    ORIGIN,
    ROOT,
    SEALING,
    SIGNING,
    read,
    unpacked,
)


def of_stick() -> dict[str, Any]:
    """A stick up and one down, each as one file; their sealed files are random and stand."""
    batch, said = unpacked(read("batch.json")["batch"]), read("round.json")
    up, down = Sealer(SIGNING, SEALING.public), Sealer(LOG, HALL_SEALING.public)
    down = replace(down, keys_note=sign_keys(ROOT, KEYS))
    found = {}
    for way, sealer, inside in (("up", up, [Content(batch, ORIGIN, 0, 4)]), ("down", down, [])):
        target = FileTarget(BytesIO(), 1 << 26)
        message = Content(said["ask" if way == "up" else "answer"].encode())
        heading = Heading(CENTER, HALL, way, "2026-11-24T00:29:57.123Z")
        done = export(target, heading, sealer, [message, *inside])
        found[way] = {"stick": b64(b"".join(target.blocks())), "manifest": done.manifest.text}
    return found
