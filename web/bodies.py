"""Bodies of requests that are too long for memory: never readable on the disk.

waitress and Werkzeug write long bodies and uploads to temporary files. Scans and pictures of faces
must not be found there afterwards, so those files are under a key that ends with the request.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO, cast

from flask import Request
from waitress.buffers import FileBasedBuffer, OverflowableBuffer

from sync.files.sealed_files import Scratch

# An upload of unknown or greater length goes to the disk.
IN_MEMORY = 1024 * 1024


class _ScratchBuffer(FileBasedBuffer):  # type: ignore[misc]
    def __init__(self, from_buffer: FileBasedBuffer | None = None) -> None:
        super().__init__(Scratch(), from_buffer)

    def newfile(self) -> Scratch:
        return Scratch()


class SealedBuffer(OverflowableBuffer):  # type: ignore[misc]
    """waitress's buffer of a body; what does not stay in memory is unreadable on the disk."""

    buf: FileBasedBuffer | None

    def _set_large_buffer(self) -> None:
        before = self.buf
        self.buf = _ScratchBuffer(before)
        if before is not None:
            before.close()
        self.overflowed = True


class SealedRequest(Request):
    """A request whose uploads stay in memory when they are short, or are unreadable on the disk."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if total_content_length is not None and total_content_length <= IN_MEMORY:
            return BytesIO()
        return cast(IO[bytes], Scratch())
