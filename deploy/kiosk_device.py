"""A kiosk without a browser: holds a key, signs its requests, numbers and chains its events.

For the demo's self-check, the tests and the benchmarks; written after docs/terminals.md, and on
nothing of the node's. How bytes get to the node is given from outside.
"""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# (method, path with query, headers, body) -> (status, JSON)
Send = Callable[[str, str, dict[str, str], bytes], tuple[int, dict[str, Any]]]


class Device:
    """One kiosk.

    Args:
        send: carries a request and brings the answer.
        now, mono: the kiosk's own clocks.
    """

    def __init__(
        self,
        send: Send,
        key: ec.EllipticCurvePrivateKey | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        mono: Callable[[], int] = lambda: 0,
    ) -> None:
        self.send, self.now, self.mono = send, now, mono
        self._set_key(key or ec.generate_private_key(ec.SECP256R1()))
        self.terminal, self.hall_sealing = "", b""
        self.boot_id = secrets.token_hex(16)
        self.queue: list[tuple[int, str]] = []

    def take_key(self, fragment: str) -> None:
        """Use the key that stands behind the ``#`` of a prepared address."""
        given = dict(part.split("=", 1) for part in fragment.split("&"))
        key = serialization.load_der_private_key(urlsafe_b64decode(given["key"]), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._set_key(key)
        self.terminal = given["terminal"]

    def _set_key(self, key: ec.EllipticCurvePrivateKey) -> None:
        self.key = key
        self.public = key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.key_id = sha256(self.public).hexdigest()[:32]
        self.seq, self.last_hash = 0, self.key_id

    # --- being admitted -----------------------------------------------------------------------

    def pair(self, code: str) -> tuple[int, dict[str, Any]]:
        """Bring the key under a one-time code; it then waits for approval."""
        text = f"onehall-terminal/1 pair\n{code}\n{self.public.hex()}".encode()
        body = {"code": code, "public": self.public.hex(), "proof": self.sign(text).hex()}
        raw = json.dumps(body).encode()
        status, told = self.send("POST", "/t/v1/pair", {"Content-Type": "application/json"}, raw)
        if status == 202:
            self.terminal = told["terminal"]
            self.hall_sealing = bytes.fromhex(told["hall_sealing"])
        return status, told

    def take_up(self) -> dict[str, Any]:
        """Go on after what the node has of this key."""
        status, told = self.ask("GET", "/t/v1/state")
        if status != 200:
            return told
        self.hall_sealing = bytes.fromhex(told["hall_sealing"])
        self.seq = told.get("last_seq", 0)
        self.last_hash = told.get("last_hash", self.key_id)
        return told

    def rotate(self) -> tuple[int, dict[str, Any]]:
        """Go over to a new key."""
        new = ec.generate_private_key(ec.SECP256R1())
        other = Device(self.send, new)
        text = f"onehall-terminal/1 rotate\n{self.terminal}\n{self.key_id}\n{other.key_id}"
        body = {"public": other.public.hex(), "proof": other.sign(text.encode()).hex()}
        status, told = self.ask("POST", "/t/v1/keys", body)
        if status == 200:
            self._set_key(new)
        return status, told

    # --- signing and sealing ----------------------------------------------------------------------

    def sign(self, text: bytes) -> bytes:
        """Raw r ‖ s, as a browser writes it."""
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def seal(self, plain: bytes, place: str) -> bytes:
        """For the node's eyes only, bound to a place."""
        once = ec.generate_private_key(ec.SECP256R1())
        hall = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.hall_sealing)
        shared = once.exchange(ec.ECDH(), hall)
        content_key = HKDF(hashes.SHA256(), 32, None, b"onehall-terminal/1 seal").derive(shared)
        point = once.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        nonce = os.urandom(12)
        return point + nonce + AESGCM(content_key).encrypt(nonce, plain, place.encode())

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        """The headers that sign a request."""
        path, _, query = target.partition("?")
        digest = f"sha-256={sha256(body).hexdigest()}"
        time = self.now().astimezone(UTC).isoformat(timespec="milliseconds")
        nonce = secrets.token_urlsafe(16)
        sorted_query = "&".join(sorted(part for part in query.split("&") if part))
        lines = ("onehall-terminal/1", method, path, sorted_query, digest)
        text = "\n".join((*lines, self.terminal, self.key_id, time, nonce)).encode()
        return {
            "Hall-Device": self.terminal,
            "Hall-Key": self.key_id,
            "Hall-Time": time,
            "Hall-Nonce": nonce,
            "Hall-Signature": b64encode(self.sign(text)).decode(),
            "Content-Digest": digest,
        }

    def ask(
        self, method: str, target: str, body: dict[str, Any] | bytes | None = None
    ) -> tuple[int, dict[str, Any]]:
        """A signed request."""
        is_raw = isinstance(body, bytes)
        raw = body if isinstance(body, bytes) else b"" if body is None else _json(body).encode()
        kind = "application/octet-stream" if is_raw else "application/json"
        headers = self.headers(method, target, raw) | ({"Content-Type": kind} if raw else {})
        return self.send(method, target, headers, raw)

    # --- events -----------------------------------------------------------------------------------

    def note(self, kind: str, **more: Any) -> str:
        """Write an event down behind the one before it; answers its text."""
        event = {
            "seq": self.seq + 1,
            "prev_hash": self.last_hash,
            "event_id": secrets.token_hex(16),
            "kind": kind,
            "boot_id": self.boot_id,
            "mono_ms": self.mono(),
            "wall": self.now().astimezone().isoformat(timespec="milliseconds"),
            "tz": "Asia/Shanghai",
            **more,
        }
        for secret in {"pin", "card"} & more.keys():
            place = f"{self.terminal}/{event['event_id']}"
            event[secret] = b64encode(self.seal(more[secret].encode(), place)).decode()
        text = _json(event)
        self.seq += 1
        self.last_hash = sha256(text.encode()).hexdigest()
        self.queue.append((self.seq, text))
        return text

    def clocks(self) -> dict[str, Any]:
        """What anchors this kiosk's time."""
        return {
            "boot_id": self.boot_id,
            "mono_ms": self.mono(),
            "wall": self.now().astimezone().isoformat(timespec="milliseconds"),
            "rtt_ms": 0,
        }

    def deliver(self) -> tuple[int, dict[str, Any]]:
        """Send what waits; what is acknowledged waits no more."""
        body = {"events": [text for _, text in self.queue], "clocks": self.clocks()}
        status, told = self.ask("POST", "/t/v1/events", body)
        if status == 200:
            self.queue = [one for one in self.queue if one[0] > told["acked_through"]]
        return status, told

    # --- signing in -------------------------------------------------------------------------------

    def look(self, frames: list[bytes]) -> tuple[int, dict[str, Any]]:
        """A session before the camera, half a second between the frames; the last answer."""
        status, told = self.ask("POST", "/t/v1/sessions", {})
        session = told.get("session", "")
        for number, frame in enumerate(frames):
            target = f"/t/v1/sessions/{session}/frames?at={number * 500}"
            status, told = self.ask("POST", target, frame)
            if status != 200 or told["outcome"]:
                break
        return status, told

    def sign_in(
        self, frames: list[bytes], staff_no: str = "", pin: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """One sign-in: frames of the camera, number and PIN, or both.

        Returns:
            What became of the event; without one, what the camera's session said last.
        """
        ticket = ""
        if frames:
            status, told = self.look(frames)
            if status != 200 or not (told["ticket"] or (pin and told["outcome"])):
                return status, told
            ticket = told["ticket"]
            if told["outcome"] != "accepted" and not pin:
                return status, told
        if pin:
            more = {"ticket": ticket} if ticket else {}
            self.note("manual", staff_no=staff_no, pin=pin, **more)
        else:
            self.note("match", ticket=ticket, staff_no=told["staff_no"])
        status, told = self.deliver()
        return status, told["results"][-1] if status == 200 and told["results"] else told


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
