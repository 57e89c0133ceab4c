"""A county hands its halls' logs on to a city: two aggregators as real processes, over HTTP."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aggregator.center import Center, CenterSettings
from aggregator.commands import main
from deploy.casework import until
from standards.records import CaseReceived
from sync.notes import open_note
from tests.failpoints.machines import OWN, Circumstances, Machines, Program, _answers
from tests.journeys.town import free_ports
from tests.releases.content import NAME


class Tiers(Machines):
    """A hall, its county's center and the city's center above, each over its folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.city_port = free_ports()
        self.city_url = f"http://127.0.0.1:{self.city_port}"
        self._city: Program | None = None
        settings = CenterSettings(
            center="city.example", name="市", listen=f"127.0.0.1:{self.city_port}"
        )
        settings.save(folder / "city")
        with closing(Center(folder / "city", settings)) as city:
            root = str(city.root)
        county = folder / "center"
        told = replace(CenterSettings.load(county), city=self.city_url, city_root=root)
        told.save(county)
        self.told_by("county", "pin", str(county / "keys" / "root.pub"), at="city")

    def told_by(self, *words: str, at: str = "center") -> tuple[int, Any]:
        """A command of an aggregator; its exit status, and what it printed as JSON."""
        done = CliRunner().invoke(main, [*words, "--data", str(self.folder / at)])
        said = done.stdout.strip().splitlines()
        return done.exit_code, json.loads(said[-1]) if "--json" in words and said else done.output

    def start_city(self, armed: str = "") -> None:
        told = ["serve", "--data", str(self.folder / "city")]
        self._city = begun = self._begin("aggregator", told, Circumstances(armed))
        until("the city", lambda: begun.ended() or _answers(self.city_url), 60)

    def end_city(self) -> bool:
        """Wait for its end at the armed point, or end it; whether it was at that point."""
        assert self._city is not None
        if not self._city.armed:
            self._city.process.terminate()
        return self._city.ended_at_its_point()

    def at_city(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "city" / "center.db", timeout=30)) as database:
            return database.execute(sql).fetchall()

    def close(self) -> None:
        if self._city is not None:
            self._city.process.kill()
            self._city.process.join()
        super().close()


@pytest.fixture
def tiers(tmp_path: Path) -> Iterator[Tiers]:
    made = Tiers(tmp_path)
    made.start_center()
    yield made
    made.close()


def cases(rows: list[Any]) -> list[str]:
    return sorted(row[0] for row in rows)


def test_the_city_gets_every_log_once_however_often_the_run_is_broken_off(tiers: Tiers):
    tiers.work(newer=False)
    assert tiers.synced()["error_code"] == ""
    tiers.rest()
    code, said = tiers.told_by("forward", "--json")
    assert code == 1 and "unreachable" in str(said), "the city is not there yet"

    tiers.start_city(armed="receive.committed")
    code, said = tiers.told_by("forward", "--json")
    assert code == 1 and tiers.end_city(), "the city died before it answered"
    tiers.start_city()
    code, done = tiers.told_by("forward", "--json")
    assert code == 0 and OWN in [one["origin"] for one in done]
    assert all(one["held"] == one["size"] and not one["refused"] for one in done)
    assert [one["sent"] for one in tiers.told_by("forward", "--json")[1]] == [0] * len(done)

    tiers.work(newer=False)
    tiers.synced()
    tiers.rest()
    code, done = tiers.told_by("forward", "--json")
    assert sum(one["sent"] for one in done) > 0
    ours = "SELECT id FROM case_received WHERE hall = '{}'"
    mine = cases(tiers.rows("center", ours.format("T01")))
    sql = ours.format(f"{NAME}/T01")
    until("all applied at the city", lambda: cases(tiers.at_city(sql)) == mine, 30)
    assert tiers.at_city("SELECT * FROM quarantine WHERE reason NOT LIKE 'a kind or field%'") == []
    assert tiers.told_by("forward", "--status", "--json")[1] == [
        {**one, "sent": 0} for one in tiers.told_by("forward", "--json")[1]
    ]
    chain_holds(tiers)


def chain_holds(tiers: Tiers) -> None:
    """The city reads the people, and the county keeps receipts with both cosignatures."""
    city = Center(tiers.folder / "city", CenterSettings.load(tiers.folder / "city"))
    with closing(city), tiers.center() as county:
        (found, *_) = city.db.query("SELECT * FROM case_received ORDER BY idx DESC")
        assert city.logs.opened(CaseReceived, found).applicant_name == "赵小明"
        rows = county.db.query(
            "SELECT note FROM forward_receipt WHERE origin = :o ORDER BY size DESC", o=OWN
        )
        keys = [county.cosigner.verifier, city.cosigner.verifier]
        assert open_note(bytes(rows[0]["note"]), keys).signed_by == {key.name for key in keys}
        assert {city.logs.verify(state.origin) for state in city.logs.states()} == {None}


def test_a_stranger_is_told_nothing_and_another_city_gets_nothing(tiers: Tiers):
    tiers.start_city()
    county = tiers.folder / "center"
    told = CenterSettings.load(county)
    replace(told, city_root=(county / "keys" / "root.pub").read_text().strip()).save(county)
    code, said = tiers.told_by("forward", "--json")
    assert code == 1 and "unknown_key" in str(said)
    told.save(county)
    city = Center(tiers.folder / "city", CenterSettings.load(tiers.folder / "city"))
    with closing(city):
        city.db.execute("DELETE FROM county")
    code, said = tiers.told_by("forward", "--json")
    assert code == 1 and "unknown_log" in str(said)
    assert tiers.at_city("SELECT * FROM batch") == []
