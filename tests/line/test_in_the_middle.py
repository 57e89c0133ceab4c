"""Somebody in the middle with a certificate of his own is told nothing (T9)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.failpoints.machines import Machines, machines
from tests.line.certificates import Authority, TlsListener

__all__ = ["machines"]


def trusting(machines: Machines, authority: Authority, url: str) -> None:
    """The hall's administrator names the center's authority and its address."""
    shutil.copy(authority.file, machines.folder / "hall" / "center-ca.pem")
    machines.hall_settings(center_ca="center-ca.pem", center_url=url)


def test_a_center_behind_the_authority_that_the_hall_names_is_spoken_to(
    machines: Machines, tmp_path: Path
):
    ours = Authority(tmp_path, "ours")
    with closing(TlsListener(ours.context(), machines.port)) as proxy:
        trusting(machines, ours, proxy.url)
        status = machines.synced()
        assert (status["error_code"], status["sent"]) == ("", 3)
        assert b"onehall-batch/1" in proxy.seen


Other = Callable[[Authority, Path], Authority]


def of_somebody_else(ours: Authority, folder: Path) -> Authority:
    return Authority(folder, "other")


def of_somebody_else_under_our_name(ours: Authority, folder: Path) -> Authority:
    (folder / "twin").mkdir()
    return Authority(folder / "twin", "ours")


@pytest.mark.parametrize("other", [of_somebody_else, of_somebody_else_under_our_name])
def test_not_one_byte_is_sent_to_a_machine_with_another_certificate(
    machines: Machines, tmp_path: Path, other: Other
):
    ours = Authority(tmp_path, "ours")
    with closing(TlsListener(other(ours, tmp_path).context(), machines.port)) as proxy:
        trusting(machines, ours, proxy.url)
        before = machines.rows("hall", "SELECT origin, size, mark FROM log ORDER BY origin")
        status = machines.synced()
        assert (status["state"], status["error_code"]) == ("offline", "unreachable")
        assert proxy.shaken > 0 and proxy.seen == b""
        after = machines.rows("hall", "SELECT origin, size, mark FROM log ORDER BY origin")
        assert after == before
