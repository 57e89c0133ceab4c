"""From a picture to one face's vector. The only file that imports dlib and face_recognition.

One picture: grey at 240 pixels' height, HOG detector without enlarging (at 480 too, unless a face
was found clearly), box carried over to the full picture, five landmarks, aligned chip of 150 x
150, vector of the chip and of its mirror image, their mean. Runs in the face engine's child only:
dlib holds the interpreter's lock, and hostile pictures end there.

Two engines: the reference, which does what ``face_recognition`` does by itself (the whole picture
searched at twice its size, dlib's own network), and the fast one above with ``attendance.resnet``
(the same weights). Which of them may be used, ``attendance.agreement`` decides. It knows no person.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import warnings
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import dlib
import numpy as np
from numpy.typing import NDArray

from attendance.errors import FaceError
from attendance.pictures import Picture
from attendance.quality import Box, FaceFound, Floats, Quality
from attendance.resnet import CHIP_SIDE, FaceNetwork, ModelUnreadable, read_weights

Bytes = NDArray[np.uint8]
Embed = Callable[[Bytes], Floats]
"""(n, 150, 150, 3) chips -> (n, 128) vectors"""

FAST: Final = "fast"
REFERENCE: Final = "face_recognition"
SEARCHED: Final = (240, 480)
"""Pixels of the shorter side searched. The detector sees faces of 80 pixels and more: a third, then
a sixth of the picture's height, in a 640 x 480 frame as in a 1920 x 1080 one."""
LONGEST: Final = 320
"""Pixels of the longer side in the first search: a wide picture is searched in fewer rows."""
CLEAR: Final = 1.0
"""A face found with less is looked for in the larger size too, and the better find counts: the
score of one and the same face swings by 0.4 with how it happens to lie on the detector's grid."""
CHIP_PADDING: Final = 0.25
RIVAL: Final = 0.5
"""A second face this wide against the widest is a second person, not a passer-by."""
DARK_PICTURE: Final = 40.0
BRIGHT_PICTURE: Final = 225.0
_FAST_PIPELINE: Final = "hog320-480/5pt/mirrored"
_WHOLE_PIPELINE: Final = "hog-whole-1/5pt/mirrored"

_Seen = tuple[list[dlib.rectangle], list[float], list[int]]
"""What the detector answers: boxes, scores, and which of its five views found each."""


class _Found(NamedTuple):
    box: Box
    score: float
    view: int
    bystanders: int


class _Posed(NamedTuple):
    chip: Bytes
    yaw: float
    middle: tuple[float, float]
    """between the eyes"""
    span: float
    """from eye to eye"""


class Aligned(NamedTuple):
    """A face as the network gets it, and where it was."""

    box: Box
    chip: Bytes
    """(150, 150, 3)"""


@dataclass(frozen=True)
class Network:
    """A way to compute vectors, and the names that every vector of it carries."""

    embed: Embed
    engine_id: str
    model_id: str
    whole: bool = False
    """its pictures are searched whole and enlarged, as the library does by itself"""

    def named(self, name: str) -> Network:
        """The same under another name of its model; the file's hash stays."""
        digest = self.model_id.rpartition(":")[2]
        return replace(self, model_id=f"{name}:{digest}") if name else self


def models_folder() -> Path:
    """Where face_recognition_models keeps its files, without importing it (it needs 100 MB)."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnreadable("face_recognition_models is not installed")
    return Path(spec.submodule_search_locations[0]) / "models"


def default_model() -> Path:
    """The weights that face_recognition uses (CC0)."""
    return models_folder() / "dlib_face_recognition_resnet_model_v1.dat"


def reference_library() -> ModuleType:
    """Import face_recognition safely.

    It answers a warning that was made an error with ``quit()``, status 0; so warnings are off.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import face_recognition

    library: ModuleType = face_recognition.api
    return library


def _dlib_embed(encoder: object) -> Embed:
    def embed(chips: Bytes) -> Floats:
        describe = encoder.compute_face_descriptor  # type: ignore[attr-defined]
        return np.array([describe(np.ascontiguousarray(chip)) for chip in chips], np.float32)

    return embed


def reference_network(model: Path) -> Network:
    """face_recognition's own encoder; another model file is opened by the same class of dlib."""
    library = reference_library()
    if model == default_model():
        return _reference(library.face_encoder, model_name(model, model.read_bytes()))
    return dlib_network(model, model_name(model, model.read_bytes()))


def dlib_network(model: Path, model_id: str) -> Network:
    """The same without importing face_recognition, which loads 100 MB that nobody needs."""
    return _reference(dlib.face_recognition_model_v1(str(model)), model_id)


def _reference(encoder: object, model_id: str) -> Network:
    name = f"{REFERENCE}/{_WHOLE_PIPELINE}"
    return Network(_dlib_embed(encoder), name, model_id, whole=True)


def fast_network(model: Path) -> Network:
    """The numpy network; nobody has compared it yet. Raises ModelUnreadable."""
    data = model.read_bytes()
    embed = FaceNetwork(read_weights(data)).embed
    return Network(embed, f"numpy/{_FAST_PIPELINE}", model_name(model, data))


def model_name(model: Path, data: bytes) -> str:
    """What templates call it: the file's name and hash."""
    return f"{model.stem}:{hashlib.sha256(data).hexdigest()[:16]}"


class FaceMeter:
    """Measures pictures with one network. Belongs to one thread."""

    def __init__(self, network: Network, *, eyes: bool = False) -> None:
        """``eyes`` measures how far they are open, with a model that is not free (see README)."""
        self.network = network
        self._eyes = _eyes_model() if eyes else None
        self._detector = dlib.get_frontal_face_detector()
        points = models_folder() / "shape_predictor_5_face_landmarks.dat"
        self._landmarks = dlib.shape_predictor(str(points))

    def with_network(self, network: Network) -> FaceMeter:
        """One that measures with another network; what both need is loaded once."""
        other = copy(self)
        other.network = network
        return other

    def measure(self, data: bytes, *, mirrored: bool = True) -> FaceFound:
        """JPEG or PNG bytes -> the one face in it.

        ``mirrored`` averages the vector with that of the mirror image (twice the work; fewer
        missed at equal false matches). Raises FaceError: a refusal of the picture, no_face,
        two_faces, too_dark, too_bright.
        """
        picture = Picture(data)
        found = self._find(picture)
        rgb = self._colours(picture, found)
        reduced = rgb.shape[1] / picture.width
        box = _scaled(found.box, reduced)
        chip, yaw, (right, down), span = self._align(rgb, box)
        chips = np.stack([chip, chip[:, ::-1]]) if mirrored else chip[None]
        vector = self.network.embed(chips).mean(axis=0, dtype=np.float32)
        vector.flags.writeable = False
        sharpness, light = _texture(chip)
        quality = Quality(
            width=found.box.width,
            score=found.score,
            yaw=yaw,
            sharpness=sharpness,
            light=light,
            bystanders=found.bystanders,
            view=found.view,
            eyes=_openness(self._eyes, rgb, box) if self._eyes else None,
            middle=(right / reduced, down / reduced),
            span=span / reduced,
        )
        return FaceFound(vector, found.box, quality, self.network.model_id, self.network.engine_id)

    def aligned(self, data: bytes) -> Aligned:
        """The face of a picture as the network gets it. Raises FaceError."""
        picture = Picture(data)
        found = self._find(picture)
        rgb = self._colours(picture, found)
        posed = self._align(rgb, _scaled(found.box, rgb.shape[1] / picture.width))
        return Aligned(found.box, posed.chip)

    def _colours(self, picture: Picture, found: _Found) -> Bytes:
        return picture.rgb() if self.network.whole else picture.around(found.box.width)

    def _find(self, picture: Picture) -> _Found:
        looks, grey = (self._whole if self.network.whole else self._reduced)(picture)
        if looks:
            return max(looks, key=lambda look: look.score)
        light = float(grey.mean())
        if light < DARK_PICTURE:
            raise FaceError("too_dark")
        raise FaceError("too_bright" if light > BRIGHT_PICTURE else "no_face")

    def _whole(self, picture: Picture) -> tuple[list[_Found], Bytes]:
        """As ``face_recognition.face_locations`` looks: in colour, all pixels, once enlarged."""
        rgb = picture.rgb()
        seen = self._detector.run(rgb, 1, 0.0)
        return [_widest(seen, 1.0)] if seen[0] else [], rgb

    def _reduced(self, picture: Picture) -> tuple[list[_Found], Bytes]:
        looks: list[_Found] = []
        ratio = min(picture.width, picture.height) / max(picture.width, picture.height)
        first = min(SEARCHED[0], round(LONGEST * ratio))
        for side in (first, *SEARCHED[1:]):
            grey = picture.grey(side)
            seen = self._detector.run(grey, 0, 0.0)
            if seen[0]:
                looks.append(_widest(seen, picture.width / grey.shape[1]))
            if min(grey.shape) < side or (looks and looks[-1].score >= CLEAR):
                break
        return looks, grey

    def _align(self, rgb: Bytes, box: Box) -> _Posed:
        """The aligned chip, and how the head is held."""
        shape = self._landmarks(rgb, _rectangle(box))
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
        right_eye, left_eye = points[2:4].mean(axis=0), points[0:2].mean(axis=0)
        eyes = left_eye - right_eye
        span = float(eyes @ eyes)
        middle = (left_eye + right_eye) / 2
        nose = float((points[4] - middle) @ eyes)
        chip: Bytes = dlib.get_face_chip(rgb, shape, size=CHIP_SIDE, padding=CHIP_PADDING)
        place = float(middle[0]), float(middle[1])
        return _Posed(chip, nose / span if span else 1.0, place, math.sqrt(span))


def _widest(seen: _Seen, scale: float) -> _Found:
    boxes, scores, views = seen
    order = sorted(range(len(boxes)), key=lambda index: -boxes[index].width())
    first = boxes[order[0]]
    if len(order) > 1 and boxes[order[1]].width() >= RIVAL * first.width():
        raise FaceError("two_faces")
    box = _scaled(Box(first.left(), first.top(), first.width(), first.height()), scale)
    return _Found(box, float(scores[order[0]]), int(views[order[0]]), len(order) - 1)


def _scaled(box: Box, scale: float) -> Box:
    return Box(*(round(length * scale) for length in box))


def _rectangle(box: Box) -> dlib.rectangle:
    return dlib.rectangle(box.left, box.top, box.left + box.width - 1, box.top + box.height - 1)


def _eyes_model() -> dlib.shape_predictor:
    """68 landmarks. Trained on iBUG 300-W, whose pictures may not be used commercially."""
    return dlib.shape_predictor(str(models_folder() / "shape_predictor_68_face_landmarks.dat"))


def _openness(model: dlib.shape_predictor, rgb: Bytes, box: Box) -> float:
    """Height / width of both eyes together (the eye aspect ratio of Soukupova and Cech, 2016)."""
    shape = model(rgb, _rectangle(box))
    points = np.array([(shape.part(i).x, shape.part(i).y) for i in range(36, 48)], np.float64)
    eyes = points.reshape(2, 6, 2)
    heights = np.linalg.norm(eyes[:, (1, 2)] - eyes[:, (5, 4)], axis=2).mean(axis=1)
    widths = np.linalg.norm(eyes[:, 0] - eyes[:, 3], axis=1)
    return float(heights.sum() / max(float(widths.sum()), 1.0))


def _texture(chip: Bytes) -> tuple[float, float]:
    """Variance of the Laplacian, and mean, of the chip in grey (ITU-R BT.601 weights)."""
    grey = chip.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).var()), float(grey.mean())
