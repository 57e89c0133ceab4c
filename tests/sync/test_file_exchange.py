"""Pieces of files on the line: ranges, golden requests, and the caps that the document names."""

from __future__ import annotations

import re

import pytest

from standards.records.files import MAX_PLAIN_BYTES
from sync.contact.signed_requests import check_request
from sync.errors import Malformed, UnknownKey
from sync.files.cabinet import MAX_FILE_BYTES, MAX_PIECE_BYTES, Piece
from sync.files.file_exchange import piece_of, range_of
from sync.files.sealed_files import CHUNK_BYTES, sealed_size
from tests.source import ROOT
from tests.vectors import make
from tests.vectors.make import read

WIRE = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
SENT, ASKED = read("requests-files.json")


def test_a_range_says_where_a_piece_lies() -> None:
    piece = Piece(65_552, 70_000, b"piece")
    assert range_of(piece) == "bytes 65552-65556/70000"
    assert piece_of(range_of(piece), piece.body) == piece


@pytest.mark.parametrize(
    "said",
    ["", "bytes 0-3/9", "bytes 0-5/9", "bytes 5-9/9", "bytes */9", "bytes=0-4", "bytes 0-4/9 "],
)
def test_a_range_that_does_not_fit_is_refused(said: str) -> None:
    with pytest.raises(Malformed):
        piece_of(said, b"12345")


@pytest.mark.parametrize("golden", [SENT, ASKED], ids=["sent", "asked"])
def test_golden_requests_with_a_range_are_signed_as_ever(golden) -> None:
    headers, body = golden["headers"], golden["body"].encode()
    target, method = golden["target"], golden["method"]

    def key_of(name: str):
        assert name == make.SIGNING.name
        return make.SIGNING.verifier

    signed = check_request(headers, method, target, body, key_of)
    assert signed == (make.SIGNING.name, golden["created"])
    for name in ("Content-Range", "Range"):
        if name in headers:
            moved = {**headers, name: headers[name].replace("6", "7")}
            with pytest.raises(UnknownKey):
                check_request(moved, method, target, body, key_of)
            without = {one: value for one, value in headers.items() if one != name}
            with pytest.raises(Malformed):
                check_request(without, method, target, body, key_of)


@pytest.mark.parametrize(
    ("what", "cap"),
    [("the sealed form of a file", MAX_FILE_BYTES), ("a piece", MAX_PIECE_BYTES)],
)
def test_a_cap_of_files_is_the_one_of_the_code(what: str, cap: int) -> None:
    row = re.search(rf"^\| {what} \| ([\d,]+)", WIRE, re.M)
    assert row and int(row.group(1).replace(",", "")) == cap


def test_the_largest_file_that_a_page_takes_fits_into_the_cap() -> None:
    assert sealed_size(MAX_PLAIN_BYTES) < MAX_FILE_BYTES
    assert f"chunks of {CHUNK_BYTES:,} bytes" in WIRE
    assert f"to {MAX_PLAIN_BYTES // 1024 // 1024} MiB" in WIRE
