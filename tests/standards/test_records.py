"""The same properties over every record type, so that a new one is held to all of them."""

import ast
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from standards.cases import PROJECTIONS
from standards.records import RECORDS
from standards.records.declare import (
    Record,
    canonical_body,
    columns_of,
    fields_of,
    logged_bytes,
    opened_payload,
    parts_of,
    personal_bytes,
    record_of,
    row_of,
)
from standards.records.reference import page
from sync.storage.tables import Tables
from tests.samples import SAMPLES, records_of
from tests.source import ROOT, sources

ROWS: tuple[type[Record], ...] = (*RECORDS, *(p.state for p in PROJECTIONS))
every_record = pytest.mark.parametrize("record_type", RECORDS, ids=lambda r: r.kind)
every_row = pytest.mark.parametrize("record_type", ROWS, ids=lambda r: r.kind)

# A face, or what could stand for one, never leaves the node (design: it is not a field anywhere).
OF_A_FACE = {
    *("image", "picture", "embedding", "vector", "template", "encoding", "score", "photo"),
    *("face", "biometric", "descriptor", "distance", "frame", "landmark", "similarity"),
}
# One field is called so and is text for case numbers, no template of a face.
NOT_OF_A_FACE = {("number_scheme", "template")}

# Words that SQLite or PostgreSQL reserve and that somebody could take for a table. Columns are
# quoted by sync.storage.tables (``window`` is one), tables are not.
RESERVED = {
    *("all", "analyze", "and", "any", "array", "as", "both", "case", "cast", "check", "collate"),
    *("column", "constraint", "create", "default", "desc", "distinct", "do", "else", "end"),
    *("except", "exists", "fetch", "for", "foreign", "from", "grant", "group", "having", "in"),
    *("index", "initially", "intersect", "into", "is", "join", "leading", "limit", "natural"),
    *("not", "notnull", "null", "offset", "on", "only", "or", "order", "placing", "primary"),
    *("references", "returning", "select", "session_user", "set", "some", "table", "then", "to"),
    *("trailing", "transaction", "true", "union", "unique", "update", "user", "using", "values"),
    *("variadic", "when", "where", "window", "with"),
}
ENVELOPE = {"hall", "id", "origin", "idx", "actor", "at"}


def nested(info: Any) -> list[Any]:
    """A type with everything inside it."""
    inner: list[Any] = []
    if isinstance(info, inspect.UnionType):
        inner = list(info.types)
    elif isinstance(info, inspect.VarTupleType):
        inner = [info.item_type]
    elif isinstance(info, inspect.StructType):
        inner = [f.type for f in info.fields]
    return [info, *(found for one in inner for found in nested(one))]


def all_types(record_type: type[Record]) -> list[Any]:
    return [t for f in fields_of(record_type) for t in nested(inspect.type_info(f.type))]


def words_of(name: str) -> set[str]:
    return set(name.split("_"))


def test_kinds_and_labels_are_unlike_each_other() -> None:
    assert len({r.kind for r in ROWS}) == len({r.label for r in ROWS}) == len(ROWS)
    assert {r.kind for r in RECORDS} == set(SAMPLES)


@every_row
def test_a_kind_is_a_plain_name_with_a_chinese_label_and_an_owner(
    record_type: type[Record],
) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,40}", record_type.kind)
    assert re.search(r"[\u4e00-\u9fff]", record_type.label)
    assert record_type.owner in ("hall", "center")
    assert (record_type.__doc__ or "").startswith(record_type.label + ": ")


@every_row
def test_every_field_has_a_chinese_label(record_type: type[Record]) -> None:
    unlabelled = [
        f.name for f in fields_of(record_type) if not re.search(r"[\u4e00-\u9fff]", f.field.label)
    ]
    assert unlabelled == []


@every_row
def test_no_table_is_a_word_that_sql_reserves_and_such_a_column_is_quoted(
    record_type: type[Record],
) -> None:
    columns = {c.name for c in columns_of(record_type)}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in (record_type.kind, *columns))
    assert record_type.kind not in RESERVED
    ddl = "\n".join(Tables(RECORDS, PROJECTIONS).ddl())
    created = ddl.split(f"EXISTS {record_type.kind} (")[1].split("PRIMARY KEY")[0]
    assert all(f'"{name}" ' in created for name in columns & RESERVED)


@every_record
def test_no_column_is_called_like_one_of_the_envelope(record_type: type[Record]) -> None:
    assert {c.name for c in columns_of(record_type)} & ENVELOPE == set()


@every_row
def test_no_field_of_any_depth_could_carry_a_face(record_type: type[Record]) -> None:
    names = {f.name for f in fields_of(record_type)}
    for info in all_types(record_type):
        if isinstance(info, inspect.StructType):
            names |= {f.name for f in info.fields}
    suspect = {name for name in names if words_of(name) & OF_A_FACE}
    assert {(record_type.kind, name) for name in suspect} <= NOT_OF_A_FACE


@every_row
def test_no_field_is_made_of_bytes_fractions_or_anything_goes(record_type: type[Record]) -> None:
    """What has no bounds could carry anything, a face too; fractions have many spellings."""
    allowed = (
        *(inspect.StrType, inspect.IntType, inspect.BoolType, inspect.DateType, inspect.NoneType),
        *(inspect.EnumType, inspect.UnionType, inspect.VarTupleType, inspect.StructType),
    )
    assert [info for info in all_types(record_type) if not isinstance(info, allowed)] == []


@every_record
def test_every_whole_number_has_bounds_that_a_column_takes(record_type: type[Record]) -> None:
    numbers = [info for info in all_types(record_type) if isinstance(info, inspect.IntType)]
    for info in numbers:
        assert info.ge is not None and info.le is not None, record_type.kind
        assert -(10**18) < info.ge <= info.le < 10**18


@every_record
def test_a_pattern_lets_nothing_stand_behind_the_end(record_type: type[Record]) -> None:
    """``$`` would let one line break through, and ``\\d`` digits of every script."""
    for info in all_types(record_type):
        if isinstance(info, inspect.StrType) and info.pattern is not None:
            assert info.pattern.startswith("^") and info.pattern.endswith(r"\Z")
            assert not re.search(r"\\[dws]", info.pattern)


@every_record
def test_every_object_inside_a_record_is_strict_and_leaves_its_defaults_out(
    record_type: type[Record],
) -> None:
    for info in all_types(record_type):
        if isinstance(info, inspect.StructType):
            rules = info.cls.__struct_config__
            assert rules.frozen and rules.omit_defaults and rules.forbid_unknown_fields, info.cls


@every_record
def test_personal_fields_are_bounded_text_and_stand_in_no_column(record_type: type[Record]) -> None:
    personal = {f.name: f for f in fields_of(record_type) if f.field.personal}
    assert personal.keys() & {c.name for c in columns_of(record_type)} == set()
    assert personal.keys() & set(parts_of(record_type).logged.__struct_fields__) == set()
    # A character takes at most six bytes in JSON; the sealed part has a cap of 64 KiB.
    room = sum(6 * (f.max_length or 1 << 20) + len(name) + 6 for name, f in personal.items())
    assert all(f.plain is str for f in personal.values()) and 32 + room + 16 < 64 * 1024


@every_record
def test_only_personal_fields_are_masked_or_searched_by_a_blind_index(
    record_type: type[Record],
) -> None:
    for f in fields_of(record_type):
        assert f.field.personal or not (f.field.mask or f.field.search)


@every_record
def test_a_choice_that_stands_as_default_is_one_of_the_choices(record_type: type[Record]) -> None:
    for f in fields_of(record_type):
        if f.field.choices and not f.required:
            assert f.default in f.field.choices
        assert all(label for label in (f.field.choices or {}).values())


def personal_words() -> dict[str, set[str]]:
    """Names of fields that are personal somewhere, with the kinds in which they are not."""
    personal = {f.name for r in RECORDS for f in fields_of(r) if f.field.personal}
    return {
        name: {
            r.kind for r in ROWS for f in fields_of(r) if f.name == name and not f.field.personal
        }
        for name in personal
    }


def test_a_name_that_is_personal_in_one_kind_is_personal_in_all() -> None:
    assert {name: kinds for name, kinds in personal_words().items() if kinds} == {}


@every_record
@settings(max_examples=25)
@given(data=st.data())
def test_a_record_comes_back_from_its_row_and_payload(
    record_type: type[Record], data: st.DataObject
) -> None:
    record = data.draw(records_of(record_type))
    logged: Any = canonical_body(record_type, logged_bytes(record))
    row = row_of(record_type, logged)
    assert all(type(value) in (str, int, type(None)) for value in row.values())
    assert record_of(record_type, row, personal_bytes(record)) == record


@every_record
def test_a_record_whose_personal_part_was_erased_is_still_read(record_type: type[Record]) -> None:
    sample = SAMPLES[record_type.kind]
    logged: Any = canonical_body(record_type, logged_bytes(sample))
    found = record_of(record_type, row_of(record_type, logged))
    for f in fields_of(record_type):
        expected = "" if f.field.personal else getattr(sample, f.name)
        assert getattr(found, f.name) == expected


@every_record
def test_a_later_field_of_a_payload_hides_none_of_the_earlier_ones(
    record_type: type[Record],
) -> None:
    payload = personal_bytes(SAMPLES[record_type.kind])
    if payload is None:
        assert opened_payload(record_type, b"anything") is None
        return
    more = msgspec.json.encode({**msgspec.json.decode(payload), "a_later_field": [1]})
    assert opened_payload(record_type, more) == opened_payload(record_type, payload)
    for broken in (b"", b"[]", b"{", b'{"a":' + b"[" * 100_000):
        with pytest.raises(ValueError):
            opened_payload(record_type, broken)


@every_record
def test_the_reference_page_has_a_row_for_every_field(record_type: type[Record]) -> None:
    text = page(RECORDS)
    part = text.split(f"## `{record_type.kind}` {record_type.label}\n")[1].split("\n## ")[0]
    for f in fields_of(record_type):
        assert f"| `{f.name}` | {f.field.label} |" in part
    assert part.count("personal") == sum(f.field.personal for f in fields_of(record_type))


def test_every_record_type_of_the_folder_is_in_the_list() -> None:
    """A class that was forgotten in RECORDS would have no table."""
    declared = {
        node.name
        for source in sources()
        if source.path.startswith("standards/records/")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id == "Record" for b in node.bases)
    }
    assert declared == {r.__name__ for r in ROWS}


def test_a_field_without_a_label_is_refused_by_the_declaration() -> None:
    class Careless(Record, frozen=True, kw_only=True):
        kind = "careless"
        owner = "hall"
        label = "粗心"
        name: str

    with pytest.raises(TypeError, match="has no Field"):
        fields_of(Careless)


def test_the_committed_page_is_the_one_of_the_declarations() -> None:
    assert (ROOT / "docs/records.md").read_text(encoding="utf-8") == page(RECORDS)
