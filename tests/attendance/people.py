"""Made-up people as vectors: clusters of points, spread as the network spreads faces."""

from __future__ import annotations

import numpy as np

from attendance.calibration import LENGTH
from attendance.gallery import Enrolled, Gallery
from attendance.quality import Box, FaceFound, Floats, Quality

MODEL = "model:made-up"
GOOD = Quality(width=180, score=1.5, yaw=0.02, sharpness=200.0, light=120.0, bystanders=0)


def person(seed: int, pictures: int = 3, apart: float = 0.7, within: float = 0.2) -> Enrolled:
    """Somebody: any two of one seed are the same; two seeds are about ``apart`` away."""
    return Enrolled(number(seed), vectors(seed, pictures, apart, within), MODEL)


def number(seed: int) -> str:
    return f"T01-{seed:03}"


def centre(seed: int, apart: float = 0.7) -> Floats:
    """On the sphere where faces are, around one common direction: ``apart`` from any other."""
    drawn = np.random.default_rng(seed).standard_normal(128)
    drawn[0] = 0
    point = drawn * apart / np.sqrt(2 * 127)
    point[0] = np.sqrt(max(LENGTH**2 - point @ point, 0.0))
    return (point * LENGTH / np.linalg.norm(point)).astype(np.float32)


def vectors(seed: int, count: int, apart: float = 0.7, within: float = 0.2) -> Floats:
    noise = np.random.default_rng(10_000 + seed).standard_normal((count, 128))
    return (centre(seed, apart) + noise * within / np.sqrt(2 * 128)).astype(np.float32)


def colleague_of(real: Enrolled, seed: int, apart: float = 0.7) -> Enrolled:
    """Somebody made up, as far from a real person as people are: a hall that has one real face."""
    noise = np.random.default_rng(seed).standard_normal((4, 128))
    middle = real.template + noise[0] * apart / np.linalg.norm(noise[0])
    made = middle + noise[1:] * 0.2 / np.sqrt(2 * 128)
    return Enrolled(f"T01-M{seed:02}", made.astype(np.float32), real.model_id)


def hall(count: int) -> Gallery:
    return Gallery(MODEL, [person(seed) for seed in range(count)])


def face(vector: Floats, quality: Quality = GOOD, model_id: str = MODEL) -> FaceFound:
    return FaceFound(vector, Box(200, 100, quality.width, quality.width), quality, model_id, "made")


def frames_at(vector: Floats, count: int = 3) -> list[FaceFound]:
    """Frames whose mean is that vector, a little apart from each other."""
    steps = np.linspace(-0.05, 0.05, count, dtype=np.float32)
    axis = np.zeros(128, np.float32)
    axis[1] = 1
    return [face(vector + step * axis) for step in steps]


def between(start: Floats, end: Floats, distance: float) -> Floats:
    """The point of the sphere on the way from one vector to another, so far from the start."""
    first = start / np.linalg.norm(start)
    way = end - first * (end @ first)
    angle = 2 * np.arcsin(min(distance / (2 * LENGTH), 1.0))
    turned = first * np.cos(angle) + way / np.linalg.norm(way) * np.sin(angle)
    return (turned * LENGTH).astype(np.float32)
