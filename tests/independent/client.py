"""A branch hall in one file, from docs/wire.md alone: enrols, pushes, reads receipts, pulls.

    python client.py URL CENTER HALL CODE

It goes the short way of section 15. Every check of section 10 is an assertion: it stops there.
"""

import base64
import hashlib
import hmac
import json
import secrets
import sys
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
NOTE, COSIGNATURE = b"\x01", b"\x04"
PRIME = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = {0, 1, PRIME - 1, ORDER_8, PRIME - ORDER_8}
BATCH = "application/vnd.onehall.batch"


def b64(raw):
    return base64.b64encode(raw).decode()


def unb64(text):
    raw = base64.b64decode(text, validate=True)
    assert b64(raw) == text, "base64 in another spelling"
    return raw


def sha(raw):
    return hashlib.sha256(raw).digest()


def lines_of(*values):
    return "".join(f"{value}\n" for value in values)


def canonical(value):
    """2.2; the bodies given here hold no field at its default, no control character."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def public(key):
    return key.public_key().public_bytes_raw()


def key_id(name, typed):
    return sha(name.encode() + b"\n" + typed)[:4]


def verifier_key(name, typed):
    return f"{name}+{key_id(name, typed).hex()}+{b64(typed)}"


def to_sign(text, when=b""):
    """3.4: a cosignature says its time, too."""
    return ((f"cosignature/v1\ntime {int.from_bytes(when)}\n" if when else "") + text).encode()


def signed(name, key, text, when=b""):
    """3.2: one line of a note."""
    mark = key_id(name, (COSIGNATURE if when else NOTE) + public(key))
    return f"— {name} {b64(mark + when + key.sign(to_sign(text, when)))}\n"


def opened(note, verifier, kind=NOTE):
    """3.2 and 1: the text, when this key signed it; a signature of it that fails raises."""
    name, claimed, encoded = verifier.split("+", 2)
    typed = unb64(encoded)
    assert (len(typed), typed[:1], key_id(name, typed).hex()) == (33, kind, claimed), "not the key"
    assert int.from_bytes(typed[1:], "little") % 2**255 % PRIME not in SMALL_ORDER, "small order"
    text, _, signatures = note.rpartition("\n\n")
    found = False
    for line in signatures.splitlines():
        mark, signer, payload = line.split(" ")
        raw = unb64(payload)
        if (mark, signer, raw[:4].hex()) == ("—", name, claimed):
            when, signature = raw[4:-64], raw[-64:]
            assert len(when) == (8 if kind == COSIGNATURE else 0)
            key = Ed25519PublicKey.from_public_bytes(typed[1:])
            key.verify(signature, to_sign(f"{text}\n", when))
            found = True
    assert found, f"not signed by {name}"
    return f"{text}\n"


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
    assert size <= 1 << 24, "beyond the cap"
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(packed)
    plain = reader.read(size)
    assert len(plain) == size and not reader.read(1)
    return plain


class Client:
    """One branch hall that speaks the wire."""

    def __init__(self, url, center, hall):
        self.url, self.center, self.hall = url, center, hall
        self.name, self.origin = f"{center}/{hall}", f"{center}/{hall}/1"
        self.signing, self.cosigning = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.sealing, self.boot = X25519PrivateKey.generate(), str(uuid.uuid4())
        self.root, self.key_set = None, (0, "")
        self.leaves, self.parts, self.mirrors, self.receipts = [], {}, {}, {}

    def ask(self, method, target, body=b"", media_type="application/json"):
        """7.1: a signed request; the body of the answer."""
        path, _, query = target.partition("?")
        covered = {"@method": method, "@path": path, "@query": f"?{query}"}
        headers = {"Accept-Encoding": "identity"}
        if body:
            covered["content-digest"] = f"sha-256=:{b64(sha(body))}:"
            headers |= {"Content-Type": media_type, "Content-Digest": covered["content-digest"]}
        names = " ".join(f'"{name}"' for name in covered)
        params = f'({names});created={int(time.time())};keyid="{self.name}"'
        covered["@signature-params"] = params + ';alg="ed25519";tag="onehall-sync"'
        base = "\n".join(f'"{name}": {value}' for name, value in covered.items())
        headers["Signature-Input"] = f"sig1={covered['@signature-params']}"
        headers["Signature"] = f"sig1=:{b64(self.signing.sign(base.encode()))}:"
        about = {"data": body, "headers": headers, "timeout": (5, 20), "allow_redirects": False}
        answer = requests.request(method, self.url + target, **about)
        assert answer.headers.get("OneHall") == "1", "not the center"
        if answer.status_code != 200:
            raise requests.HTTPError(answer.text, response=answer)
        return answer.content

    def enrol(self, code):
        """6.3: ask with a one-time code; answers the state and the thirty digits."""
        own = [verifier_key(self.name, NOTE + public(self.signing))]
        own += [verifier_key(self.name, COSIGNATURE + public(self.cosigning))]
        own += [b64(public(self.sealing))]
        text = lines_of("onehall/enrol/v1", self.hall, *own)
        salt, plain = f"onehall/enrol/{self.hall}", "".join(code.split()).upper().replace("-", "")
        secret = hashlib.scrypt(plain.encode(), salt=salt.encode(), n=16384, r=8, p=1, dklen=32)
        mac = hmac.new(secret, f"ask\n{text}".encode(), "sha256").hexdigest()
        asked = canonical({"text": text, "mac": mac})
        answer = json.loads(self.ask("POST", "/sync/v1/enrol", asked))
        root = answer["root"]
        mac = hmac.new(secret, f"answer\n{root}".encode(), "sha256").hexdigest()
        assert hmac.compare_digest(answer["mac"], mac), "not the maker of the code"
        assert self.root in (None, root), "another root than before"
        self.root = root
        if answer["state"] == "approved":
            self.trust(answer["keys"])
            listed = lines_of("onehall/hall/v1", self.center, self.hall, *own, 0, "-")
            assert opened(answer["hall"], self.keys["roster"]) == listed, "not our keys"
        d = sha(f"onehall/digits/v1\n{root}\n{text}".encode())
        groups = [int.from_bytes(d[5 * i : 5 * i + 5]) % 100_000 for i in range(6)]
        return answer["state"], " ".join(f"{group:05d}" for group in groups)

    def trust(self, note):
        """6.1: go by a key set that the pinned root signed, and never by an older one again."""
        text, (known, before) = opened(note, self.root), self.key_set
        lines = text.split("\n")[:-1]
        version = int(lines[2])
        assert lines[:2] == [f"onehall/keys/v{2 if len(lines) > 7 else 1}", self.center]
        assert known <= version <= (known or version) + 1_000, "an older one, or a leap"
        assert version > known or text == before, "two sets of one version"
        self.key_set = version, text
        self.keys = dict(zip(("roster", "log", "receipts"), lines[3:6], strict=True))
        self.center_sealing = unb64(lines[6])

    def write(self, kind, body, personal=None):
        """2: append an entry to the own log; answers its id."""
        now = time.time_ns() // 1_000_000
        number = now << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
        at = datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds")
        leaf = {"actor": f"{self.hall}-001", "at": at[:23] + "Z", "body": body, "v": 1}
        leaf |= {"boot": self.boot, "mono": time.monotonic_ns() // 1_000_000, "kind": kind}
        leaf["id"] = str(uuid.UUID(int=number))
        if personal is not None:
            self.parts[len(self.leaves)] = part = secrets.token_bytes(32) + canonical(personal)
            leaf["commitment"] = b64(sha(part))
        self.leaves.append(canonical(leaf))
        return leaf["id"]

    def note(self, text):
        return f"{text}\n{signed(self.name, self.signing, text)}".encode()

    def packed(self, start, stop):
        """4: a batch of the own entries from ``start`` to ``stop``."""
        plain = b"".join(leaf + b"\n" for leaf in self.leaves[start:stop])
        leaves, sealed = zstandard.compress(plain), self.sealed(start, stop)
        sizes = len(leaves), len(plain), sha(leaves).hex(), len(sealed), sha(sealed).hex()
        about = self.origin, start, stop, len(self.leaves)
        header = self.note(lines_of("onehall/batch/v1", *about, *sizes))
        head = self.note(head_of(self.origin, self.leaves[:stop]))
        first = f"onehall-batch/1 {len(header)} {len(head)}\n".encode()
        return first + header + head + leaves + sealed

    def sealed(self, start, stop):
        """4.3, form 1: each personal part, under a content key for this one packing."""
        key, found = AESGCM.generate_key(256), b""
        for index in (index for index in range(start, stop) if index in self.parts):
            place = index.to_bytes(12)
            one = AESGCM(key).encrypt(place, self.parts[index], place)
            found += place + len(one).to_bytes(4) + one
        to = X25519PublicKey.from_public_bytes(self.center_sealing)
        info = lines_of("onehall/seal/v1", self.origin, start, stop).encode()
        return found and SUITE.encrypt(key, to, info) + found

    def push(self, start, stop):
        """Send a batch; answers it, its receipt, and the size that the receipt confirms."""
        batch = self.packed(start, stop)
        receipt = self.ask("POST", f"/sync/v1/logs/{self.hall}/1", batch, BATCH)
        return batch, receipt, self.believe(receipt.decode())

    def believe(self, receipt):
        """10: a cosignature of our own root at that size."""
        text = opened(receipt, self.keys["receipts"], COSIGNATURE)
        size = int(text.split("\n")[1])
        assert size <= len(self.leaves)
        assert text == head_of(self.origin, self.leaves[:size]), "another history than ours"
        return size

    def round(self):
        """8: one contact; fetches what the center offers, answers what it holds of our log."""
        answer = json.loads(self.ask("POST", "/sync/v1/round", self.said()))
        self.trust(answer["keys"])
        for log in answer["logs"]:
            if log["origin"] != self.origin:
                self.fetch(log["origin"], log["size"], log["note"])
        return self.heard(answer)

    def said(self):
        """What this hall says in a round."""
        head = self.note(head_of(self.origin, self.leaves)).decode()
        logs = [{"origin": self.origin, "size": len(self.leaves), "note": head}]
        for origin, held in self.mirrors.items():
            logs += [{"origin": origin, "size": len(held), "note": self.receipts.get(origin, "")}]
        clock = datetime.now(UTC).isoformat()
        return canonical({"hall": self.hall, "clock": clock, "software": "small/1", "logs": logs})

    def heard(self, answer):
        """How much the center holds of our log; its receipt is checked."""
        own = next((log for log in answer["logs"] if log["origin"] == self.origin), {"size": 0})
        assert own["size"] <= len(self.leaves), "the center holds more: this is a restored copy"
        if own["size"]:
            self.believe(own["note"])
        return own["size"]

    def fetch(self, origin, size, note):
        """15: a log of the center, from the size held here; its signed head proves every entry."""
        held = self.mirrors.get(origin, [])
        assert origin in (f"{self.center}/standards/1", f"{self.center}/orders-{self.hall}/1")
        assert size >= len(held), "an older state than we hold"
        while len(held) < size:
            raw = self.ask("GET", f"/sync/v1/logs/{origin}?from={len(held)}")
            held = held + self.unpacked(raw, origin, held)
        head = opened(note, self.keys["log"])
        assert head == head_of(origin, held[:size]), "not what the center signed"
        self.mirrors[origin] = held[:size]
        now = int(time.time()).to_bytes(8)
        self.receipts[origin] = note + signed(self.name, self.cosigning, head, now)

    def unpacked(self, batch, origin, held):
        """4: what stands in a batch, unproved; ``carried.py`` opens what is sealed in it, too."""
        line, _, rest = batch.partition(b"\n")
        first, second = map(int, line.split(b" ")[1:])
        packed, size = map(int, rest[:first].split(b"\n")[5:7])
        return inflated(rest[first + second :][:packed], size).split(b"\n")[:-1]


def main(url, center, hall, code):
    client = Client(url, center, hall)
    state, digits = client.enrol(code)
    print("read these digits to the center:", digits, flush=True)
    while state == "pending":
        time.sleep(1)
        state, _ = client.enrol(code)
    held, about = client.round(), {"received_on": "2026-11-24", "guide_version": 1}
    about |= {"case_no": f"{hall}-0001", "item": "000164213003"}
    citizen = {"applicant_name": "张三", "mobile": "13904351234", "paper_no": "11010519491231002X"}
    client.write("case_received", about, citizen)
    _, receipt, size = client.push(held, len(client.leaves))
    print(f"the center holds {size} of our entries:", receipt.decode(), sep="\n")
    for origin, leaves in client.mirrors.items():
        print(f"{origin}: {len(leaves)} entries, proved by the center's signature")


if __name__ == "__main__":
    main(*sys.argv[1:])
