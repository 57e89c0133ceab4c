"""The headers every answer carries, errors included (ASVS 3.4.1-3.4.6)."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from web.shell import ShellSettings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        # data: and blob: for pictures only: QR codes and the camera's preview.
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

STANDING = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with it browsers send "Origin: null" on our own form posts, which cannot be
    # told from a foreign page's. Nothing goes to other sites either way.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


# On every answer of the sync interface (docs/wire.md section 7).
MACHINE = "OneHall"


def dress(settings: ShellSettings) -> Callable[[Response], Response]:
    """The function that puts the headers on an answer."""

    def put_on(answer: Response) -> Response:
        # No browser reads what one machine says to another, many times an hour on slow lines.
        told = {} if MACHINE in answer.headers else STANDING
        for name, value in told.items():
            answer.headers.setdefault(name, value)
        if settings.https and told:
            answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if (request.endpoint or "").endswith("static") and answer.status_code in (200, 304):
            # The address of a static file carries the hash of its content.
            kept = "public, max-age=31536000, immutable" if "v" in request.args else "no-cache"
            answer.headers["Cache-Control"] = kept
        else:
            answer.headers["Cache-Control"] = "no-store"
        return answer

    return put_on
