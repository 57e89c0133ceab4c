"""Golden bytes: what was written once is read by today's code, and written again the same."""

import json
import re
import subprocess
from contextlib import nullcontext
from hashlib import sha256
from io import BytesIO

import pytest

from standards.records import RECORDS
from standards.records.declare import parts_of, personal_bytes
from sync.batch import Header, join_leaves, unpack
from sync.contact import messages
from sync.contact.messages import EnrolAnswer, EnrolAsk, RoundAnswer, RoundAsk
from sync.contact.signed_requests import check_request, signature_headers
from sync.entries import NewerKind, encode_leaf, read_leaf
from sync.errors import Malformed
from sync.keys.keysets import (
    CenterKeys,
    HallKeys,
    Request,
    code_key,
    code_mac,
    sign_hall,
    sign_keys,
    thirty_digits,
)
from sync.merkle import Frontier, inclusion_proof, leaf_hash, root_from_inclusion, root_of
from sync.notes import Checkpoint, Signer, Verifier, b64, open_note
from sync.private.sealing import SealingKey, commitment, join_parts, split_parts
from sync.sticks.usb import FileSource, blocks, check, pieces
from tests.samples import KINDS, SAMPLES, number_of
from tests.source import ROOT
from tests.vectors import make
from tests.vectors.make import read, unpacked

LEAVES = sorted(path.name for path in make.FOLDER.glob("leaf-*.json"))
OF_KINDS = [name for name in LEAVES if name != "leaf-newer.json"]
# The roots of wire-standards' public vectors, written down here a second time by hand.
PUBLIC_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def test_no_golden_file_was_ever_changed_moved_or_removed():
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "log", "--diff-filter=MDRT", "--name-only", "--format=",
         "--", "tests/vectors/*.json"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    unsaved = subprocess.run(
        ["git", "-c", "safe.directory=*", "diff", "HEAD", "--diff-filter=MDRT", "--name-only",
         "--", "tests/vectors/*.json"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert (listed + unsaved).split() == []


def test_every_kind_of_record_has_a_golden_leaf():
    assert {f"leaf-{record.kind}.json" for record in RECORDS} <= set(LEAVES)


@pytest.mark.parametrize("name", OF_KINDS)
def test_a_golden_leaf_is_read_and_written_again_the_same(name: str):
    golden = read(name)
    raw = golden["leaf"].encode()
    leaf, record_type, logged = read_leaf(raw, KINDS)
    assert encode_leaf(leaf) == raw
    assert leaf_hash(raw).hex() == golden["leaf_hash"]
    assert record_type.kind == leaf.kind == golden["kind"]
    assert logged == parts_of(record_type).read_logged.decode(leaf.body)
    assert leaf.commitment == golden["commitment"]


@pytest.mark.parametrize("name", OF_KINDS)
def test_a_golden_payload_opens_its_commitment_and_is_read_again(name: str):
    golden = read(name)
    decoder = parts_of(KINDS[golden["kind"]]).read_personal
    if golden["personal"] is None:
        assert decoder is None and golden["commitment"] is None
        return
    assert decoder is not None
    payload = golden["personal"].encode()
    assert decoder.decode(payload) is not None
    promised = commitment(bytes.fromhex(golden["opening"]), payload)
    assert b64(promised) == golden["commitment"]


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_today_s_declaration_writes_the_sample_of_a_kind_as_it_did_then(kind: str):
    golden = read(f"leaf-{kind}.json")
    leaf = make.leaf_of(SAMPLES[kind], number_of(kind))
    assert encode_leaf(leaf).decode() == golden["leaf"]
    payload = personal_bytes(SAMPLES[kind])
    assert (None if payload is None else payload.decode()) == golden["personal"]


@pytest.mark.parametrize("what", ["kind", "field", "envelope", "version"])
def test_a_leaf_of_a_later_version_is_told_apart_as_newer(what: str):
    with pytest.raises(NewerKind):
        read_leaf(read("leaf-newer.json")[what].encode(), KINDS)


def test_the_public_vectors_of_the_merkle_tree_hold():
    golden = read("merkle.json")
    hashes = [leaf_hash(bytes.fromhex(text)) for text in golden["leaves"]]
    assert tuple(golden["roots"]) == PUBLIC_ROOTS
    for size, root in enumerate(golden["roots"]):
        assert root_of(hashes[:size]).hex() == root
        frontier = Frontier.from_bytes(bytes.fromhex(golden["frontiers"][size]))
        assert frontier == Frontier().extended(hashes[:size])
    for one in golden["proofs"]:
        index, size = one["index"], one["size"]
        path = [bytes.fromhex(text) for text in one["proof"]]
        assert inclusion_proof(hashes[:size], index) == path
        assert root_from_inclusion(hashes[index], index, size, path).hex() == golden["roots"][size]


def test_the_public_signed_note_opens_with_its_public_key():
    golden = read("note-public.json")
    key = Verifier.parse(golden["key"])
    note = open_note(golden["note"].encode(), [key])
    assert note.signed_by == {"PeterNeumann"}
    assert str(key) == golden["key"]


def test_the_golden_keys_are_what_their_names_make():
    golden = read("keys.json")
    for name, key in golden.items():
        assert key["seed"] == sha256(f"onehall test key {name}".encode()).hexdigest()
    assert golden["root"]["verifier"] == str(make.ROOT.verifier)
    assert golden["hall sealing"]["public"] == b64(make.HALL_SEALING.public)


def test_a_golden_checkpoint_and_its_receipt_are_read_and_signed_again_the_same():
    golden = read("checkpoint.json")
    note = open_note(golden["receipt"].encode(), [make.RECEIPTS.verifier, make.SIGNING.verifier])
    assert note.signed_by == {"city.example/receipts", "city.example/T01"}
    assert note.times == {"city.example/receipts": golden["time"]}
    point = Checkpoint.parse(note.text)
    assert point.text == golden["text"]
    assert make.SIGNING.sign(point.text).decode() == golden["note"]
    line = make.RECEIPTS.cosign(point.text, golden["time"]).decode()
    assert golden["note"] + line == golden["receipt"]


def test_the_golden_header_is_read_and_signed_again_the_same():
    golden = read("header.json")
    header = Header.parse(open_note(golden["note"].encode(), [make.SIGNING.verifier]).text)
    assert header.text == golden["text"]
    assert make.SIGNING.sign(header.text).decode() == golden["note"]


def test_the_golden_batch_opens_to_the_leaves_and_parts_that_went_in():
    golden = read("batch.json")
    raw = unpacked(golden["batch"])
    batch = unpack(raw, [make.SIGNING.verifier])
    assert batch.header.text == golden["header"]
    assert batch.header_note.decode() == golden["header_note"]
    assert join_leaves(batch.leaves()).decode() == golden["plain"]
    assert root_of(map(leaf_hash, batch.leaves())) == batch.head.root
    parts = batch.personal(make.SEALING)
    assert {str(index): part.hex() for index, part in parts.items()} == golden["parts"]
    assert make.SIGNING.sign(batch.header.text) == batch.header_note
    assert make.SIGNING.sign(batch.head.text) == batch.head_note
    receipt = batch.head_note + make.RECEIPTS.cosign(batch.head.text, make.NOW)
    assert receipt.decode() == golden["receipt"]
    with pytest.raises(Malformed):
        batch.personal(make.HALL_SEALING)


def test_the_golden_parts_that_were_sealed_together_are_split_and_joined_again():
    golden = read("sealed-together.json")
    parts = {int(index): unpacked(part) for index, part in golden["parts"].items()}
    assert split_parts(unpacked(golden["joined"])) == parts
    assert split_parts(join_parts(parts) or b"") == parts


def test_the_golden_key_set_and_roster_note_are_read_and_signed_again_the_same():
    keyset, roster = read("keyset.json"), read("roster.json")
    keys = CenterKeys.open(keyset["note"].encode(), make.ROOT.verifier)
    assert keys.text == keyset["text"]
    assert sign_keys(make.ROOT, keys).decode() == keyset["note"]
    hall = HallKeys.open(roster["note"].encode(), keys.roster)
    assert hall.text == roster["text"]
    assert sign_hall(make.ROSTER, hall).decode() == roster["note"]


def test_the_golden_notes_of_a_rotation_are_read_and_signed_again_the_same():
    golden = read("rotation.json")
    keys = CenterKeys.open(golden["keyset"]["note"].encode(), make.ROOT.verifier)
    assert keys.text == golden["keyset"]["text"] and keys == make.LATER_KEYS
    assert sign_keys(make.ROOT, keys).decode() == golden["keyset"]["note"]
    for name in ("later", "revoked"):
        hall = HallKeys.open(golden[name]["note"].encode(), keys.roster)
        assert hall.text == golden[name]["text"]
        assert sign_hall(make.ROSTER, hall).decode() == golden[name]["note"]
    assert hall.end_of(2) == 90 and make.LATER_ON_ROSTER.first_epoch == 3


def test_the_golden_enrolment_is_computed_again_the_same():
    golden = read("enrolment.json")
    key = code_key(f" {golden['code'][:5].lower()}-{golden['code'][5:]} ", "T01")
    assert key.hex() == golden["mac_key"]
    request = Request.parse(golden["text"])
    assert request.text == golden["text"]
    assert code_mac(key, request.text, "ask") == golden["ask_mac"]
    root = Verifier.parse(read("keys.json")["root"]["verifier"])
    assert code_mac(key, str(root), "answer") == golden["answer_mac"]
    assert thirty_digits(root, request) == golden["digits"]
    ask = messages.read(golden["ask"].encode(), EnrolAsk)
    assert messages.write(ask).decode() == golden["ask"]
    answer = messages.read(golden["answer"].encode(), EnrolAnswer)
    assert messages.write(answer).decode() == golden["answer"]
    assert CenterKeys.open(answer.keys.encode(), root).center == "city.example"


@pytest.mark.parametrize("number", [0, 1])
def test_a_golden_request_is_believed_and_signed_again_the_same(number: int):
    golden = read("requests.json")[number]
    method, target, body = golden["method"], golden["target"], golden["body"].encode()
    found = check_request(
        golden["headers"], method, target, body, lambda name: make.SIGNING.verifier
    )
    assert found == ("city.example/T01", golden["created"])
    again = signature_headers(make.SIGNING, method, target, body, golden["created"])
    assert again == golden["headers"]


def test_the_golden_round_is_read_and_written_again_the_same():
    golden = read("round.json")
    ask = messages.read(golden["ask"].encode(), RoundAsk)
    assert messages.write(ask).decode() == golden["ask"]
    answer = messages.read(golden["answer"].encode(), RoundAnswer)
    assert messages.write(answer).decode() == golden["answer"]
    assert [head.size for head in answer.logs] == [5, 0]


@pytest.mark.parametrize(
    ("way", "key", "receiver"),
    [("up", make.SIGNING, make.SEALING), ("down", make.LOG, make.HALL_SEALING)],
)
def test_a_golden_stick_opens_to_the_batch_and_the_message_that_went_in(
    way: str, key: Signer, receiver: SealingKey
):
    golden = read("stick.json")[way]
    raw = unpacked(golden["stick"])
    source = FileSource(lambda: nullcontext(BytesIO(raw)), "stick")
    index = source.index()
    manifest = index.opened([key.verifier])
    assert manifest.text == golden["manifest"]
    check(source, manifest)
    inside = [plain for _, plain in pieces(source, manifest, [receiver])]
    batch, said = unpacked(read("batch.json")["batch"]), read("round.json")
    assert inside == {"up": [said["ask"].encode(), batch], "down": [said["answer"].encode()]}[way]
    keyset = read("keyset.json")["note"].encode()
    assert index.keys_note == (keyset if way == "down" else b"")


def test_the_golden_stick_with_a_scan_gives_the_bytes_that_went_in():
    golden = read("stick-files.json")
    raw = unpacked(golden["stick"])
    source = FileSource(lambda: nullcontext(BytesIO(raw)), "stick")
    manifest = source.index().opened([make.SIGNING.verifier])
    assert manifest.text == golden["manifest"]
    check(source, manifest)
    (scan,) = manifest.files
    short = read("file.json")["short"]
    assert scan.digest == short["name"]
    assert b"".join(blocks(source, manifest, scan)) == unpacked(short["sealed"])


def test_the_generator_never_touches_a_golden_file_that_is_there(capsys: pytest.CaptureFixture):
    before = {path.name: path.read_bytes() for path in make.FOLDER.glob("*.json")}
    make.main()
    assert {path.name: path.read_bytes() for path in make.FOLDER.glob("*.json")} == before
    assert "written" not in re.sub(r".*not touched", "", capsys.readouterr().out)


def test_golden_files_are_json_that_a_person_can_read():
    for path in make.FOLDER.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))
