"""Sealing for one receiver on the way (RFC 9180 HPKE, then AES-256-GCM): parts, and whole files.

The only file that touches HPKE. One encapsulated content key for a batch. Under it every personal
part is sealed with its leaf index as nonce and associated data, or all of them together with the
index that no entry has: then what repeats itself from person to person is packed first. A content
key is used for exactly one packing, so an index is never used twice under one key.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sync.errors import Malformed
from sync.frames import deflate, inflate, may_inflate

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
CONTENT_KEY_BYTES = 32
WRAPPED_BYTES = 32 + CONTENT_KEY_BYTES + 16
OPENING_BYTES = 32
MAX_PART_BYTES = 64 * 1024
# The nonce of a file: each has a content key of its own.
_ONE_USE = bytes(12)
MAX_APART = 0xFFFF
# Forms of a sealed section: each part for itself, all parts together.
SEALED_TOGETHER = 2
# Where all parts stand together; no log has an entry of this index.
_ALL = b"\xff" * 12
_JOINED = struct.Struct(">IIQ")
_Cipher = Callable[[bytes, bytes, bytes], bytes]

# Points of small order on Curve25519 and their twists (RFC 7748 section 6.1), without the top bit:
# the shared secret would be zero, so nothing can be sealed to them.
_SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


def is_sealing_key(public: bytes) -> bool:
    """Whether something can be sealed to this public key: 32 bytes, not of small order."""
    return len(public) == 32 and public[:31] + bytes([public[31] & 0x7F]) not in _SMALL_ORDER


def commitment(opening: bytes, payload: bytes) -> bytes:
    """SHA-256(opening ‖ payload): what stands in the leaf instead of the payload."""
    return sha256(opening + payload).digest()


class SealingKey:
    """A receiver's private X25519 key."""

    def __init__(self, seed: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @property
    def hints(self) -> frozenset[str]:
        """Hints at the keys that open something here (:func:`key_hint`)."""
        return frozenset((key_hint(self.public),))

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """The content key of a batch's parts or of a file.

        Raises:
            Malformed: not sealed to this key, or for another place.
        """
        try:
            content_key = _SUITE.decrypt(wrapped, self._key, info)
        except (InvalidTag, ValueError):
            raise Malformed("not sealed to this receiver, or for another place") from None
        if len(content_key) != CONTENT_KEY_BYTES:
            raise Malformed("a content key is 32 bytes")
        return content_key


class SealingKeys(SealingKey):
    """The key in force, which is shown to others, and those before it, which open older parts.

    Args:
        seeds: the one in force first.
    """

    def __init__(self, *seeds: bytes) -> None:
        super().__init__(seeds[0])
        self._older = [SealingKey(seed) for seed in seeds[1:]]

    @property
    def hints(self) -> frozenset[str]:
        """As of one key."""
        return super().hints.union(*(older.hints for older in self._older))

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """As of one key; tried from the newest on."""
        try:
            return super().unwrap(wrapped, info)
        except Malformed:
            for older in self._older:
                with suppress(Malformed):
                    return older.unwrap(wrapped, info)
            raise


class Recipient(NamedTuple):
    """A receiver's public sealing key, and whether it opens parts that were sealed together."""

    public: bytes
    together: bool = False


def seal(parts: Mapping[int, bytes], to: bytes | Recipient, info: bytes) -> bytes:
    """The sealed section: wrapped content key, then the parts, each for itself or all together.

    Args:
        parts: leaf index -> opening ‖ payload.
        to: the receiver's sealing key.
        info: binds the section to its batch (origin, from, to).
    """
    if not parts:
        return b""
    public, together = to if isinstance(to, Recipient) else Recipient(to)
    content_key = os.urandom(CONTENT_KEY_BYTES)
    wrapped = _SUITE.encrypt(content_key, X25519PublicKey.from_public_bytes(public), info)
    encrypt = AESGCM(content_key).encrypt
    joined = join_parts(parts) if together else None
    if joined is not None:
        return b"".join((wrapped, *_sealed(encrypt, _ALL, joined)))
    out = [wrapped]
    for index, plain in sorted(parts.items()):
        out += _sealed(encrypt, index.to_bytes(12, "big"), plain)
    return b"".join(out)


def _sealed(encrypt: _Cipher, where: bytes, plain: bytes) -> tuple[bytes, bytes, bytes]:
    sealed = encrypt(where, plain, where)
    return where, len(sealed).to_bytes(4, "big"), sealed


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
        if where == _ALL and at == WRAPPED_BYTES and stop == end:
            return split_parts(_opened(decrypt, where, section[at + 16 : stop]))
        if index <= last or stop > end or length > MAX_PART_BYTES:
            raise Malformed("the sealed section is cut short or out of order")
        parts[index] = _opened(decrypt, where, section[at + 16 : stop])
        last, at = index, stop
    return parts


def new_content_key() -> bytes:
    """A key for one use."""
    return os.urandom(CONTENT_KEY_BYTES)


def wrap(content_key: bytes, public: bytes, info: bytes) -> bytes:
    """A content key for one receiver; :meth:`SealingKey.unwrap` gives it back."""
    return _SUITE.encrypt(content_key, X25519PublicKey.from_public_bytes(public), info)


def key_hint(public: bytes) -> str:
    """By which a receiver with several sealing keys finds the right one; never a proof."""
    return sha256(public).digest()[:8].hex()


def seal_whole(plain: bytes, public: bytes, label: bytes, info: bytes) -> bytes:
    """A whole file for one receiver: wrapped content key ‖ ciphertext.

    Args:
        label: what stands before it in the clear; bound to it.
        info: the place it is sealed for.
    """
    content_key = os.urandom(CONTENT_KEY_BYTES)
    wrapped = _SUITE.encrypt(content_key, X25519PublicKey.from_public_bytes(public), info)
    return wrapped + AESGCM(content_key).encrypt(_ONE_USE, plain, label)


def open_whole(sealed: memoryview, key: SealingKey, label: bytes, info: bytes) -> bytes:
    """What :func:`seal_whole` sealed.

    Raises:
        Malformed: altered, or sealed to somebody else or for another place.
    """
    content_key = key.unwrap(bytes(sealed[:WRAPPED_BYTES]), info)
    try:
        return AESGCM(content_key).decrypt(_ONE_USE, sealed[WRAPPED_BYTES:], label)
    except InvalidTag:
        raise Malformed("a sealed file was altered") from None


def _opened(decrypt: _Cipher, where: bytes, sealed: bytes) -> bytes:
    try:
        return decrypt(where, sealed, where)
    except InvalidTag:
        raise Malformed("a sealed part was altered") from None


def join_parts(
    parts: Mapping[int, bytes], pack: Callable[[bytes], bytes] = deflate
) -> bytes | None:
    """All these parts as one text, their payloads in one frame; None when it cannot be.

    ``count (4) ‖ plain bytes (4) ‖ first index (8) ‖ how far each is from the first (2 each) ‖
    openings (32 each) ‖ frame of the payloads, each followed by LF``.
    """
    indexes = sorted(parts)
    first, some = indexes[0], [parts[index] for index in indexes]
    plain = b"\n".join([part[OPENING_BYTES:] for part in some]) + b"\n"
    # A payload of foreign software may hold what it likes; it then travels for itself.
    odd = plain.count(b"\n") != len(some) or min(map(len, some)) < OPENING_BYTES
    if odd or indexes[-1] - first > MAX_APART:
        return None
    packed = pack(plain)
    if not may_inflate(len(plain), len(packed)):
        return None
    away = struct.pack(f">{len(some)}H", *[index - first for index in indexes])
    head = _JOINED.pack(len(some), len(plain), first)
    return b"".join((head, away, *[part[:OPENING_BYTES] for part in some], packed))


def split_parts(joined: bytes) -> dict[int, bytes]:
    """What :func:`join_parts` joined.

    Raises:
        Malformed: lengths that do not agree, or a payload too long.
    """
    if len(joined) < _JOINED.size:
        raise Malformed("the sealed section is cut short or out of order")
    count, size, first = _JOINED.unpack_from(joined)
    openings = _JOINED.size + 2 * count
    at = openings + OPENING_BYTES * count
    if not count or at > len(joined) or not may_inflate(size, len(joined) - at):
        raise Malformed("the sealed section is cut short or out of order")
    plain = inflate(joined[at:], size)
    payloads = plain.split(b"\n")
    away = struct.unpack_from(f">{count}H", joined, _JOINED.size)
    rising = all(a < b for a, b in pairwise(away))
    if len(payloads) != count + 1 or payloads[-1] or not rising:
        raise Malformed("the sealed section is cut short or out of order")
    if max(map(len, payloads)) > MAX_PART_BYTES:
        raise Malformed("a sealed part is longer than a part may be")
    return {
        first + away[i]: joined[openings + i * 32 : openings + i * 32 + 32] + payloads[i]
        for i in range(count)
    }
