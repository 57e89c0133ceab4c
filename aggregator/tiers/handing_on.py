"""转报: a county's center hands its halls' logs on to the city's, over HTTP, as far as it has them.

The city says how much it holds of each log; from there the county goes on, log by log in the order
of their epochs. What was broken off goes on at the next run; what was sent twice is a replay. The
city's receipts are kept as proof. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aggregator.center import Center
from aggregator.halls.roster import keys_note
from aggregator.tiers.tiers import forward
from sync.client import JSON, PREFIX, HttpLine, Line
from sync.contact import messages
from sync.contact.forwarding import MEDIA_TYPE
from sync.contact.messages import ForwardAnswer, ForwardAsk
from sync.errors import Gap, Malformed, NotOurs, SyncError
from sync.keys.keysets import CenterKeys
from sync.notes import Checkpoint, Verifier, open_note
from sync.private.sealing import SEALED_TOGETHER, Recipient
from sync.recovery.epochs import in_order

DDL = (
    """CREATE TABLE IF NOT EXISTS forward_receipt (
        origin TEXT NOT NULL, size INTEGER NOT NULL, note BLOB NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (origin, size))""",
)
_PORTION = 500


@dataclass(frozen=True)
class City:
    """Whom to hand on to: its name, its keys under the pinned root, and what it opens."""

    keys: CenterKeys
    together: bool

    @property
    def recipient(self) -> Recipient:
        """To whom parts are sealed."""
        return Recipient(self.keys.sealing, self.together)


@dataclass(frozen=True)
class HandedOn:
    """What one run did with a log. ``refused``: the code that stopped it, and nothing else."""

    origin: str
    sent: int
    held: int
    size: int
    refused: str = ""


def line_to_city(center: Center) -> HttpLine:
    """The line to the address in the settings.

    Raises:
        SyncError: the settings name no city.
    """
    settings = center.settings
    if not settings.city or not settings.city_root:
        raise SyncError("center.toml names no city: set city and city_root")
    ca = str(center.data / settings.city_ca) if settings.city_ca else None
    return HttpLine(settings.city, center.signer, lambda: center.clock.posix_ms() // 1000, ca)


def hand_on(
    center: Center, line: Line, told: Callable[[HandedOn], object] = lambda done: None
) -> list[HandedOn]:
    """Hand on what the city lacks of every log that halls of this center wrote.

    A log that the city refuses stops for itself; the others go on.

    Raises:
        Unreachable, NotOurs: the line, or somebody else answers; what was sent stays sent.
        SyncError: the city does not speak with this center at all.
    """
    found = []
    for origins in _portions(logs_of_halls(center)):
        city, held = _asked(center, line, origins)
        for origin in origins:
            done = _one_log(center, line, city, (origin, held.get(origin, 0)))
            told(done)
            found.append(done)
    return found


def logs_of_halls(center: Center) -> list[str]:
    """Every log that a hall of this center wrote, hall by hall in the order of the epochs."""
    home = center.settings.center + "/"
    mine = [s for s in center.logs.states() if not s.own and s.origin.startswith(home) and s.size]
    names = sorted({state.origin.rpartition("/")[0] for state in mine})
    return [
        origin
        for name in names
        for origin in in_order(s.origin for s in mine if s.origin.rpartition("/")[0] == name)
    ]


def _portions(origins: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (origins[at : at + _PORTION] for at in range(0, len(origins), _PORTION))


def _asked(center: Center, line: Line, origins: Sequence[str]) -> tuple[City, dict[str, int]]:
    """Who the city is, and how much it holds of these logs."""
    home = center.settings.center
    ask = ForwardAsk(center=home, keys=keys_note(center).decode(), origins=tuple(origins))
    raw = line.send("POST", f"{PREFIX}/forwards", messages.write(ask), JSON)
    answer = messages.read(raw, ForwardAnswer)
    root = Verifier.parse(center.settings.city_root)
    keys = CenterKeys.open(answer.keys.encode(), root)
    if keys.center != answer.center or keys.center == home:
        raise NotOurs("an answer of another center than the city that was pinned")
    together = isinstance(answer.sealed, int) and answer.sealed >= SEALED_TOGETHER
    return City(keys, together), {head.origin: head.size for head in answer.logs}


def _one_log(center: Center, line: Line, city: City, place: tuple[str, int]) -> HandedOn:
    origin, first = place
    here, size = first, center.logs.state(origin).size
    try:
        while raw := forward(center, origin, here, city.recipient):
            after = _sent(center, line, city, (origin, raw))
            if after <= here:
                raise Malformed("the city does not move on", origin=origin)
            here = after
    except SyncError as refused:
        if refused.code in ("unreachable", "not_ours", "try_later"):
            raise
        return HandedOn(origin, here - first, here, size, refused.code)
    return HandedOn(origin, here - first, here, size)


def _sent(center: Center, line: Line, city: City, piece: tuple[str, bytes]) -> int:
    """Send a piece; how much the city confirms, or holds when somebody else was quicker."""
    origin, raw = piece
    target = f"{PREFIX}/forwards/{center.settings.center}"
    try:
        note = line.send("POST", target, raw, MEDIA_TYPE)
    except Gap as gap:
        size = gap.facts.get("size")
        return size if isinstance(size, int) else 0
    return _believed(center, city, origin, note)


def _believed(center: Center, city: City, origin: str, note: bytes) -> int:
    """The city's receipt, checked against our own copy and kept."""
    opened = open_note(note, [city.keys.receipts])
    point = Checkpoint.parse(opened.text)
    if point.origin != origin or city.keys.receipts.name not in opened.times:
        raise Malformed("a receipt for another log, or no cosignature")
    if center.logs.root_at(origin, point.size) != point.root:
        raise Malformed("a receipt for another history than ours", origin=origin)
    center.db.execute(
        "INSERT INTO forward_receipt VALUES (:origin, :size, :note, :at) ON CONFLICT DO NOTHING",
        origin=origin,
        size=point.size,
        note=note,
        at=center.clock.stamp(),
    )
    return point.size


def confirmed(center: Center) -> dict[str, int]:
    """Log -> up to where the city has confirmed it."""
    rows = center.db.query("SELECT origin, MAX(size) AS size FROM forward_receipt GROUP BY origin")
    return {row["origin"]: int(row["size"]) for row in rows}
