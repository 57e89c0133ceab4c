"""证书说明: how a machine of the hall is told to trust the hall's own authority. For everybody.

Stands on both listeners, without a sign-in: whoever needs it cannot open any other page properly.
"""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from node.desk import hall
from node.terminals import certificate
from web import access, certificates

pages = Blueprint(
    "certificate", __name__, static_folder="../static", static_url_path="/trust-static"
)


@pages.get("/trust")
@access.public
def trust() -> str:
    """The steps for each kind of machine, and the fingerprint to compare."""
    return render_template(
        "certificates/trust.html",
        held=certificates.held_in(certificate.folder(hall())),
        is_https=request.scheme == "https",
        file=_file_name(),
    )


@pages.get("/trust/ca.crt")
@access.public
def authority() -> Response:
    """The authority's certificate, as systems take it in."""
    folder = certificate.folder(hall())
    if certificates.held_in(folder) is None:
        raise NotFound()
    name = _file_name()
    answer = Response(certificates.authority_file(folder), mimetype="application/x-x509-ca-cert")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _file_name() -> str:
    return f"onehall-{hall().settings.hall}-ca.crt"
