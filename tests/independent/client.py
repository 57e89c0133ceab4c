"""A hall in one file, written from docs/wire.md alone; it imports nothing of this project."""

import base64
import hashlib
import hmac
import itertools
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


def b64(raw):
    return base64.b64encode(raw).decode()


def sha(raw):
    return hashlib.sha256(raw).digest()


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
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return sha(b"\x01" + root_of(hashes[:half]) + root_of(hashes[half:]))


def opened(note, verifier):
    """3.2 and 3.4: the text, when this key signed it; a failing signature raises."""
    name, claimed, rest = verifier.split("+", 2)
    raw = base64.b64decode(rest, validate=True)
    kind, public = raw[0], raw[1:]
    assert key_id(name, kind, public).hex() == claimed
    text, _, signatures = note.decode().rpartition("\n\n")
    text += "\n"
    found = False
    for line in signatures.splitlines():
        mark, signer, encoded = line.split(" ")
        payload = base64.b64decode(encoded, validate=True)
        if mark != "—" or signer != name or payload[:4].hex() != claimed:
            continue
        signed, signature = text.encode(), payload[4:]
        if kind == COSIGNATURE:
            when, signature = int.from_bytes(payload[4:12], "big"), payload[12:]
            signed = f"cosignature/v1\ntime {when}\n{text}".encode()
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
        found = True
    assert found, f"not signed by {name}"
    return text


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
        self.sealing = X25519PrivateKey.generate()
        self.leaves, self.parts, self.key_set = [], {}, (0, "")
        self.mirrors, self.receipts, self.boot = {}, {}, str(uuid.uuid4())

    # --- 7: requests ------------------------------------------------------------------------

    def ask(self, method, target, body=b"", media_type="application/json"):
        headers = {"Accept-Encoding": "identity"}
        covered, lines = ["@method", "@path", "@query"], []
        path, _, query = target.partition("?")
        values = {"@method": method, "@path": path, "@query": f"?{query}"}
        if body:
            headers |= {"Content-Type": media_type}
            headers["Content-Digest"] = f"sha-256=:{b64(sha(body))}:"
            covered.append("content-digest")
            values["content-digest"] = headers["Content-Digest"]
        names = " ".join(f'"{name}"' for name in covered)
        params = f'({names});created={int(time.time())};keyid="{self.name}"'
        params += ';alg="ed25519";tag="onehall-sync"'
        lines = [f'"{name}": {values[name]}' for name in covered]
        lines.append(f'"@signature-params": {params}')
        signature = self.signing.sign("\n".join(lines).encode())
        headers |= {"Signature-Input": f"sig1={params}", "Signature": f"sig1=:{b64(signature)}:"}
        answer = requests.request(
            method, self.url + target, data=body or None, headers=headers, timeout=(5, 20),
            allow_redirects=False,
        )  # fmt: skip
        assert answer.headers.get("OneHall") == "1", "not the center"
        if answer.status_code != 200:
            raise Refused(answer.status_code, answer.json())
        return answer.content

    # --- 6.3: enrolment ---------------------------------------------------------------------

    def enrol(self, code):
        """Ask with a one-time code; answers the state and the thirty digits."""
        public = [k.public_key().public_bytes_raw() for k in (self.signing, self.cosigning)]
        text = "".join(
            f"{line}\n"
            for line in (
                "onehall/enrol/v1",
                self.hall,
                verifier_key(self.name, NOTE, public[0]),
                verifier_key(self.name, COSIGNATURE, public[1]),
                b64(self.sealing.public_key().public_bytes_raw()),
            )
        )
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
            lines = opened(answer["hall"].encode(), self.keys["roster"]).split("\n")
            assert lines[:3] == ["onehall/hall/v1", self.center, self.hall]
        d = sha(f"onehall/digits/v1\n{root}\n{text}".encode())
        groups = [int.from_bytes(d[5 * i : 5 * i + 5], "big") % 100_000 for i in range(6)]
        return answer["state"], " ".join(f"{group:05d}" for group in groups)

    def trust(self, keyset):
        """6.1: go by a key set that the pinned root signed, and never by an older one again."""
        text = opened(keyset, self.root)
        lines = text.split("\n")[:-1]
        assert lines[0] == ("onehall/keys/v1" if len(lines) == 7 else "onehall/keys/v2")
        assert lines[1] == self.center
        version, (known, before) = int(lines[2]), self.key_set
        assert known <= version <= (known or version) + 1_000, "an older one, or a leap"
        assert version > known or text == before, "two sets of one version"
        self.key_set = version, text
        self.keys = dict(zip(("roster", "log", "receipts"), lines[3:6], strict=True))
        self.center_sealing = base64.b64decode(lines[6], validate=True)

    # --- 2: entries -------------------------------------------------------------------------

    def write(self, kind, body, personal=None):
        """Append an entry to the own log."""
        moment = time.time_ns() // 1_000_000
        noise = int.from_bytes(os.urandom(10), "big")
        number = moment << 80 | noise & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62
        leaf = {
            "actor": "T77-001",
            "at": datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            + f"{moment % 1000:03d}Z",
            "body": body,
            "boot": self.boot,
            "id": str(uuid.UUID(int=number)),
            "kind": kind,
            "mono": time.monotonic_ns() // 1_000_000,
            "v": 1,
        }
        if personal is not None:
            part = os.urandom(32) + canonical(personal)
            leaf["commitment"] = b64(sha(part))
            self.parts[len(self.leaves)] = part
        self.leaves.append(canonical(leaf))
        return leaf["id"]

    # --- 3 and 4: heads and batches ---------------------------------------------------------

    def note(self, text):
        public = self.signing.public_key().public_bytes_raw()
        line = key_id(self.name, NOTE, public) + self.signing.sign(text.encode())
        return f"{text}\n— {self.name} {b64(line)}\n".encode()

    def head(self, size):
        root = root_of([sha(b"\0" + leaf) for leaf in self.leaves[:size]])
        return f"{self.origin}\n{size}\n{b64(root)}\n"

    def packed(self, start, stop):
        """4: a batch of the own entries from ``start`` to ``stop``."""
        plain = b"".join(leaf + b"\n" for leaf in self.leaves[start:stop])
        leaves = zstandard.ZstdCompressor().compress(plain)
        info = f"onehall/seal/v1\n{self.origin}\n{start}\n{stop}\n".encode()
        sealed, content_key = b"", AESGCM.generate_key(256)
        for index in (i for i in range(start, stop) if i in self.parts):
            where = index.to_bytes(12, "big")
            part = AESGCM(content_key).encrypt(where, self.parts[index], where)
            sealed += where + len(part).to_bytes(4, "big") + part
        if sealed:
            receiver = X25519PublicKey.from_public_bytes(self.center_sealing)
            sealed = SUITE.encrypt(content_key, receiver, info) + sealed
        lines = ("onehall/batch/v1", self.origin, start, stop, len(self.leaves), len(leaves),
                 len(plain), sha(leaves).hex(), len(sealed), sha(sealed).hex())  # fmt: skip
        header = self.note("".join(f"{line}\n" for line in lines))
        head = self.note(self.head(stop))
        first = f"onehall-batch/1 {len(header)} {len(head)}\n".encode()
        return first + header + head + leaves + sealed

    def push(self, start, stop):
        """Send a batch and believe its receipt only as section 10 says; answers the size."""
        batch = self.packed(start, stop)
        target = f"/sync/v1/logs/{self.hall}/1"
        receipt = self.ask("POST", target, batch, "application/vnd.onehall.batch")
        return batch, receipt, self.believe(receipt)

    def believe(self, receipt):
        kind = base64.b64decode(self.keys["receipts"].split("+", 2)[2])[0]
        assert kind == COSIGNATURE, "a receipt is a cosignature"
        text = opened(receipt, self.keys["receipts"])
        origin, size, _ = text.split("\n", 2)
        assert origin == self.origin and int(size) <= len(self.leaves)
        assert text == self.head(int(size)), "another history than ours"
        return int(size)

    # --- 8: the round, and what comes down --------------------------------------------------

    def round(self):
        """One contact; answers what the center holds of our log, and fetches what it offers."""
        raw = self.ask("POST", "/sync/v1/round", self.said())
        answer = json.loads(raw)
        self.trust(answer["keys"].encode())
        for log in answer["logs"]:
            if log["origin"] != self.origin:
                self.fetch(log)
        return self.heard(answer)

    def said(self):
        """What this hall says in a round."""
        own = {"origin": self.origin, "size": len(self.leaves)}
        own["note"] = self.note(self.head(len(self.leaves))).decode()
        held = [
            {"origin": o, "size": len(m), "note": self.receipts.get(o, "")}
            for o, m in self.mirrors.items()
        ]
        ask = {"hall": self.hall, "clock": datetime.now(UTC).isoformat(), "software": "other/1"}
        return canonical(ask | {"logs": [own, *held]})

    def heard(self, answer):
        """How much the center holds of our log; its receipt is checked."""
        size = 0
        for log in answer["logs"]:
            if log["origin"] == self.origin:
                size = log["size"]
                if log.get("note"):
                    self.believe(log["note"].encode())
        return size

    def fetch(self, offer):
        origin = offer["origin"]
        allowed = (f"{self.center}/standards/1", f"{self.center}/orders-{self.hall}/1")
        assert origin in allowed, "a log that is not for us"
        text = opened(offer["note"].encode(), self.keys["log"])
        assert text.split("\n")[:2] == [origin, str(offer["size"])]
        mirror = self.mirrors.setdefault(origin, [])
        assert offer["size"] >= len(mirror), "an older state than we hold"
        while len(mirror) < offer["size"]:
            raw = self.ask("GET", f"/sync/v1/logs/{origin}?from={len(mirror)}")
            self.receive(origin, mirror, raw)

    def own_back(self, size):
        """4.5: our own log, as the center keeps it, under the heads that we signed ourselves."""
        mine = verifier_key(self.name, NOTE, self.signing.public_key().public_bytes_raw())
        mirror: list[bytes] = []
        while len(mirror) < size:
            raw = self.ask("GET", f"/sync/v1/logs/{self.origin}?from={len(mirror)}")
            found, _ = self.unpacked(self.origin, mirror, raw, ("onehall/relay/v1", mine))
            mirror += found
        return mirror

    def receive(self, origin, mirror, raw):
        """5, for a log of the center: check, keep, cosign."""
        form = ("onehall/batch/v1", self.keys["log"])
        found, note = self.unpacked(origin, mirror, raw, form)
        mirror += found
        head, now = opened(note, self.keys["log"]), int(time.time())
        public = self.cosigning.public_key().public_bytes_raw()
        signed = self.cosigning.sign(f"cosignature/v1\ntime {now}\n{head}".encode())
        line = key_id(self.name, COSIGNATURE, public) + now.to_bytes(8, "big") + signed
        self.receipts[origin] = note.decode() + f"— {self.name} {b64(line)}\n"

    def unpacked(self, origin, mirror, raw, form):
        """Leaves after those of ``mirror``, and their head; ``form``: type, key of the head."""
        line, _, rest = raw.partition(b"\n")
        word, first, second = line.split(b" ")
        assert word == b"onehall-batch/1"
        cut, end = int(first), int(first) + int(second)
        text = opened(rest[:cut], self.keys["log"])
        head = opened(rest[cut:end], form[1])
        kind, claimed, start, stop, _, n, plain, digest, m, other = text.split("\n")[:10]
        leaves, sealed = rest[end : end + int(n)], rest[end + int(n) :]
        assert (kind, claimed, int(start)) == (form[0], origin, len(mirror))
        assert len(sealed) == int(m) and sha(leaves).hex() == digest and sha(sealed).hex() == other
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(leaves)
        found = reader.read(int(plain)).split(b"\n")
        assert found.pop() == b"" and len(found) == int(stop) - int(start) and not reader.read(1)
        root = root_of([sha(b"\0" + leaf) for leaf in mirror + found])
        assert head == f"{origin}\n{stop}\n{b64(root)}\n", "not the signed root"
        self.check_parts(origin, (int(start), int(stop)), found, sealed)
        return found, rest[cut:end]

    def check_parts(self, origin, span, leaves, sealed):
        """4.3: every part opens the commitment of its leaf."""
        if not sealed:
            return
        info = f"onehall/seal/v1\n{origin}\n{span[0]}\n{span[1]}\n".encode()
        content_key, at = SUITE.decrypt(sealed[:80], self.sealing, info), 80
        while at < len(sealed):
            where, size = sealed[at : at + 12], int.from_bytes(sealed[at + 12 : at + 16], "big")
            part = AESGCM(content_key).decrypt(where, sealed[at + 16 : at + 16 + size], where)
            leaf = json.loads(leaves[int.from_bytes(where, "big") - span[0]])
            assert leaf["commitment"] == b64(sha(part))
            self.parts[origin, leaf["id"]] = part[32:]
            at += 16 + size

    # --- 14: sticks -------------------------------------------------------------------------

    def stick(self, *cuts):
        """A stick up, as one file: what this hall says, and its batches between these sizes."""
        files, lines = [], []
        inside = [(self.said(), "")]
        for start, stop in itertools.pairwise(cuts):
            inside.append((self.packed(start, stop), f" {self.origin} {start} {stop}"))
        for number, (plain, place) in enumerate(inside):
            name = f"F{number:07d}.OHS"
            hint = sha(self.center_sealing)[:8].hex()
            label = f"onehall-stick/1 {hint}\n".encode()
            receiver = X25519PublicKey.from_public_bytes(self.center_sealing)
            content_key = AESGCM.generate_key(256)
            wrapped = SUITE.encrypt(content_key, receiver, self.place("up", name))
            files.append(label + wrapped + AESGCM(content_key).encrypt(bytes(12), plain, label))
            lines.append(f"{name} {len(files[-1])} {sha(files[-1]).hex()}{place}")
        heading = ("onehall/stick/v1", self.center, self.hall, "up", "2026-11-24", len(files))
        note = self.note("".join(f"{line}\n" for line in (*heading, *lines)))
        return f"onehall-index/1 0 {len(note)}\n".encode() + note + b"".join(files)

    def place(self, way, name):
        """14.3: what a file is sealed for."""
        return f"onehall/stick/v1\n{self.center}\n{self.hall}\n{way}\n{name}\n".encode()

    def take_stick(self, raw):
        """A stick down, as one file; answers what the center holds of our log."""
        line, _, rest = raw.partition(b"\n")
        word, first, second = line.split(b" ")
        assert word == b"onehall-index/1"
        cut, end = int(first), int(first) + int(second)
        self.trust(rest[:cut])
        lines = opened(rest[cut:end], self.keys["log"]).split("\n")[:-1]
        assert lines[:4] == ["onehall/stick/v1", self.center, self.hall, "down"]
        assert len(lines) == 6 + int(lines[5])
        files = {}
        for entry in lines[6:]:
            name, size, digest, *_ = entry.split(" ")
            files[entry] = rest[end : end + int(size)]
            assert len(files[entry]) == int(size) and sha(files[entry]).hex() == digest, name
            end += int(size)
        assert end == len(rest), "something stands behind the last file"
        return max(self.take_file(entry, sealed) for entry, sealed in files.items())

    def take_file(self, entry, raw):
        name, _, _, *log = entry.split(" ")
        label, sealed = raw[: raw.index(b"\n") + 1], raw[raw.index(b"\n") + 1 :]
        content_key = SUITE.decrypt(sealed[:80], self.sealing, self.place("down", name))
        plain = AESGCM(content_key).decrypt(bytes(12), sealed[80:], label)
        if not log:
            return self.heard(json.loads(plain))
        mirror = self.mirrors.setdefault(log[0], [])
        if int(log[2]) > len(mirror):
            self.receive(log[0], mirror, plain)
        return 0
