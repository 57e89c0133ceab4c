"""Nothing is lost, doubled, merged or believed wrongly, whatever breaks on the way."""

import subprocess
import sys

from tests.simulation.machines import stocked
from tests.simulation.runs import run_spread
from tests.simulation.world import World
from tests.source import ROOT

SEEDS = 2_000


def test_every_promise_of_the_sync_holds_under_every_seed():
    outcome = run_spread(0, SEEDS)
    replays = [
        f"tests/simulate --seeds 1 --from {seed}: {violation}"
        for seed, violation in outcome.violated.items()
    ]
    assert replays == []
    assert outcome.seeds == SEEDS
    assert outcome.faults > 5 * SEEDS


def test_a_seed_is_the_same_world_each_time():
    prints = []
    for _ in range(2):
        with stocked() as stock:
            world = World(stock, 7)
            assert world.run() == ""
            prints.append(world.fingerprint())
    assert prints[0] == prints[1]


def test_other_seeds_are_other_worlds():
    with stocked() as stock:
        worlds = [World(stock, seed) for seed in (1, 2)]
        assert [world.run() for world in worlds] == ["", ""]
    assert worlds[0].fingerprint() != worlds[1].fingerprint()


def test_every_kind_of_fault_happens_within_a_few_seeds():
    seen: set[str] = set()
    with stocked() as stock:
        for seed in range(150):
            world = World(stock, seed)
            world.run()
            seen |= set(world.faults)
    assert seen == {
        *("request lost", "request late", "request twice", "request twice, late"),
        *("request altered", "answer lost", "answer altered", "answer stale", "portal"),
        *("crash", "full", "restart", "clock jump"),
        *(
            "restored",
            "piece of another place",
            "disk exchanged",
            "cloned",
            *("center restored, marks kept", "center restored, marks lost"),
            "center restored, marks put back",
            "edited by hand",
            "exchanged by hand",
            "erased",
            "keys of the center rotated",
            "keys of a hall rotated",
            "a hall revoked",
            "a machine stolen",
            "asked to be enrolled anew",
            "false keys shown",
        ),
    }


def test_the_command_ends_with_the_line_that_scripts_read():
    ran = subprocess.run(
        [sys.executable, "tests/simulate", "--seeds", "2", "--from", "5"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    words = ran.stdout.splitlines()[-1].split()
    assert [words[0], words[1], words[3], words[4], words[5]] == [
        *("2", "seeds,", "faults,", "0", "violations")
    ]
    assert words[2].isdigit()
