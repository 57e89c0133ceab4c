"""What the center adds to the JSON interface: how each hall stands against what is here."""

from __future__ import annotations

import msgspec

from aggregator.center import Center
from aggregator.halls.halls import every_hall
from web.interface import Listing
from web.interface_lists import shared


class HallStanding(msgspec.Struct, frozen=True):
    """One hall. ``written``: entries of its log as it said at its last contact, if it ever did."""

    hall: str
    name: str
    state: str
    written: int | None
    received: int
    applied: int
    quarantined: int
    findings: int
    open_findings: int
    oldest_unsent: str
    clock_skew_s: int
    contact_at: str
    receipt_at: str


def listings(center: Center) -> list[Listing]:
    """Every list of the center's interface."""

    def halls(after: str, most: int) -> list[HallStanding]:
        return [
            HallStanding(
                hall=one.hall,
                name=one.name,
                state=one.state,
                written=one.local,
                received=one.received,
                applied=one.applied,
                quarantined=one.quarantined,
                findings=one.findings,
                open_findings=one.open_findings,
                oldest_unsent=one.oldest_unsent,
                clock_skew_s=one.skew_s,
                contact_at=one.contact_at,
                receipt_at=one.receipt_at,
            )
            for one in sorted(every_hall(center), key=lambda one: one.hall)
            if one.hall > after
        ][:most]

    said = "How each hall stands against what was received."
    return [*shared(center.db), Listing("reconciliation", "对账", said, HallStanding, halls)]
