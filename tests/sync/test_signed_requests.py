"""Requests signed by the hall's key (RFC 9421): what is covered cannot be changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.contact.signed_requests import check_request, signature_headers
from sync.errors import Malformed, SyncError, UnknownKey
from sync.notes import Signer, Verifier, b64

HALL = Signer("city.example/T01", b"h" * 32)
NOW = 1_795_480_197
TARGET, BODY = "/sync/v1/round", b'{"hall":"T01"}'
GET = "/sync/v1/logs/city.example/standards/1?from=0"
SIGNED = signature_headers(HALL, "POST", TARGET, BODY, NOW)
SIGNED_GET = signature_headers(HALL, "GET", GET, b"", NOW)


def key_of(name: str) -> Verifier:
    if name != HALL.name:
        raise UnknownKey("no such hall")
    return HALL.verifier


def check(headers: dict[str, str], method: str, target: str, body: bytes) -> tuple[str, int]:
    return check_request(headers, method, target, body, key_of)


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.text("/abc-._~%09", min_size=1, max_size=20),
    st.text("abc=&?/09", max_size=10),
    st.binary(max_size=40),
)
def test_a_signed_request_is_believed_with_or_without_body_and_query(
    method: str, path: str, query: str, body: bytes
) -> None:
    target = f"{path}?{query}" if query else path
    headers = signature_headers(HALL, method, target, body, NOW)
    assert check(headers, method, target, body) == (HALL.name, NOW)
    assert ("Content-Digest" in headers) is bool(body)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("PUT", TARGET, BODY),
        ("POST", TARGET + "/x", BODY),
        ("POST", TARGET + "?a=1", BODY),
        ("POST", TARGET, BODY + b" "),
        ("POST", TARGET, BODY.replace(b"T01", b"T02")),
        ("POST", TARGET, b""),
    ],
)
def test_a_request_that_was_changed_on_the_way_is_refused(
    method: str, target: str, body: bytes
) -> None:
    with pytest.raises((UnknownKey, Malformed)):
        check(SIGNED, method, target, body)


@pytest.mark.parametrize("target", [GET.replace("from=0", "from=1"), GET.split("?")[0], GET + "&a"])
def test_a_query_that_was_changed_on_the_way_is_refused(target: str) -> None:
    assert check(SIGNED_GET, "GET", GET, b"")
    with pytest.raises(UnknownKey):
        check(SIGNED_GET, "GET", target, b"")


def test_a_body_put_under_the_signature_of_a_request_without_one_is_refused() -> None:
    digest = signature_headers(HALL, "GET", GET, b"more", NOW)["Content-Digest"]
    with pytest.raises(Malformed, match="whole request"):
        check(SIGNED_GET | {"Content-Digest": digest}, "GET", GET, b"more")


def test_an_unsigned_request_and_an_unknown_key_are_refused() -> None:
    for missing in ("Signature", "Signature-Input"):
        with pytest.raises(UnknownKey, match="not signed"):
            check({k: v for k, v in SIGNED.items() if k != missing}, "POST", TARGET, BODY)
    stranger = Signer("city.example/T02", b"s" * 32)
    with pytest.raises(UnknownKey):
        check(signature_headers(stranger, "POST", TARGET, BODY, NOW), "POST", TARGET, BODY)
    impostor = Signer(HALL.name, b"s" * 32)
    with pytest.raises(UnknownKey, match="does not hold"):
        check(signature_headers(impostor, "POST", TARGET, BODY, NOW), "POST", TARGET, BODY)


def test_the_name_and_time_that_are_answered_are_those_that_were_signed() -> None:
    for old, new in (('keyid="city.example/T01"', 'keyid="city.example/T02"'),
                     (f"created={NOW}", f"created={NOW + 1}")):  # fmt: skip
        changed = SIGNED | {"Signature-Input": SIGNED["Signature-Input"].replace(old, new)}
        with pytest.raises(UnknownKey):
            check(changed, "POST", TARGET, BODY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"@method" ', ""),
        (' "content-digest"', ""),
        ('"@method" "@path"', '"@path" "@method"'),
        ('"@query"', '"@query" "date"'),
        ("sig1=", "sig2="),
        ('alg="ed25519"', 'alg="none"'),
        ('alg="ed25519"', 'alg="hmac-sha256"'),
        (';tag="onehall-sync"', ""),
        ('tag="onehall-sync"', 'tag="other"'),
        (f"created={NOW};", ""),
        (f"created={NOW}", f"created=-{NOW}"),
        (f"created={NOW}", "created=" + "9" * 40),
        (f"created={NOW}", f"created={NOW};expires=1"),
        ('keyid="city.example/T01"', 'keyid=""'),
    ],
)
def test_parameters_of_another_form_are_refused(old: str, new: str) -> None:
    given_input = SIGNED["Signature-Input"]
    assert old in given_input
    with pytest.raises(Malformed):
        check(SIGNED | {"Signature-Input": given_input.replace(old, new)}, "POST", TARGET, BODY)


@pytest.mark.parametrize(
    "signature", ["", "x", "sig1=::", "sig1=:AAAA:", "sig1=:" + "?" * 88 + ":", "sig1=:" + "=" * 88]
)
def test_a_signature_of_another_form_is_refused(signature: str) -> None:
    with pytest.raises((Malformed, UnknownKey)):
        check(SIGNED | {"Signature": signature}, "POST", TARGET, BODY)


@pytest.mark.parametrize(
    "digest", ["", "sha-256=::", "md5=:x:", f"sha-256=:{b64(bytes(32))}:"]
)  # fmt: skip
def test_a_digest_that_is_not_the_body_s_is_refused(digest: str) -> None:
    with pytest.raises(Malformed):
        check(SIGNED | {"Content-Digest": digest}, "POST", TARGET, BODY)


@given(st.text(max_size=200), st.text(max_size=120))
def test_no_headers_raise_anything_but_a_refusal(given_input: str, signature: str) -> None:
    for one in (given_input, "sig1=" + given_input, 'sig1=("@method"' + given_input):
        with pytest.raises(SyncError):
            check({"Signature-Input": one, "Signature": signature}, "POST", TARGET, BODY)
