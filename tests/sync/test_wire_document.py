"""docs/wire.md says what the code does: codes, caps, kinds, and examples that are golden bytes."""

import re

import pytest

from standards.records import RECORDS
from sync import batch, entries, frames, notes, strict_json
from sync.contact import messages
from sync.errors import BY_CODE
from sync.keys.keysets import CODE_ALPHABET, CODE_MINUTES
from sync.private import sealing
from sync.private.sealing import is_sealing_key
from sync.sticks import stick
from tests.source import ROOT
from tests.vectors import make
from tests.vectors.make import read

WIRE = (ROOT / "docs/wire.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """The text below a heading, up to the next one of any depth."""
    found = re.search(rf"^#+ {re.escape(heading)}.*?$(.*?)(?=^#+ |\Z)", WIRE, re.M | re.S)
    assert found, heading
    return found.group(1)


def test_the_table_of_errors_is_the_one_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", section("9. Refusals"), re.M)
    assert {code: int(status) for code, status in rows} == {
        code: error.status for code, error in BY_CODE.items()
    }
    assert len(rows) == len(BY_CODE)


def test_every_refusal_of_the_receiving_rules_has_its_true_status() -> None:
    named = re.findall(r"(\d{3}) `(\w+)`", WIRE)
    known = {(str(error.status), code) for code, error in BY_CODE.items()}
    assert len(named) > 20
    assert set(named) - known == {("400", "refused")}


def test_the_table_of_kinds_is_the_one_of_the_declarations() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (hall|center) \|", section("11. Kinds"), re.M)
    assert rows == [(record.kind, record.owner) for record in RECORDS]


@pytest.mark.parametrize(
    ("what", "cap"),
    [
        ("entries of a batch", batch.MAX_ENTRIES),
        ("bytes of a leaf", entries.MAX_LEAF_BYTES),
        ("leaves section, decompressed", batch.MAX_LEAVES_BYTES),
        ("leaves section ‖ sealed section", batch.MAX_BATCH_BYTES),
        ("the whole batch", batch.MAX_BATCH_BYTES + 64 * 1024),
        ("decompressed : compressed, where more than 4,194,304 bytes come out", frames.MAX_RATIO),
        ("one sealed ciphertext of form 1; one payload of form 2", sealing.MAX_PART_BYTES),
        ("a note", notes.MAX_NOTE_BYTES),
        ("a JSON message", messages.MAX_MESSAGE_BYTES),
        ("nesting of JSON", strict_json.MAX_DEPTH),
        ("digits of a whole number", strict_json.MAX_DIGITS),
    ],
)
def test_a_cap_of_the_table_is_the_one_of_the_code(what: str, cap: int) -> None:
    row = re.search(rf"^\| {re.escape(what)} \| ([\d,]+)", section("4.4 Caps"), re.M)
    assert row and int(row.group(1).replace(",", "")) == cap


def test_the_caps_of_a_stick_are_those_of_the_code() -> None:
    text = " ".join(section("14.1 Files").split())
    assert f"No file is longer than {stick.MAX_PIECE_BYTES:,} bytes" in text
    assert f"an index no longer than {stick.MAX_INDEX_BYTES:,} bytes" in text
    assert f"names at most {stick.MAX_PIECES:,} files" in text


def test_the_ratio_is_free_up_to_the_size_that_the_document_names() -> None:
    assert f"more than {batch.FREE_LEAVES_BYTES:,} bytes" in section("4.4 Caps")


def test_the_envelope_table_names_every_field() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("2.1 Envelope"), re.M)
    assert rows == list(entries.Leaf.__struct_fields__)


def test_the_refused_keys_are_those_of_the_code() -> None:
    listed = [bytes.fromhex(t) for t in re.findall(r"^[0-9a-f]{64}$", section("1. Names"), re.M)]
    assert set(listed[:7]) == notes.SMALL_ORDER and len(listed) == 9
    weak = [*listed[:2], *listed[4:]]
    assert not any(is_sealing_key(key) for key in weak)
    assert all(is_sealing_key(key) for key in listed[2:4])


@pytest.mark.parametrize(
    "golden",
    [
        read("leaf-face_consent.json")["leaf"],
        read("leaf-face_consent.json")["leaf_hash"],
        read("checkpoint.json")["note"],
        read("checkpoint.json")["receipt"].splitlines()[-1],
        read("keyset.json")["note"],
        read("enrolment.json")["code"],
        read("enrolment.json")["mac_key"],
        read("enrolment.json")["digits"],
        read("stick.json")["up"]["manifest"],
        *(f"{name}: {value}" for name, value in read("requests.json")[0]["headers"].items()),
    ],
)
def test_an_example_of_the_document_is_a_golden_one(golden: str) -> None:
    assert golden in WIRE


def test_the_header_example_is_that_of_the_golden_batch() -> None:
    rows = re.findall(r"^\| \d+ \| `([^`]+)` \|", section("4.1 Header"), re.M)
    lines = read("batch.json")["header"].splitlines()
    assert [row.rstrip("…") for row in rows] == [
        line[:8] if row.endswith("…") else line for row, line in zip(rows, lines, strict=True)
    ]


def test_the_signature_base_of_the_document_verifies() -> None:
    signed = read("requests.json")[0]["headers"]
    base = re.search(r'^"@method": POST\n.*?(?=\n```)', WIRE, re.M | re.S)
    assert base
    signature = notes.unb64(signed["Signature"][6:-1], "signature")
    assert make.SIGNING.verifier.verify(base.group(0).encode(), signature)


def test_the_one_time_code_is_described_as_it_is_made() -> None:
    text = " ".join(section("6.3 Enrolment").split())
    assert f"`{CODE_ALPHABET}`, good for {CODE_MINUTES} minutes" in text


def test_every_golden_file_is_listed() -> None:
    listed = section("13. Vectors")
    for path in make.FOLDER.glob("*.json"):
        name = "leaf-<kind>.json" if path.name.startswith("leaf-") else path.name
        assert f"`{name}`" in listed or f"`{path.name}`" in listed
