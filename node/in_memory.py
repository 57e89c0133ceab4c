"""Requests whose uploaded pictures never touch the disk.

Werkzeug writes a file of more than half a megabyte to a temporary one; a picture of a face must
not be found there afterwards. What a request may hold is bounded by the limits of its view.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO

from flask import Request


class InMemoryRequest(Request):
    """A request that keeps uploads in memory."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()
