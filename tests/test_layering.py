"""Who may import whom, read from the source (docs/decisions/0002)."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.source import PACKAGES, ROOT, Source, imported, is_within, product_sources

# Of our own packages, what each one may import beside itself.
MAY_IMPORT = {
    "standards": (),
    "sync": ("standards.records.declare",),
    "attendance": ("standards",),
    "web": ("standards", "sync"),
    "node": ("web", "attendance", "sync", "standards"),
    "aggregator": ("web", "attendance", "sync", "standards"),
}

# Libraries that only the named files and folders know: exchanging one is a change of one place.
FENCES = {
    "flask": ("web", "node", "aggregator"),
    "werkzeug": ("web", "node", "aggregator"),
    "jinja2": ("web", "node", "aggregator"),
    "waitress": ("web", "node", "aggregator"),
    "click": ("web", "node", "aggregator"),
    "cryptography": (
        *(
            "sync/notes.py",
            "sync/private/sealing.py",
            "sync/private/vault.py",
            "sync/files/sealed_files.py",
        ),
        *("node/terminals/device_keys.py", "web/certificates.py"),
    ),
    "argon2": ("web/passwords.py",),
    "requests": ("sync/client.py",),
    "prometheus_client": (),
    "xlsxwriter": ("web/sheets.py",),
    "zstandard": ("sync/frames.py",),
    "face_recognition": ("attendance/faces.py",),
    "face_recognition_models": ("attendance",),
    "dlib": ("attendance/faces.py",),
    "numpy": ("attendance",),
    "PIL": ("attendance",),
    "sqlite3": ("node/store.py",),
    "sqlite_utils": ("node/store.py",),
    "sqlalchemy": ("aggregator/database/store.py", "aggregator/database/engines.py"),
    "psycopg": ("aggregator/database/engines.py",),
}

# The pure middle: values in, values out. It has no use for these modules and names.
PURE = (
    *(
        "standards",
        "sync/merkle.py",
        "sync/mirror.py",
        "sync/evidence/comparing.py",
        "sync/recovery/epochs.py",
    ),
    *("attendance/days.py", "attendance/matching.py", "attendance/shifts.py"),
    *("attendance/leave.py", "attendance/leave_balance.py", "attendance/leave_chain.py"),
    *("attendance/leave_request.py", "attendance/absence_limits.py"),
    *("attendance/terminals", "attendance/punches.py", "attendance/holders.py"),
    "attendance/local_time.py",
)
READS_PACKAGED_FILES = ("standards/packaged.py",)
EDGES = (
    *("asyncio", "glob", "http", "importlib", "io", "logging", "multiprocessing", "os", "pathlib"),
    *("random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "urllib", "uuid"),
)
EDGE_CALLS = {"open", "input", "now", "today", "utcnow", "urandom", "getenv"}


def own_imports(source: Source) -> Iterator[tuple[int, str]]:
    for line, name in imported(source.tree):
        if name.split(".")[0] in PACKAGES:
            yield line, name


def test_each_package_imports_only_the_packages_below_it():
    broken = [
        f"{source.path}:{line} imports {name}"
        for source in product_sources()
        for line, name in own_imports(source)
        if not is_within(name, (source.package, *MAY_IMPORT[source.package]))
    ]
    assert broken == []


def test_no_package_imports_the_tests_or_the_commands_around_it():
    broken = [
        f"{source.path}:{line} imports {name}"
        for source in product_sources()
        for line, name in imported(source.tree)
        if is_within(name, ("tests", "deploy", "bench"))
    ]
    assert broken == []


@pytest.mark.parametrize("library", FENCES)
def test_a_library_is_known_only_inside_its_fence(library: str):
    broken = [
        f"{source.path}:{line}"
        for source in product_sources()
        for line, name in imported(source.tree)
        if name.split(".")[0] == library and not is_within(source.path, FENCES[library])
    ]
    assert broken == []


def pure_sources() -> Iterator[Source]:
    for source in product_sources():
        if is_within(source.path, PURE) and not is_within(source.path, READS_PACKAGED_FILES):
            yield source


def called_name(call: ast.Call) -> str:
    """The last part of what is called: `open(...)` and `path.open(...)` are both "open"."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def test_the_pure_middle_imports_no_file_network_database_or_clock():
    broken = [
        f"{source.path}:{line} imports {name}"
        for source in pure_sources()
        for line, name in imported(source.tree)
        if is_within(name, EDGES)
    ]
    assert broken == []


def test_the_pure_middle_opens_nothing_and_reads_no_clock():
    broken = [
        f"{source.path}:{node.lineno} calls {called_name(node)}"
        for source in pure_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and called_name(node) in EDGE_CALLS
    ]
    assert broken == []


LOADED = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(" ".join(sorted({name.split(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    ("application", "not_needed"),
    [
        ("aggregator", {"dlib", "face_recognition", "face_recognition_models", "sqlite_utils"}),
        ("node", {"sqlalchemy", "psycopg"}),
    ],
)
def test_an_application_runs_without_the_libraries_of_the_other(
    application: str, not_needed: set[str]
):
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED, application],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert not_needed.isdisjoint(loaded.split())
