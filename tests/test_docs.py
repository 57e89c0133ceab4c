"""What the papers say is so: commands, records, dependencies, links and promises."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath
from pkgutil import resolve_name

import click
import pytest

from aggregator.commands import main as aggregator_command
from node.commands import main as node_command
from standards.records import RECORDS
from tests.source import ROOT, project_files, texts

COMMANDS = {"onehall-node": node_command, "onehall-aggregator": aggregator_command}
PAPERS = {path: text for path, text in texts() if path.endswith(".md")}


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """(what a person types, command) of each sub-command without further ones below it."""
    if isinstance(command, click.Group):
        for part, below in command.commands.items():
            yield from leaves(below, f"{name} {part}")
    else:
        yield name, command


SUB_COMMANDS = dict(leaf for name, command in COMMANDS.items() for leaf in leaves(command, name))


@pytest.mark.parametrize("typed", SUB_COMMANDS)
def test_every_command_is_written_about_in_a_paper(typed: str):
    assert any(typed in text for text in PAPERS.values()), f"no paper says `{typed}`"


@pytest.mark.parametrize("typed", SUB_COMMANDS)
def test_every_command_explains_itself_in_a_full_sentence(typed: str):
    explanation = (SUB_COMMANDS[typed].help or "").strip()
    assert len(explanation) > 20, f"`{typed} --help` says {explanation!r}"
    assert explanation.split("\n\n")[0].endswith((".", "。"))


def test_every_kind_of_record_is_in_the_list_of_words_with_its_chinese_term():
    lines = PAPERS["docs/words.md"].splitlines()
    missing = [
        f"{record.kind}: {record.label}"
        for record in RECORDS
        if not any(f"`{record.kind}`" in line and record.label in line for line in lines)
    ]
    assert missing == []


def test_the_reference_of_the_records_is_what_the_declarations_say():
    printed = subprocess.run(
        [sys.executable, "-m", "standards.records"], cwd=ROOT, check=True, capture_output=True
    ).stdout.decode()
    assert PAPERS["docs/records.md"] == printed, (
        "write it anew: python -m standards.records > docs/records.md"
    )


def declared_dependencies() -> set[str]:
    """Names of every package that pyproject.toml asks for, in whatever extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    return {re.split(r"[\[<>=~! ;]", line)[0] for line in wanted}


@pytest.mark.parametrize("name", sorted(declared_dependencies()))
def test_every_dependency_has_a_reason_in_the_decisions(name: str):
    assert f"`{name}`" in PAPERS["docs/decisions/0003-dependencies.md"]


def decisions() -> list[PurePosixPath]:
    found = [PurePosixPath(path) for path in PAPERS if path.startswith("docs/decisions/")]
    return [path for path in found if path.name != "README.md"]


def test_no_two_decisions_have_the_same_number():
    numbers = [path.name[:4] for path in decisions()]
    assert sorted(set(numbers)) == sorted(numbers)


@pytest.mark.parametrize("path", decisions(), ids=lambda path: path.name)
def test_a_decision_is_numbered_and_its_heading_has_the_same_number(path: PurePosixPath):
    assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", path.name)
    assert PAPERS[str(path)].startswith(f"# {int(path.name[:4])}. ")


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links() -> list[tuple[str, str]]:
    """(paper, target) of each link that leads into this project."""
    return [
        (paper, target.split("#")[0])
        for paper, text in PAPERS.items()
        for target in LINK.findall(text)
        if not re.match(r"[a-z]+:|#", target)
    ]


def test_every_link_of_a_paper_leads_to_a_file():
    broken = [
        f"{paper} -> {target}"
        for paper, target in links()
        if not (ROOT / paper).parent.joinpath(target).exists()
    ]
    assert broken == []


PROMISE = re.compile(r"\b(tests/[\w/]+\.py)::(test_\w+)")


def promises() -> list[tuple[str, str, str]]:
    """(paper, file, function) of each test that a paper names as the proof of what it says."""
    return [(paper, *named) for paper, text in PAPERS.items() for named in PROMISE.findall(text)]


def test_every_test_that_a_paper_names_exists():
    broken = [
        f"{paper}: {file}::{test}"
        for paper, file, test in promises()
        if not (ROOT / file).is_file() or test not in functions_of(file)
    ]
    assert broken == []


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_readme_names_tests_for_what_it_promises():
    assert [promise for promise in promises() if promise[0] == "README.md"]


FUNCTION = re.compile(r"`((?:standards|sync|attendance|web|node|aggregator)(?:\.\w+)+)`")


def test_every_function_that_the_readme_names_exists():
    named = FUNCTION.findall(PAPERS["README.md"])
    assert named
    for name in named:
        assert resolve_name(name) is not None


PATH_IN_A_PAPER = re.compile(
    r"`((?:standards|sync|attendance|web|node|aggregator|deploy|bench|docs|tests)/[\w/.-]*\w)`"
)


def test_every_file_that_a_paper_names_exists():
    broken = [
        f"{paper}: {path}"
        for paper, text in PAPERS.items()
        if not paper.startswith("CHANGELOG")
        for path in PATH_IN_A_PAPER.findall(text)
        if not (ROOT / path).exists()
    ]
    assert broken == []


MACHINE_PATH = re.compile(r"(?<![\w.}])/(" + "|".join(("work", "root", "home", "Users")) + ")/")
# Put together here, so that this file passes its own test.
REGISTRIES = (
    *(("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com")),
    *(("debian", "org"), ("debian", "net"), ("crates", "io"), ("golang", "org")),
)
REGISTRY = re.compile(
    "|".join(re.escape(".".join(labels)) for labels in REGISTRIES)
    + r"|\b(?:pypi|mirrors?)\.[\w-]+(?:\.[\w-]+)+"
)


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}: {match.group()}" for path, text in texts() for match in pattern.finditer(text)
    ]


def test_the_search_for_paths_and_hosts_finds_them():
    assert MACHINE_PATH.search("see /" + "home/clerk/hall.toml")
    assert not MACHINE_PATH.search("see docs/" + "home/page.md")
    assert REGISTRY.search("from https://files.python" + "hosted.org/packages")
    assert REGISTRY.search("--index-url=https://pypi." + "example.edu.cn/simple")


def test_no_file_names_a_path_of_one_machine():
    assert lines_with(MACHINE_PATH) == []


def test_no_file_names_the_host_of_a_package_registry():
    assert lines_with(REGISTRY) == []


def test_every_deploy_command_of_a_paper_can_be_run_as_written():
    """`bash deploy/x` in a paper is a file that is there."""
    named = {
        name for text in PAPERS.values() for name in re.findall(r"\bbash (deploy/[\w-]+)", text)
    }
    assert named <= set(project_files())
