"""How a record type is declared once, and what follows from the declaration.

A record type is a frozen ``msgspec.Struct`` deriving from :class:`Record`. Its annotations carry a
:class:`Field` with the Chinese label and the checks. From the declaration come: the two wire forms
(logged body, personal payload), the columns of the table on both sides, the web form and its
messages, and the row in docs/records.md. This module knows neither databases nor Flask.

Rules of growth (docs/wire.md): a field is only ever added, with a default; never renamed, removed
or given another meaning. Defaults are left out of the bytes, so that older leaves stay canonical.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from standards.identity import ERASED as ERASED
from standards.identity import SHUT as SHUT
from standards.records.births import Birth

Owner = Literal["hall", "center"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a page, a table and the wire must know about one field of a record.

    Args:
        label: the Chinese term a clerk reads (docs/words.md).
        personal: sealed on the wire, encrypted at rest, masked on screen; never in the leaf.
        typed: a person types it in a form; otherwise the program gives it.
        check: takes the stripped text, answers the normal form, raises ``ValueError`` with a
            Chinese message.
        choices: code -> Chinese label, for a closed list.
        search: exact search through a keyed blind index (personal fields only).
        mask: shortens the value for screens and lists.
        erases: the entries whose personal parts are erased, as :class:`Named`.
        file: the hash of a file's ciphertext; it stands in the envelope's ``files`` too.
    """

    label: str
    personal: bool = False
    typed: bool = True
    check: Callable[[str], str] | None = None
    choices: Mapping[str, str] | None = None
    search: bool = False
    mask: Callable[[str], str] | None = None
    hint: str = ""
    file: bool = False
    erases: bool = False


class Named(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One entry as another entry names it: its log, its place there, and its own id."""

    log: Annotated[str, msgspec.Meta(max_length=200)]
    index: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
    id: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]


class Record(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Base of every record type that travels."""

    kind: ClassVar[str]
    owner: ClassVar[Owner]
    label: ClassVar[str]


class Happening(msgspec.Struct, frozen=True, gc=False):
    """One entry as a projection sees it: what happened, by whom, when, in which hall."""

    kind: str
    id: str
    writer: str
    actor: str
    at: str
    logged: Any


@dataclass(frozen=True)
class Projection:
    """A table that follows from entries by a pure fold, such as where every case stands.

    Args:
        state: the row, declared like a record (but it never travels).
        key_of: which row of the writer's hall an entry belongs to.
        advance: the row after the entry; raises ``ValueError`` when the entry cannot follow.
        birth: how ``advance`` makes the first row of a record whose id is the row's key.
    """

    state: type[Record]
    kinds: frozenset[str]
    key_of: Callable[[Happening], str]
    advance: Callable[[Any, Happening], Any]
    birth: Birth | None = None


@dataclass(frozen=True)
class FieldOf:
    """One field of a record type as the rest of the program sees it."""

    name: str
    type: Any
    field: Field
    required: bool
    default: Any

    @property
    def plain(self) -> Any:
        """The Python type without ``| None`` and without annotations: str, int, bool, tuple …"""
        return _plain(self.type)

    @property
    def max_length(self) -> int | None:
        """The longest text the wire accepts, in characters; None where there is no such cap."""
        for meta in _metas(self.type):
            if meta.max_length is not None:
                return int(meta.max_length)
        return None


def _strip_optional(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        inner = [arg for arg in get_args(kind) if arg is not type(None)]
        return inner[0] if len(inner) == 1 else kind
    return kind


def _plain(kind: Any) -> Any:
    kind = _strip_optional(kind)
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    return get_origin(kind) or kind


def _metas(kind: Any) -> list[msgspec.Meta]:
    kind = _strip_optional(kind)
    if get_origin(kind) is Annotated:
        inner, *marks = get_args(kind)
        return [m for m in marks if isinstance(m, msgspec.Meta)] + _metas(inner)
    return []


def _mark(kind: Any) -> Field | None:
    if get_origin(kind) is Annotated:
        return next((m for m in get_args(kind)[1:] if isinstance(m, Field)), None)
    return None


@cache
def fields_of(record_type: type[Record]) -> tuple[FieldOf, ...]:
    """Every field of a record type, in the order of its declaration.

    Raises:
        TypeError: a field without a :class:`Field` mark; a record must be declared wholly.
    """
    hints = get_type_hints(record_type, include_extras=True)
    found = []
    for item in msgspec.structs.fields(record_type):
        kind = hints[item.name]
        mark = _mark(kind)
        if mark is None:
            raise TypeError(f"{record_type.__name__}.{item.name} has no Field(label)")
        default = (
            item.default if item.default_factory is msgspec.NODEFAULT else item.default_factory()
        )
        found.append(FieldOf(item.name, kind, mark, item.required, default))
    return tuple(found)


def _part(record_type: type[Record], *, personal: bool) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for f in fields_of(record_type):
        if f.field.personal is personal:
            fields.append((f.name, f.type) if f.required else (f.name, f.type, f.default))
    return msgspec.defstruct(
        record_type.__name__ + ("Personal" if personal else "Logged"),
        fields,
        frozen=True,
        gc=False,
        kw_only=True,
        omit_defaults=True,
        # A later field of the payload must not hide the earlier ones; its bytes are kept anyway.
        forbid_unknown_fields=not personal,
    )


@dataclass(frozen=True)
class Parts:
    """The two wire forms of one record type, with their decoders."""

    logged: type[msgspec.Struct]
    personal: type[msgspec.Struct] | None
    read_logged: msgspec.json.Decoder[Any]
    read_personal: msgspec.json.Decoder[Any] | None


@cache
def parts_of(record_type: type[Record]) -> Parts:
    """Logged and personal form of a record type (``personal`` is None when nothing is)."""
    logged = _part(record_type, personal=False)
    has_personal = any(f.field.personal for f in fields_of(record_type))
    personal = _part(record_type, personal=True) if has_personal else None
    return Parts(
        logged,
        personal,
        msgspec.json.Decoder(logged),
        msgspec.json.Decoder(personal) if personal else None,
    )


_encode = msgspec.json.Encoder(order="sorted").encode


def logged_bytes(record: Record) -> bytes:
    """The logged body: deterministic JSON, sorted keys, defaults left out."""
    parts = parts_of(type(record))
    values = {name: getattr(record, name) for name in parts.logged.__struct_fields__}
    return _encode(parts.logged(**values))


def personal_bytes(record: Record) -> bytes | None:
    """The personal payload as deterministic JSON, or None when the type has no such fields."""
    personal = parts_of(type(record)).personal
    if personal is None:
        return None
    return _encode(personal(**{n: getattr(record, n) for n in personal.__struct_fields__}))


def opened_payload(record_type: type[Record], payload: bytes) -> msgspec.Struct | None:
    """The personal fields of a payload, or None when the type has none.

    Raises:
        ValueError: not JSON, or a field is missing or breaks its bounds.
    """
    decoder = parts_of(record_type).read_personal
    if decoder is None:
        return None
    try:
        opened: msgspec.Struct = decoder.decode(payload)
    except RecursionError:
        raise ValueError("a payload that is nested too deeply") from None
    return opened


def files_of(record: Record) -> tuple[str, ...]:
    """The ciphertext hashes of the files that a record names, in the order of its fields."""
    return tuple(getattr(record, name) for name in _file_fields(type(record)))


@cache
def _file_fields(record_type: type[Record]) -> tuple[str, ...]:
    return tuple(f.name for f in fields_of(record_type) if f.field.file)


def erased_by(record_type: type[Record], logged: Any) -> tuple[Named, ...]:
    """The entries whose personal parts a record orders to be erased."""
    names = _erasing_fields(record_type)
    return tuple(one for name in names for one in getattr(logged, name)) if names else ()


@cache
def _erasing_fields(record_type: type[Record]) -> tuple[str, ...]:
    return tuple(f.name for f in fields_of(record_type) if f.field.erases)


def canonical_body(record_type: type[Record], body: bytes) -> msgspec.Struct:
    """Decode a logged body and insist that it is written the one canonical way.

    Raises:
        msgspec.DecodeError: not JSON, or a field is missing, unknown or breaks its bounds.
        ValueError: the same content in another spelling.
    """
    logged: msgspec.Struct = parts_of(record_type).read_logged.decode(body)
    if _encode(logged) != body:
        raise ValueError("not the canonical encoding")
    return logged


@dataclass(frozen=True)
class Column:
    """One column of a record's table, the same at the hall and at the center."""

    name: str
    sql: Literal["TEXT", "INTEGER"]


@cache
def columns_of(record_type: type[Record]) -> tuple[Column, ...]:
    """Columns of the logged fields; nested values stand as JSON text."""
    return tuple(
        Column(f.name, "INTEGER" if f.plain in (int, bool) else "TEXT")
        for f in fields_of(record_type)
        if not f.field.personal
    )


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int)):
        return int(value)
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else _encode(plain).decode()


def row_of(record_type: type[Record], logged: msgspec.Struct) -> dict[str, Any]:
    """The logged values as they stand in the table."""
    names = [column.name for column in columns_of(record_type)]
    return dict(zip(names, cells_of(record_type)(logged), strict=True))


@cache
def cells_of(record_type: type[Record]) -> Callable[[Any], list[Any]]:
    """As :func:`row_of`, for many records: the cells in the order of the columns.

    Found once for each type is which columns hold something else than a text or a number.
    """
    names, odd = taken_of(record_type)
    # One name more, so that a record of one field is taken as a tuple, too.
    take = attrgetter(*names, "__class__")

    def cells(logged: Any) -> list[Any]:
        *found, _ = take(logged)
        for place, as_cell in odd:
            if found[place] is not None:
                found[place] = as_cell(found[place])
        return found

    return cells


# The place of a column that holds something else than a text or a number, and how it becomes one.
OddCell = tuple[int, Callable[[Any], Any]]


def taken_of(record_type: type[Record]) -> tuple[list[str], list[OddCell]]:
    """The fields of the columns in their order, and those that are not taken as they are."""
    fields = [f for f in fields_of(record_type) if not f.field.personal]
    odd = [(place, _as_cell(f)) for place, f in enumerate(fields) if f.plain not in _AS_THEY_ARE]
    return [f.name for f in fields], odd


_AS_THEY_ARE = (str, int, Literal)


def _as_cell(field: FieldOf) -> Callable[[Any], Any]:
    if field.plain is date:
        return date.isoformat
    if field.plain is tuple:
        return lambda value: _encode(value).decode()
    return _cell


def record_of(
    record_type: type[Record],
    row: Mapping[str, Any],
    personal: bytes | None = None,
    *,
    instead: str = "",
) -> Record:
    """The record of a table row and its opened personal payload.

    Args:
        instead: what stands for personal texts without the payload: ``ERASED`` when it was erased
            by order, ``SHUT`` when nobody can open it, else nothing.
    """
    parts = parts_of(record_type)
    values: dict[str, Any] = {}
    for column in columns_of(record_type):
        value = row[column.name]
        if column.sql == "TEXT" and isinstance(value, str) and value[:1] in ("[", "{"):
            value = _unpack(record_type, column.name, value)
        values[column.name] = value
    logged = msgspec.convert(values, parts.logged, strict=False)
    known = {name: getattr(logged, name) for name in parts.logged.__struct_fields__}
    opened = opened_payload(record_type, personal) if personal is not None else None
    if opened is not None:
        known.update({n: getattr(opened, n) for n in opened.__struct_fields__})
    for f in fields_of(record_type):
        if f.name not in known:
            known[f.name] = instead if f.plain is str else f.default
    return record_type(**known)


def _unpack(record_type: type[Record], name: str, text: str) -> Any:
    plain = next(f.plain for f in fields_of(record_type) if f.name == name)
    return text if plain is str else msgspec.json.decode(text)
