"""层级: a county's center hands its halls' logs on to a city's center, and the city takes them in.

The city pinned the county's root once, as a hall pins its center's; all other keys follow from it.
Each side goes by its own copy: the city says how much it holds, the county goes on from there.
"""

from __future__ import annotations

from aggregator.center import Center
from aggregator.halls.roster import keys_note
from aggregator.keys.keybook import epoch_of, note_of_epoch
from sync.batch import claimed_origin
from sync.contact.forwarding import County, Forwarded, Keeper, forwarded_batch, take_forwarded
from sync.contact.messages import ForwardAnswer, ForwardAsk, LogHead
from sync.contact.receiving import Receiver
from sync.errors import DiskFull, StoreBusy, TryLater, UnknownLog
from sync.keys.keysets import CenterKeys, follow
from sync.notes import Verifier
from sync.private.sealing import SEALED_TOGETHER, Recipient
from sync.storage.store import again

DDL = (
    """CREATE TABLE IF NOT EXISTS county (
        center TEXT PRIMARY KEY, root TEXT NOT NULL, keys BLOB NOT NULL, at TEXT NOT NULL)""",
)


def forward(
    center: Center, origin: str, start: int, city_sealing: bytes | Recipient
) -> bytes | None:
    """The county's side: the next piece of a hall's log, or None when there is nothing after it.

    Args:
        start: how much of this log the city holds.
        city_sealing: the city's public sealing key, and what it opens.
    """
    keeper = Keeper(center.signer, center.cosigner)
    batch = forwarded_batch(center.logs, origin, start, keeper, city_sealing)
    if batch is None:
        return None
    hall = center.logs.state(origin).writer
    hall_note = note_of_epoch(center, hall, epoch_of(origin))
    return Forwarded(keys_note(center), hall_note, batch).pack()


def pin_county(center: Center, root: Verifier) -> None:
    """The city's side: believe this county's root from now on; two people have compared it."""
    name = root.name.rpartition("/")[0]
    with center.db.transaction():
        center.db.execute(
            "INSERT INTO county VALUES (:center, :root, :none, :at) ON CONFLICT DO NOTHING",
            center=name,
            root=str(root),
            none=b"",
            at=center.clock.stamp(),
        )


def take(center: Center, county: str, raw: bytes) -> bytes:
    """The city's side: take in what a county forwarded; the receipt, with both cosignatures.

    Raises:
        UnknownLog: no county of this name was pinned. SyncError: refused, with the rule.
    """
    known = _known(center, county)
    receiver = Receiver(center.sealing, center.cosigner)
    keys, receipt = take_forwarded(center.logs, raw, known, receiver)
    if known.keys != keys:
        center.db.execute(
            "UPDATE county SET keys = :keys WHERE center = :center",
            keys=Forwarded.unpack(raw).keys_note,
            center=county,
        )
    return receipt


def _known(center: Center, county: str) -> County:
    rows = center.db.query("SELECT root, keys FROM county WHERE center = :center", center=county)
    if not rows:
        raise UnknownLog("no county of this name hands logs on to this center", county=county)
    root, seen = Verifier.parse(rows[0]["root"]), bytes(rows[0]["keys"])
    return County(county, root, CenterKeys.open(seen, root) if seen else None)


def held(center: Center, origin: str) -> int:
    """How much of a forwarded log the city holds."""
    try:
        return center.logs.state(origin).size
    except UnknownLog:
        return 0


# --- the city's side of a run ---------------------------------------------------------------------


def log_key_of(center: Center, ask: ForwardAsk) -> Verifier:
    """The key with which a county signs what it asks, by the key set that it shows.

    Raises:
        UnknownLog: no county of this name was pinned.
        UnknownKey, KeySetRefused: the key set is not the county's, or an older one.
    """
    known = _known(center, ask.center)
    offered = CenterKeys.open(ask.keys.encode(), known.root)
    keys = follow(known.keys, offered) if known.keys else offered
    if keys.center != ask.center:
        raise UnknownLog("the key set of another county", county=keys.center)
    return keys.log


def answer(center: Center, ask: ForwardAsk) -> ForwardAnswer:
    """What the city holds of a county's logs."""
    center.keys.refresh()
    home = ask.center + "/"
    sizes = {origin: held(center, origin) for origin in ask.origins if origin.startswith(home)}
    return ForwardAnswer(
        center=center.settings.center,
        keys=keys_note(center).decode(),
        sealed=SEALED_TOGETHER,
        logs=tuple(LogHead(origin=o, size=size) for o, size in sizes.items() if size),
    )


def take_in(center: Center, county: str, raw: bytes) -> tuple[str, bytes]:
    """Take in what came over HTTP; the log and the receipt.

    Raises:
        SyncError: refused. TryLater: the city's disk is full, or its database out of reach.
    """
    center.keys.refresh()
    try:
        receipt = again(lambda: take(center, county, raw))
    except DiskFull:
        raise TryLater("the city's disk is full", retry_after=300) from None
    except StoreBusy:
        raise TryLater("the city's database is busy or out of reach", retry_after=15) from None
    return claimed_origin(Forwarded.unpack(raw).batch), receipt


def counties(center: Center) -> list[dict[str, object]]:
    """Every county that was pinned, and what came from it."""
    found: list[dict[str, object]] = []
    states = [state for state in center.logs.states() if not state.own]
    for row in center.db.query("SELECT center, root FROM county ORDER BY center"):
        home = row["center"] + "/"
        mine = [state for state in states if state.origin.startswith(home)]
        facts = {"logs": len(mine), "entries": sum(state.size for state in mine)}
        found.append({"county": row["center"], "root": row["root"], **facts})
    return found
