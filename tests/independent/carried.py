"""The long way that ``client.py`` leaves out, from docs/wire.md alone.

Batches proved one by one, personal parts in both forms, the own history, sticks.
"""

import itertools
import json

import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.independent.client import (
    NOTE,
    SUITE,
    Client,
    b64,
    canonical,
    head_of,
    inflated,
    lines_of,
    opened,
    public,
    sha,
    verifier_key,
)

TOGETHER = b"\xff" * 12


def split(joined):
    """4.3, form 2: index -> opening and payload."""
    count, size = int.from_bytes(joined[:4], "big"), int.from_bytes(joined[4:8], "big")
    first, openings = int.from_bytes(joined[8:16], "big"), 16 + 2 * count
    payloads = inflated(joined[openings + 32 * count :], size).split(b"\n")
    assert payloads.pop() == b"" and len(payloads) == count
    away = [int.from_bytes(joined[16 + 2 * i : 18 + 2 * i], "big") for i in range(count)]
    cut = [joined[openings + 32 * i : openings + 32 * (i + 1)] for i in range(count)]
    return {first + away[i]: cut[i] + payloads[i] for i in range(count)}


class Hall(Client):
    """A hall that goes the long way: form 2, batches by themselves, its own history, sticks."""

    opens: int = 1
    offered: list[dict] = []  # noqa: RUF012

    def __init__(self, *about):
        super().__init__(*about)
        self.files: dict[str, bytes] = {}

    def said(self):
        return canonical(json.loads(super().said()) | {"sealed": 2})

    def heard(self, answer):
        self.opens = answer.get("sealed", 1)
        self.offered = [log for log in answer["logs"] if log["origin"] != self.origin]
        return super().heard(answer)

    def sealed(self, start, stop):
        """4.3, form 2: the personal parts together, for a center that opens that."""
        there = [index for index in range(start, stop) if index in self.parts]
        if not there or self.opens < 2:
            return super().sealed(start, stop)
        parts = [self.parts[index] for index in there]
        payloads = b"".join(part[32:] + b"\n" for part in parts)
        joined = len(there).to_bytes(4) + len(payloads).to_bytes(4) + there[0].to_bytes(8)
        joined += b"".join((index - there[0]).to_bytes(2) for index in there)
        joined += b"".join(part[:32] for part in parts) + zstandard.compress(payloads)
        info, key = lines_of("onehall/seal/v1", self.origin, start, stop), AESGCM.generate_key(256)
        one = AESGCM(key).encrypt(TOGETHER, joined, TOGETHER)
        to = X25519PublicKey.from_public_bytes(self.center_sealing)
        wrapped = SUITE.encrypt(key, to, info.encode())
        return wrapped + TOGETHER + len(one).to_bytes(4) + one

    def unpacked(self, batch, origin, held):
        """5: a batch of the center, proved by itself, with what is sealed to us."""
        return self.received(batch, origin, held, ("onehall/batch/v1", self.keys["log"]))

    def received(self, raw, origin, held, form):
        """The leaves that follow those held; ``form``: type of the batch, key of its head."""
        line, _, rest = raw.partition(b"\n")
        word, first, second = line.decode().split(" ")
        cut, end = int(first), int(first) + int(second)
        header = opened(rest[:cut].decode(), self.keys["log"]).split("\n")[:-1]
        start, stop, whole, packed, plain = map(int, header[2:7])
        assert (word, *header[:2], start) == ("onehall-batch/1", form[0], origin, len(held))
        assert start < stop <= whole and stop - start <= 5_000
        assert plain <= max(1 << 22, 200 * packed)
        leaves, sealed = rest[end : end + packed], rest[end + packed :]
        assert [sha(leaves).hex(), str(len(sealed)), sha(sealed).hex()] == header[7:]
        found = inflated(leaves, plain).split(b"\n")
        assert found.pop() == b"" and len(found) == stop - start
        head = opened(rest[cut:end].decode(), form[1])
        assert head == head_of(origin, held + found), "not the signed root"
        self.take_parts(origin, (start, stop), found, sealed)
        return found

    def take_parts(self, origin, span, leaves, sealed):
        """4.3: every part, in either form, opens the commitment of its leaf."""
        info = lines_of("onehall/seal/v1", origin, *span).encode()
        for index, part in self.unsealed(sealed, info).items():
            leaf = json.loads(leaves[index - span[0]])
            assert leaf["commitment"] == b64(sha(part))
            self.parts[origin, leaf["id"]] = part[32:]

    def unsealed(self, sealed, info):
        parts: dict[int, bytes] = {}
        at = 80
        if not sealed:
            return parts
        key = AESGCM(SUITE.decrypt(sealed[:80], self.sealing, info))
        while at < len(sealed):
            where, size = sealed[at : at + 12], int.from_bytes(sealed[at + 12 : at + 16], "big")
            plain = key.decrypt(where, sealed[at + 16 : at + 16 + size], where)
            if where == TOGETHER:
                return split(plain)
            parts[int.from_bytes(where, "big")] = plain
            at += 16 + size
        return parts

    def own_back(self, size):
        """4.5: our own log, as the center keeps it, under the heads that we signed ourselves."""
        mine = verifier_key(self.name, NOTE + public(self.signing))
        mirror: list[bytes] = []
        while len(mirror) < size:
            raw = self.ask("GET", f"/sync/v1/logs/{self.origin}?from={len(mirror)}")
            mirror += self.received(raw, self.origin, mirror, ("onehall/relay/v1", mine))
        return mirror

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
        self.trust(rest[:cut].decode())
        lines = opened(rest[cut:end].decode(), self.keys["log"]).split("\n")[:-1]
        assert lines[:4] == ["onehall/stick/v1", self.center, self.hall, "down"]
        assert len(lines) == 6 + int(lines[5])
        files = {}
        for entry in lines[6:]:
            name, size, digest, *_ = entry.split(" ")
            files[entry] = rest[end : end + int(size)]
            assert len(files[entry]) == int(size) and sha(files[entry]).hex() == digest, name
            end += int(size)
        assert end == len(rest), "something stands behind the last file"
        for entry in [entry for entry in files if ".OHF " in entry]:
            scan = files.pop(entry)
            self.files[sha(scan).hex()] = scan
        held = max(self.take_file(entry, sealed) for entry, sealed in files.items())
        for offer in self.offered:
            log = dict(offer)
            if len(self.mirrors.get(log["origin"], [])) == log["size"]:
                self.fetch(log["origin"], log["size"], log["note"])
        return held

    def take_file(self, entry, raw):
        name, _, _, *log = entry.split(" ")
        label, sealed = raw[: raw.index(b"\n") + 1], raw[raw.index(b"\n") + 1 :]
        content_key = SUITE.decrypt(sealed[:80], self.sealing, self.place("down", name))
        plain = AESGCM(content_key).decrypt(bytes(12), sealed[80:], label)
        if not log:
            return self.heard(json.loads(plain))
        mirror = self.mirrors.setdefault(log[0], [])
        if int(log[2]) > len(mirror):
            mirror += self.unpacked(plain, log[0], mirror)
        return 0
