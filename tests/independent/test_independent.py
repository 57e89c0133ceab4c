"""A client and a verifier that were written from docs/wire.md alone, against the real center."""

import ast
import json
import subprocess
import sys
from contextlib import nullcontext
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from aggregator.halls import roster
from aggregator.receiving.apply import apply_all
from aggregator.sticks.sticks import export_down, import_up
from standards.records import CaseReceived, Finding, NumberScheme
from sync.merkle import inclusion_proof
from sync.notes import SMALL_ORDER, b64
from sync.sticks.stick import Piece, digest_of
from sync.sticks.stick_export import FileTarget
from sync.sticks.usb import FileSource
from tests.aggregator.rotations import rotate, take_root_away
from tests.independent.carried import Hall
from tests.independent.center import Listening, listening
from tests.independent.client import NOTE, Client, opened, verifier_key
from tests.source import PACKAGES, imported
from tests.vectors import make

HERE = Path(__file__).parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
RECEIVED = {
    "case_no": "T77-0001",
    "guide_version": 1,
    "item": "000164213003",
    "received_on": "2026-11-24",
}
CITIZEN = {"applicant_name": "张三", "mobile": "13904351234", "paper_no": "11010519491231002X"}


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory):
    with listening(tmp_path_factory.mktemp("center")) as found:
        yield found


def enrolled(center: Listening, hall: str) -> Hall:
    client, code = Hall(center.url, "city.example", hall), center.code_for(hall)
    state, digits = client.enrol(code)
    assert state == "pending"
    center.approve(hall, digits)
    assert client.enrol(f" {code[:5]}-{code[5:]} ".lower())[0] == "approved"
    assert client.round() == 0
    return client


@pytest.mark.parametrize("name", ["client.py", "verify.py"])
def test_neither_of_them_imports_anything_of_ours(name: str):
    tree = ast.parse((HERE / name).read_text(encoding="utf-8"))
    assert not {module.split(".")[0] for _, module in imported(tree)} & {*PACKAGES, "tests"}


def lines_of_code(text: str) -> int:
    """Lines that are neither blank nor a docstring."""
    told = [node for node in ast.walk(ast.parse(text)) if isinstance(node, DOCUMENTED)]
    said = [ast.get_docstring(node, clean=False) for node in told]
    blank = sum(1 for line in text.splitlines() if not line.strip())
    within = sum(words.count("\n") + 1 - words.count("\n\n") for words in said if words)
    return text.count("\n") - blank - within


def test_what_goes_the_long_way_knows_only_the_client_and_the_client_is_short():
    tree = ast.parse((HERE / "carried.py").read_text(encoding="utf-8"))
    ours = {m for _, m in imported(tree) if m.split(".")[0] in {*PACKAGES, "tests"}}
    assert {module.removeprefix("tests.independent.").split(".")[0] for module in ours} == {
        "client"
    }
    assert lines_of_code((HERE / "client.py").read_text(encoding="utf-8")) <= 230


def test_a_client_enrols_pushes_and_pulls_with_nothing_but_the_document(center: Listening):
    client = enrolled(center, "T78")
    client.write("case_received", RECEIVED, CITIZEN)
    client.write("face_consent", {"day": "2026-11-24", "given": True, "notice_version": 1,
                                  "staff_no": "T78-001"})  # fmt: skip
    client.write("weather_seen", {"sky": "snow"}, {"who": "李四"})
    _, receipt, size = client.push(0, 2)
    assert size == 2
    assert client.push(0, 2)[1] == receipt
    assert client.push(2, 3)[2] == 3
    assert client.round() == 3

    center.center.publish(NumberScheme(version=1, template="{hall}-{serial:04d}"), actor="ZX-01")
    center.center.order("T78", Finding(for_hall="T78", source="inspected", text="门口缺指示牌"),
                        actor="ZX-07")  # fmt: skip
    assert client.round() == 3
    kinds = {o: [json.loads(leaf)["kind"] for leaf in m] for o, m in client.mirrors.items()}
    assert kinds["city.example/standards/1"][-1] == "number_scheme"
    assert kinds["city.example/orders-T78/1"] == ["finding"]
    finding = json.loads(client.mirrors["city.example/orders-T78/1"][0])
    payload = client.parts["city.example/orders-T78/1", finding["id"]]
    assert json.loads(payload) == {"text": "门口缺指示牌"}

    apply_all(center.center)
    rows = center.center.db.query("SELECT * FROM case_received WHERE hall = 'T78'")
    found = center.center.logs.opened(CaseReceived, rows[0])
    assert (found.applicant_name, found.received_on) == ("张三", date(2026, 11, 24))
    kept = center.center.db.query("SELECT kind, reason FROM quarantine")
    assert [row["kind"] for row in kept] == ["weather_seen"] and "newer" in kept[0]["reason"]
    client.round()
    delivered = center.center.logs.receipt("city.example/orders-T78/1", "T78")
    assert delivered is not None and delivered.startswith(b"city.example/orders-T78/1\n")


def test_the_short_client_runs_as_a_program_of_its_own(center: Listening):
    center.center.publish(NumberScheme(version=2, template="{serial:04d}"), actor="ZX-01")
    arguments = [center.url, "city.example", "T83", center.code_for("T83")]
    command = [sys.executable, "-I", "-X", "utf8", str(HERE / "client.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as program:
        assert program.stdout is not None
        center.approve("T83", program.stdout.readline().rpartition(": ")[2].strip())
        told = program.stdout.read()
    assert program.returncode == 0, told
    assert "the center holds 1 of our entries:\ncity.example/T83/1\n1\n" in told
    assert "city.example/standards/1: " in told
    apply_all(center.center)
    rows = center.center.db.query("SELECT * FROM case_received WHERE hall = 'T83'")
    assert center.center.logs.opened(CaseReceived, rows[0]).applicant_name == "张三"


class Deceived(Client):
    """Is given other entries, or other heads, than the center signed."""

    def unpacked(self, batch, origin, held):
        found = super().unpacked(batch, origin, held)
        return [*found[:-1], found[-1].replace(b"ZX-01", b"ZX-02")]


def test_the_short_way_keeps_nothing_that_the_center_did_not_sign(center: Listening):
    center.center.publish(NumberScheme(version=3, template="{serial:05d}"), actor="ZX-01")
    client = Deceived(center.url, "city.example", "T84")
    code = center.code_for("T84")
    center.approve("T84", client.enrol(code)[1])
    client.enrol(code)
    with pytest.raises(AssertionError, match="not what the center signed"):
        client.round()
    assert client.mirrors == {} and client.receipts == {}


def test_a_client_that_was_restored_stops(center: Listening):
    client = enrolled(center, "T85")
    client.write("weather_seen", {"sky": "snow"})
    client.push(0, 1)
    client.leaves.pop()
    with pytest.raises(AssertionError, match="restored copy"):
        client.round()


def test_a_client_refuses_a_key_of_small_order_whatever_it_signed(center: Listening):
    for text in SMALL_ORDER:
        for typed in (NOTE + text, NOTE + text[:31] + bytes([text[31] ^ 0x80])):
            with pytest.raises(AssertionError, match="small order"):
                opened("x\n\n", verifier_key("x", typed))


def test_a_client_reads_and_writes_a_stick_with_nothing_but_the_document(center: Listening):
    client = enrolled(center, "T82")
    client.write("case_received", {**RECEIVED, "case_no": "T82-0001"}, CITIZEN)
    for sky in ("snow", "fog", "sun"):
        client.write("weather_seen", {"sky": sky})
    center.center.order("T82", Finding(for_hall="T82", source="inspected", text="门口缺指示牌"),
                        actor="ZX-07")  # fmt: skip

    taken = import_up(center.center, one_file(client.stick(0, 2, 4)))
    assert (taken.new, taken.refused) == (4, None)
    assert import_up(center.center, one_file(client.stick(0, 2, 4))).known == 4

    target = FileTarget(BytesIO(), 1 << 26)
    scan = (Piece("AAAAAAAA.OHF", 6, digest_of(b"sealed")),)
    export_down(center.center, "T82", lambda heading: target, files=scan)
    down = b"".join(target.blocks()) + b"sealed"
    assert client.take_stick(down) == 4
    assert client.files == {scan[0].digest: b"sealed"}
    finding = json.loads(client.mirrors["city.example/orders-T82/1"][0])
    payload = client.parts["city.example/orders-T82/1", finding["id"]]
    assert json.loads(payload) == {"text": "门口缺指示牌"}
    assert client.take_stick(down) == 4

    import_up(center.center, one_file(client.stick()))
    assert center.center.logs.receipt("city.example/orders-T82/1", "T82") is not None
    for at in range(0, len(down), 61):
        with pytest.raises((AssertionError, ValueError, LookupError, InvalidSignature)):
            client.take_stick(down[:at] + bytes([down[at] ^ 1]) + down[at + 1 :])


def one_file(raw: bytes) -> FileSource:
    return FileSource(lambda: nullcontext(BytesIO(raw)), "stick")


def test_a_client_reads_the_golden_stick(center: Listening):
    client = Hall(center.url, "city.example", "T01")
    client.root = ROOT_KEY
    client.sealing = X25519PrivateKey.from_private_bytes(make.seed("hall sealing"))
    # The golden receipt is for the log of the golden checkpoint.
    client.leaves = [bytes.fromhex(text) for text in make.PUBLIC_LEAVES[:5]]
    assert client.take_stick(make.unpacked(make.read("stick.json")["down"]["stick"])) == 5


def test_a_client_learns_the_rule_from_every_refusal(center: Listening):
    client = enrolled(center, "T79")
    code = center.code_for("T80")
    with pytest.raises(requests.HTTPError) as wrong:
        Client(center.url, "city.example", "T80").enrol(code[::-1])
    assert refusal(wrong.value) == (403, "enrolment_refused")
    for _ in range(4):
        client.write("weather_seen", {"sky": "snow"})
    raw = client.packed(2, 4)
    with pytest.raises(requests.HTTPError) as gap:
        client.ask("POST", "/sync/v1/logs/T79/1", raw, "application/vnd.onehall.batch")
    assert refusal(gap.value) == (409, "gap")
    assert {**gap.value.response.json(), "rule": ""} == {"error": "gap", "rule": "", "size": 0}


def refusal(error: requests.HTTPError) -> tuple[int, str]:
    return error.response.status_code, error.response.json()["error"]


@pytest.fixture
def other_center(tmp_path: Path):
    with listening(tmp_path / "center") as found:
        yield found


def test_a_client_gets_its_own_history_back_and_follows_the_center_to_new_keys(
    other_center: Listening, tmp_path: Path
):
    client, center = enrolled(other_center, "T82"), other_center.center
    for number in range(5):
        client.write("case_received", {**RECEIVED, "case_no": f"T82-{number}"}, CITIZEN)
    client.push(0, 2)
    client.push(2, 5)
    assert client.own_back(client.round()) == client.leaves
    for index, leaf in enumerate(client.leaves):
        part = client.parts["city.example/T82/1", json.loads(leaf)["id"]]
        assert part == client.parts[index][32:]

    handed_on = client.ask("GET", "/sync/v1/logs/city.example/T82/1?from=0")
    with pytest.raises(requests.HTTPError) as refused:
        client.ask("POST", "/sync/v1/logs/T82/1", handed_on, "application/vnd.onehall.batch")
    assert refusal(refused.value)[0] in (400, 403)

    take_root_away(center, tmp_path / "safe")
    before, first = client.keys, roster.keys_note(center)
    rotate(center, tmp_path / "safe")
    assert client.round() == 5
    assert client.key_set[0] == 2 and client.key_set[1].startswith("onehall/keys/v2\n")
    assert client.keys["log"] != before["log"] and client.keys["receipts"] != before["receipts"]
    client.write("case_received", {**RECEIVED, "case_no": "T82-5"}, CITIZEN)
    assert client.push(5, 6)[2] == 6
    with pytest.raises(AssertionError, match="an older one"):
        client.trust(first.decode())


def exported(folder: Path) -> Path:
    """The files of the golden batch as an administrator would hand them over."""
    folder.mkdir()
    golden = make.read("batch.json")
    (folder / "batch").write_bytes(make.unpacked(golden["batch"]))
    (folder / "receipt.note").write_text(golden["receipt"], encoding="utf-8")
    for name in ("keyset", "roster"):
        note = make.read(f"{name}.json")["note"]
        (folder / f"{name}.note").write_text(note, encoding="utf-8")
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The verifier in a process of its own that cannot see this project."""
    command = [sys.executable, "-I", str(HERE / "verify.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)


ROOT_KEY = make.read("keys.json")["root"]["verifier"]


def test_a_verifier_proves_the_golden_batch_with_the_root_key_alone(tmp_path: Path):
    answer = run(ROOT_KEY, exported(tmp_path / "a"), 2)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "entry 2: stands in the log" in answer.stdout and '"kind":"punch"' in answer.stdout


@pytest.mark.parametrize("name", ["batch", "receipt.note", "keyset.note", "roster.note"])
def test_a_verifier_finds_one_changed_byte_in_any_file(tmp_path: Path, name: str):
    folder = exported(tmp_path / "a")
    whole = (folder / name).read_bytes()
    for place in range(5, len(whole), max(1, len(whole) // 7)):
        other = bytearray(whole)
        other[place] ^= 1
        (folder / name).write_bytes(bytes(other))
        answer = run(ROOT_KEY, folder)
        assert answer.returncode == 1 and "FAILS" in answer.stdout, (place, answer)


def test_a_verifier_proves_an_entry_of_the_real_center_by_its_inclusion_proof(
    center: Listening, tmp_path: Path
):
    client = enrolled(center, "T81")
    for number in range(9):
        client.write("weather_seen", {"sky": str(number)})
    client.push(0, 4)
    batch, receipt, _ = client.push(4, 9)

    (tmp_path / "batch").write_bytes(batch)
    (tmp_path / "receipt.note").write_bytes(receipt)
    (tmp_path / "keyset.note").write_bytes(roster.keys_note(center.center))
    note = center.center.db.query("SELECT note FROM hall WHERE hall = 'T81'")[0]["note"]
    (tmp_path / "roster.note").write_bytes(bytes(note))
    hashes = center.center.logs.hashes("city.example/T81/1", 0, 9)
    root = center.center.logs.root_at("city.example/T81/1", 9)
    path = [h.hex() for h in inclusion_proof(hashes, 6)]
    proof = {"size": 9, "root": b64(root), "path": path}
    (tmp_path / "proof.json").write_text(json.dumps(proof), encoding="utf-8")

    holds = run(center.center.root, tmp_path, 6)
    assert holds.returncode == 0, holds.stdout + holds.stderr
    assert '"sky":"6"' in holds.stdout
    (tmp_path / "proof.json").write_text(
        json.dumps({**proof, "path": path[::-1]}), encoding="utf-8"
    )
    assert "not under the signed root" in run(center.center.root, tmp_path, 6).stdout


def test_a_verifier_follows_the_center_to_new_keys_and_knows_a_receipt_of_before(
    other_center: Listening, tmp_path: Path
):
    client, center = enrolled(other_center, "T82"), other_center.center
    client.write("weather_seen", {"sky": "snow"})
    batch, receipt, _ = client.push(0, 1)
    take_root_away(center, tmp_path / "safe")
    rotate(center, tmp_path / "safe")
    folder = tmp_path / "a"
    folder.mkdir()
    note = center.db.query("SELECT note FROM hall WHERE hall = 'T82'")[0]["note"]
    for name, raw in (("batch", batch), ("receipt.note", receipt), ("roster.note", bytes(note)),
                      ("keyset.note", roster.keys_note(center))):  # fmt: skip
        (folder / name).write_bytes(raw)
    answer = run(center.root, folder, 0)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "entry 0: stands in the log" in answer.stdout
