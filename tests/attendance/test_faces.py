"""The pipeline against face_recognition itself, and the fast network against dlib's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from attendance import faces
from attendance.agreement import overlap
from attendance.errors import FaceError
from attendance.faces import FaceMeter
from attendance.pictures import Picture
from attendance.quality import Box
from attendance.resnet import ModelUnreadable, read_weights
from tests import pictures
from tests.pictures import Augmentation

ORIGINALS = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"]


@pytest.fixture(scope="module")
def reference() -> FaceMeter:
    return FaceMeter(faces.reference_network(faces.default_model()))


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other))


@pytest.mark.parametrize("name", ORIGINALS)
def test_both_engines_give_one_vector_for_one_chip_and_nearly_one_for_one_picture(
    name: str, meter: FaceMeter, reference: FaceMeter
):
    data = pictures.original(name)
    chip = meter.aligned(data).chip[None]
    ours, theirs = (one.network.embed(chip)[0].copy() for one in (meter, reference))
    assert distance(ours, theirs) < 1e-5
    fast, slow = (one.measure(data) for one in (meter, reference))
    assert distance(fast.vector, slow.vector) < 0.2
    assert fast.model_id == slow.model_id and fast.engine_id != slow.engine_id
    assert fast.vector.shape == (128,) and fast.vector.dtype == np.float32


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg"])
def test_the_reference_finds_and_measures_what_the_bare_library_does(
    name: str, reference: FaceMeter
):
    data = pictures.original(name)
    found, library = reference.measure(data, mirrored=False), faces.reference_library()
    image = Picture(data).rgb()
    ((top, right, bottom, left),) = library.face_locations(image)
    assert found.box == Box(left, top, right - left + 1, bottom - top + 1)
    (expected,) = library.face_encodings(image, [(top, right, bottom, left)], model="small")
    assert distance(found.vector, expected) < 1e-6


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_bare_library_gives_the_same_vector_for_the_same_box(name: str, meter: FaceMeter):
    data = pictures.original(name)
    found = meter.measure(data, mirrored=False)
    picture = Picture(data)
    seen = picture.around(found.box.width)
    scale = seen.shape[1] / picture.width
    left, top, width, height = (round(length * scale) for length in found.box)
    box = (top, left + width - 1, top + height - 1, left)
    library = faces.reference_library()
    (expected,) = library.face_encodings(seen, [box], model="small")
    assert distance(found.vector, expected) < 1e-5


@pytest.mark.parametrize("name", ["obama", "biden"])
def test_a_large_face_is_measured_in_fewer_pixels_to_nearly_the_same_vector(
    name: str, meter: FaceMeter
):
    data = pictures.frame(name, pictures.Augmentation(face=400), (1920, 1080))
    picture, found = Picture(data), meter.measure(data)
    assert picture.around(found.box.width).shape == (540, 960, 3)
    # As a picture without reduced decoding, whole.
    image = Image.open(io.BytesIO(data))
    whole = meter.measure(pictures.png(image))
    assert distance(found.vector, whole.vector) < 0.1


def test_many_chips_at_once_give_the_same_vectors_as_one_by_one(meter: FaceMeter):
    chips = np.stack([meter.aligned(data).chip for data in pictures.frames("obama")])
    together = meter.network.embed(chips).copy()
    for chip, vector in zip(chips, together, strict=True):
        assert distance(meter.network.embed(chip[None])[0], vector) < 1e-5


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_face_is_found_where_the_library_finds_it(
    name: str, meter: FaceMeter, reference: FaceMeter
):
    data = pictures.original(name)
    assert overlap(meter.measure(data).box, reference.aligned(data).box) > 0.6


def test_a_person_is_nearer_to_himself_than_to_another(meter: FaceMeter):
    obama, obama2, obama3, biden = (meter.measure(pictures.original(n)).vector for n in ORIGINALS)
    same = [distance(obama, obama2), distance(obama, obama3), distance(obama2, obama3)]
    other = [distance(one, biden) for one in (obama, obama2, obama3)]
    assert max(same) < 0.45 and min(other) > 0.75


def test_a_face_too_small_for_the_first_look_is_found_at_the_second(meter: FaceMeter):
    data = pictures.frame("obama", Augmentation(face=75))
    assert meter.measure(data).quality.width < 80


def test_the_mirrored_picture_has_the_same_vector_and_the_opposite_yaw(meter: FaceMeter):
    plain = meter.measure(pictures.frame("biden"))
    mirrored = meter.measure(pictures.frame("biden", Augmentation(mirrored=True)))
    assert distance(plain.vector, mirrored.vector) < 0.15
    assert plain.quality.yaw * mirrored.quality.yaw < 0


REFUSED = {
    "nobody": (pictures.nobody, "no_face"),
    "a dark room": (lambda: pictures.nobody(5), "too_dark"),
    "a lamp into the lens": (lambda: pictures.nobody(250), "too_bright"),
    "two people": (pictures.two_people, "two_faces"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_frame_without_exactly_one_person_is_refused_with_a_reason(name: str, meter: FaceMeter):
    make, code = REFUSED[name]
    with pytest.raises(FaceError) as refused:
        meter.measure(make())
    assert refused.value.code == code


def test_somebody_small_in_the_background_is_counted_and_not_measured(meter: FaceMeter):
    found = meter.measure(pictures.passer_by())
    alone = meter.measure(pictures.frame("obama"))
    assert found.quality.bystanders == 1
    assert distance(found.vector, alone.vector) < 0.3


def test_quality_tells_blurred_dark_and_bright_pictures_apart(meter: FaceMeter):
    plain = meter.measure(pictures.frame("obama")).quality
    blurred = meter.measure(pictures.frame("obama", Augmentation(blur=4))).quality
    dark = meter.measure(pictures.frame("obama", Augmentation(light=0.3))).quality
    assert blurred.sharpness < 12 < plain.sharpness
    assert dark.light < 60 < plain.light < 200


@pytest.mark.parametrize("cut", [0, 100, 300, 400, 20_000, 10_000_000, 22_400_000])
def test_a_model_file_cut_off_is_unreadable_and_nothing_else(cut: int):
    with pytest.raises(ModelUnreadable):
        read_weights(faces.default_model().read_bytes()[:cut])
