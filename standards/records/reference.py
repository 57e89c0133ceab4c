"""The reference page of the records, as text from the declarations. Writes no file."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from standards.records.declare import FieldOf, Record, fields_of

HEAD = """# Records

Every record type that travels, from its declaration in `standards/records`. Written by
`python -m standards.records > docs/records.md`; a test compares. How records become bytes:
[wire.md](wire.md). Terms: [words.md](words.md).

*logged* fields stand in the leaf and in the tables of both sides; *personal* ones travel sealed and
are encrypted at rest, *searched* among them by a keyed blind index. A field with a default may be
absent; then it has the default. Text is counted in characters. A list of codes is what forms offer
today; a reader keeps any other code within the bounds. A check is made when a person types
the field.
"""


def page(records: Iterable[type[Record]]) -> str:
    """The whole page in Markdown."""
    parts = [HEAD]
    nested: dict[str, type[msgspec.Struct]] = {}
    for record_type in records:
        parts.append(_of_record(record_type))
        for field in fields_of(record_type):
            _collect(inspect.type_info(field.type), nested)
    parts.append("# Objects inside records\n")
    parts += [_of_object(kind) for kind in nested.values()]
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]


def _of_record(record_type: type[Record]) -> str:
    rows = [_row(field) for field in fields_of(record_type)]
    head = ("field", "中文", "type", "bounds", "class", "check", "default")
    said = _first_line(record_type).removeprefix(f"{record_type.label}: ")
    said = f"{said[:1].upper()}{said[1:]} Written by the {record_type.owner}."
    return f"## `{record_type.kind}` {record_type.label}\n\n{said}\n\n{_table(head, rows)}"


def _row(field: FieldOf) -> tuple[str, ...]:
    info, mark = inspect.type_info(field.type), field.field
    bounds = "; ".join(filter(None, [_bounds(info), _choices(mark.choices or {})]))
    kind = "personal" + (", searched" if mark.search else "") if mark.personal else "logged"
    check = f"`{mark.check.__name__}`" if mark.check else ""
    default = "" if field.required else _default(field.default)
    return (f"`{field.name}`", mark.label, _type(info), bounds, kind, check, default)


def _choices(choices: Mapping[str, str]) -> str:
    return ", ".join(f"`{code}` {label}" for code, label in choices.items() if code)


def _default(value: object) -> str:
    return f"`{msgspec.json.encode(value).decode()}`"


def _of_object(kind: type[msgspec.Struct]) -> str:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    rows = [(f"`{f.name}`", _type(f.type), _bounds(f.type), _default_of(f)) for f in info.fields]
    table = _table(("field", "type", "bounds", "default"), rows)
    return f"## {kind.__name__}\n\n{_first_line(kind)}\n\n{table}"


def _default_of(field: inspect.Field) -> str:
    if field.required:
        return ""
    made = field.default_factory
    return _default(field.default if made is msgspec.NODEFAULT else made())


def _collect(info: Any, found: dict[str, type[msgspec.Struct]]) -> None:
    if isinstance(info, inspect.UnionType):
        for one in info.types:
            _collect(one, found)
    elif isinstance(info, inspect.VarTupleType):
        _collect(info.item_type, found)
    elif isinstance(info, inspect.StructType) and info.cls.__name__ not in found:
        found[info.cls.__name__] = info.cls
        for field in info.fields:
            _collect(field.type, found)


def _type(info: Any) -> str:
    if isinstance(info, inspect.UnionType):
        return " or ".join(_type(one) for one in info.types)
    if isinstance(info, inspect.VarTupleType):
        return f"list of {_type(info.item_type)}"
    if isinstance(info, inspect.StructType):
        return f"object {info.cls.__name__}"
    return _PLAIN[type(info)]


_PLAIN: dict[type, str] = {
    inspect.StrType: "text",
    inspect.IntType: "whole number",
    inspect.BoolType: "true or false",
    inspect.DateType: "date",
    inspect.NoneType: "null",
    inspect.EnumType: "code",
}


def _bounds(info: Any) -> str:
    if isinstance(info, inspect.UnionType):
        return "; ".join(filter(None, map(_bounds, info.types)))
    if isinstance(info, inspect.EnumType):
        return _choices({str(one.value): _label(one) for one in info.cls})
    if isinstance(info, inspect.VarTupleType):
        each = _bounds(info.item_type)
        return "; ".join(filter(None, [_size(info, "items"), f"each {each}" if each else ""]))
    if isinstance(info, inspect.IntType):
        return _span(info.ge, info.le)
    return _of_text(info) if isinstance(info, inspect.StrType) else ""


def _of_text(info: inspect.StrType) -> str:
    # A bar would end the cell of the table.
    pattern = f"`{info.pattern.removesuffix(chr(92) + 'Z').lstrip('^')}`" if info.pattern else ""
    return "; ".join(filter(None, [_size(info, "characters"), pattern.replace("|", "\\|")]))


def _size(info: inspect.StrType | inspect.VarTupleType, unit: str) -> str:
    found = _span(info.min_length, info.max_length)
    return f"{found} {unit}" if found else ""


def _span(least: object, most: object) -> str:
    if least is None:
        return "" if most is None else f"at most {most}"
    if most is None:
        return f"at least {least}"
    return f"{least}" if least == most else f"{least} to {most}"


def _label(member: enum.Enum) -> str:
    return str(getattr(member, "label", member.name.lower()))
