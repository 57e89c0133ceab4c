"""A hall in one file, written from docs/wire.md alone: enrols, pushes, reads receipts, pulls."""

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from datetime import UTC, datetime

import requests
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
NOTE, COSIGNATURE = 1, 4
TOGETHER = b"\xff" * 12


def b64(raw):
    return base64.b64encode(raw).decode()


def sha(raw):
    return hashlib.sha256(raw).digest()


def lines_of(*values):
    return "".join(f"{value}\n" for value in values)


def canonical(value):
    """2.2; the bodies given here hold no field at its default, no control character."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def key_id(name, kind, public):
    return sha(name.encode() + b"\n" + bytes([kind]) + public)[:4]


def verifier_key(name, kind, public):
    return f"{name}+{key_id(name, kind, public).hex()}+{b64(bytes([kind]) + public)}"


def root_of(hashes):
    """3.1: the tree by its definition."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha(b"")
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\x01" + root_of(hashes[:half]) + root_of(hashes[half:]))


def head_of(origin, leaves):
    """3.3: a checkpoint's text."""
    return lines_of(origin, len(leaves), b64(root_of([sha(b"\0" + leaf) for leaf in leaves])))


def inflated(packed, size):
    """4.2: one frame, exactly so long when it is decompressed."""
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(packed)
    plain = reader.read(size)
    assert len(plain) == size and not reader.read(1)
    return plain


def signed_line(name, kind, key, text, time_=b""):
    """3.2 and 3.4: one line of a note."""
    when = f"cosignature/v1\ntime {int.from_bytes(time_, 'big')}\n" if time_ else ""
    mark = key_id(name, kind, key.public_key().public_bytes_raw())
    return f"— {name} {b64(mark + time_ + key.sign((when + text).encode()))}\n"


def opened(note, verifier):
    """3.2 and 3.4: the text, when this key signed it; a failing signature raises."""
    name, claimed, rest = verifier.split("+", 2)
    kind, public = base64.b64decode(rest)[0], base64.b64decode(rest)[1:]
    assert key_id(name, kind, public).hex() == claimed
    text, _, signatures = note.decode().rpartition("\n\n")
    signed, found = f"{text}\n".encode(), False
    for line in signatures.splitlines():
        mark, signer, encoded = line.split(" ")
        payload = base64.b64decode(encoded, validate=True)
        if (mark, signer, payload[:4].hex()) == ("—", name, claimed):
            times = payload[4:-64]
            when = f"cosignature/v1\ntime {int.from_bytes(times, 'big')}\n" if times else ""
            assert bool(times) == (kind == COSIGNATURE)
            key = Ed25519PublicKey.from_public_bytes(public)
            key.verify(payload[-64:], when.encode() + signed)
            found = True
    assert found, f"not signed by {name}"
    return f"{text}\n"


class Refused(Exception):
    """The center's refusal; ``body`` is its JSON."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


class Client:
    """One branch hall that speaks the wire."""

    def __init__(self, url, center, hall):
        self.url, self.center, self.hall = url, center, hall
        self.name, self.origin = f"{center}/{hall}", f"{center}/{hall}/1"
        self.signing, self.cosigning = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.sealing, self.boot = X25519PrivateKey.generate(), str(uuid.uuid4())
        self.leaves, self.parts, self.key_set, self.opens = [], {}, (0, ""), 1
        self.mirrors, self.receipts = {}, {}

    def ask(self, method, target, body=b"", media_type="application/json"):
        """7.1: a signed request; the body of the answer."""
        path, _, query = target.partition("?")
        covered = {"@method": method, "@path": path, "@query": f"?{query}"}
        headers = {"Accept-Encoding": "identity"}
        if body:
            headers["Content-Type"] = media_type
            headers["Content-Digest"] = f"sha-256=:{b64(sha(body))}:"
            covered["content-digest"] = headers["Content-Digest"]
        names = " ".join(f'"{name}"' for name in covered)
        params = f'({names});created={int(time.time())};keyid="{self.name}"'
        params += ';alg="ed25519";tag="onehall-sync"'
        base = "\n".join(f'"{n}": {v}' for n, v in {**covered, "@signature-params": params}.items())
        signature = b64(self.signing.sign(base.encode()))
        headers |= {"Signature-Input": f"sig1={params}", "Signature": f"sig1=:{signature}:"}
        answer = requests.request(
            method, self.url + target, data=body or None, headers=headers, timeout=(5, 20),
            allow_redirects=False,
        )  # fmt: skip
        assert answer.headers.get("OneHall") == "1", "not the center"
        if answer.status_code != 200:
            raise Refused(answer.status_code, answer.json())
        return answer.content

    def enrol(self, code):
        """6.3: ask with a one-time code; answers the state and the thirty digits."""
        first, second = (k.public_key().public_bytes_raw() for k in (self.signing, self.cosigning))
        keys = verifier_key(self.name, NOTE, first), verifier_key(self.name, COSIGNATURE, second)
        sealing = b64(self.sealing.public_key().public_bytes_raw())
        text = lines_of("onehall/enrol/v1", self.hall, *keys, sealing)
        salt = f"onehall/enrol/{self.hall}".encode()
        plain = code.strip().upper().replace("-", "").encode()
        secret = hashlib.scrypt(plain, salt=salt, n=16384, r=8, p=1, dklen=32)
        mac = hmac.new(secret, b"ask\n" + text.encode(), "sha256").hexdigest()
        raw = self.ask("POST", "/sync/v1/enrol", canonical({"text": text, "mac": mac}))
        answer = json.loads(raw)
        root = answer["root"]
        expected = hmac.new(secret, f"answer\n{root}".encode(), "sha256").hexdigest()
        assert hmac.compare_digest(answer["mac"], expected), "not the maker of the code"
        assert getattr(self, "root", root) == root, "another root than before"
        self.root = root
        if answer["state"] == "approved":
            self.trust(answer["keys"].encode())
            listed = opened(answer["hall"].encode(), self.keys["roster"]).split("\n")
            assert listed[:3] == ["onehall/hall/v1", self.center, self.hall]
        d = sha(f"onehall/digits/v1\n{root}\n{text}".encode())
        groups = [int.from_bytes(d[5 * i : 5 * i + 5], "big") % 100_000 for i in range(6)]
        return answer["state"], " ".join(f"{group:05d}" for group in groups)

    def trust(self, keyset):
        """6.1: go by a key set that the pinned root signed, and never by an older one again."""
        text = opened(keyset, self.root)
        lines = text.split("\n")[:-1]
        assert lines[0] == ("onehall/keys/v1" if len(lines) == 7 else "onehall/keys/v2")
        version, (known, before) = int(lines[2]), self.key_set
        assert lines[1] == self.center
        assert known <= version <= (known or version) + 1_000, "an older one, or a leap"
        assert version > known or text == before, "two sets of one version"
        self.key_set = version, text
        self.keys = dict(zip(("roster", "log", "receipts"), lines[3:6], strict=True))
        self.center_sealing = base64.b64decode(lines[6], validate=True)

    def write(self, kind, body, personal=None):
        """2: append an entry to the own log."""
        moment = time.time_ns() // 1_000_000
        noise = int.from_bytes(os.urandom(10), "big")
        number = moment << 80 | noise & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62
        at = datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        leaf = {"actor": "T77-001", "at": f"{at}.{moment % 1000:03d}Z", "body": body, "v": 1}
        leaf |= {"boot": self.boot, "id": str(uuid.UUID(int=number)), "kind": kind}
        leaf["mono"] = time.monotonic_ns() // 1_000_000
        if personal is not None:
            part = os.urandom(32) + canonical(personal)
            leaf["commitment"] = b64(sha(part))
            self.parts[len(self.leaves)] = part
        self.leaves.append(canonical(leaf))
        return leaf["id"]

    def note(self, text):
        return f"{text}\n{signed_line(self.name, NOTE, self.signing, text)}".encode()

    def packed(self, start, stop):
        """4: a batch of the own entries from ``start`` to ``stop``."""
        plain = b"".join(leaf + b"\n" for leaf in self.leaves[start:stop])
        leaves = zstandard.ZstdCompressor().compress(plain)
        sealed = self.sealed(start, stop)
        sizes = len(leaves), len(plain), sha(leaves).hex(), len(sealed), sha(sealed).hex()
        about = self.origin, start, stop, len(self.leaves)
        header = self.note(lines_of("onehall/batch/v1", *about, *sizes))
        head = self.note(head_of(self.origin, self.leaves[:stop]))
        first = f"onehall-batch/1 {len(header)} {len(head)}\n".encode()
        return first + header + head + leaves + sealed

    def sealed(self, start, stop):
        """4.3, form 2: the personal parts together, for a center that opens that."""
        there = [index for index in range(start, stop) if index in self.parts]
        if not there:
            return b""
        assert self.opens >= 2, "not before the center said that it opens this form"
        parts = [self.parts[index] for index in there]
        payloads = b"".join(part[32:] + b"\n" for part in parts)
        joined = len(there).to_bytes(4, "big") + len(payloads).to_bytes(4, "big")
        joined += there[0].to_bytes(8, "big")
        joined += b"".join((index - there[0]).to_bytes(2, "big") for index in there)
        joined += b"".join(part[:32] for part in parts)
        joined += zstandard.ZstdCompressor().compress(payloads)
        info, key = lines_of("onehall/seal/v1", self.origin, start, stop), AESGCM.generate_key(256)
        one = AESGCM(key).encrypt(TOGETHER, joined, TOGETHER)
        to = X25519PublicKey.from_public_bytes(self.center_sealing)
        wrapped = SUITE.encrypt(key, to, info.encode())
        return wrapped + TOGETHER + len(one).to_bytes(4, "big") + one

    def push(self, start, stop):
        """Send a batch and believe its receipt only as section 10 says; answers the size."""
        batch, target = self.packed(start, stop), f"/sync/v1/logs/{self.hall}/1"
        receipt = self.ask("POST", target, batch, "application/vnd.onehall.batch")
        return batch, receipt, self.believe(receipt)

    def believe(self, receipt):
        kind = base64.b64decode(self.keys["receipts"].split("+", 2)[2])[0]
        assert kind == COSIGNATURE, "a receipt is a cosignature"
        text = opened(receipt, self.keys["receipts"])
        size = int(text.split("\n")[1])
        assert size <= len(self.leaves)
        assert text == head_of(self.origin, self.leaves[:size]), "another history than ours"
        return size

    def round(self):
        """8: one contact; answers what the center holds of our log, and fetches what it offers."""
        answer = json.loads(self.ask("POST", "/sync/v1/round", self.said()))
        self.trust(answer["keys"].encode())
        self.opens = answer.get("sealed", 1)
        for log in answer["logs"]:
            if log["origin"] != self.origin:
                self.fetch(log)
        return self.heard(answer)

    def said(self):
        """What this hall says in a round."""
        own = {"origin": self.origin, "size": len(self.leaves)}
        own["note"] = self.note(head_of(self.origin, self.leaves)).decode()
        held = [{"origin": o, "size": len(m), "note": self.receipts.get(o, "")}
                for o, m in self.mirrors.items()]  # fmt: skip
        ask = {"hall": self.hall, "clock": datetime.now(UTC).isoformat(), "software": "other/1"}
        return canonical(ask | {"sealed": 2, "logs": [own, *held]})

    def heard(self, answer):
        """How much the center holds of our log; its receipt is checked."""
        (own,) = [log for log in answer["logs"] if log["origin"] == self.origin] or [{}]
        if own.get("note"):
            self.believe(own["note"].encode())
        return own.get("size", 0)

    def fetch(self, offer):
        origin, mirror = offer["origin"], self.mirrors.setdefault(offer["origin"], [])
        allowed = (f"{self.center}/standards/1", f"{self.center}/orders-{self.hall}/1")
        assert origin in allowed, "a log that is not for us"
        text = opened(offer["note"].encode(), self.keys["log"])
        assert text.split("\n")[:2] == [origin, str(offer["size"])]
        assert offer["size"] >= len(mirror), "an older state than we hold"
        while len(mirror) < offer["size"]:
            raw = self.ask("GET", f"/sync/v1/logs/{origin}?from={len(mirror)}")
            self.receive(origin, mirror, raw)

    def receive(self, origin, mirror, raw):
        """5, for a log of the center: check, keep, cosign (3.4)."""
        found, note = self.unpacked(origin, mirror, raw, ("onehall/batch/v1", self.keys["log"]))
        mirror += found
        head, now = opened(note, self.keys["log"]), int(time.time()).to_bytes(8, "big")
        line = signed_line(self.name, COSIGNATURE, self.cosigning, head, now)
        self.receipts[origin] = note.decode() + line

    def unpacked(self, origin, mirror, raw, form):
        """Leaves after those of ``mirror``, and their head; ``form``: type, key of the head."""
        line, _, rest = raw.partition(b"\n")
        word, first, second = line.split(b" ")
        cut, end = int(first), int(first) + int(second)
        header = opened(rest[:cut], self.keys["log"]).split("\n")
        (start, stop, _, n, plain), digests = map(int, header[2:7]), (header[7], header[9])
        leaves, sealed = rest[end : end + n], rest[end + n :]
        assert (word, *header[:2], start) == (b"onehall-batch/1", form[0], origin, len(mirror))
        assert len(sealed) == int(header[8])
        assert (sha(leaves).hex(), sha(sealed).hex()) == digests
        found = inflated(leaves, plain).split(b"\n")
        assert found.pop() == b"" and len(found) == stop - start
        assert opened(rest[cut:end], form[1]) == head_of(origin, mirror + found), "not the root"
        self.take_parts(origin, (start, stop), found, sealed)
        return found, rest[cut:end]

    def take_parts(self, origin, span, leaves, sealed):
        """Standards have no personal parts; ``carried.py`` opens those of orders."""
