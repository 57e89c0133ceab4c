"""规则表: tables that the center publishes as text, TOML with its sources beside the numbers.

What the form of each such table does in the same way: take the text, and number the versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import request

from standards.errors import Invalid
from sync.storage.store import Row

LONGEST: Final = 20_000


def typed_text() -> str:
    """The table as it was typed, with one kind of line end."""
    return request.form.get("rules", "").replace("\r\n", "\n").strip() + "\n"


def capped(text: str) -> str:
    """The same text.

    Raises:
        Invalid: longer than a table may be.
    """
    if len(text) > LONGEST:
        raise Invalid({"rules": f"规则表最多{LONGEST}字"})
    return text


def next_version(published: Sequence[Row]) -> int:
    """The number after the newest one; the table that ships with the software is version 1."""
    return int(published[0]["version"]) + 1 if published else 2
