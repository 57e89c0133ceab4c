"""The same stick as one file, for a browser: what is cut, what is behind it, scans among it."""

from __future__ import annotations

from contextlib import nullcontext
from io import BytesIO
from pathlib import Path

import pytest

from sync.errors import StickRefused
from sync.sticks.stick import INDEX, Piece, digest_of
from sync.sticks.stick_export import Content, FileTarget, export
from sync.sticks.usb import FileSource, blocks, check
from tests.sync.test_stick import CONTENTS, EXPECTED, HEADING, SEALER, only, opened, taken


def one_file(tmp_path: Path, contents: list[Content] | None = None, most: int = 1 << 26) -> bytes:
    with open(tmp_path / "spool", "w+b") as spool:
        target = FileTarget(spool, most)
        export(target, HEADING, SEALER, contents or CONTENTS)
        length = target.length
        raw = b"".join(target.blocks())
    assert len(raw) == length
    return raw


def source_of(raw: bytes) -> FileSource:
    return FileSource(lambda: nullcontext(BytesIO(raw)), "upload")


def test_one_file_holds_the_same_as_a_folder(tmp_path: Path):
    raw = one_file(tmp_path)
    assert taken(source_of(raw)) == EXPECTED
    (tmp_path / "T01.OHS").write_bytes(raw)
    assert taken(only(tmp_path)) == taken(only(tmp_path / "T01.OHS")) == EXPECTED


def test_one_file_that_was_cut_anywhere_is_refused_by_the_name_of_what_is_missing(tmp_path: Path):
    raw = one_file(tmp_path, [CONTENTS[0], CONTENTS[2]])
    manifest = opened(source_of(raw))
    start = len(raw) - sum(piece.size for piece in manifest.pieces)
    for end in range(len(raw)):
        with pytest.raises(StickRefused) as refused:
            taken(source_of(raw[:end]))
        lost = manifest.pieces[end >= start + manifest.pieces[0].size].name
        assert refused.value.name == (INDEX if end < start else lost)


def test_one_file_with_something_behind_it_is_refused(tmp_path: Path):
    with pytest.raises(StickRefused, match="altered"):
        taken(source_of(one_file(tmp_path) + b"x"))


def test_one_file_stays_below_its_cap(tmp_path: Path):
    raw = one_file(tmp_path, most=1024 * 1024 + 81_000)
    assert taken(source_of(raw)) == EXPECTED[:2]


def test_scans_behind_one_file_are_judged_one_by_one(tmp_path: Path):
    scans = [b"first" * 9, b"second" * 9]
    files = tuple(Piece(f"S{n}.OHF", len(raw), digest_of(raw)) for n, raw in enumerate(scans))
    with open(tmp_path / "spool", "w+b") as spool:
        target = FileTarget(spool, 1 << 26)
        export(target, HEADING, SEALER, CONTENTS[:1], files)
        whole = b"".join([*target.blocks(), *scans])
    length = len(whole) - sum(map(len, scans))
    for end in range(length, len(whole) + 2):
        source = source_of((whole + b"x")[:end])
        manifest = opened(source)
        check(source, manifest)
        told: dict[str, object] = {}
        for piece in manifest.files:
            try:
                told[piece.name] = b"".join(blocks(source, manifest, piece)) in scans
            except StickRefused as refused:
                told[refused.name] = refused.reason
        first, second = end - length, end - length - len(scans[0])
        assert told == {
            "S0.OHF": "missing" if first == 0 else "cut_short" if first < len(scans[0]) else True,
            "S1.OHF": "missing" if second <= 0 else "cut_short" if second < len(scans[1])
            else True if second == len(scans[1]) else "altered",
        }  # fmt: skip
