"""Whether a living person was before the camera: two steps drawn at random, judged from numbers.

Pure. Each frame leaves one ``Mark`` (time, turn of the head, eye ratio, place, distance from the
session's own first frames) and the marks alone are judged, so that a verdict can be judged again
later without a picture or a vector. What it stops and what it does not: docs/liveness.md. It does
not know who the person is, shows nothing and keeps no time of its own: all times are seconds on
one clock of the caller's.

Left and right are the person's own. The picture must not be mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from statistics import median
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np

from attendance.errors import FaceError
from attendance.quality import SIGN_IN, FaceFound, refusal

Step = Literal["left", "right", "blink", "still"]

STEPS: Final[dict[Step, str]] = {
    "left": "请慢慢向左转头，再转回来。",
    "right": "请慢慢向右转头，再转回来。",
    "blink": "请慢慢眨两次眼。",
    "still": "请看着镜头，一秒钟不动。",
}
"""What the terminal shows and says for each step."""

RULE: Final = 1
SECONDS: Final = 8.0
"""For both steps together."""
FRAME_GAP: Final = 0.15
"""How far apart a terminal should send the frames of a challenge; a blink lasts 0.1 to 0.4 s."""
FEWEST: Final = 8
LONGEST_GAP: Final = 1.2
"""So long may no face be found; a head that is turned far is lost for a moment."""
RESTING: Final = 0.12
TURNED: Final = 0.25
"""Change of the nose's offset / distance of the eyes; a swung flat print hardly reaches it."""
TURN_SEEN: Final = 0.15
"""Enough where the detector goes over from its view for straight faces to that for this turn."""
VIEWS: Final = {"left": 2, "right": 1}
"""Of the detector's five: 0 from the front, 3 and 4 tilted."""
CLOSED: Final = 0.65
OPEN: Final = 0.85
"""Of the person's own median: a fixed ratio rejects narrow eyes and trips on shaken prints."""
STILL_SECONDS: Final = 1.0
STILL_YAW: Final = 0.10
STILL_WAY: Final = 0.10
"""Of the face's width."""
EYES_APART: Final = 0.38
"""From eye to eye, of the width of the box that the detector draws (median of 98 pictures)."""
SAME_PERSON: Final = 0.45
_FIRST: Final = 3
_SESSION_GAP: Final = 0.5


class Challenge(msgspec.Struct, frozen=True):
    """What one person is asked to do, once. ``shown`` and ``until`` in seconds."""

    nonce: str
    """names this challenge; the caller accepts each only once"""
    steps: tuple[Step, Step]
    shown: float
    until: float


class Seen(NamedTuple):
    """One frame: when it was taken, and what the engine made of it."""

    at: float
    face: FaceFound | FaceError


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """What judging needs of one frame. No picture and no vector."""

    at: float
    code: str
    """why there is no face, or nothing"""
    yaw: float = 0.0
    view: int = 0
    eyes: float | None = None
    place: tuple[float, float] = (0.0, 0.0)
    """middle of the eyes, in widths of the face in the first frames"""
    apart: float = 0.0
    """distance from the mean of the session's first frames"""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the challenge was met, and everything it was judged from. Stays in the hall."""

    live: bool
    code: str
    """of ``errors.MESSAGES``, why not; nothing when it was met"""
    done: tuple[float, ...]
    """when each step was done"""
    challenge: Challenge
    marks: tuple[Mark, ...]
    rule: int = RULE


def challenge(random: Random, at: float, *, eyes: bool = False) -> Challenge:
    """Two different steps in random order, from now on; one of them always moves the face.

    Args:
        random: ``random.SystemRandom()`` where it counts.
        at: now.
        eyes: whether the engine measures the eyes; a blink cannot be seen without.
    """
    drawn = [step for step in STEPS if eyes or step != "blink"]
    first, second = random.sample(drawn, 2)
    return Challenge(f"{random.getrandbits(64):016x}", (first, second), at, at + SECONDS)


def judge(asked: Challenge, frames: Sequence[Seen]) -> Verdict:
    """Whether the frames show the asked steps, in order and in time, done by one person."""
    return judge_marks(asked, marks_of(frames))


def judge_marks(asked: Challenge, marks: tuple[Mark, ...]) -> Verdict:
    """The same from the marks alone: for an appeal, and for whoever checks."""
    in_time = [mark for mark in marks if asked.shown <= mark.at <= asked.until]
    code = _one_person_throughout(in_time)
    done: list[float] = []
    if not code:
        faces = [mark for mark in in_time if not mark.code]
        rest = _Rest(median(mark.yaw for mark in faces[:_FIRST]), {f.view for f in faces[:_FIRST]})
        start = 0
        for step in asked.steps:
            code, start = _look_for(step, faces, start, rest)
            if code:
                break
            done.append(faces[start].at)
    return Verdict(live=not code, code=code, done=tuple(done), challenge=asked, marks=marks)


def marks_of(frames: Sequence[Seen]) -> tuple[Mark, ...]:
    """What is kept of the frames: one mark each, in the order they were taken."""
    ordered = sorted(frames, key=lambda seen: seen.at)
    faces = [seen.face for seen in ordered if isinstance(seen.face, FaceFound)]
    vectors = [face.vector for face in faces[:_FIRST]]
    first = np.mean(vectors, axis=0) if vectors else np.zeros(1)
    unit = median([_width(face) for face in faces[:_FIRST]] or [1.0])
    return tuple(
        Mark(seen.at, seen.face.code)
        if isinstance(seen.face, FaceError)
        else _mark(seen.at, seen.face, float(np.linalg.norm(seen.face.vector - first)), unit)
        for seen in ordered
    )


def session_frames(frames: Sequence[Seen]) -> list[FaceFound]:
    """The frames good enough to recognise the person by, half a second and more apart."""
    picked: list[FaceFound] = []
    last = -_SESSION_GAP
    for seen in sorted(frames, key=lambda seen: seen.at):
        if isinstance(seen.face, FaceError) or refusal(seen.face.quality, SIGN_IN):
            continue
        if not picked or seen.at - last >= _SESSION_GAP:
            picked.append(seen.face)
            last = seen.at
    return picked


def _width(face: FaceFound) -> float:
    """How wide the face is, by its eyes: boxes jump by a fifth where the face hardly moves."""
    return face.quality.span / EYES_APART or float(face.box.width)


def _mark(at: float, face: FaceFound, apart: float, unit: float) -> Mark:
    left, top, width, height = face.box
    quality = face.quality
    right, down = quality.middle if quality.span else (left + width / 2, top + height / 2)
    place = (right / unit, down / unit)
    return Mark(at, "", quality.yaw, quality.view, quality.eyes, place, apart)


def _one_person_throughout(marks: Sequence[Mark]) -> str:
    """Why these are not the frames of one person from the first to the last, or nothing."""
    if any(mark.code == "two_faces" for mark in marks):
        return "two_faces"
    faces = [mark for mark in marks if not mark.code]
    if len(faces) < FEWEST:
        return "too_few_pictures"
    if any(after.at - before.at > LONGEST_GAP for before, after in pairwise(faces)):
        return "face_lost"
    return "person_changed" if any(mark.apart >= SAME_PERSON for mark in faces) else ""


class _Rest(NamedTuple):
    """How the face was held at first."""

    yaw: float
    views: set[int]


def _look_for(step: Step, faces: Sequence[Mark], start: int, rest: _Rest) -> tuple[str, int]:
    """The frame at which the step is done; or a code, why it is not, and where it was looked up."""
    if step == "blink":
        return _blinks(faces, start)
    if step == "still":
        return _stillness(faces, start, rest.yaw)
    return _turn(step, faces, start, rest)


def _turn(step: Step, faces: Sequence[Mark], start: int, rest: _Rest) -> tuple[str, int]:
    turned, side, view = False, 1.0 if step == "left" else -1.0, VIEWS[step]
    for index in range(start, len(faces)):
        mark = faces[index]
        lean = (mark.yaw - rest.yaw) * side
        if lean <= -TURN_SEEN:
            return "wrong_step", index
        if lean >= (TURN_SEEN if mark.view == view and view not in rest.views else TURNED):
            turned = True
        elif turned and lean <= RESTING:
            return "", index
    return "step_missing", start


def _stillness(faces: Sequence[Mark], start: int, rest: float) -> tuple[str, int]:
    for index in range(start, len(faces)):
        mark = faces[index]
        if abs(mark.yaw - rest) >= TURNED:
            return "wrong_step", index
        long_ago = [i for i in range(start, index) if mark.at - faces[i].at >= STILL_SECONDS]
        if long_ago and _moved_little(faces[long_ago[-1] : index + 1]):
            return "", index
    return "step_missing", start


def _moved_little(marks: Sequence[Mark]) -> bool:
    seen = zip(*((mark.yaw, *mark.place) for mark in marks), strict=True)
    yaw, right, down = (max(values) - min(values) for values in seen)
    return len(marks) >= _FIRST and yaw <= STILL_YAW and max(right, down) <= STILL_WAY


def _blinks(faces: Sequence[Mark], start: int) -> tuple[str, int]:
    measured = [mark.eyes for mark in faces if mark.eyes is not None]
    usual = median(measured) if measured else 0.0
    count, shut = 0, False
    for index in range(start, len(faces)):
        eyes = faces[index].eyes
        if eyes is None or usual <= 0:
            continue
        if eyes < CLOSED * usual:
            shut = True
        elif shut and eyes >= OPEN * usual:
            count, shut = count + 1, False
            if count == 2:
                return "", index
    return "step_missing", start
