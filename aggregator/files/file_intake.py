"""The sync interface for files (docs/wire.md section 7.2), thin over ``archives``."""

from __future__ import annotations

import re

from flask import Response, request

from aggregator.files import archives
from aggregator.office import center as the_center
from aggregator.receiving.intake import intake, signing_hall
from sync.contact import messages
from sync.contact.signed_requests import digest_of
from sync.errors import Malformed
from sync.files.cabinet import MAX_PIECE_BYTES
from sync.files.file_exchange import BYTES, OFFSET, piece_of, range_of
from web.access import limits, signed_by_other_means

_SIGNED = "RFC 9421 signature of the hall's key"
_JSON = "application/json"
_ASKED = re.compile(r"bytes=(\d{1,12})-(\d{1,12})")


@intake.get("/files")
@signed_by_other_means(_SIGNED)
def files() -> Response:
    """What the center lacks of the files that the caller's log names."""
    keys = signing_hall(b"")
    wanted = archives.wanted_of(the_center(), keys, request.args.get("after", ""))
    return Response(messages.write(wanted), content_type=_JSON)


@intake.put("/files/<name>")
@signed_by_other_means(_SIGNED)
@limits(body=MAX_PIECE_BYTES)
def put_file(name: str) -> Response:
    """Keep the next piece of a file; answered when it is on the disk."""
    if request.mimetype != BYTES:
        raise Malformed(f"the content type must be {BYTES}")
    body = request.get_data(cache=False)
    keys = signing_hall(body)
    piece = piece_of(request.headers.get("Content-Range", ""), body)
    held = archives.take_piece(the_center(), keys, name, piece)
    return Response(messages.write(held), content_type=_JSON)


@intake.get("/files/<name>")
@signed_by_other_means(_SIGNED)
def get_file(name: str) -> Response:
    """A piece of a file; to HEAD, how many bytes are kept."""
    keys = signing_hall(b"")
    if request.method == "HEAD":
        held = archives.held_of(the_center(), keys, name)
        return Response(headers={OFFSET: str(held)}, content_type=BYTES)
    asked = _ASKED.fullmatch(request.headers.get("Range", ""))
    if asked is None or int(asked[2]) < int(asked[1]):
        raise Malformed("a piece is asked for by Range: bytes=<first>-<last>")
    start = int(asked[1])
    piece = archives.give_piece(the_center(), keys, name, start, int(asked[2]) - start + 1)
    headers = {"Content-Range": range_of(piece), "Content-Digest": digest_of(piece.body)}
    return Response(piece.body, 206, headers, content_type=BYTES)
