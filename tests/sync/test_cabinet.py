"""Files on the disk: a name is given to whole and right bytes only, whatever is cut off."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import Gap, Malformed, TooLarge
from sync.files.cabinet import MAX_FILE_BYTES, MAX_PIECE_BYTES, Cabinet, Piece

CONTENT = random.Random(1).randbytes(10_000)
NAME = sha256(CONTENT).hexdigest()


@pytest.fixture
def cabinet(tmp_path: Path) -> Cabinet:
    return Cabinet(tmp_path / "files")


def piece(start: int, stop: int, content: bytes = CONTENT) -> Piece:
    return Piece(start, len(content), content[start:stop])


def whole_names(cabinet: Cabinet) -> list[str]:
    return [*cabinet.names()]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9_999), max_size=8, unique=True))
def test_a_file_that_comes_in_pieces_has_its_name_with_the_last_one_only(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    cabinet = Cabinet(tmp_path_factory.mktemp("cabinet"))
    bounds = [0, *sorted(cuts), len(CONTENT)]
    for start, stop in itertools.pairwise(bounds):
        assert whole_names(cabinet) == []
        assert cabinet.held(NAME) == start
        assert cabinet.take(NAME, piece(start, stop)) == stop
    assert whole_names(cabinet) == [NAME]
    with cabinet.open(NAME) as file:
        assert file.read() == CONTENT
    assert cabinet.is_sound(NAME)


def test_a_piece_that_does_not_begin_where_the_kept_ones_end_is_told_the_place(
    cabinet: Cabinet,
) -> None:
    cabinet.take(NAME, piece(0, 300))
    for start in (0, 299, 301, 5_000):
        with pytest.raises(Gap) as refused:
            cabinet.take(NAME, piece(start, start + 10))
        assert refused.value.facts["size"] == 300
    assert cabinet.take(NAME, piece(300, 400)) == 400


def test_bytes_that_are_not_those_of_the_name_never_get_it_and_the_file_begins_anew(
    cabinet: Cabinet,
) -> None:
    wrong = CONTENT[:-1] + b"?"
    cabinet.take(NAME, piece(0, 9_000, wrong))
    with pytest.raises(Malformed):
        cabinet.take(NAME, piece(9_000, 10_000, wrong))
    assert (whole_names(cabinet), cabinet.held(NAME)) == ([], 0)
    assert cabinet.take(NAME, piece(0, 10_000)) == 10_000
    assert cabinet.is_sound(NAME)


def test_a_piece_of_a_file_that_is_whole_changes_nothing(cabinet: Cabinet) -> None:
    cabinet.take(NAME, piece(0, 10_000))
    assert cabinet.take(NAME, piece(0, 10_000)) == 10_000
    assert cabinet.take(NAME, piece(40, 50)) == 10_000
    assert [path.name for path in (cabinet._folder / "coming").iterdir()] == []


def test_one_file_from_many_sides_at_once_is_kept_once_and_right(cabinet: Cabinet) -> None:
    def send() -> None:
        start = 0
        while start < len(CONTENT):
            try:
                start = cabinet.take(NAME, piece(start, start + 700))
            except Gap as gap:
                start = int(str(gap.facts["size"]))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole_names(cabinet) == [NAME] and cabinet.is_sound(NAME)


def test_a_power_cut_at_any_write_leaves_no_half_file_under_a_name(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step fails, sync and renaming among them, the next try ends well."""
    real = {name: getattr(os, name) for name in ("write", "fsync", "replace")}
    left = [0]

    def failing(name: str):
        def call(*args: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise OSError("cut")
            return real[name](*args)

        return call

    for name in real:
        monkeypatch.setattr(os, name, failing(name))
    cut = 0
    for step in range(1, 40):
        here = Cabinet(cabinet._folder / str(step))
        left[0] = step
        try:
            here.keep([CONTENT[:5_000], CONTENT[5_000:]])
            here.take("0" * 64, piece(0, 10))
        except OSError:
            cut += 1
        left[0] = 0
        assert all(here.is_sound(name) for name in here.names())
        here.tidy(time.time() + 1)
        assert here.keep([CONTENT]) == (NAME, len(CONTENT))
    assert cut >= 8


def test_a_full_disk_keeps_what_was_there_and_half_a_piece_of_nothing(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet.take(NAME, piece(0, 1_000))
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 500:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:400])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            cabinet.take(NAME, piece(1_000, 2_000))
    assert cabinet.held(NAME) == 1_000
    assert cabinet.take(NAME, piece(1_000, 10_000)) == 10_000


def test_an_intake_that_breaks_off_leaves_nothing_behind(cabinet: Cabinet) -> None:
    def cut_off() -> Iterator[bytes]:
        yield CONTENT[:4_000]
        raise OSError("the browser is gone")

    with pytest.raises(OSError, match="browser"):
        cabinet.keep(cut_off())
    assert [path for path in cabinet._folder.rglob("*") if path.is_file()] == []


def test_caps_are_checked_before_anything_is_written(cabinet: Cabinet) -> None:
    for refused, wrong in (
        (TooLarge, Piece(0, MAX_FILE_BYTES + 1, b"x")),
        (TooLarge, Piece(0, MAX_FILE_BYTES, bytes(MAX_PIECE_BYTES + 1))),
        (Malformed, Piece(0, 3, b"four")),
        (Malformed, Piece(0, 3, b"")),
        (Malformed, Piece(-1, 3, b"x")),
    ):
        with pytest.raises(refused):
            cabinet.take(NAME, wrong)
    assert cabinet.held(NAME) == 0


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_hash_is_a_name(cabinet: Cabinet, name: str) -> None:
    with pytest.raises((Malformed, ValueError)):
        cabinet.size(name)


def test_files_are_for_their_owner_alone(cabinet: Cabinet) -> None:
    cabinet.keep([CONTENT])
    assert (cabinet._folder / NAME[:2] / NAME).stat().st_mode & 0o777 == 0o600
    assert (cabinet._folder / NAME[:2]).stat().st_mode & 0o777 == 0o700
