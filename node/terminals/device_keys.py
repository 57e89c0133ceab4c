"""Keys of kiosks: P-256, because that is what every browser's WebCrypto has.

The only file of the node that touches these primitives: checks what a device signed, opens what a
kiosk sealed to the hall, signs what a kiosk must be able to believe. A sealed text is ``point of a
key of one use (65) ‖ nonce (12) ‖ AES-256-GCM ciphertext``, bound to the place it was sealed for.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_CURVE = ec.SECP256R1()
_ECDSA = ec.ECDSA(hashes.SHA256())
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
POINT_BYTES = 65
NONCE_BYTES = 12
SEAL_INFO = b"onehall-terminal/1 seal"


class BadKey(Exception):
    """Not a point of the curve, not sealed to this hall, or altered."""


def is_signed(public: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the holder of this key signed the text (raw r ‖ s, as WebCrypto writes it)."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        _point(public).verify(encode_dss_signature(r, s), text, _ECDSA)
    except (InvalidSignature, ValueError, BadKey):
        return False
    return True


class HallKeys:
    """What kiosks know the hall by: a key that signs, and one that opens what is sealed to it.

    Args:
        seed: of the key file; both keys are derived from it.
    """

    def __init__(self, seed: bytes) -> None:
        self._sign = ec.derive_private_key(_scalar(seed, b"sign"), _CURVE)
        self._seal = ec.derive_private_key(_scalar(seed, b"seal"), _CURVE)
        self.signing = point_of(self._sign)
        self.sealing = point_of(self._seal)

    def sign(self, text: bytes) -> bytes:
        """Raw r ‖ s."""
        return sign_with(self._sign, text)

    def open(self, sealed: bytes, place: str) -> bytes:
        """What a kiosk sealed for this place.

        Raises:
            BadKey: altered, for another place, or for another hall.
        """
        shared = self._seal.exchange(ec.ECDH(), _point(sealed[:POINT_BYTES]))
        nonce = sealed[POINT_BYTES : POINT_BYTES + NONCE_BYTES]
        try:
            rest = sealed[POINT_BYTES + NONCE_BYTES :]
            return AESGCM(_content_key(shared)).decrypt(nonce, rest, place.encode())
        except (InvalidTag, ValueError) as wrong:
            raise BadKey("cannot be opened with this hall's key") from wrong


def new_device_key() -> tuple[bytes, bytes]:
    """A key for a prepared machine: (private, PKCS #8), (public, point)."""
    key = ec.generate_private_key(_CURVE)
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, point_of(key)


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The uncompressed point of a key."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def sign_with(key: ec.EllipticCurvePrivateKey, text: bytes) -> bytes:
    """A signature as WebCrypto writes it."""
    r, s = decode_dss_signature(key.sign(text, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _point(public: bytes) -> ec.EllipticCurvePublicKey:
    try:
        if len(public) != POINT_BYTES:
            raise ValueError("not an uncompressed point")
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
    except ValueError as wrong:
        raise BadKey("not a public key") from wrong


def _scalar(seed: bytes, purpose: bytes) -> int:
    info = b"onehall-terminal/1 " + purpose
    derived = HKDF(hashes.SHA256(), 48, None, info).derive(seed)
    return int.from_bytes(derived, "big") % (_ORDER - 1) + 1


def _content_key(shared: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, None, SEAL_INFO).derive(shared)
