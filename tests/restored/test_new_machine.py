"""A hall whose machine is dead, or whose keys are gone: real processes, one command."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from io import BytesIO
from typing import Any

from click.testing import CliRunner

from aggregator.halls import roster
from aggregator.safekeeping import returning
from attendance.holders import Holding
from deploy.casework import until
from node.commands import main
from node.files.filing import Filing
from node.outbox import epochs
from node.presence import holders
from node.safekeeping import archives
from standards.records import CaseReceived, MaterialScanned
from tests.failpoints.machines import OWN, Circumstances, Machines, machines
from tests.releases.content import NAME
from tests.restored.test_restored_machines import cases_of, in_step, logs_of, worked

__all__ = ["machines"]


def scanned(machines: Machines) -> str:
    """A scan that the center has whole; its name."""
    with machines.hall() as hall:
        kept = archives.archive_of(hall).keep(
            BytesIO(b"%PDF-1.7 a scan"), archives.file_secret(hall)
        )
        case = hall.db.query("SELECT id FROM case_received ORDER BY id DESC LIMIT 1")[0]["id"]
        named = {"case_id": case, "material": "01", "media": "pdf", "size": kept.size}
        scan = MaterialScanned(**named, file=kept.name, name="一.pdf", key=kept.key)
        hall.write(scan, actor="T01-001")
    assert machines.synced()["error_code"] == ""
    machines.rest()
    with machines.hall() as hall:
        filing = Filing(hall)
        until("the scan at the center", lambda: filing.turn() and not archives.to_send(hall), 30)
    return kept.name


def restored(machines: Machines, *words: str) -> list[dict[str, Any]]:
    """Run ``restore`` as a process, approve it at the center meanwhile; the steps it told."""
    with machines.center() as center:
        code = roster.new_code(center, "T01")
        told = ["restore", "--data", str(machines.folder / "hall"), "--url", machines.url]
        begun = machines._begin("node", [*told, "--code", code, "--json", *words], Circumstances())

        def steps() -> list[dict[str, Any]]:
            lines = begun.log.read_text(encoding="utf-8").splitlines() if begun.log.exists() else []
            with suppress(json.JSONDecodeError):
                return [json.loads(line) for line in lines]
            return []

        def shown() -> list[str]:
            return [step["digits"] for step in steps() if step["step"] == "digits"]

        until("the digits", lambda: begun.ended() or bool(shown()), 30)
        assert shown(), begun.log.read_text(encoding="utf-8")
        asked = [e for e in roster.pending(center) if e.state == "pending"]
        assert [e.digits for e in asked] == shown()
        roster.approve(center, asked[0].id, "C-006", replaces=True)
    assert not begun.ended_at_its_point()
    assert begun.process.exitcode == 0, begun.log.read_text(encoding="utf-8")
    return steps()


def test_one_command_brings_a_dead_machine_back_and_lists_what_was_never_sent(machines: Machines):
    worked(machines, 2)
    with machines.hall() as hall:
        holders.say(hall, Holding("37", "T01-002", "", date(2026, 1, 1), None), "T01-006")
    scan = scanned(machines)
    before, held = cases_of(machines, "hall"), logs_of(machines, "center")[OWN]
    machines.work(newer=False)
    # The round told how much there is; the machine died before it was sent.
    assert machines.hall_runs("sync", armed="round.after_answer")
    written = logs_of(machines, "hall")[OWN]
    (machines.folder / "hall").rename(machines.folder / "dead")

    steps = restored(machines, "--hall", "T01", "--name", "公安分厅", "--center", NAME)
    done = steps[-1]
    assert [step["step"] for step in steps] == ["digits", "enrolled", "history", "files", "done"]
    assert done["lost"] == [{"epoch": 1, "first": held, "stop": written}]
    assert (done["epoch"], done["cases"]) == (2, len(before))
    assert cases_of(machines, "hall") == before
    with machines.hall() as hall:
        assert archives.archive_of(hall).cabinet.is_sound(scan)
        case = hall.read(CaseReceived, before[-1])
        assert case is not None and case.applicant_name == "赵小明"
        # Whose number is whose at the terminals comes back with the log.
        assert [one.staff_no for one in holders.holdings_of(hall, ["37"])["37"]] == ["T01-002"]
        assert hall.shelf().size == done["standards"] > 0
    with machines.center() as center:
        (never,) = [one for one in returning.returned(center) if one.way == returning.NEVER]
        assert (never.first, never.stop) == (held, written)
    worked(machines)
    in_step(machines)
    # Run once more it finds nothing to do, and says the same.
    again = CliRunner().invoke(main, ["restore", "--data", str(machines.folder / "hall"), "--json"])
    assert json.loads(again.stdout.splitlines()[-1])["lost"] == done["lost"]


def test_a_machine_that_lost_its_keys_loses_no_entry(machines: Machines):
    worked(machines, 2)
    machines.work(newer=False)
    assert machines.hall_runs("sync", armed="round.after_answer")
    machines.work(newer=False)
    mine = cases_of(machines, "hall")
    for key in (machines.folder / "hall" / "keys").glob("*ing*.key"):
        key.unlink()
    steps = restored(machines)
    assert [step["step"] for step in steps] == ["keys", "digits", "enrolled", "history", "done"]
    assert steps[-1]["lost"] == []
    in_step(machines)
    assert cases_of(machines, "center") == cases_of(machines, "hall") == mine
    with machines.center() as center:
        assert [one for one in returning.returned(center) if one.way == returning.NEVER] == []
        found = center.logs.read(CaseReceived, mine[-1])
        assert found is not None and found.applicant_name == "赵小明"
    with machines.hall() as hall:
        assert epochs.lost(hall) == []
    worked(machines)
    in_step(machines)


def test_without_the_vaults_key_nothing_is_touched_and_the_way_out_is_said(machines: Machines):
    keys = machines.folder / "hall" / "keys"
    kept = {path.name for path in keys.glob("*.key")} - {"vault.key", "signing.key"}
    (keys / "signing.key").unlink()
    (keys / "vault.key").unlink()
    told = CliRunner().invoke(main, ["restore", "--data", str(machines.folder / "hall")])
    assert told.exit_code == 1 and "put this folder aside" in told.output
    assert {path.name for path in keys.glob("*.key")} == kept
