"""A stick: sealed files and a signed index, through folders that lose, cut and alter."""

from __future__ import annotations

import os
import re
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from io import BytesIO
from pathlib import Path

import pytest

from sync.errors import Malformed, StickRefused
from sync.notes import Signer
from sync.private.sealing import SealingKey, SealingKeys
from sync.sticks.stick import (
    DOWN,
    INDEX,
    MAX_PIECE_BYTES,
    UP,
    Heading,
    Manifest,
    Piece,
    open_piece,
)
from sync.sticks.stick_export import Content, FolderTarget, Sealer, Written, export
from sync.sticks.usb import FileSource, Source, check, halls_on, pieces, read, sources

HEADING = Heading("c.example", "T01", UP, "2026-11-24T00:29:57.123Z")
SIGNER = Signer("c.example/T01", b"h" * 32)
SEALING = SealingKey(b"s" * 32)
SEALER = Sealer(SIGNER, SEALING.public)
ORIGIN = "c.example/T01/1"
CANARY = b'"staff_no":"T01-007"'
CONTENTS = [
    Content(b'{"hall":"T01"}'),
    Content(CANARY * 4_000, ORIGIN, 0, 4_000),
    Content(CANARY * 90, ORIGIN, 4_000, 4_090),
]


def written(stick: Path, contents: list[Content] | None = None, heading: Heading = HEADING):
    return export(FolderTarget(stick, heading), heading, SEALER, contents or CONTENTS)


def only(stick: Path, way: str = UP) -> Source:
    (found,) = sources(stick, way)
    return found


def opened(source: Source) -> Manifest:
    return source.index().opened([SIGNER.verifier])


def taken(source: Source) -> list[tuple[str, int, int, bytes]]:
    """Everything that is on a stick, as a receiver takes it in."""
    manifest = opened(source)
    check(source, manifest)
    return [(p.origin, p.start, p.stop, plain) for p, plain in pieces(source, manifest, [SEALING])]


EXPECTED = [(c.origin, c.start, c.stop, c.plain) for c in CONTENTS]


def files(stick: Path) -> list[Path]:
    return sorted(path for path in stick.rglob("*") if path.is_file())


def test_what_was_exported_is_read_again(tmp_path: Path):
    made = written(tmp_path)
    assert made.whole and len(made.manifest.pieces) == 3
    assert taken(only(tmp_path)) == EXPECTED
    assert taken(only(tmp_path / "ONEHALL")) == EXPECTED
    assert halls_on(tmp_path) == {"T01"}


def test_names_suit_every_file_system(tmp_path: Path):
    written(tmp_path)
    names = [path.name for path in files(tmp_path)]
    assert len(names) == 4
    assert all(re.fullmatch(r"[A-Z0-9]{1,8}\.[A-Z0-9]{1,3}", name) for name in names)


def test_a_file_system_that_shows_small_letters_does_no_harm(tmp_path: Path):
    written(tmp_path)
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.lower()))
    assert taken(only(tmp_path)) == EXPECTED
    # A file system that tells small letters from capital ones would now hold two indexes.
    written(tmp_path, CONTENTS[:2])
    assert [path.name for path in tmp_path.iterdir()] == ["onehall"]
    assert len(files(tmp_path)) == 3
    assert taken(only(tmp_path)) == EXPECTED[:2]


def test_what_other_systems_write_on_a_stick_is_not_taken_for_ours(tmp_path: Path):
    written(tmp_path)
    for name in ("System Volume Information", ".Trashes", "$RECYCLE.BIN", "FOUND.000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "INDEX.OHS").write_bytes(b"x")
    for folder in (tmp_path, tmp_path / "ONEHALL", *(tmp_path / "ONEHALL").iterdir()):
        for name in ("._T01-UP.OHS", ".DS_Store", "desktop.ini", "Thumbs.db", "autorun.inf"):
            (folder / name).write_bytes(b"Mac OS X" * 20)
    inside = tmp_path / "ONEHALL/T01/UP"
    for path in files(inside):
        (inside / f"._{path.name}").write_bytes(b"Mac OS X" * 20)
    (tmp_path / "ONEHALL/.T01").mkdir()
    assert halls_on(tmp_path) == {"T01"}
    assert taken(only(tmp_path)) == EXPECTED
    written(tmp_path, CONTENTS[:2])
    assert taken(only(tmp_path)) == EXPECTED[:2]
    assert (tmp_path / "._T01-UP.OHS").exists(), "what is not ours stays"


def test_whoever_finds_the_stick_reads_nothing(tmp_path: Path):
    written(tmp_path)
    for path in files(tmp_path):
        assert b"staff_no" not in path.read_bytes() and b"T01-007" not in path.read_bytes()
    source = only(tmp_path)
    manifest = opened(source)
    with pytest.raises(StickRefused, match="not_for_us"):
        list(pieces(source, manifest, [SealingKey(b"o" * 32)]))


def test_a_receiver_with_several_keys_finds_the_right_one(tmp_path: Path):
    written(tmp_path)
    source = only(tmp_path)
    keys = SealingKeys(b"n" * 32, b"s" * 32)
    assert [plain for _, plain in pieces(source, opened(source), [keys])] == [
        content.plain for content in CONTENTS
    ]


def test_a_file_opens_only_in_its_own_place(tmp_path: Path):
    written(tmp_path)
    source = only(tmp_path)
    manifest = opened(source)
    first, second = manifest.pieces[1:]
    raw = read(source, manifest, first)
    for heading, name in (
        (HEADING, second.name),
        (Heading("c.example", "T02", UP, HEADING.made_at), first.name),
        (Heading("c.example", "T01", DOWN, HEADING.made_at), first.name),
    ):
        with pytest.raises(StickRefused, match="damaged"):
            open_piece(raw, heading, name, [SEALING])


def flip_a_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)


BROKEN: list[tuple[str, Callable[[Path], object]]] = [
    ("missing", lambda path: path.unlink()),
    ("cut_short", lambda path: os.truncate(path, path.stat().st_size - 1)),
    ("cut_short", lambda path: os.truncate(path, 0)),
    ("altered", lambda path: path.write_bytes(path.read_bytes() + b"x")),
    ("altered", flip_a_bit),
]


@pytest.mark.parametrize(("reason", "harm"), BROKEN)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_file_that_is_not_as_it_was_signed_is_refused_by_its_name(
    tmp_path: Path, number: int, reason: str, harm: Callable[[Path], object]
):
    piece = written(tmp_path).manifest.pieces[number]
    harm(tmp_path / "ONEHALL/T01/UP" / piece.name)
    source = only(tmp_path)
    with pytest.raises(StickRefused) as refused:
        check(source, opened(source))
    assert (refused.value.reason, refused.value.name) == (reason, piece.name)
    assert refused.value.more == ()


def test_every_file_that_is_wrong_is_named(tmp_path: Path):
    first, _, third = written(tmp_path).manifest.pieces
    folder = tmp_path / "ONEHALL/T01/UP"
    (folder / first.name).unlink()
    flip_a_bit(folder / third.name)
    source = only(tmp_path)
    with pytest.raises(StickRefused) as refused:
        check(source, opened(source))
    named = [(one.reason, one.name) for one in (refused.value, *refused.value.more)]
    assert named == [("missing", first.name), ("altered", third.name)]


def test_a_file_that_changes_after_it_was_checked_is_refused_all_the_same(tmp_path: Path):
    piece = written(tmp_path).manifest.pieces[1]
    source = only(tmp_path)
    manifest = opened(source)
    check(source, manifest)
    flip_a_bit(tmp_path / "ONEHALL/T01/UP" / piece.name)
    with pytest.raises(StickRefused, match="altered"):
        list(pieces(source, manifest, [SEALING]))


def test_an_index_that_was_cut_or_altered_anywhere_is_refused(tmp_path: Path):
    written(tmp_path)
    path = tmp_path / "ONEHALL/T01/UP" / INDEX
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at])
        with pytest.raises(StickRefused, match=INDEX):
            opened(only(tmp_path))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StickRefused, match=INDEX):
            opened(only(tmp_path))


def test_an_index_of_somebody_else_is_refused(tmp_path: Path):
    stranger = Sealer(Signer("c.example/T01", b"x" * 32), SEALING.public)
    export(FolderTarget(tmp_path, HEADING), HEADING, stranger, CONTENTS)
    with pytest.raises(StickRefused, match="unsigned"):
        opened(only(tmp_path))


def test_a_stick_without_an_index_is_a_stick_that_was_half_copied(tmp_path: Path):
    written(tmp_path)
    (tmp_path / "ONEHALL/T01/UP" / INDEX).unlink()
    with pytest.raises(StickRefused, match="missing") as refused:
        only(tmp_path).index()
    assert refused.value.name == INDEX


def test_a_stick_without_anything_of_ours_is_said_to_be_empty(tmp_path: Path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(StickRefused, match="empty"):
        sources(tmp_path, UP)
    with pytest.raises(StickRefused, match="no_folder"):
        sources(tmp_path / "not there", UP)
    with pytest.raises(StickRefused, match="no_folder"):
        FolderTarget(tmp_path / "not there", HEADING)


def test_a_link_on_the_stick_is_not_followed(tmp_path: Path):
    piece = written(tmp_path).manifest.pieces[1]
    path = tmp_path / "ONEHALL/T01/UP" / piece.name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    source = only(tmp_path)
    with pytest.raises(StickRefused, match="missing"):
        check(source, opened(source))


def test_a_second_export_takes_the_place_of_the_first(tmp_path: Path):
    written(tmp_path)
    before = files(tmp_path)
    written(tmp_path, CONTENTS[:2])
    assert taken(only(tmp_path)) == EXPECTED[:2]
    assert len(files(tmp_path)) == 3
    assert {*before} & {*files(tmp_path)} == {tmp_path / "ONEHALL/T01/UP" / INDEX}


def test_an_export_that_is_broken_off_leaves_the_one_before_it_whole(tmp_path: Path):
    def pulled_out() -> Iterator[Content]:
        yield from CONTENTS[:2]
        raise KeyboardInterrupt

    written(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        export(FolderTarget(tmp_path, HEADING), HEADING, SEALER, pulled_out())
    assert taken(only(tmp_path)) == EXPECTED


def test_a_stick_that_is_pulled_out_while_it_is_written_is_told_by_the_name_of_the_file(
    tmp_path: Path,
):
    def pulled_out() -> Iterator[Content]:
        yield CONTENTS[0]
        shutil.rmtree(tmp_path / "ONEHALL")
        yield CONTENTS[1]

    with pytest.raises(StickRefused, match="broken") as refused:
        export(FolderTarget(tmp_path, HEADING), HEADING, SEALER, pulled_out())
    assert refused.value.name.endswith("00001.OHS")


def test_a_file_where_the_folder_should_be_is_not_overwritten(tmp_path: Path):
    (tmp_path / "ONEHALL").write_text("somebody's", encoding="utf-8")
    with pytest.raises(StickRefused, match="broken"):
        FolderTarget(tmp_path, HEADING)
    assert (tmp_path / "ONEHALL").read_text(encoding="utf-8") == "somebody's"


class Small(FolderTarget):
    """A stick with so many bytes."""

    def __init__(self, root: Path, room: int) -> None:
        super().__init__(root, HEADING, lambda _: room - sum(f.stat().st_size for f in files(root)))


def test_a_stick_without_room_for_all_takes_what_has_room_and_says_so(tmp_path: Path):
    room = 2 * 1024 * 1024 + 80_500
    done: Written = export(Small(tmp_path, room), HEADING, SEALER, CONTENTS)
    assert not done.whole and len(done.manifest.pieces) == 2
    assert taken(only(tmp_path)) == EXPECTED[:2]


def test_a_stick_without_room_for_anything_is_refused_and_left_as_it_was(tmp_path: Path):
    written(tmp_path)
    before = {path: path.read_bytes() for path in files(tmp_path)}
    with pytest.raises(StickRefused, match="no_room") as refused:
        export(Small(tmp_path, 2 * 1024 * 1024 + 1_000), HEADING, SEALER, CONTENTS)
    assert refused.value.facts["free"] == 0
    assert {path: path.read_bytes() for path in files(tmp_path)} == before


# --- bounds ---------------------------------------------------------------------------------------


def test_never_more_than_one_file_is_in_memory(tmp_path: Path):
    large = [Content(os.urandom(4_000_000), ORIGIN, n, n + 1) for n in range(5)]
    written(tmp_path, large)
    source = only(tmp_path)
    tracemalloc.start()
    try:
        manifest = opened(source)
        check(source, manifest)
        for _ in pieces(source, manifest, [SEALING]):
            pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * 4_000_000


LINE = "AAA00000.OHS 10 " + "0" * 64


@pytest.mark.parametrize(
    "line",
    [
        f"AAA00000.OHS {MAX_PIECE_BYTES + 1} " + "0" * 64,
        "AAA00000.OHS 0 " + "0" * 64,
        "../../AA.OHS 10 " + "0" * 64,
        "aaa00000.ohs 10 " + "0" * 64,
        "AAA00000.OHS 10 " + "0" * 63,
        f"{INDEX} 10 " + "0" * 64,
        f"{LINE} {ORIGIN} 4 4",
        f"{LINE} {ORIGIN} 4",
        f"{LINE} ",
        f"{LINE.replace('OHS', 'OHF')} {ORIGIN} 0 4",
        LINE.replace("OHS", "OHX"),
    ],
)
def test_a_line_of_an_index_that_makes_no_sense_is_refused(line: str):
    with pytest.raises(Malformed):
        Piece.parse(line)
    assert Piece.parse(LINE).line == LINE + "\n"


def test_two_files_never_share_a_name():
    text = Manifest(HEADING, (Piece.parse(LINE), Piece.parse(LINE))).text
    with pytest.raises(Malformed):
        Manifest.parse(text)


def test_scans_stand_behind_everything_else():
    scan = Piece.parse(LINE.replace("OHS", "OHF"))
    whole = Manifest(HEADING, (Piece.parse(LINE),), (scan,))
    assert Manifest.parse(whole.text) == whole
    with pytest.raises(Malformed, match="behind"):
        Manifest.parse(Manifest(HEADING, (scan, Piece.parse(LINE))).text)


def test_a_stick_that_cannot_be_read_is_told_by_the_name_of_the_file():
    class Torn(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with closing(Torn()) as torn, pytest.raises(StickRefused, match="unreadable"):
        FileSource(lambda: nullcontext(torn), "T01.OHS").index()
