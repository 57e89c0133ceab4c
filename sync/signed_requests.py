"""Requests other than batches, signed by the hall's key (RFC 9421 HTTP Message Signatures).

Pure: builds and checks the signature base. Covered: method, path, query and, with a body, its
digest (RFC 9530). The signed requests only read or are idempotent, so a replay gains nothing; a
creation time far from the receiver's clock is reported as skew and never refused (decision 9).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256

from sync.errors import Malformed, UnknownKey
from sync.notes import Signer, Verifier, b64, unb64

TAG = "onehall-sync"
_INPUT = re.compile(
    r'^sig1=(\((?:"[@a-z-]+"(?: |(?=\))))+\);created=(\d{1,12});keyid="([^"\\]{1,200})"'
    r';alg="ed25519";tag="onehall-sync")$'
)
_COVERED = {
    False: ("@method", "@path", "@query"),
    True: ("@method", "@path", "@query", "content-digest"),
}


def _digest(body: bytes) -> str:
    return f"sha-256=:{b64(sha256(body).digest())}:"


def _signed_text(method: str, target: str, digest: str, params: str, *, with_body: bool) -> bytes:
    path, _, query = target.partition("?")
    values = {
        "@method": method.upper(),
        "@path": path,
        "@query": f"?{query}",
        "content-digest": digest,
    }
    lines = [f'"{name}": {values[name]}' for name in _COVERED[with_body]]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def signature_headers(
    signer: Signer, method: str, target: str, body: bytes, created: int
) -> dict[str, str]:
    """The headers of a signed request.

    Args:
        target: path and query as they stand in the request line.
        created: POSIX seconds by the sender's clock.
    """
    with_body = bool(body)
    names = " ".join(f'"{name}"' for name in _COVERED[with_body])
    params = f'({names});created={created};keyid="{signer.name}";alg="ed25519";tag="{TAG}"'
    headers = {"Content-Digest": _digest(body)} if with_body else {}
    signature = signer.sign_raw(
        _signed_text(method, target, headers.get("Content-Digest", ""), params, with_body=with_body)
    )
    headers["Signature-Input"] = f"sig1={params}"
    headers["Signature"] = f"sig1=:{b64(signature)}:"
    return headers


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
    names = " ".join(f'"{n}"' for n in _COVERED[bool(body)])
    digest = headers.get("Content-Digest", "")
    if not params.startswith(f"({names});") or (body and digest != _digest(body)):
        raise Malformed("the signature does not cover the whole request")
    base = _signed_text(method, target, digest, params, with_body=bool(body))
    if not key_of(name).verify(base, unb64(sealed.group(1), "signature")):
        raise UnknownKey("the request's signature does not hold")
    return name, created
