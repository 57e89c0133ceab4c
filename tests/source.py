"""The product as text: what the tests about the code itself read.

Files come from git (tracked and not yet tracked, never the ignored ones), so that a rule holds for
a new file before anybody thinks of it.
"""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("standards", "sync", "attendance", "web", "node", "aggregator")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file: its path inside the project, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The top-level folder, e.g. "sync"."""
        return self.path.split("/")[0]

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node


@cache
def project_files() -> tuple[str, ...]:
    """Paths of every file of the project, without those that git ignores."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.run(
        [*command, "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return tuple(sorted(path for path in listed.split("\0") if path and (ROOT / path).is_file()))


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(path, text) of every file of the project that is text."""
    found = []
    for path in project_files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            found.append((path, content.decode("utf-8")))
    return tuple(found)


def is_python(path: str, text: str) -> bool:
    """A module, or a command without suffix that Python runs."""
    first = text.split("\n", 1)[0]
    return path.endswith(".py") or (first.startswith("#!") and "python" in first)


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of the project: packages, tests and commands."""
    return tuple(
        Source(path, text, ast.parse(text, path)) for path, text in texts() if is_python(path, text)
    )


def product_sources() -> tuple[Source, ...]:
    """The Python files of the six packages."""
    return tuple(source for source in sources() if source.package in PACKAGES)


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of each import; of `from a.b import c` that is a.b.c."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_within(name: str, folders: tuple[str, ...]) -> bool:
    """Whether a dotted name or path is one of these, or lies inside one of them."""
    return any(
        name == folder or name.startswith((f"{folder}.", f"{folder}/")) for folder in folders
    )
