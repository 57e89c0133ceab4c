"""Reading a form by a record's declaration, and showing the same form again with its mistakes.

Every wrong field is found in one go. Knows the declaration (`standards.records.declare`), not what
any record means; computes nothing from what was typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeVar, get_origin

import msgspec
from flask import request
from werkzeug.datastructures import MultiDict

from standards.errors import Invalid
from standards.records.declare import FieldOf, Record, fields_of
from web.once import AlreadyAnswered, answer_once, earlier_answer, once_field, remember_answer

__all__ = [
    "AlreadyAnswered",
    "Form",
    "FormField",
    "answer_once",
    "earlier_answer",
    "form",
    "once_field",
    "page_number",
    "read",
    "remember_answer",
]

AnyRecord = TypeVar("AnyRecord", bound=Record)
Kind = Literal["text", "long", "number", "date", "flag", "many"]

# A longer text is typed into several lines.
_LONG = 120
_MOST_TEXT = 20_000
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_ON = ("1", "on", "true")


def read(record_type: type[AnyRecord], typed: MultiDict[str, str], **given: Any) -> AnyRecord:
    """The record of a form.

    Args:
        record_type: its typed fields are read from the form by their names; spaces around a text
            are dropped, an empty text is "not filled in".
        typed: ``request.form``. What the declaration does not name is not looked at.
        given: fields that the program knows; the form cannot overwrite them.

    Raises:
        Invalid: field name -> Chinese message, for all wrong fields at once.
        TypeError: a field is neither typed nor given and has no default (the view is wrong).
    """
    values: dict[str, Any] = dict(given)
    wrong: dict[str, str] = {}
    for field in fields_of(record_type):
        if field.name in given:
            continue
        if not field.field.typed:
            if field.required:
                raise TypeError(f"{record_type.__name__}.{field.name} must be given by the view")
            continue
        try:
            values[field.name] = _value(field, typed)
        except ValueError as refused:
            wrong[field.name] = str(refused)
    if wrong:
        raise Invalid(wrong)
    return record_type(**values)


def _value(field: FieldOf, typed: MultiDict[str, str]) -> Any:
    kind = kind_of(field)
    if kind == "flag":
        return typed.get(field.name, "") in _ON
    if kind == "many":
        return _many(field, typed.getlist(field.name))
    # A browser ends lines with CR LF, and counts one letter for it.
    text = typed.get(field.name, "").replace("\r\n", "\n").strip()
    if not text:
        if field.required:
            raise ValueError(f"请{'选择' if field.field.choices else '填写'}{field.field.label}")
        return field.default
    return _bounded(field, _parsed(field, kind, _checked(field, text)))


def _many(field: FieldOf, texts: Iterable[str]) -> Any:
    wanted = tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not wanted and field.required:
        raise ValueError(f"请选择{field.field.label}")
    return _bounded(field, tuple(_checked(field, text) for text in wanted))


def _checked(field: FieldOf, text: str) -> str:
    label = field.field.label
    most = field.max_length or _MOST_TEXT
    if len(text) > most:
        raise ValueError(f"{label}最多 {most} 个字，现有 {len(text)} 个")
    spaces = "\n\t" if kind_of(field) == "long" else ""
    if any(_is_control(letter) and letter not in spaces for letter in text):
        raise ValueError(f"{label}里有不能保存的控制字符，请重新输入")
    if field.field.choices is not None and text not in field.field.choices:
        raise ValueError(f"{label}请从列表中选择")
    return field.field.check(text) if field.field.check else text


def _is_control(letter: str) -> bool:
    # Control characters, line separators and lone surrogates.
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def _parsed(field: FieldOf, kind: Kind, text: str) -> Any:
    if kind == "number":
        if not _WHOLE_NUMBER.fullmatch(text):
            raise ValueError(f"{field.field.label}请填写整数")
        return int(text)
    if kind == "date":
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{field.field.label}请填写日期，如 2026-01-31") from None
    return text


def _bounded(field: FieldOf, value: Any) -> Any:
    """The value in the field's declared type; its bounds hold on the wire, so they hold here."""
    try:
        return msgspec.convert(value, field.type, strict=True)
    except msgspec.ValidationError:
        raise ValueError(f"{field.field.label}不符合要求，请检查后重填") from None


def kind_of(field: FieldOf) -> Kind:
    """How a field is typed, from its declared type."""
    by_type: dict[Any, Kind] = {bool: "flag", int: "number", date: "date"}
    by_type.update({tuple: "many", list: "many", frozenset: "many"})
    plain = field.plain
    if plain in by_type:
        return by_type[plain]
    if plain is str or get_origin(plain) is Literal or plain is Literal:
        return "long" if (field.max_length or 0) > _LONG else "text"
    raise TypeError(f"a form cannot ask for {field.name} of type {plain}")


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One field as the template draws it: ``{{ field.of(form['phone']) }}``."""

    name: str
    label: str
    kind: Kind
    value: str
    values: tuple[str, ...]
    error: str
    hint: str
    required: bool
    max_length: int | None
    choices: Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form to draw: each typed field with its value and mistake."""

    fields: Mapping[str, FormField]
    errors: Mapping[str, str]

    def __getitem__(self, name: str) -> FormField:
        return self.fields[name]


def form(
    record_type: type[Record],
    typed: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Form:
    """The form of a record type.

    Args:
        typed: what stands in the fields: the posted form when it is shown again, or values to
            start from.
        errors: field -> message, from `Invalid.fields`.
    """
    errors = errors or {}
    drawn = {
        field.name: _drawn(field, typed or {}, errors.get(field.name, ""))
        for field in fields_of(record_type)
        if field.field.typed
    }
    return Form(fields=drawn, errors=errors)


def _drawn(field: FieldOf, typed: Mapping[str, Any], error: str) -> FormField:
    kind = kind_of(field)
    values = _texts(field.name, typed)
    return FormField(
        name=field.name,
        label=field.field.label,
        kind=kind,
        value=values[0] if values else "",
        values=values,
        error=error,
        hint=field.field.hint,
        # A box that need not be ticked is not a field that must be filled in.
        required=field.required and kind != "flag",
        max_length=field.max_length,
        choices=field.field.choices,
    )


def _texts(name: str, typed: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(typed, MultiDict):
        return tuple(typed.getlist(name))
    value = typed.get(name)
    if value is None:
        return ()
    if isinstance(value, bool):
        return ("1",) if value else ("",)
    if isinstance(value, (tuple, list, frozenset)):
        return tuple(str(one) for one in value)
    return (str(value),)


def page_number() -> int:
    """The page of a list that the address asks for, from 1; nonsense is page 1."""
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
