"""Writes the golden files that are missing; never touches one that is there.

``python -m tests.vectors.make``. Golden bytes are for ever: what was sent once must be readable
always, so a file is added for a new kind or format and no file is edited (docs/wire.md).
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from standards.records.declare import Record, files_of, logged_bytes, personal_bytes
from sync.batch import Header, join_leaves, pack, unpack
from sync.contact import messages
from sync.contact.messages import EnrolAnswer, EnrolAsk, LogHead, RoundAnswer, RoundAsk
from sync.contact.signed_requests import Asked, sign_request, signature_headers
from sync.entries import Leaf, encode_leaf
from sync.files.sealed_files import content_key, sealed
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
from sync.merkle import Frontier, inclusion_proof, leaf_hash, root_of
from sync.notes import COSIGNATURE, Checkpoint, Signer, b64
from sync.private.sealing import SealingKey, commitment, join_parts
from tests.samples import SAMPLES, number_of

FOLDER = Path(__file__).parent
CENTER, HALL, CODE = "city.example", "T01", "K7M2PQ9XRT"
ORIGIN = f"{CENTER}/{HALL}/1"
NOW = 1_795_480_197
PUBLIC_LEAVES = (
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
)


def seed(name: str) -> bytes:
    """The private key of a name: SHA-256 of a sentence, so that anybody can make it again."""
    return sha256(f"onehall test key {name}".encode()).digest()


ROOT = Signer(f"{CENTER}/root", seed("root"))
ROSTER = Signer(f"{CENTER}/roster", seed("roster"))
LOG = Signer(f"{CENTER}/log", seed("log"))
RECEIPTS = Signer(f"{CENTER}/receipts", seed("receipts"), COSIGNATURE)
SEALING = SealingKey(seed("sealing"))
SIGNING = Signer(f"{CENTER}/{HALL}", seed("hall signing"))
COSIGNING = Signer(f"{CENTER}/{HALL}", seed("hall cosigning"), COSIGNATURE)
HALL_SEALING = SealingKey(seed("hall sealing"))

KEYS = CenterKeys(CENTER, 1, ROSTER.verifier, LOG.verifier, RECEIPTS.verifier, SEALING.public)
ON_ROSTER = HallKeys(CENTER, HALL, SIGNING.verifier, COSIGNING.verifier, HALL_SEALING.public)
LATER_LOG = Signer(f"{CENTER}/log-2", seed("log 2"))
LATER_RECEIPTS = Signer(f"{CENTER}/receipts-2", seed("receipts 2"), COSIGNATURE)
LATER_SIGNING = Signer(f"{CENTER}/{HALL}/3", seed("hall signing 3"))
LATER_COSIGNING = Signer(f"{CENTER}/{HALL}/3", seed("hall cosigning 3"), COSIGNATURE)
LATER_HALL_SEALING = SealingKey(seed("hall sealing 3"))
LATER_KEYS = replace(
    KEYS,
    version=2,
    log=LATER_LOG.verifier,
    receipts=LATER_RECEIPTS.verifier,
    retired=(LOG.verifier, RECEIPTS.verifier),
)
LATER_ON_ROSTER = replace(
    ON_ROSTER,
    signing=LATER_SIGNING.verifier,
    cosigning=LATER_COSIGNING.verifier,
    sealing=LATER_HALL_SEALING.public,
    first_epoch=3,
)
REQUEST = Request(HALL, SIGNING.verifier, COSIGNING.verifier, HALL_SEALING.public)


def opening_of(kind: str) -> bytes:
    """The 32 bytes before the personal payload of a kind's sample."""
    return sha256(f"onehall test opening {kind}".encode()).digest()


def leaf_of(record: Record, number: int) -> Leaf:
    """The envelope of a sample; ``number`` makes its id."""
    payload = personal_bytes(record)
    promised = None if payload is None else b64(commitment(opening_of(record.kind), payload))
    return Leaf(
        actor="ZX-01" if record.owner == "center" else "T01-003",
        at="2026-11-24T00:29:57.123Z",
        body=msgspec.Raw(logged_bytes(record)),
        boot="6f1d2a9c-3b57-4f0e-9a55-0c1b7f2d8e11",
        commitment=promised,
        files=files_of(record),
        id=f"0193b2c4-aaaa-7000-8000-{number:012x}",
        kind=record.kind,
        mono=81_234_567,
        policy=80 if record.owner == "hall" else 0,
        v=1,
    )


def of_leaf(record: Record, number: int) -> dict[str, Any]:
    """Leaf, personal payload, opening and commitment of a sample."""
    payload, leaf = personal_bytes(record), leaf_of(record, number)
    raw = encode_leaf(leaf)
    return {
        "kind": record.kind,
        "leaf": raw.decode(),
        "leaf_hash": leaf_hash(raw).hex(),
        "personal": None if payload is None else payload.decode(),
        "opening": None if payload is None else opening_of(record.kind).hex(),
        "commitment": leaf.commitment,
    }


def hall_samples() -> list[Record]:
    """What the hall of the batch wrote, in this order."""
    return [SAMPLES[kind] for kind in ("case_received", "case_step", "punch", "face_consent")]


def of_merkle() -> dict[str, Any]:
    """Public check vectors of RFC 6962, with an inclusion proof of each leaf at each size."""
    hashes = [leaf_hash(bytes.fromhex(text)) for text in PUBLIC_LEAVES]
    sizes = range(len(hashes) + 1)
    return {
        "leaves": list(PUBLIC_LEAVES),
        "roots": [root_of(hashes[:n]).hex() for n in sizes],
        "proofs": [
            {"index": i, "size": n, "proof": [h.hex() for h in inclusion_proof(hashes[:n], i)]}
            for n in sizes
            for i in range(n)
        ],
        "frontiers": [Frontier().extended(hashes[:n]).to_bytes().hex() for n in sizes],
    }


def of_keys() -> dict[str, Any]:
    """Every key of these files. Private ones too: they sign nothing but examples."""
    signers = (ROOT, ROSTER, LOG, RECEIPTS, SIGNING, COSIGNING)
    names = ("root", "roster", "log", "receipts", "hall signing", "hall cosigning")
    notes = {
        name: {"seed": seed(name).hex(), "verifier": str(signer.verifier)}
        for name, signer in zip(names, signers, strict=True)
    }
    sealing = {
        name: {"seed": seed(name).hex(), "public": b64(key.public)}
        for name, key in (("sealing", SEALING), ("hall sealing", HALL_SEALING))
    }
    return {**notes, **sealing}


def of_batch() -> dict[str, Any]:
    """A whole batch of four entries; its sealed section is random and stands as it was made."""
    records = hall_samples()
    leaves = [encode_leaf(leaf_of(record, n)) for n, record in enumerate(records)]
    parts = {
        n: opening_of(record.kind) + payload
        for n, record in enumerate(records)
        if (payload := personal_bytes(record)) is not None
    }
    head = Checkpoint(ORIGIN, len(leaves), root_of(map(leaf_hash, leaves)))
    raw = pack(SIGNING, head, 0, 6, (leaves, parts, SEALING.public))
    batch = unpack(raw, [SIGNING.verifier])
    return {
        "batch": b64(raw),
        "header": batch.header.text,
        "header_note": batch.header_note.decode(),
        "head_note": batch.head_note.decode(),
        "plain": join_leaves(leaves).decode(),
        "parts": {str(n): part.hex() for n, part in parts.items()},
        "receipt": (batch.head_note + RECEIPTS.cosign(head.text, NOW)).decode(),
    }


def of_checkpoint() -> dict[str, Any]:
    """A head and its receipt."""
    hashes = [leaf_hash(bytes.fromhex(text)) for text in PUBLIC_LEAVES[:5]]
    point = Checkpoint(ORIGIN, 5, root_of(hashes))
    note = SIGNING.sign(point.text)
    return {
        "text": point.text,
        "note": note.decode(),
        "time": NOW,
        "receipt": (note + RECEIPTS.cosign(point.text, NOW)).decode(),
    }


def of_enrolment() -> dict[str, Any]:
    """One-time code, request, MACs, messages and the thirty digits."""
    key = code_key(CODE, HALL)
    mac, answer = code_mac(key, REQUEST.text, "ask"), code_mac(key, str(ROOT.verifier), "answer")
    approved = EnrolAnswer(
        state="approved",
        center=CENTER,
        root=str(ROOT.verifier),
        mac=answer,
        keys=sign_keys(ROOT, KEYS).decode(),
        hall=sign_hall(ROSTER, ON_ROSTER).decode(),
    )
    return {
        "code": CODE,
        "mac_key": key.hex(),
        "text": REQUEST.text,
        "ask_mac": mac,
        "answer_mac": answer,
        "digits": thirty_digits(ROOT.verifier, REQUEST),
        "ask": messages.write(EnrolAsk(text=REQUEST.text, mac=mac)).decode(),
        "answer": messages.write(approved).decode(),
    }


def of_rotation() -> dict[str, Any]:
    """A key set after a rotation, a hall's later key, and its first key revoked above a place."""
    revoked = replace(ON_ROSTER, revoked_epoch=2, revoked_above=90)
    return {
        "seeds": {
            name: seed(name).hex()
            for name in ("log 2", "receipts 2", "hall signing 3", "hall cosigning 3")
        },
        "keyset": {"text": LATER_KEYS.text, "note": sign_keys(ROOT, LATER_KEYS).decode()},
        "later": {
            "text": LATER_ON_ROSTER.text,
            "note": sign_hall(ROSTER, LATER_ON_ROSTER).decode(),
        },
        "revoked": {"text": revoked.text, "note": sign_hall(ROSTER, revoked).decode()},
    }


def of_requests() -> list[dict[str, Any]]:
    """Signed requests: one with a body, one with a query."""
    asked = (
        ("POST", "/sync/v1/round", b'{"hall":"T01"}'),
        ("GET", f"/sync/v1/logs/{CENTER}/standards/1?from=0", b""),
    )
    return [
        {
            "method": method,
            "target": target,
            "body": body.decode(),
            "created": NOW,
            "headers": signature_headers(SIGNING, method, target, body, NOW),
        }
        for method, target, body in asked
    ]


PLAIN_FILES = {"short": b"%PDF-1.4\n", "long": bytes(range(250)) * 280}


def of_file() -> dict[str, Any]:
    """A short file whole, and one of two chunks by the hash of its sealed form."""
    secret = seed("files")
    found: dict[str, Any] = {"secret": secret.hex(), "hall": HALL}
    for name, plain in PLAIN_FILES.items():
        key = content_key(secret, HALL, sha256(plain).digest())
        whole = b"".join(sealed(BytesIO(plain), key))
        found[name] = {
            "plain_sha256": sha256(plain).hexdigest(),
            "key": key.hex(),
            "bytes": len(whole),
            "name": sha256(whole).hexdigest(),
        }
        if name == "short":
            found[name]["sealed"] = b64(whole)
    return found


def of_file_requests() -> list[dict[str, Any]]:
    """A piece of a file sent, and one asked for: the range is covered too."""
    target, body = f"/sync/v1/files/{'ab' * 32}", b"piece"
    sent = {"Content-Type": "application/octet-stream", "Content-Range": "bytes 65552-65556/70000"}
    asked = (
        Asked("PUT", target, body, sent),
        Asked("GET", target, headers={"Range": "bytes=65552-131087"}),
    )
    return [
        {
            "method": one.method,
            "target": one.target,
            "body": one.body.decode(),
            "created": NOW,
            "headers": {**one.headers, **sign_request(SIGNING, one, NOW)},
        }
        for one in asked
    ]


def of_round() -> dict[str, Any]:
    """What a hall says at a contact and what the center answers."""
    point = of_checkpoint()
    standards = Checkpoint(f"{CENTER}/standards/1", 0, root_of(()))
    ask = RoundAsk(
        hall=HALL,
        clock="2026-11-24T00:29:57.123Z",
        software="onehall/1",
        oldest_unsent="2026-11-23T23:10:00.000Z",
        logs=(LogHead(origin=ORIGIN, size=5, note=point["note"]),),
    )
    answer = RoundAnswer(
        center=CENTER,
        clock="2026-11-24T00:29:58.001Z",
        keys=sign_keys(ROOT, KEYS).decode(),
        quarantined=1,
        logs=(
            LogHead(origin=ORIGIN, size=5, note=point["receipt"]),
            LogHead(origin=standards.origin, size=0, note=LOG.sign(standards.text).decode()),
        ),
    )
    return {"ask": messages.write(ask).decode(), "answer": messages.write(answer).decode()}


def of_newer() -> dict[str, Any]:
    """Leaves of a later version: kept, counted and shown, never dropped."""
    leaf = encode_leaf(leaf_of(SAMPLES["punch"], 99)).decode()
    return {
        "kind": leaf.replace('"kind":"punch"', '"kind":"ticket_called"'),
        "field": leaf.replace('"way":"supervisor"', '"way":"supervisor","weather":"snow"'),
        "envelope": leaf.replace('"v":1', '"urgent":true,"v":1'),
        "version": leaf.replace('"v":1', '"v":2'),
    }


def of_sealed_together() -> dict[str, Any]:
    """Three parts, one of them erased between, and what they are before they are sealed."""
    parts = {
        index: sha256(f"opening {index}".encode()).digest() + payload.encode()
        for index, payload in ((4, '{"mobile":"13812345678"}'), (5, "{}"), (9, '{"name":"张三"}'))
    }
    return {
        "parts": {index: base64.b64encode(part).decode() for index, part in parts.items()},
        "joined": base64.b64encode(join_parts(parts) or b"").decode(),
    }


def golden() -> dict[str, Any]:
    """File name -> content, for every golden file."""
    from tests.vectors.proofs import others

    found: dict[str, Any] = {
        f"leaf-{kind}.json": of_leaf(record, number_of(kind)) for kind, record in SAMPLES.items()
    }
    header = Header(ORIGIN, 0, 4, 6, 700, 1500, "ab" * 32, 0, sha256(b"").hexdigest())
    found |= {
        "leaf-newer.json": of_newer(),
        "merkle.json": of_merkle(),
        "keys.json": of_keys(),
        "batch.json": of_batch(),
        "sealed-together.json": of_sealed_together(),
        "header.json": {"text": header.text, "note": SIGNING.sign(header.text).decode()},
        "checkpoint.json": of_checkpoint(),
        "keyset.json": {"text": KEYS.text, "note": sign_keys(ROOT, KEYS).decode()},
        "roster.json": {"text": ON_ROSTER.text, "note": sign_hall(ROSTER, ON_ROSTER).decode()},
        "rotation.json": of_rotation(),
        "enrolment.json": of_enrolment(),
        "requests.json": of_requests(),
        "round.json": of_round(),
        "file.json": of_file(),
        "requests-files.json": of_file_requests(),
        **others(),
    }
    return found


def main() -> None:
    """Write what is missing."""
    for name, content in golden().items():
        try:
            with open(FOLDER / name, "x", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False, indent=1)
                file.write("\n")
            print(f"{name}: written")
        except FileExistsError:
            print(f"{name}: is there already, not touched")


def read(name: str) -> Any:
    """A golden file's content."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def unpacked(text: str) -> bytes:
    """Bytes that stand in base64 in a golden file."""
    return base64.b64decode(text, validate=True)


if __name__ == "__main__":
    main()
