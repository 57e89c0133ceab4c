"""Requests other than batches, signed by the hall's key (RFC 9421 HTTP Message Signatures).

Pure: builds and checks the signature base. Covered: method, path, query and, with a body, its
digest (RFC 9530). The signed requests only read or are idempotent, so a replay gains nothing; a
creation time far from the receiver's clock is reported as skew and never refused (decision 9).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from sync.errors import Malformed, UnknownKey
from sync.notes import Signer, Verifier, b64, unb64

TAG = "onehall-sync"
_INPUT = re.compile(
    r'^sig1=(\((?:"[@a-z-]+"(?: |(?=\))))+\);created=(\d{1,12});keyid="([^"\\]{1,200})"'
    r';alg="ed25519";tag="onehall-sync")$'
)
# Headers that say which bytes are meant; covered where they are there.
_RANGES = ("Content-Range", "Range")


@dataclass(frozen=True)
class Asked:
    """A request: path and query as they stand in the request line, body, headers of the body."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def digest_of(body: bytes) -> str:
    """The ``Content-Digest`` of a body (RFC 9530)."""
    return f"sha-256=:{b64(sha256(body).digest())}:"


def _covered(asked: Asked) -> dict[str, str]:
    """Component -> value, in the order in which they are signed."""
    path, _, query = asked.target.partition("?")
    values = {"@method": asked.method.upper(), "@path": path, "@query": f"?{query}"}
    if asked.body:
        values["content-digest"] = asked.headers.get("Content-Digest", "")
    return values | {n.lower(): asked.headers[n] for n in _RANGES if n in asked.headers}


def _signed_text(covered: Mapping[str, str], params: str) -> bytes:
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def sign_request(signer: Signer, asked: Asked, created: int) -> dict[str, str]:
    """The headers that sign a request, its digest among them.

    Args:
        created: POSIX seconds by the sender's clock.
    """
    headers = {"Content-Digest": digest_of(asked.body)} if asked.body else {}
    covered = _covered(Asked(asked.method, asked.target, asked.body, {**asked.headers, **headers}))
    names = " ".join(f'"{name}"' for name in covered)
    params = f'({names});created={created};keyid="{signer.name}";alg="ed25519";tag="{TAG}"'
    headers["Signature-Input"] = f"sig1={params}"
    headers["Signature"] = f"sig1=:{b64(signer.sign_raw(_signed_text(covered, params)))}:"
    return headers


def signature_headers(
    signer: Signer, method: str, target: str, body: bytes, created: int
) -> dict[str, str]:
    """The headers of a signed request without a range; as :func:`sign_request`."""
    return sign_request(signer, Asked(method, target, body), created)


def check_request(
    headers: Mapping[str, str],
    method: str,
    target: str,
    body: bytes,
    key_of: Callable[[str], Verifier],
) -> tuple[str, int]:
    """Who signed this request, and when by its own clock.

    Args:
        key_of: the key of a name; raises UnknownKey.

    Returns:
        The key's name and the POSIX seconds of creation.

    Raises:
        UnknownKey: unsigned, by an unknown key, or the signature does not hold.
        Malformed: the headers are not what docs/wire.md says, or the body was altered.
    """
    given, signature = headers.get("Signature-Input", ""), headers.get("Signature", "")
    if not given or not signature:
        raise UnknownKey("the request is not signed")
    read = _INPUT.match(given)
    sealed = re.match(r"^sig1=:([A-Za-z0-9+/=]{88}):$", signature)
    if read is None or sealed is None:
        raise Malformed("not a request signature of docs/wire.md")
    params, created, name = read.group(1), int(read.group(2)), read.group(3)
    covered = _covered(Asked(method, target, body, headers))
    names = " ".join(f'"{n}"' for n in covered)
    digest = headers.get("Content-Digest", "")
    if not params.startswith(f"({names});") or (body and digest != digest_of(body)):
        raise Malformed("the signature does not cover the whole request")
    base = _signed_text(covered, params)
    if not key_of(name).verify(base, unb64(sealed.group(1), "signature")):
        raise UnknownKey("the request's signature does not hold")
    return name, created
