"""The hall's own certificate authority: made by one command, good for this hall's names only.

Browsers give camera and keys only to https addresses. A hall has no name that a public authority
would vouch for, so it has an authority of its own, which machines of the hall are told to trust.
What that authority may vouch for is written into it (name constraints): this hall's names and
private addresses, no bank and no search engine. Keys lie beside the database, never in it, 0600.
The only file of the shell that touches these primitives.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.storage.durable import write_file

AUTHORITY_YEARS: Final = 10
LEAF_DAYS: Final = 397
RENEW_BEFORE: Final = timedelta(days=60)
_PRIVATE: Final = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)
_ALWAYS: Final = ("localhost", "127.0.0.1")


class OutsideNames(ValueError):
    """A name that the hall's authority may not vouch for: a new authority is needed."""


@dataclass(frozen=True)
class Held:
    """What a hall has: until when, for which names, and by what its authority is recognised."""

    names: tuple[str, ...]
    until: datetime
    fingerprint: str


@dataclass(frozen=True)
class Pair:
    """A certificate and the key that belongs to it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def issue(folder: Path, title: str, names: tuple[str, ...], now: datetime, *, anew: bool) -> Held:
    """A certificate for these names; the authority is made first where there is none.

    Args:
        title: of the authority, as machines list it.
        anew: make a new authority, which every machine must then be told to trust.

    Raises:
        OutsideNames: the authority that is there may not vouch for one of the names.
        ValueError: something that is neither a name nor an address.
    """
    names = tuple(dict.fromkeys((*names, *_ALWAYS)))
    for name in names:
        _general(name)
    if anew or not (folder / "ca.pem").exists():
        _write(folder, "ca", _authority(title, names, now))
    authority = _read(folder, "ca")
    outside = [name for name in names if not _may_vouch(authority.certificate, name)]
    if outside:
        raise OutsideNames(", ".join(outside))
    _write(folder, "leaf", _leaf(authority, names, now))
    held = held_in(folder)
    assert held is not None
    return held


def held_in(folder: Path) -> Held | None:
    """What is there; None where nothing was made."""
    if not (folder / "leaf.pem").exists():
        return None
    leaf, authority = _certificate(folder, "leaf"), _certificate(folder, "ca")
    return Held(_names(leaf), leaf.not_valid_after_utc, fingerprint(authority))


def renew_if_due(folder: Path, now: datetime) -> bool:
    """A new certificate for the same names, two months before the old one ends."""
    held = held_in(folder)
    if held is None or held.until - now > RENEW_BEFORE:
        return False
    _write(folder, "leaf", _leaf(_read(folder, "ca"), held.names, now))
    return True


def context_of(folder: Path) -> ssl.SSLContext:
    """What a listener needs to speak TLS with the hall's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_into(context, folder)
    return context


def load_into(context: ssl.SSLContext, folder: Path) -> None:
    """Take the certificate that lies there now, also while connections are open."""
    if (folder / "leaf.pem").stat().st_mode & 0o077:
        raise PermissionError("leaf.pem: others may read this key file; chmod 600 it")
    context.load_cert_chain(folder / "leaf.pem")


def authority_file(folder: Path) -> bytes:
    """The authority's certificate (DER), as machines are given it."""
    return _certificate(folder, "ca").public_bytes(serialization.Encoding.DER)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in groups that two people can compare."""
    text = certificate.fingerprint(hashes.SHA256()).hex().upper()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _authority(title: str, names: tuple[str, ...], now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title[:60])])
    permitted: list[x509.GeneralName] = [x509.IPAddress(ip_network(one)) for one in _PRIVATE]
    for name in names:
        general = _general(name)
        if isinstance(general, x509.IPAddress):
            general = x509.IPAddress(ip_network(name))
        permitted.append(general)
    built = (
        _builder(subject, subject, key, now, timedelta(days=365 * AUTHORITY_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    return Pair(key, built.sign(key, hashes.SHA256()))


def _leaf(authority: Pair, names: tuple[str, ...], now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:60])])
    issuer_key = authority.key.public_key()
    built = (
        _builder(subject, authority.certificate.subject, key, now, timedelta(days=LEAF_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )
    return Pair(key, built.sign(authority.key, hashes.SHA256()))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    valid: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A machine whose clock is a little behind must not find it too young.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        if not name.isascii() or not all(
            part and part.replace("-", "a").isalnum() for part in name.split(".")
        ):
            raise ValueError(f"neither a name nor an address: {name!r}") from None
        return x509.DNSName(name.lower())


def _may_vouch(authority: x509.Certificate, name: str) -> bool:
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    general = _general(name)
    for permitted in constraints.permitted_subtrees or ():
        if isinstance(permitted, x509.IPAddress) and isinstance(general, x509.IPAddress):
            if ip_address(name) in ip_network(str(permitted.value)):
                return True
        elif isinstance(permitted, x509.DNSName) and isinstance(general, x509.DNSName):
            below = general.value.endswith("." + permitted.value)
            if general.value == permitted.value or below:
                return True
    return False


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(general.value) for general in found)


def _certificate(folder: Path, stem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{stem}.pem").read_bytes())


def _read(folder: Path, stem: str) -> Pair:
    key = serialization.load_pem_private_key((folder / f"{stem}.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Pair(key, _certificate(folder, stem))


def _write(folder: Path, stem: str, pair: Pair) -> None:
    """Key and certificate in one file: after a power cut both are the old ones, or the new ones."""
    key = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = pair.certificate.public_bytes(serialization.Encoding.PEM)
    write_file(folder / f"{stem}.pem", (key + certificate).decode("ascii"))
