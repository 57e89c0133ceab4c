"""The golden stick: what stands in the other golden files, carried."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

from sync.keys.keysets import sign_keys
from sync.notes import b64
from sync.sticks.stick import Heading, Piece
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


def of_stick_with_files() -> dict[str, Any]:
    """A stick up as one file, with a scan behind the message of a round."""
    short = read("file.json")["short"]
    scan = unpacked(short["sealed"])
    target = FileTarget(BytesIO(), 1 << 26)
    heading = Heading(CENTER, HALL, "up", "2026-11-24T00:29:57.123Z")
    said = [Content(read("round.json")["ask"].encode())]
    files = (Piece("GYPSUKQ4.OHF", len(scan), short["name"]),)
    done = export(target, heading, Sealer(SIGNING, SEALING.public), said, files)
    whole = b"".join(target.blocks()) + scan
    return {"stick": b64(whole), "manifest": done.manifest.text}
