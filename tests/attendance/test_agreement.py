"""At every start the fast engine is held against the reference, on a face that is nobody's."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attendance import agreement, faces
from attendance.agreement import (
    Difference,
    Differs,
    difference,
    drawn_face,
    expected_by,
    fast_meter,
    open_meter,
)
from attendance.engine import EngineSettings, FaceEngine
from attendance.faces import FaceMeter
from attendance.quality import ENROLMENT, refusal
from attendance.resnet import FaceNetwork
from deploy.drawn_face import drawn, jpeg


@pytest.fixture(scope="module")
def reference(meter: FaceMeter) -> FaceMeter:
    return meter.with_network(faces.dlib_network(faces.default_model(), meter.network.model_id))


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(np.int16)


def test_the_bundled_face_is_the_drawn_one(tmp_path: Path):
    assert np.abs(pixels(drawn_face()) - pixels(jpeg(drawn()))).max() <= 2


def test_both_engines_see_the_same_face_in_the_bundled_picture(
    meter: FaceMeter, reference: FaceMeter
):
    found = difference(meter, expected_by(reference, drawn_face()), drawn_face())
    assert found.reason == ""
    assert found.same_chip < agreement.SAME_CHIP / 2
    # Far from the limit, so that another build of a library does not cross it by chance.
    assert found.whole_way < agreement.WHOLE_WAY / 2 and found.overlap > 0.75


@pytest.mark.parametrize("head", [90, 130, 250])
def test_the_drawn_face_is_found_clearly_at_any_size_and_its_features_lie_on_a_faces_places(
    head: int, meter: FaceMeter
):
    found = meter.measure(jpeg(drawn(head=head)))
    assert found.quality.score > 1.0 and found.quality.bystanders == 0
    assert abs(found.quality.yaw) < 0.05 and found.quality.view == 0
    middle = found.box.left + found.box.width / 2
    assert abs(middle - 320) < 0.08 * head
    if found.quality.width >= 120:
        assert refusal(found.quality, ENROLMENT) is None


WRONG = {
    "a network a hair off": (Difference(0.9, 2e-5, 0.01), "network"),
    "a network gone mad": (Difference(0.9, float("nan"), 0.01), "network"),
    "another box": (Difference(0.4, 1e-6, 0.01), "share 40%"),
    "another alignment": (Difference(0.9, 1e-6, 0.3), "whole fast pipeline"),
    "nothing to compare": (Difference(0.9, 1e-6, float("nan")), "whole fast pipeline"),
}


@pytest.mark.parametrize("name", WRONG)
def test_whatever_differs_is_a_reason_of_its_own(name: str):
    found, words = WRONG[name]
    assert words in found.reason
    assert Difference(0.9, 1e-6, 0.01).reason == ""


def test_a_fast_network_that_differs_from_dlib_is_refused_and_the_reference_runs(
    monkeypatch: pytest.MonkeyPatch,
):
    honest = FaceNetwork.embed

    def slightly_wrong(network: FaceNetwork, chips: np.ndarray) -> np.ndarray:
        return honest(network, chips) + np.float32(1e-5)

    monkeypatch.setattr(FaceNetwork, "embed", slightly_wrong)
    with pytest.raises(Differs, match="network differs"):
        fast_meter(faces.default_model())
    meter, refused = open_meter()
    assert meter.network.engine_id.startswith("face_recognition/") and "network" in refused
    # And it does find and measure as the library does by itself.
    assert meter.network.whole and meter.measure(drawn_face()).quality.score > 1.0


def elsewhere(meter: FaceMeter, picture):
    looks, grey = REDUCED(meter, picture)
    return [one._replace(box=one.box._replace(left=one.box.left + 150)) for one in looks], grey


def nowhere(meter: FaceMeter, picture):
    return [], REDUCED(meter, picture)[1]


def in_few_pixels(meter: FaceMeter, picture, found):
    colours = COLOURS(meter, picture, found)
    if meter.network.whole:
        return colours
    return np.ascontiguousarray(colours[::6, ::6].repeat(6, 0).repeat(6, 1)[:480, :640])


REDUCED, COLOURS = FaceMeter._reduced, FaceMeter._colours
SPOILT = {
    "_reduced": (elsewhere, "share"),
    "_colours": (in_few_pixels, "whole fast pipeline"),
    "_find": (nowhere, "not found"),
}


@pytest.mark.parametrize("part", SPOILT)
def test_a_fast_pipeline_that_looks_otherwise_is_refused_though_its_network_is_right(
    part: str, monkeypatch: pytest.MonkeyPatch
):
    spoilt, words = SPOILT[part]
    monkeypatch.setattr(FaceMeter, "_reduced" if spoilt is nowhere else part, spoilt)
    with pytest.raises(Differs, match=words):
        fast_meter(faces.default_model())


def test_the_engine_named_in_the_setting_is_the_one_that_runs():
    assert open_meter("fast")[0].network.engine_id.startswith("numpy/")
    named, refused = open_meter("face_recognition")
    assert named.network.engine_id.startswith("face_recognition/") and refused == ""
    with pytest.raises(ValueError, match="unknown face engine"):
        open_meter("cnn")


def altered_model(folder: Path, at: int = 20_000_000) -> Path:
    """The model with 4 KB of weights zeroed, which only the last blocks of the network see."""
    data = bytearray(faces.default_model().read_bytes())
    data[at : at + 4096] = bytes(4096)
    path = folder / "other_model.dat"
    path.write_bytes(data)
    return path


def test_another_model_file_has_another_name_and_passes_the_comparison_too(
    tmp_path: Path, meter: FaceMeter
):
    model = altered_model(tmp_path)
    assert fast_meter(model).network.model_id != meter.network.model_id


BENT = """
from attendance.resnet import FaceNetwork
honest = FaceNetwork.embed
FaceNetwork.embed = lambda network, chips: honest(network, chips) * 1.001
"""


def test_a_child_whose_network_is_wrong_measures_with_the_reference_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "sitecustomize.py").write_text(BENT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with FaceEngine(EngineSettings(timeout=30)) as engine:
        found = engine.measure(drawn_face())
        assert found.engine_id.startswith("face_recognition/")
        assert "network differs" in engine.status().refused
