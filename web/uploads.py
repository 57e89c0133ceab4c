"""Files that people hand in and get back: what is taken, what it is called, how it is given out.

A file is known by its first bytes, whatever the browser calls it, and is never decoded here. It
goes out as an attachment of that type and of no other.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import IO, Protocol
from urllib.parse import quote

from flask import Response, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import NotFound

from standards.errors import Invalid
from standards.records.files import MAX_PLAIN_BYTES
from sync.errors import Malformed
from sync.files.archive import Archive

MAX_FILES = 20
# Several pages at once; each within its own cap.
MAX_UPLOAD_BYTES = 2 * MAX_PLAIN_BYTES + 1024 * 1024
ACCEPT = "image/jpeg,image/png,application/pdf,.jpg,.jpeg,.png,.pdf"

_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
_ENDINGS = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "application/pdf": (".pdf",),
}
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Upload:
    """A file that was handed in and may be kept."""

    name: str
    media: str
    size: int
    stream: IO[bytes]


def uploads(field: str) -> list[Upload]:
    """The files of a form's field.

    Raises:
        Invalid: none, too many, empty, too large, or of another type; said for each of them.
    """
    sent = [one for one in request.files.getlist(field) if one.filename]
    if not sent:
        raise Invalid({field: "请选择文件"})
    if len(sent) > MAX_FILES:
        raise Invalid({field: f"一次最多 {MAX_FILES} 个文件，现有 {len(sent)} 个"})
    found, wrong = [], []
    for one in sent:
        try:
            found.append(_upload(one))
        except ValueError as refused:
            wrong.append(f"{shown_name(one.filename or '', '')}：{refused}")
    if wrong:
        raise Invalid({field: "；".join(wrong)})
    return found


def _upload(sent: FileStorage) -> Upload:
    stream = sent.stream
    media = media_of(stream.read(8))
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if not size:
        raise ValueError("是空文件")
    if size > MAX_PLAIN_BYTES:
        raise ValueError(f"超过 {MAX_PLAIN_BYTES // 1024 // 1024} MB，请降低扫描分辨率")
    if media is None:
        raise ValueError("不是 JPEG、PNG 或 PDF 文件")
    return Upload(shown_name(sent.filename or "", media), media, size, stream)


def media_of(start: bytes) -> str | None:
    """The type of a file by its first bytes; None for one that is not taken."""
    return next((media for mark, media in _STARTS.items() if start.startswith(mark)), None)


def shown_name(given: str, media: str) -> str:
    """A file's name as it is kept: no folder, no odd character, the ending of its type."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    name = "".join(c for c in name if unicodedata.category(c)[0] not in "CZ" or c == " ")
    name = re.sub(r'[<>:"|?*]', "_", name).strip(" .") or "文件"
    stem, dot, ending = name.rpartition(".")
    if media and f".{ending.lower()}" not in _ENDINGS[media]:
        return name[:_LONGEST_NAME] + _ENDINGS[media][0]
    return f"{stem[:_LONGEST_NAME]}{dot}{ending[:10]}"


class SealedFile(Protocol):
    """What a record says of a file: its name on the disk, its key, and how it is shown."""

    @property
    def file(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def media(self) -> str: ...

    @property
    def size(self) -> int: ...


def given_out(archive: Archive, wanted: SealedFile) -> Response:
    """A kept file, opened, as an answer.

    Gone or altered on this disk it is noted as lost, so that the other side is asked for it again.

    Raises:
        NotFound: it cannot be opened here.
    """
    try:
        chunks = archive.read(wanted.file, wanted.key)
        return attachment(chunks, wanted.name, wanted.media, wanted.size)
    except (FileNotFoundError, Malformed):
        archive.cabinet.drop(wanted.file)
        archive.note_lost(wanted.file)
        raise NotFound() from None


def attachment(chunks: Iterable[bytes], name: str, media: str, size: int) -> Response:
    """A file as an answer: to be saved, never shown inside our pages.

    The first chunk is read at once: what cannot be opened is refused before anything was sent.
    """
    rest = iter(chunks)
    first = next(rest, b"")
    answer = Response(
        chain([first], rest),
        content_type=media if media in _ENDINGS else "application/octet-stream",
    )
    answer.content_length = size
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name or 'file')}"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
