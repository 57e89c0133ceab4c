"""The set-up step that fetches the test pictures: pinned by hash, nothing but pictures."""

from __future__ import annotations

import io
import tarfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """deploy/pictures as a module that writes into a folder of its own."""
    loader = SourceFileLoader("deploy_pictures", str(ROOT / "deploy" / "pictures"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    module = module_from_spec(spec)
    loader.exec_module(module)
    folder = tmp_path / "pictures"
    folder.mkdir()
    monkeypatch.setattr(module, "PICTURES", folder)
    return module


def test_only_the_package_that_the_lock_names_is_wanted(step: ModuleType):
    data = step.PACKAGE.read_bytes()
    assert step.is_wanted(data)
    assert not step.is_wanted(data + b"\0") and not step.is_wanted(b"")


def test_a_package_already_there_is_not_fetched_again(
    step: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(step, "ROOT", step.PICTURES)  # no interpreter to run pip with there
    monkeypatch.setattr(step.sys, "executable", "no-such-python")
    assert step.is_wanted(step.fetch())


def test_nothing_but_the_pictures_is_taken_out_of_the_package(
    step: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(step, "PACKAGE", tmp_path / "package.tar.gz")
    inside = str(step.INSIDE)
    names = [f"{inside}/one.jpg", f"{inside}/../../two.jpg", "/three.jpg", "setup.py"]
    names += [f"{inside}/four.py", f"{inside}/below/five.png"]
    with tarfile.open(step.PACKAGE, "w:gz") as package:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            package.addfile(member, io.BytesIO(b"abc"))
        link = tarfile.TarInfo(f"{inside}/six.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        package.addfile(link)

    assert step.extract() == 1
    assert [path.name for path in step.PICTURES.iterdir()] == ["one.jpg"]


def test_the_pictures_in_use_are_those_of_the_package(step: ModuleType):
    assert step.extract() == 7
    for path in step.PICTURES.iterdir():
        assert path.read_bytes() == (ROOT / ".cache" / "pictures" / path.name).read_bytes()
