"""What the logs may hold: a closed list of events, each with the fields that the paper names."""

import ast
import re
from collections.abc import Iterator

from tests.source import ROOT, Source, product_sources

PAPER = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
LISTED = {
    name: set(fields.replace("`", "").split(", ")) - {"—"}
    for name, fields in re.findall(r"^\| `([\w.-]+)` \| ([^|]+) \|$", PAPER, re.M)
}
# A field of these names could hold what somebody typed, or who somebody is.
PERSONAL = {"name", "applicant", "paper_no", "mobile", "phone", "text", "address", "query", "url"}


def written(source: Source) -> Iterator[tuple[int, str | None, set[str]]]:
    """(line, event, fields) of each line that the source writes; no event when it is composed."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and is_writing(node, source):
            first = node.args[0] if node.args else None
            event = first.value if isinstance(first, ast.Constant) else None
            fields = {keyword.arg or "**" for keyword in node.keywords}
            yield node.lineno, event if isinstance(event, str) else None, fields


def is_writing(call: ast.Call, source: Source) -> bool:
    function = call.func
    if source.path == "web/logs.py":
        return isinstance(function, ast.Name) and function.id in ("event", "failure")
    return (
        isinstance(function, ast.Attribute)
        and function.attr in ("event", "failure")
        and isinstance(function.value, ast.Name)
        and function.value.id == "logs"
    )


def every_line() -> Iterator[tuple[str, str | None, set[str]]]:
    for source in product_sources():
        for line, event, fields in written(source):
            yield f"{source.path}:{line}", event, fields


def test_every_event_is_a_word_of_the_list_with_fields_of_the_list():
    unlisted = [
        f"{place} {event} {sorted(fields)}"
        for place, event, fields in every_line()
        if event is None or event not in LISTED or not fields <= LISTED[event]
    ]
    assert unlisted == []


def test_the_list_names_no_event_and_no_field_that_is_never_written():
    found: dict[str, set[str]] = {}
    for _, event, fields in every_line():
        found.setdefault(str(event), set()).update(fields)
    assert found == LISTED


def test_no_field_is_named_after_something_personal():
    assert {name for fields in LISTED.values() for name in fields} & PERSONAL == set()


def test_the_search_finds_an_event_that_is_composed_or_not_listed():
    text = 'logs.event(f"case.{name}", case=1)\nlogs.failure("made_up", error, phone=2)'
    made_up = Source("node/made_up.py", text, ast.parse(text))
    assert [row[1:] for row in written(made_up)] == [(None, {"case"}), ("made_up", {"phone"})]
