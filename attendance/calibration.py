"""From the hall's own distances to what is near enough: rule 2, and rule 1 for what it decided.

Pure, and numbers only. How likely a stranger is as near as a face is read from the hall itself:
every enrolled person is a stranger to all others, and was photographed by the same cameras. To the
power of 2/3 such distances lie on a normal curve (their squares are sums of many parts: Wilson and
Hilferty, 1931), whose lower part is fitted; so the limit follows the people and their number, and
nobody sets it. What lost against it, and by how much: docs/decisions/0013 and 0022.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attendance.quality import Floats

Outcome = Literal["accepted", "confirm", "unknown", "pin_required"]

RULE: Final = 2
"""Version of the rule below; every decision names the one it was made by."""
AIM: Final = 0.01
"""Share of strangers, each trying once, that may be taken for somebody enrolled."""
BAND: Final = 0.10
"""Up to here the face is a claim that number and PIN must confirm."""
MARGIN: Final = 0.03
"""How much nearer the nearest person must be than the second."""
LOOSEST: Final = 0.50
LOOSEST_BAND: Final = 0.54
"""Never accepted, or confirmed, beyond, whatever the gallery says."""
FEWEST_PEOPLE: Final = 8
"""With fewer enrolled there is nothing to calibrate on: fixed limit, and the PIN always."""
UNCALIBRATED: Final = 0.38
UNCALIBRATED_BAND: Final = 0.42
LENGTH: Final = 1.4
"""Templates and sessions are scaled to it: a mean of several vectors is shorter than each of them,
and shorter means nearer to everybody. One picture's vector is about as long."""

_SECOND: Final = 0.5
"""Weight of the second nearest person: a stranger is about as far from two people, a colleague
is not."""
_POWER: Final = 2 / 3
_LOWER: Final = 0.3
"""Share of the distances that is fitted, from below: the far ones say nothing of the near ones."""
_FEWEST_FITTED: Final = 200
_MOST_FITTED: Final = 2000
_UNCERTAINTY: Final = 2.0
"""What few people say is uncertain, and an uncertain limit lets more in than it keeps out: the
curve is taken wider by this part of one person's share, as Student's distribution is."""
_FACTOR: Final = math.gamma(2 - 1 / (1 + _SECOND))
_NORMAL: Final = NormalDist()


class Spread(NamedTuple):
    """The normal curve of distances ** 2/3 between different people."""

    mean: float
    deviation: float

    def share(self, distance: float) -> float:
        """Which part of all other people is that near to one person."""
        z = (distance**_POWER - self.mean) / self.deviation
        return 0.5 * math.erfc(-z / math.sqrt(2))

    def distance(self, share: float) -> float:
        """Within which distance this part of all other people is."""
        power = max(self.mean + self.deviation * _NORMAL.inv_cdf(share), 0.0)
        return float(power ** (1 / _POWER))


@dataclass(frozen=True)
class Calibration:
    """What the gallery says about strangers. ``spread`` is None with fewer than three people."""

    spread: Spread | None
    people: int
    vectors: int

    @property
    def is_settled(self) -> bool:
        """Whether enough people are enrolled to decide by."""
        return self.spread is not None and self.people >= FEWEST_PEOPLE

    @property
    def threshold(self) -> float:
        """About how near a face must be; how far the second person is moves it a little."""
        return self._within(AIM, LOOSEST, UNCALIBRATED)

    @property
    def confirmable(self) -> float:
        """How near a face must be to confirm a number and PIN."""
        return self._within(BAND, LOOSEST_BAND, UNCALIBRATED_BAND)

    @property
    def expected(self) -> float | None:
        """Which part of strangers will be taken for somebody; None: the PIN is asked anyway."""
        if self.spread is None or not self.is_settled:
            return None
        return min(AIM, self.people * self.spread.share(LOOSEST))

    def _within(self, strangers: float, loosest: float, otherwise: float) -> float:
        if self.spread is None or not self.is_settled:
            return otherwise
        return min(self.spread.distance(strangers / self.people), loosest)


def unit(vectors: NDArray[np.floating]) -> Floats:
    """The same directions, all of one length."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    scaled: Floats = (vectors * (LENGTH / np.maximum(lengths, 1e-9))).astype(np.float32)
    return scaled


def fitted(distances: NDArray[np.float64], people: int) -> Spread | None:
    """The curve through the nearest of the distances between so many different people."""
    count = distances.size
    if count < 3:
        return None
    few = min(count, max(round(count * _LOWER), _FEWEST_FITTED))
    picked = np.unique(np.linspace(0, few - 1, min(few, _MOST_FITTED)).round().astype(int))
    powers = np.sort(np.partition(distances, few - 1)[:few])[picked] ** _POWER
    ranks = np.array([_NORMAL.inv_cdf((rank + 0.5) / count) for rank in picked])
    slope = float(np.cov(ranks, powers)[0, 1] / ranks.var(ddof=1))
    mean = float(powers.mean() - slope * ranks.mean())
    return Spread(mean, max(slope * (1 + _UNCERTAINTY / people), 1e-6))


def strangers(spread: Spread, people: int, distance: float, second: float) -> float:
    """Which part of strangers would look as much like somebody here as this face does.

    Of N people, N * share(d) are expected within d of a stranger. With U1 of them expected nearer
    than the nearest and U2 nearer than the second, U1 * (U1 / U2) ** w is small for a colleague;
    for a stranger U2 and U1 / U2 are drawn from known laws, so its own law is known.
    """
    nearer, within = people * spread.share(distance), people * spread.share(second)
    ratio = nearer / within if within > 0 else 0.0
    measure = nearer * ratio**_SECOND
    return float(min(_FACTOR * measure ** (1 / (1 + _SECOND)), 1.0))


def outcome_of(distance: float | None, second: float | None, limits: Calibration) -> Outcome:
    """Rule 2, from the numbers alone."""
    if distance is None or distance > limits.confirmable:
        return "unknown"
    if limits.spread is None or not limits.is_settled or second is None:
        return "pin_required"
    is_clear = second - distance >= MARGIN and distance <= LOOSEST
    share = strangers(limits.spread, limits.people, distance, second)
    return "accepted" if is_clear and share <= AIM else "confirm"


def outcome_by_rule_1(near: Sequence[float | None], spread: Spread | None, people: int) -> Outcome:
    """The rule of release 0.1, for its decisions: mean - 2 deviations, 0.06 to the second."""
    distance, second = near
    threshold = UNCALIBRATED
    if spread is not None and people >= FEWEST_PEOPLE:
        threshold = min(max(spread.mean - 2.0 * spread.deviation, 0.30), 0.50)
    if distance is None or distance > threshold + 0.04:
        return "unknown"
    if people < FEWEST_PEOPLE:
        return "pin_required"
    is_clear = second is None or second - distance >= 0.06
    return "accepted" if is_clear and distance <= threshold else "confirm"
