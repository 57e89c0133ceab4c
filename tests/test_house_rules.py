"""The rules every file keeps: size, words, one way to write SQL, honest tests."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.source import Function, Source, product_sources, project_files, sources, texts

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40
MOST_PARAMETERS = 5

# Words that name a kind of code instead of a thing of the hall; files with such names only grow.
EMPTY_WORDS = {
    *("util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "service"),
    *("services", "handler", "handlers", "dao", "process", "processes", "data2", "misc"),
}

SQL = re.compile(
    r"\b(SELECT\b.*\bFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|ON\s+CONFLICT"
    r"|(CREATE|DROP|ALTER)\s+(UNIQUE\s+)?(TABLE|INDEX|TRIGGER|VIEW)|PRAGMA\s|ORDER\s+BY|WHERE\s)",
    re.DOTALL,
)
# Table and column names cannot be bound as parameters. Only these files write them into a
# statement, and only names that come from a declaration of ours.
COMPOSES_SQL = {
    *(
        "sync/storage/tables.py",
        "sync/storage/folding.py",
        "sync/storage/store.py",
        "node/store.py",
        "aggregator/database/store.py",
    ),
    *(
        "aggregator/database/dialect.py",
        "aggregator/database/spread.py",
        "aggregator/database/engines.py",
    ),
}


def words_of(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", name.lower()))


def test_no_file_is_longer_than_four_hundred_lines():
    long = {
        source.path: source.text.count("\n")
        for source in sources()
        if source.text.count("\n") > MOST_LINES_OF_A_FILE
    }
    assert long == {}


def test_no_function_is_longer_than_forty_lines():
    long = {
        f"{source.path}:{function.lineno} {function.name}": length(function)
        for source in sources()
        for function in source.functions()
        if length(function) > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_no_function_takes_more_than_five_parameters():
    many = {
        f"{source.path}:{function.lineno} {function.name}": len(parameters(function))
        for source in product_sources()
        for function in source.functions()
        if len(parameters(function)) > MOST_PARAMETERS and not is_command(function)
    }
    assert many == {}


def parameters(function: Function) -> list[str]:
    """Names that a caller gives; self and cls are not among them."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one]
    return [one.arg for one in every if one.arg not in ("self", "cls")]


def is_command(function: Function) -> bool:
    """Parameters of a command are its options: click hands each over by name."""
    return any(
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr == "command"
        for decorator in function.decorator_list
    )


def test_no_file_is_named_after_a_kind_of_code():
    empty = [path for path in project_files() if words_of(path) & EMPTY_WORDS - {"service"}]
    named_service = [path for path in project_files() if "service" in words_of(path)]
    # A unit of systemd is called that by systemd.
    assert empty + [p for p in named_service if not p.endswith(".service")] == []


def test_no_function_is_named_after_a_kind_of_code():
    empty = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in product_sources()
        for function in source.functions()
        if words_of(function.name) & EMPTY_WORDS
    ]
    assert empty == []


def docstring_is_missing(tree: ast.Module) -> bool:
    return bool(tree.body) and not ast.get_docstring(tree)


def test_every_module_says_what_it_is():
    silent = [source.path for source in product_sources() if docstring_is_missing(source.tree)]
    assert silent == []


def composed_statements(source: Source) -> Iterator[int]:
    """Lines where SQL is put together from text that is not written down on the spot."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr):
            pieces = [str(p.value) for p in node.values if isinstance(p, ast.Constant)]
            if len(pieces) < len(node.values) and SQL.search("?".join(pieces)):
                yield node.lineno
        elif isinstance(node, ast.BinOp | ast.Call) and any(map(is_statement, operands(node))):
            yield node.lineno


def operands(node: ast.BinOp | ast.Call) -> list[ast.expr]:
    """The texts that `+`, `%`, `.format` or `.join` make another text from."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right] if isinstance(node.op, ast.Add | ast.Mod) else []
    makes_text = isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join")
    return [node.func.value] if makes_text and isinstance(node.func, ast.Attribute) else []


def is_statement(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(SQL.search(str(node.value)))


def test_sql_is_composed_only_by_the_stores():
    composed = [
        f"{source.path}:{line}"
        for source in product_sources()
        if source.path not in COMPOSES_SQL
        for line in composed_statements(source)
    ]
    assert composed == []


@pytest.mark.parametrize(
    "text",
    [
        'db.query(f"SELECT id FROM {table}")',
        'db.execute("DELETE FROM " + table)',
        'db.execute("UPDATE %s SET a = 1" % table)',
        'sql = "INSERT INTO {} VALUES (1)".format(table)',
        'sql = f"""SELECT a\nFROM b WHERE {condition}"""',
    ],
)
def test_the_search_for_composed_sql_finds_each_way_to_compose_it(text: str):
    assert list(composed_statements(Source("made up", text, ast.parse(text))))


@pytest.mark.parametrize(
    "text", ['db.query("SELECT a FROM b WHERE c = :c", c=1)', 'f"从 {day} 起"']
)
def test_the_search_for_composed_sql_leaves_whole_statements_alone(text: str):
    assert not list(composed_statements(Source("made up", text, ast.parse(text))))


def test_no_table_is_altered_or_replaced_in_passing():
    """sqlite-utils would add columns named by an attacker, or rewrite rows of the log."""
    passing = [
        f"{source.path}:{node.value.lineno} {node.arg}=True"
        for source in product_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.keyword) and node.arg in ("alter", "replace")
        if isinstance(node.value, ast.Constant) and node.value.value is True
    ]
    assert passing == []


NOT_IN_TESTS = re.compile(
    r"unittest\.mock|import mock|MagicMock|pytest\.(skip|xfail|importorskip)"
    r"|mark\.(skip|skipif|xfail)"
)


def test_no_test_is_skipped_expected_to_fail_or_run_on_mocks():
    hidden = [
        f"{source.path}: {match.group()}"
        for source in sources()
        if source.path != "tests/test_house_rules.py"
        for match in NOT_IN_TESTS.finditer(source.text)
    ]
    assert hidden == []


def test_the_name_of_a_test_is_a_sentence():
    short = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in sources()
        if source.package == "tests"
        for function in source.functions()
        if function.name.startswith("test_") and function.name.count("_") < 3
    ]
    assert short == []


LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|NotImplementedError")


def test_nothing_is_left_for_later_in_the_source():
    left = [
        f"{path}: {match.group()}" for path, text in texts() for match in LEFTOVER.finditer(text)
    ]
    assert [line for line in left if not line.startswith("tests/test_house_rules.py")] == []
