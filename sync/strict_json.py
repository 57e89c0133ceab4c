"""The one dialect of JSON that travels: read strictly, so that no two readers differ. Pure.

Refused: nesting deeper than 24, a key that stands twice, fractions, exponents, NaN and Infinity,
whole numbers of more than 18 digits, text that is not UTF-8, lone surrogates, U+0000.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

MAX_DEPTH = 24
MAX_DIGITS = 18
LARGEST = 10**MAX_DIGITS - 1

# Atomic, and taking an unfinished string to the end: every byte is looked at once.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")


class NotStrict(ValueError):
    """Bytes that are not JSON of this dialect; the text names the rule."""


def holds_nul(raw: bytes) -> bool:
    """Whether a text of this JSON holds U+0000, which PostgreSQL cannot keep."""
    return b"\\" in raw and b"\\u0000" in raw and _NUL.search(raw) is not None


def read(raw: bytes) -> Any:
    """The value of these bytes.

    Raises:
        NotStrict: not JSON, or against one of the rules above.
    """
    _check_depth(raw)
    if holds_nul(raw):
        raise NotStrict("a text holds U+0000")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_whole,
        )
        # A lone surrogate can only come from an escape, and cannot be written again.
        msgspec.json.encode(value)
        return value
    except NotStrict:
        raise
    except (ValueError, RecursionError):
        raise NotStrict("not JSON in UTF-8, or a lone surrogate") from None


def _check_depth(raw: bytes) -> None:
    depth = 0
    for token in _TOKENS.finditer(raw):
        mark = token.group()[:1]
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise NotStrict("nested too deeply")
        elif mark in b"]}":
            depth -= 1


def _no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("a key stands twice")
    return found


def _refuse_number(text: str) -> NoReturn:
    raise NotStrict("only whole numbers of at most 18 digits")


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        _refuse_number(text)
    return int(text)
