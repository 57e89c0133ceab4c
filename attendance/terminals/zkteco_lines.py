"""ZKTeco PUSH: the lines that a terminal uploads, read one by one.

Whatever is no punch is told apart from what cannot be read: the first is counted, the second is
kept aside for a person to look at. Fingerprints, faces, photographs, passwords, card numbers and
identity numbers are never read out of a line. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

LONGEST_LINE = 4096
"""Of a punch with everything behind it; more is no punch."""
LONGEST_PIN = 32

_SHOWN = re.compile(rb"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2}) ([0-9]{1,2}):([0-9]{2}):([0-9]{2})\Z")
_EPOCH = re.compile(rb"[0-9]{9,10}\Z")
_OFFSET = re.compile(r"[+-]?[0-9]{1,5}\Z")
_PIN = re.compile(r"[0-9A-Za-z._@-]+\Z")
_MOST_OFFSET = 14 * 3600
# Where they stand, the number first.
_PIN_AT, _TIME, _STATUS, _VERIFY, _ID_TYPE, _TIME_OFFSET = 0, 1, 2, 3, 8, 10


@dataclass(frozen=True)
class Scan:
    """One punch as its line says it."""

    pin: str
    local_text: str
    shown: datetime
    """the clock face, without a zone"""
    status: str
    verify: str
    offset: int | None
    """seconds from UTC where the line says so; 0 for a time that came as seconds since 1970"""
    raw_sha: str


@dataclass(frozen=True)
class Poison:
    """A line that nobody can read; it would come for ever if it were not taken."""

    line: bytes
    reason: str

    @property
    def sha(self) -> str:
        """Its hash in hex."""
        return hashlib.sha256(self.line).hexdigest()


@dataclass(frozen=True)
class Verification:
    """An identity card that was checked at the terminal: no punch of staff, and nobody's here."""


def lines_of(body: bytes) -> list[bytes]:
    """Every line with something on it, without its end."""
    return [line for line in (raw.rstrip(b"\r") for raw in body.split(b"\n")) if line.strip()]


def text_of(line: bytes) -> str:
    """A line as text: UTF-8 where it is that, else the Chinese terminals' GB 18030.

    Raises:
        ValueError: neither.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("gb18030")


def punches(body: bytes, *, id_cards: bool = False) -> Iterator[Scan | Poison | Verification]:
    """Each line of an ``ATTLOG`` upload, in order.

    Args:
        id_cards: of a terminal that also checks identity cards (``DeviceType=pid``).
    """
    for line in lines_of(body):
        yield _punch(line, id_cards)


def _punch(line: bytes, id_cards: bool) -> Scan | Poison | Verification:
    if len(line) > LONGEST_LINE:
        return Poison(line[:LONGEST_LINE], "too_long")
    if b"\0" in line:
        return Poison(line, "nul")
    fields = line.split(b"\t")
    cells = _keyed(fields) if b"=" in fields[0] else _in_columns(fields)
    if cells is None:
        return Poison(line, "no_time")
    if id_cards and _at(cells, _ID_TYPE).strip() == b"1":
        return Verification()
    try:
        # Only what is needed is made a text: nothing else of the line goes any further.
        pin, shown, status, verify, offset = [
            text_of(_at(cells, place)).strip()
            for place in (_PIN_AT, _TIME, _STATUS, _VERIFY, _TIME_OFFSET)
        ]
    except ValueError:
        return Poison(line, "no_text")
    if not pin or len(pin) > LONGEST_PIN or not _PIN.match(pin):
        return Poison(line, "no_number")
    face, told = _read_time(shown)
    if face is None:
        return Poison(line, "no_time")
    told = _read_offset(offset) if told is None else told
    sha = hashlib.sha256(line).hexdigest()
    return Scan(pin, shown, face, status[:8], verify[:8], told, sha)


def _at(cells: list[bytes], place: int) -> bytes:
    return cells[place] if place < len(cells) else b""


def _keyed(fields: list[bytes]) -> list[bytes] | None:
    found = {}
    for one in fields:
        name, _, value = one.partition(b"=")
        found[name.strip().lower()] = value
    shown = found.get(b"time", found.get(b"datetime", b""))
    if not shown:
        return None
    verify = found.get(b"verify", found.get(b"verified", b""))
    return [found.get(b"pin", b""), shown, found.get(b"status", b""), verify]


def _in_columns(fields: list[bytes]) -> list[bytes] | None:
    """Number, time, and what stands behind it; something may stand before the number."""
    for pattern in (_SHOWN, _EPOCH):
        for place, one in enumerate(fields[1:], 1):
            if pattern.match(one.strip()):
                return fields[place - 1 :]
    return None


def _read_time(text: str) -> tuple[datetime | None, int | None]:
    raw = text.encode("ascii", "replace")
    try:
        if (shown := _SHOWN.match(raw)) is not None:
            return datetime(*map(int, shown.groups())), None  # type: ignore[arg-type]
        if _EPOCH.match(raw):
            return datetime.fromtimestamp(int(raw), UTC).replace(tzinfo=None), 0
    except (ValueError, OverflowError, OSError):
        pass
    return None, None


def _read_offset(text: str) -> int | None:
    if not _OFFSET.match(text):
        return None
    seconds = int(text)
    return seconds if abs(seconds) <= _MOST_OFFSET else None


# --- what else a terminal uploads -----------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """Something that was done at the terminal itself."""

    code: int
    operator: str
    shown: str
    """the terminal's own time, as it wrote it"""
    sha: str


@dataclass(frozen=True)
class Person:
    """A name that the terminal shows for a number; nothing else of the person is read."""

    pin: str
    name: str


@dataclass
class Log:
    """What an ``OPERLOG`` upload holds."""

    lines: int = 0
    operations: list[Operation] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    """kind -> how many lines of it were thrown away: templates, pictures, and what is unknown"""


# Biometric templates and pictures of people: counted, never read.
TEMPLATES = frozenset({"FP", "FACE", "USERPIC", "BIOPHOTO", "BIODATA", "FINGERTMP", "FVEIN"})


def operations(body: bytes) -> Log:
    """The lines of an ``OPERLOG`` upload."""
    log = Log()
    for line in lines_of(body):
        log.lines += 1
        word = re.split(rb"[ \t]", line, maxsplit=1)[0].decode("ascii", "replace").upper()
        if word == "OPLOG" and (done := _operation(line)) is not None:
            log.operations.append(done)
        elif word == "USER" and (person := _person(line)) is not None:
            log.people.append(person)
        else:
            log.dropped[word if word in TEMPLATES else "other"] += 1
    return log


def _operation(line: bytes) -> Operation | None:
    cells = line[len("OPLOG") :].strip(b" ").split(b"\t")
    try:
        texts = [text_of(cell).strip() for cell in cells[:3]]
        code = int(texts[0])
    except ValueError:
        return None
    operator, shown = (*texts[1:], "", "")[:2]
    sha = hashlib.sha256(line).hexdigest()
    return Operation(code, operator[:LONGEST_PIN], shown[:19], sha)


def _person(line: bytes) -> Person | None:
    found = {}
    for cell in line[len("USER") :].split(b"\t"):
        name, _, value = cell.strip().partition(b"=")
        if name.strip().lower() in (b"pin", b"name"):
            found[name.strip().lower()] = value
    try:
        pin, shown = (text_of(found.get(key, b"")).strip() for key in (b"pin", b"name"))
    except ValueError:
        return None
    if not pin or len(pin) > LONGEST_PIN or not _PIN.match(pin) or not shown.isprintable():
        return None
    return Person(pin, shown[:40])


def pairs(text: str) -> dict[str, str]:
    """``k=v`` pairs with commas or line ends between them, as terminals tell what they can do."""
    found = {}
    for one in re.split(r"[,\r\n\t]", text):
        name, equals, value = one.partition("=")
        if equals:
            found[name.strip().lstrip("~")] = value.strip()[:80]
    return found
