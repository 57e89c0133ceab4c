"""A power cut loses nothing that was acknowledged, at the hall and at the center.

The same proof with more images: ``python -m tests.powercut --images 10000``.
"""

from __future__ import annotations

import pytest

from tests.powercut.paths import EVERY_PATH
from tests.powercut.proof import Proof, Wish, prove

IMAGES = 1500


@pytest.fixture(scope="module")
def proof() -> Proof:
    """Every path, recorded once and started over this many disks."""
    return prove(Wish(IMAGES))


def test_after_a_power_cut_at_any_write_everything_acknowledged_is_there(proof: Proof):
    assert proof.violations == []
    assert proof.broken == 0


def test_every_way_to_promise_something_was_cut_many_times(proof: Proof):
    wanted = {f"{machine}: {path.name}" for path in EVERY_PATH for machine in path.machines}
    assert set(proof.images) == wanted
    assert sum(proof.images.values()) >= IMAGES
    assert min(proof.images.values()) >= 20


def test_the_power_may_go_again_while_the_machine_starts(proof: Proof):
    assert proof.second >= 100
    assert not any("cut again" in violation for violation in proof.violations)


def test_a_database_that_does_not_sync_each_commit_is_found_out():
    proof = prove(Wish(200, synchronous="NORMAL", paths=("windows", "pushing", "applying")))
    said = "\n".join(proof.violations)
    assert "an acknowledged commit is lost" in said
    assert "acknowledged and not there: answered" in said
    assert "acknowledged and not there: receipted" in said


def test_a_database_that_never_syncs_is_found_out():
    proof = prove(Wish(200, synchronous="OFF", paths=("closing", "writing back")))
    said = "\n".join(proof.violations)
    assert "an acknowledged commit is lost" in said
