"""A record's proof leaves the house and is checked by a program that knows nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aggregator.app import create_app
from aggregator.commands import main
from aggregator.receiving.apply import apply_all
from aggregator.reconciling import comparisons
from aggregator.reconciling.records import chain_of
from node.hall import Hall
from node.outbox import comparisons as at_hall
from node.outbox.syncing import Syncing
from sync.errors import Malformed
from sync.evidence import proving
from sync.evidence.proving import written
from sync.notes import Verifier
from tests.aggregator.office import Hands, Office
from tests.aggregator.rotations import rotate, take_root_away
from tests.independent.center import Listening, listening
from tests.node.contacts import enrolled, line_of, new_hall
from tests.source import PACKAGES, ROOT, imported, sources
from tests.sync.pairs import case, consent

VERIFIER = ROOT / "deploy/verify-proof"


@dataclass
class Scene:
    """A hall with entries at a center, and the center's pages."""

    hall: Hall
    listening: Listening
    office: Office

    def contact(self, *records) -> None:
        for record in records:
            self.hall.write(record, actor="T01-001")
        assert Syncing(self.hall).turn().state == "waiting"

    def proof(self, index: int) -> str:
        return self.office.person("duizhang").text(f"/halls/T01/record/1/{index}/proof")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with listening(tmp_path / "center") as there, new_hall(tmp_path / "hall") as hall:
        enrolled(hall, there)
        made = Scene(hall, there, Office(there.center, create_app(there.center), Hands()))
        made.contact(*(case(n) if n % 2 else consent() for n in range(7)))
        made.contact(*(consent() for _ in range(4)))
        yield made


def check(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The verifier in a process of its own that cannot see this project."""
    return subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *options, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=path.parent,
    )


def test_the_verifier_stands_alone_and_is_short():
    (source,) = [one for one in sources() if one.path == "deploy/verify-proof"]
    roots = {name.split(".")[0] for _, name in imported(source.tree)}
    assert not roots & {*PACKAGES, "tests", "deploy"}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}
    assert source.text.count("\n") <= 300


def test_the_verifier_explains_itself_in_full_sentences(tmp_path: Path):
    told = check(tmp_path / "x", "--help")
    assert told.returncode == 0
    for sentence in ("stands in the log of a branch hall", "Exit status 0 means", "no secret."):
        assert sentence in " ".join(told.stdout.split())


def test_the_command_writes_a_proof_and_says_how_anybody_checks_it(scene: Scene, tmp_path: Path):
    center, path = scene.listening.center, tmp_path / "proof.json"
    center.settings.save(center.data)
    words = ["prove", "T01", "3", "--data", str(center.data), "--out", str(path)]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    assert f"deploy/verify-proof --root KEY {path}" in told.output
    line = (center.data / "keys" / "root.pub").read_text(encoding="utf-8")
    assert check(path, "--root", f" {line}").returncode == 0


@pytest.mark.parametrize("index", [0, 3, 6, 7, 10])
def test_the_proof_of_any_record_holds_under_the_root_key_alone(
    scene: Scene, tmp_path: Path, index: int
):
    path = tmp_path / "proof.json"
    path.write_text(scene.proof(index), encoding="utf-8")
    told = check(path, "--root", str(scene.listening.center.root))
    assert told.returncode == 0, told.stdout + told.stderr
    leaf = scene.hall.logs.leaves(scene.hall.origin, index, index + 1)[0].decode()
    assert f"record {index} stands in the log: {leaf}" in told.stdout
    assert "TO DO BY YOU" not in told.stdout
    alone = check(path)
    assert f"see that the root key is the center's: {scene.listening.center.root}" in (alone.stdout)


def test_proofs_of_before_and_after_a_change_of_all_keys_of_the_center_hold(
    scene: Scene, tmp_path: Path
):
    center = scene.listening.center
    take_root_away(center, tmp_path / "safe")
    rotate(center, tmp_path / "safe")
    scene.contact(consent())
    path = tmp_path / "proof.json"
    for index, signer in ((3, "city.example/receipts "), (11, "city.example/receipts-2 ")):
        path.write_text(scene.proof(index), encoding="utf-8")
        told = check(path, "--root", str(center.root))
        assert told.returncode == 0, told.stdout
        assert f"receipt: {signer}" in told.stdout
    at_hall.compare(scene.hall, line_of(scene.hall, scene.listening.url))
    (found,) = comparisons.of_hall(center, "T01")
    assert (found.state, found.size) == ("equal", 12)


def test_a_proof_of_another_center_fails_under_the_root_key_that_is_trusted(
    scene: Scene, tmp_path: Path
):
    path = tmp_path / "proof.json"
    path.write_text(scene.proof(3), encoding="utf-8")
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    told = check(path, "--root", str(Verifier("city.example/root", raw)))
    assert (told.returncode, told.stdout.strip()) == (
        1,
        "FAILS: the proof is made under another root key",
    )


def test_every_byte_of_a_proof_counts(scene: Scene, tmp_path: Path):
    """In this process, so that each single byte can be changed; the reason is always told."""
    verifier: dict = {"__name__": "verify_proof"}
    exec(compile(VERIFIER.read_text(encoding="utf-8"), str(VERIFIER), "exec"), verifier)
    raw = scene.proof(5).encode()
    root = str(scene.listening.center.root)
    assert len(list(verifier["verify"](raw, root))) == 4
    for place in range(len(raw)):
        other = bytearray(raw)
        other[place] ^= 1 + 31 * (place % 2)
        with pytest.raises(verifier["Fails"], match=r".{8,}"):
            list(verifier["verify"](bytes(other), root))
    for longer in (raw + b"\n", b" " + raw, raw + raw, raw[:-1], b"", b"[" * 9999):
        with pytest.raises(verifier["Fails"]):
            list(verifier["verify"](longer, root))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("index", 4, "record 4 is not what stands in the log"),
        ("size", 12, "the head is of another log or size"),
        ("index", 99, "the index lies outside the log"),
        ("origin", "city.example/T02/1", "the head is of another log or size"),
        ("leaf", "{}", "record 5 is not what stands in the log"),
        ("path", [], "the path is too short"),
        ("index", True, "a number is not whole"),
        ("path", [1], "a step of the path is not text"),
        ("extra", 1, "the file has other members"),
        ("type", "onehall/proof/v2", "not a proof of this version"),
    ],
)
def test_the_verifier_says_what_does_not_hold(
    scene: Scene, tmp_path: Path, name: str, value, reason: str
):
    path = tmp_path / "proof.json"
    path.write_text(written({**json.loads(scene.proof(5)), name: value}), encoding="utf-8")
    told = check(path)
    assert (told.returncode, told.stdout.splitlines()[-1]) == (1, f"FAILS: {reason}")


@pytest.mark.parametrize("name", ["receipt", "keys", "hall"])
def test_a_signature_that_nobody_asked_for_is_refused_because_nobody_checks_it(
    scene: Scene, tmp_path: Path, name: str
):
    proof = json.loads(scene.proof(5))
    more = proof[name] + "— somebody.example " + "A" * 96 + "\n"
    path = tmp_path / "proof.json"
    path.write_text(written({**proof, name: more}), encoding="utf-8")
    told = check(path)
    assert told.returncode == 1
    assert " signatures and not " in told.stdout.splitlines()[-1]


def test_a_record_without_a_receipt_has_no_proof_yet(scene: Scene):
    scene.hall.write(consent(), actor="T01-001")
    center = scene.listening.center
    with pytest.raises(Malformed, match="no receipt"):
        proving.proof_of(scene.hall.logs, scene.hall.origin, 11, chain_of(center, "T01", 1))
    assert scene.office.person("duizhang").get("/halls/T01/record/1/11").status_code == 404


def test_a_record_that_was_altered_here_gets_no_proof(scene: Scene):
    center = scene.listening.center
    center.db.execute(
        "UPDATE batch SET leaves = (SELECT leaves FROM batch WHERE start = 7) WHERE start = 0"
    )
    answer = scene.office.person("duizhang").get("/halls/T01/record/1/2/proof")
    assert answer.status_code == 409
    assert "保存的原件与回执不符" in answer.text


def test_the_page_of_a_record_shows_its_bytes_place_and_receipt(scene: Scene):
    person = scene.office.person("ducha")
    shown = person.text("/halls/T01/record/1/3")
    leaf = json.loads(scene.hall.logs.leaves(scene.hall.origin, 3, 4)[0])
    assert leaf["id"] in shown and "3（从 0 数起，共 11 条）" in shown and "前 7 条" in shown
    assert "欧阳娜娜" not in shown
    assert person.get("/halls/T09/record/1/3").status_code == 404
    assert person.get("/halls/T01/record/2/3").status_code == 404
    assert scene.office.person("qicao").get("/halls/T01/record/1/3").status_code == 403


# --- what was compared --------------------------------------------------------------------------


def test_the_button_leaves_a_wish_that_the_next_contact_fulfils(scene: Scene):
    person, center = scene.office.person("duizhang"), scene.listening.center
    before = comparisons.of_hall(center, "T01")[0].at
    assert person.post("/halls/T01/compare").status_code == 303
    assert "已要求，等待分厅联系" in person.text("/halls/T01")
    assert scene.office.person("ducha").post("/halls/T01/compare").status_code == 403
    scene.contact()
    shown = person.text("/halls/T01")
    assert "证明一致" in shown and "等待分厅联系" not in shown
    assert comparisons.of_hall(center, "T01")[0].at > before
    assert "前11条" in person.text("/halls")


def test_days_and_kinds_are_shown_with_both_sides_and_the_record_that_differs_in_two_versions(
    scene: Scene,
):
    hall, person = scene.hall, scene.office.person("duizhang")
    assert "相同" in person.text("/halls/T01")
    hall.db.execute(
        "UPDATE entry SET leaf = CAST(REPLACE(CAST(leaf AS TEXT), 'GA001', 'GA002') AS BLOB), "
        "at = at WHERE origin = :o AND idx = 3",
        o=hall.origin,
    )
    at_hall.compare(hall, line_of(hall, scene.listening.url))
    shown = person.text("/halls/T01")
    assert "分厅3 中心3" in shown and "分厅原始记录被改动" in shown
    versions = person.text("/halls/T01/difference/1")
    assert "<mark>" in versions and "GA002" in versions and "GA001" in versions
    assert "业务以中心保存的为准" in versions
    assert "分厅原始记录被改动" in person.text("/halls")
    assert person.get("/halls/T01/difference/2").status_code == 404


# --- repair where it is safe --------------------------------------------------------------------


def test_tables_that_somebody_changed_are_found_and_made_anew_and_evidence_is_never_touched(
    scene: Scene,
):
    center, person = scene.listening.center, scene.office.person("guanli")
    apply_all(center)
    assert "业务表与原始记录逐条相符" in person.text("/halls/T01/tables")
    center.db.execute("UPDATE case_received SET item = 'GA777' WHERE idx = 3")
    evidence = center.db.query("SELECT * FROM batch ORDER BY start")
    shown = person.text("/halls/T01/tables")
    assert "内容被改动" in shown and "第 3 条" in shown
    assert scene.office.person("duizhang").post("/halls/T01/tables").status_code == 403
    answer = person.post("/halls/T01/tables")
    assert "已按原件重建，共 11 条记录" in person.text(answer.location)
    assert center.db.query("SELECT * FROM batch ORDER BY start") == evidence
    assert center.db.query("SELECT item FROM case_received WHERE idx = 3") == [{"item": "GA001"}]


def test_nothing_is_made_anew_from_altered_evidence(scene: Scene):
    center, person = scene.listening.center, scene.office.person("guanli")
    apply_all(center)
    center.db.execute("UPDATE batch SET hashes = leaves WHERE start = 0")
    center.db.execute("DELETE FROM case_received WHERE idx = 3")
    answer = person.post("/halls/T01/tables")
    assert "没有重建：中心保存的原件从第 0 条起" in person.text(answer.location)
    assert center.db.query("SELECT item FROM case_received WHERE idx = 3") == []
