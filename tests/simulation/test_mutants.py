"""A guard that is taken out is missed: for each one, some seed breaks a promise."""

from pkgutil import resolve_name

import pytest

from tests.simulation.epoch_mutants import Mutant
from tests.simulation.mutants import MUTANTS, switched_off
from tests.simulation.runs import find_mutants

MOST_SEEDS = 600


@pytest.fixture(scope="module")
def found() -> list[tuple[int, str]]:
    return find_mutants(MOST_SEEDS)


@pytest.mark.parametrize(
    "number", range(len(MUTANTS)), ids=lambda number: MUTANTS[number].guard.replace(" ", "-")
)
def test_the_simulation_finds_that_a_guard_is_missing(number: int, found: list[tuple[int, str]]):
    seeds, violation = found[number]
    assert violation, f"{seeds} seeds ran well without the guard: {MUTANTS[number].guard}"
    assert "Error: " not in violation, "found by an accident of the twin, not by a promise"


def test_no_two_mutants_stand_for_one_guard():
    guards = [mutant.guard for mutant in MUTANTS]
    assert len(set(guards)) == len(guards)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard.replace(" ", "-"))
def test_the_place_of_every_guard_is_a_function_of_the_product(mutant: Mutant):
    for path in mutant.where.split(", "):
        found = resolve_name(path)
        assert callable(found) and not found.__module__.startswith("tests.")


def test_a_guard_is_back_in_its_place_afterwards():
    place, name, twin = MUTANTS[0].patches[0]
    real = getattr(place, name)
    with switched_off(MUTANTS[0]):
        assert getattr(place, name) is twin
    assert getattr(place, name) is real is not twin
