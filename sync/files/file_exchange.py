"""Files over the line, a piece at a time; the hall's side. What to send next is not decided here.

Every piece can be cut off anywhere: the side that receives says how many bytes it keeps, and the
next piece begins there.
"""

from __future__ import annotations

import re
from typing import Protocol

from sync.client import PREFIX, Answer
from sync.contact import messages
from sync.contact.messages import FileHeld, FilesWanted
from sync.contact.signed_requests import Asked, digest_of
from sync.errors import FileAbsent, Gap, Malformed
from sync.failpoints import fp
from sync.files.archive import LIST_LENGTH, Archive
from sync.files.cabinet import MAX_FILE_BYTES, Piece

BYTES = "application/octet-stream"
OFFSET = "Upload-Offset"
_RANGE = re.compile(r"bytes (\d{1,12})-(\d{1,12})/(\d{1,12})")


class FileLine(Protocol):
    """One request to the center and its answer, with headers.

    Raises:
        Unreachable: no answer in time. SyncError: the center's refusal.
    """

    def ask(self, asked: Asked) -> Answer:
        """The answer of a request that was not refused."""


def range_of(piece: Piece) -> str:
    """A piece's ``Content-Range`` (RFC 9110 section 14.4)."""
    return f"bytes {piece.start}-{piece.start + len(piece.body) - 1}/{piece.total}"


def piece_of(text: str, body: bytes) -> Piece:
    """The piece of a ``Content-Range`` and a body.

    Raises:
        Malformed: not a range of bytes, or not as long as the body.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise Malformed("a piece needs Content-Range: bytes <first>-<last>/<size>")
    first, last, total = map(int, found.groups())
    if last - first + 1 != len(body) or last >= total or not body:
        raise Malformed("a piece is not as long as its range says")
    return Piece(first, total, body)


class FileExchange:
    """What a hall asks the center about its files."""

    def __init__(self, line: FileLine, archive: Archive) -> None:
        self._line, self._archive = line, archive

    def look_up_wanted(self) -> None:
        """Learn which own files the center lacks, also those it had once (it was restored)."""
        after = ""
        while True:
            answer = self._line.ask(Asked("GET", f"{PREFIX}/files?after={after}"))
            wanted = messages.read(answer.body, FilesWanted).wanted
            self._archive.note_wanted(wanted)
            if len(wanted) < LIST_LENGTH or wanted[-1] <= after:
                return
            after = wanted[-1]

    def held_there(self, name: str) -> int:
        """How many bytes of a file the center keeps."""
        answer = self._line.ask(Asked("HEAD", f"{PREFIX}/files/{name}"))
        text = answer.headers.get(OFFSET, "")
        if not text.isascii() or not text.isdigit() or int(text[:12]) > MAX_FILE_BYTES:
            raise Malformed(f"an answer without {OFFSET}")
        return int(text)

    def send(self, name: str, start: int, length: int) -> int:
        """Send a piece; how many bytes the center keeps now. Notes the file that is whole there.

        Raises:
            FileAbsent: gone or altered here, its source.
            SyncError: the center's refusal; Malformed when it refused the whole file's bytes.
        """
        try:
            piece = self._archive.cabinet.piece(name, start, length)
        except FileNotFoundError:
            raise FileAbsent("gone at its source") from None
        held = self._put(name, piece) if start < piece.total else start
        fp("file.sent")
        if held >= piece.total:
            self._archive.note_delivered(name)
            fp("file.delivered")
        return held

    def _put(self, name: str, piece: Piece) -> int:
        headers = {"Content-Type": BYTES, "Content-Range": range_of(piece)}
        try:
            answer = self._line.ask(
                Asked("PUT", f"{PREFIX}/files/{name}", bytes(piece.body), headers)
            )
        except Gap as gap:
            size = gap.facts.get("size")
            if not isinstance(size, int) or not 0 <= size <= piece.total or size == piece.start:
                raise Malformed("the center names a place this file does not have") from gap
            return size
        held = messages.read(answer.body, FileHeld).held
        if not piece.start < held <= piece.total:
            raise Malformed("the center keeps more or less of a file than it was sent")
        return held

    def fetch(self, name: str, length: int) -> tuple[int, int]:
        """Fetch the next piece of a file; how many bytes are kept here now, and of how many.

        Raises:
            FileAbsent: the center has not got it.
            Gap: more is kept here than there is; it was dropped.
            Malformed: wrong bytes; they were not kept, and the same piece may be asked for again.
        """
        start = self._archive.cabinet.held(name)
        wanted = {"Range": f"bytes={start}-{start + length - 1}"}
        try:
            answer = self._line.ask(Asked("GET", f"{PREFIX}/files/{name}", headers=wanted))
        except Gap:
            # Longer here than there: of no use, it begins anew.
            self._archive.cabinet.drop(name)
            raise
        piece = piece_of(answer.headers.get("Content-Range", ""), answer.body)
        if answer.headers.get("Content-Digest") != digest_of(answer.body):
            raise Malformed("a piece that was altered on the way")
        fp("file.fetched")
        try:
            return self._archive.take(name, piece), piece.total
        except Gap:
            return self._archive.cabinet.held(name), piece.total
