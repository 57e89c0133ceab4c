"""Sealing personal parts for one receiver on the way (RFC 9180 HPKE, then AES-256-GCM).

The only file that touches HPKE. One encapsulated content key for a batch; every personal part is
sealed under it with its leaf index as nonce and associated data. A content key is used for exactly
one packing, so an index is never used twice under one key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sync.errors import Malformed

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
WRAPPED_BYTES = 32 + 32 + 16
OPENING_BYTES = 32
MAX_PART_BYTES = 64 * 1024


def commitment(opening: bytes, payload: bytes) -> bytes:
    """SHA-256(opening ‖ payload): what stands in the leaf instead of the payload."""
    return sha256(opening + payload).digest()


class SealingKey:
    """A receiver's private X25519 key."""

    def __init__(self, seed: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """The batch's content key.

        Raises:
            Malformed: not sealed to this key, or for another batch.
        """
        try:
            return _SUITE.decrypt(wrapped, self._key, info)
        except (InvalidTag, ValueError):
            raise Malformed("the personal parts are not sealed to this receiver") from None


def seal(parts: Mapping[int, bytes], public: bytes, info: bytes) -> bytes:
    """The sealed section: wrapped content key, then (index, length, ciphertext) for each part.

    Args:
        parts: leaf index -> opening ‖ payload.
        public: the receiver's sealing key.
        info: binds the section to its batch (origin, from, to).
    """
    if not parts:
        return b""
    content_key = os.urandom(32)
    wrapped = _SUITE.encrypt(content_key, X25519PublicKey.from_public_bytes(public), info)
    encrypt = AESGCM(content_key).encrypt
    out = [wrapped]
    for index, plain in sorted(parts.items()):
        where = index.to_bytes(12, "big")
        sealed = encrypt(where, plain, where)
        out.append(where + len(sealed).to_bytes(4, "big") + sealed)
    return b"".join(out)


def unseal(section: bytes, key: SealingKey, info: bytes) -> dict[int, bytes]:
    """Open a sealed section: leaf index -> opening ‖ payload.

    Raises:
        Malformed: cut short, out of order, altered, or sealed to somebody else.
    """
    if not section:
        return {}
    decrypt = AESGCM(key.unwrap(section[:WRAPPED_BYTES], info)).decrypt
    parts: dict[int, bytes] = {}
    at, last, end = WRAPPED_BYTES, -1, len(section)
    while at < end:
        where, length = section[at : at + 12], int.from_bytes(section[at + 12 : at + 16], "big")
        index, stop = int.from_bytes(where, "big"), at + 16 + length
        if index <= last or stop > end or length > MAX_PART_BYTES:
            raise Malformed("the sealed section is cut short or out of order")
        try:
            parts[index] = decrypt(where, section[at + 16 : stop], where)
        except InvalidTag:
            raise Malformed("a sealed part was altered") from None
        last, at = index, stop
    return parts
