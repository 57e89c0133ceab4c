"""The golden comparison and proof are read by today's code, and written again the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sync.contact import messages
from sync.contact.messages import CompareAsk
from sync.evidence.comparing import place_of
from sync.evidence.comparison import head_of, open_answer, sign_answer
from sync.notes import unb64
from tests.source import ROOT
from tests.vectors import make
from tests.vectors.make import read


def test_the_golden_comparison_is_believed_and_signed_again_the_same():
    golden = read("compare.json")
    question = golden["question"].encode()
    ask = messages.read(question, CompareAsk)
    assert messages.write(ask) == question
    said, _ = open_answer(golden["answer"].encode(), make.CENTER, question, make.LOG.verifier)
    assert unb64(said.roots[0], "root") == head_of(ask.head.encode()).root
    assert said.days == ask.days
    again = sign_answer(make.LOG, make.CENTER, question, said)
    assert messages.write(again).decode() == golden["answer"]


def test_the_golden_entries_have_the_places_that_are_written_down():
    leaves = read("batch.json")["plain"].encode().splitlines()
    assert [list(place_of(leaf)) for leaf in leaves] == read("compare.json")["places"]


def test_the_golden_proof_is_believed_by_the_verifier_under_the_golden_root(tmp_path: Path):
    path = tmp_path / "proof.json"
    path.write_text(read("proof.json")["file"], encoding="utf-8")
    command = [sys.executable, "-I", str(ROOT / "deploy/verify-proof"), "--root"]
    told = subprocess.run(
        [*command, str(make.ROOT.verifier), str(path)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout
    assert "record 2 stands in the log" in told.stdout
