"""Marked faces, looked for in every way out of the hall and in every form they could take.

A template is 128 numbers; it could leave as float32 or float64, as text, in hex, in base64, inside
a compressed section. It is looked for on the wire, at the center, on a stick, in a backup, in logs.
"""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard

from aggregator.receiving.apply import apply_all
from attendance.gallery import Enrolled, decide
from attendance.punches import Occasion, punch_by_face
from node.app import LOCAL_TABLES
from node.hall import Hall
from node.outbox.sticks import export_up
from node.outbox.syncing import Syncing
from node.presence import sign_ins
from node.staff import face_frames, face_gallery, members
from standards.records import StaffMember
from sync.client import Line
from sync.sticks.stick_export import FolderTarget
from tests import pictures
from tests.attendance.people import face, person
from tests.independent.center import Listening, office
from tests.journeys.leaks import all_files, forms_of, unpacked
from tests.node.contacts import enrolled, line_of, new_hall
from tests.node.test_backup import run

__all__ = ["office"]

GZIP_MAGIC = b"\x1f\x8b\x08"
STAFF = [f"T01-{seed:03}" for seed in range(8)]
MARKED = [person(seed, 4) for seed in range(8)]
PICTURE = pictures.frame("obama")


def vectors() -> Iterator[np.ndarray]:
    for one in MARKED:
        yield from (*one.vectors, one.template)
        yield one.vectors.mean(axis=0, dtype=np.float64)


def needles() -> list[bytes]:
    """Pieces long enough to mean something, of every vector in every notation, and of pictures."""
    found: list[bytes] = []
    for vector in vectors():
        for kind in ("<f4", ">f4", "<f8", ">f8", "<f2"):
            raw = vector.astype(kind).tobytes()
            step = len(raw) // 4
            for at in range(0, len(raw), step):
                found += forms_of(raw[at : at + 24])
        numbers = [float(number) for number in vector[5:9]]
        found.append(json.dumps(numbers)[1:-1].encode())
        found.append(",".join(f"{number:.6f}" for number in numbers).encode())
        found.append(" ".join(f"{number:.4f}" for number in numbers).encode())
    for at in (len(PICTURE) // 3, len(PICTURE) // 2, len(PICTURE) - 90):
        found += forms_of(PICTURE[at : at + 24])
    return found


def inside(content: bytes) -> Iterator[bytes]:
    """The bytes, and what is in every compressed section of them."""
    yield content
    yield from unpacked(content)
    at = content.find(GZIP_MAGIC)
    while at >= 0:
        with suppress(zlib.error):
            yield zlib.decompressobj(wbits=31).decompress(content[at:])
        at = content.find(GZIP_MAGIC, at + 1)


def traces(places: dict[str, bytes]) -> list[str]:
    """Where something of a face was found."""
    wanted = needles()
    return sorted(
        place
        for place, content in places.items()
        if any(needle in part for part in inside(content) for needle in wanted)
    )


FORMS = {
    "as in memory": lambda raw, vector: raw,
    "as float64": lambda raw, vector: vector.astype(np.float64).tobytes(),
    "in base64": lambda raw, vector: b64encode(raw),
    "in hex": lambda raw, vector: raw.hex().encode(),
    "as JSON": lambda raw, vector: json.dumps([float(n) for n in vector]).encode(),
    "packed by zstd": lambda raw, vector: zstandard.compress(raw * 3),
    "packed by gzip": lambda raw, vector: gzip.compress(b"before" + raw),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_looked_for_would_be_found(form: str):
    vector = MARKED[3].vectors[2]
    planted = FORMS[form](vector.tobytes(), vector)
    assert traces({"there": b"some bytes " + planted + b" more", "not there": bytes(9999)}) == [
        "there"
    ]
    assert traces({"a picture": b"x" + PICTURE}) == ["a picture"]


class Heard:
    """A line that remembers what passed over it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.passed: list[bytes] = []

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        answer = self._line.send(method, target, body, media_type)
        self.passed += [body, answer]
        return answer


@pytest.fixture
def hall(tmp_path: Path, office: Listening) -> Iterator[Hall]:
    """Eight marked people enrolled, one of them signed in and with a frame to be added."""
    with new_hall(tmp_path / "hall") as made:
        made.db.create(LOCAL_TABLES)
        enrolled(made, office)
        with made.db.transaction():
            for marked in MARKED:
                no = marked.staff_no
                made.write(StaffMember(staff_no=no, name=f"测试{no}"), actor="T01-900")
                members.write_consent(made, no, True, no)
                kept = Enrolled(no, marked.vectors, marked.model_id)
                face_gallery.keep_template(made, kept, "T01-900")
        sign_in(made)
        yield made


def sign_in(hall: Hall) -> None:
    gallery = face_gallery.Faces(hall, None).gallery(MARKED[0].model_id)
    seen = [face(vector) for vector in MARKED[0].vectors[:3]]
    decision = decide(gallery, seen)
    made = punch_by_face(decision, Occasion(hall.clock.local()))
    sign_ins.keep_punch(hall, made)
    face_frames.keep(hall, "0" * 32, STAFF[0], seen)
    assert hall.db.query("SELECT COUNT(*) AS n FROM face_frame")[0]["n"] == 1


def test_nothing_of_a_face_is_on_the_wire_or_at_the_center(
    hall: Hall, office: Listening, tmp_path: Path
):
    heard: list[Heard] = []

    def line(url: str) -> Line:
        heard.append(Heard(line_of(hall, url)))
        return heard[-1]

    Syncing(hall, line).turn()
    apply_all(office.center)
    passed = {f"message {n}": part for n, part in enumerate(p for h in heard for p in h.passed)}
    assert any(b"punch" in part for text in passed.values() for part in inside(text))
    assert traces(passed) == []
    there = {str(path): path.read_bytes() for path in all_files(tmp_path / "center")}
    assert any(STAFF[0].encode() in content for content in there.values())
    assert traces(there) == []


def test_nothing_of_a_face_is_on_a_stick(hall: Hall, tmp_path: Path):
    stick = tmp_path / "stick"
    stick.mkdir()
    export_up(hall, lambda heading: FolderTarget(stick, heading), True)
    carried = {str(path): path.read_bytes() for path in all_files(stick)}
    assert len(carried) >= 2
    assert traces(carried) == []


def test_nothing_of_a_face_is_in_plain_on_the_halls_own_disk(hall: Hall, tmp_path: Path):
    kept = {str(path): path.read_bytes() for path in all_files(tmp_path / "hall")}
    assert any(path.endswith("node.db") for path in kept)
    assert traces(kept) == []


def test_a_backup_has_no_face_unless_asked_for_and_then_only_sealed(hall: Hall, tmp_path: Path):
    told = run("restore-key", tmp_path / "offline")
    key = told.output.split('"')[1]
    replace(hall.settings, restore_key=key).save(hall.data)
    for option, rows in (((), 0), (("--with-templates",), 1)):
        made = run("backup", "--data", hall.data, "--to", tmp_path / "backups", *option)
        assert made.exit_code == 0, made.output
        source = Path(made.output.split("  ")[0])
        new = tmp_path / f"new{rows}"
        back = run(
            *("restore", source, "--data", new, "--key", tmp_path / "offline" / "restore.key"),
            *("--keys", hall.data / "keys"),
        )
        assert back.exit_code == 0, back.output
        content = (new / "node.db").read_bytes()
        sealed = [
            bytes(row["sealed"])
            for row in hall.db.query(
                "SELECT sealed FROM face_template UNION ALL SELECT sealed FROM face_frame"
            )
        ]
        assert all((piece in content) == bool(rows) for piece in sealed) and len(sealed) == 9
        assert traces({"backup": source.read_bytes(), "restored": content}) == []
