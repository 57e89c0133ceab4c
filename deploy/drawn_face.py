"""Draws the face that the engines are compared on: python -m deploy.drawn_face [FILE]

It belongs to nobody: some forty soft ellipses with light and shadow, in arithmetic alone, so
that the same picture comes out each time. The detector finds it clearly (score above 1) from 90 to
250 pixels' width, and its landmarks lie where they should (``tests/attendance/test_agreement.py``).
Without FILE the bundled picture is written anew.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILE = Path(__file__).resolve().parents[1] / "attendance" / "data" / "drawn_face.jpg"
SIZE = (640, 480)
HEAD = 170
"""Width of the head in the bundled picture, pixels."""
QUALITY = 85
"""As a kiosk's page writes its frames."""

Floats = NDArray[np.float32]
Colour = tuple[int, int, int]


class Spot(NamedTuple):
    """An ellipse: middle, half axes and softness of its edge in half widths of the head."""

    x: float
    y: float
    across: float
    down: float
    colour: Colour
    soft: float = 0.012
    opacity: float = 1.0


HAIR, SKIN, SHADOW, NECK = (46, 37, 33), (222, 176, 150), (146, 100, 82), (176, 130, 106)

BEHIND = (
    Spot(0, 2.42, 1.95, 1.00, (70, 84, 110)),
    Spot(0, 1.25, 0.50, 0.75, NECK),
    Spot(0, 1.12, 0.40, 0.26, (128, 90, 72), 0.08, 0.7),
    Spot(0, -0.38, 1.06, 1.16, HAIR),
    Spot(-0.93, 0.02, 0.10, 0.22, NECK),
    Spot(0.93, 0.02, 0.10, 0.22, NECK),
)
MIDDLE = (
    Spot(0, 0.12, 0.045, 0.26, (246, 212, 190), 0.05, 0.55),
    Spot(0, 0.39, 0.21, 0.035, SHADOW, 0.04, 0.7),
    Spot(0, 0.60, 0.29, 0.055, (166, 84, 80), 0.02, 0.95),
    Spot(0, 0.68, 0.24, 0.062, (190, 104, 98), 0.02, 0.95),
    Spot(0, 0.635, 0.30, 0.014, (78, 36, 36), 0.012, 0.95),
    Spot(0, 0.80, 0.20, 0.045, SHADOW, 0.04, 0.6),
    Spot(0, 1.02, 0.26, 0.08, (232, 190, 166), 0.06, 0.5),
)
SIDE = (
    Spot(0.40, -0.19, 0.29, 0.17, SHADOW, 0.06, 0.55),
    Spot(0.41, -0.42, 0.28, 0.048, (60, 45, 39), 0.02, 0.9),
    Spot(0.40, -0.16, 0.195, 0.082, (236, 233, 229)),
    Spot(0.40, -0.16, 0.084, 0.084, (58, 41, 33)),
    Spot(0.40, -0.16, 0.038, 0.038, (12, 10, 10)),
    Spot(0.37, -0.19, 0.018, 0.018, (250, 250, 250)),
    Spot(0.40, -0.238, 0.21, 0.026, (48, 35, 31), 0.012, 0.9),
    Spot(0.40, -0.070, 0.19, 0.016, SHADOW, 0.02, 0.8),
    Spot(0.16, 0.06, 0.04, 0.24, SHADOW, 0.05, 0.40),
    Spot(0.19, 0.30, 0.07, 0.085, SHADOW, 0.04, 0.5),
    Spot(0.115, 0.335, 0.052, 0.028, (80, 47, 41), 0.015, 0.9),
    Spot(0.46, 0.40, 0.20, 0.17, (230, 152, 132), 0.10, 0.28),
    Spot(0.40, 0.58, 0.03, 0.10, SHADOW, 0.04, 0.35),
)
"""Of the right half of the picture; the left is the same, mirrored."""


class Canvas:
    """A picture in colour that spots are put upon; the head's middle is its middle."""

    def __init__(self, size: tuple[int, int], head: float) -> None:
        width, height = size
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self.x = (columns - (width - 1) / 2) / (head / 2)
        self.y = (rows - (height - 1) / 2) / (head / 2)
        self.pixel = 2 / head
        wall = np.array((150, 158, 166), np.float32)
        self.pixels = wall - 12 * self.y[..., None] + 6 * self.x[..., None]

    def inside(self, spot: Spot) -> Floats:
        """How far each pixel lies inside: 0 outside, 1 inside, between at the edge."""
        far = np.hypot((self.x - spot.x) / spot.across, (self.y - spot.y) / spot.down)
        edge = max(spot.soft, self.pixel) / min(spot.across, spot.down)
        inside: Floats = np.clip(0.5 + (1 - far) / (2 * edge), 0, 1).astype(np.float32)
        return inside

    def lay(self, mask: Floats, colour: Floats | Colour) -> None:
        """Cover the pixels with a colour, as far as the mask says."""
        self.pixels += mask[..., None] * (np.asarray(colour, np.float32) - self.pixels)

    def put(self, spot: Spot) -> None:
        """One ellipse."""
        self.lay(self.inside(spot) * np.float32(spot.opacity), spot.colour)


def drawn(size: tuple[int, int] = SIZE, head: float = HEAD) -> Image.Image:
    """The face, as large as asked."""
    canvas = Canvas(size, head)
    for spot in BEHIND:
        canvas.put(spot)
    x, y = canvas.x, canvas.y
    round_off = 1 - 0.32 * np.clip(np.abs(x) / 0.92, 0, 1) ** 2.2 - 0.10 * np.clip(y / 1.2, 0, 1)
    face = canvas.inside(Spot(0, 0, 0.92, 1.22, SKIN))
    canvas.lay(face, np.array(SKIN, np.float32) * (round_off * (1 + 0.04 * x))[..., None])
    fringe = np.clip(0.5 - (y + 0.66 - 0.10 * np.cos(2.2 * x)) / 0.06, 0, 1)
    canvas.lay(canvas.inside(Spot(0, -0.38, 1.03, 1.12, HAIR)) * fringe, HAIR)
    for spot in SIDE:
        canvas.put(spot)
        canvas.put(spot._replace(x=-spot.x))
    for spot in MIDDLE:
        canvas.put(spot)
    return Image.fromarray(np.clip(canvas.pixels + 0.5, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image) -> bytes:
    """The picture as a kiosk's camera sends it."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def main() -> None:
    """Write it."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    path.write_bytes(jpeg(drawn()))


if __name__ == "__main__":
    main()
