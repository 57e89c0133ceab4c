"""The face engine as a process: whatever happens to the child, the node gets an answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attendance.engine import EngineSettings, FaceEngine
from attendance.errors import MESSAGES, FaceError
from attendance.faces import FaceMeter
from deploy.drawn_face import drawn, jpeg
from tests import pictures
from tests.attendance.test_pictures import ODD, REFUSED

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def breakable() -> Iterator[FaceEngine]:
    """An engine of one's own, to be ill-treated."""
    with FaceEngine(EngineSettings(queue=2, timeout=5)) as engine:
        assert engine.ready.wait(30)
        yield engine


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true; the limit is only there so that a broken engine fails the test."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.01)
    return False


def code_of(engine: FaceEngine, data: bytes, timeout: float | None = None) -> str:
    with pytest.raises(FaceError) as refused:
        engine.measure(data, timeout)
    return refused.value.code


def send(engine: FaceEngine, signal_number: int) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal_number)


def works_again(engine: FaceEngine, starts: int) -> bool:
    restarted = eventually(lambda: engine.alive and engine.status().starts == starts)
    return restarted and engine.measure(pictures.frame("obama")).quality.width > 100


def test_the_child_measures_what_the_pipeline_measures(engine: FaceEngine, meter: FaceMeter):
    data = pictures.frame("biden")
    there, here = engine.measure(data), meter.measure(data)
    # Two processes may add up in another order; a tenth of what two faces may differ by is 0.03.
    assert np.allclose(there.vector, here.vector, rtol=0, atol=1e-5)
    assert (there.box, there.quality) == (here.box, here.quality)
    assert (there.model_id, there.engine_id) == (here.model_id, here.engine_id)


def test_starting_does_not_wait_for_the_child():
    with FaceEngine() as engine:
        assert not engine.alive
        assert engine.ready.wait(30)
        assert engine.alive


def test_a_picture_that_comes_before_the_child_is_ready_waits_for_it():
    with FaceEngine(EngineSettings(timeout=30)) as engine:
        assert engine.measure(pictures.frame("obama")).quality.width > 100


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_picture_is_refused_and_the_same_child_lives_on(engine: FaceEngine, name: str):
    data, code = REFUSED[name]
    before = engine.pid
    assert code_of(engine, data) == code
    assert engine.pid == before
    assert engine.measure(pictures.frame("obama")).quality.width > 100


@pytest.mark.parametrize("name", ["one pixel", "one row", "printing colours"])
def test_odd_pictures_reach_the_detector_as_plain_pixels_or_not_at_all(
    engine: FaceEngine, name: str
):
    before = engine.pid
    assert code_of(engine, ODD[name][0]) in ("no_face", "too_dark", "not_a_picture")
    assert engine.pid == before


def test_frames_without_one_person_are_refused_through_the_child(engine: FaceEngine):
    assert code_of(engine, pictures.nobody()) == "no_face"
    assert code_of(engine, pictures.two_people()) == "two_faces"
    assert code_of(engine, pictures.frame("obama")[:9_000]) == "not_a_picture"


def crowd(across: int, down: int, side: int) -> bytes:
    """Many people close together, each in a square of so many pixels."""
    whole = Image.new("RGB", (across * side, down * side))
    one = drawn((side, side), 0.8 * side)
    for place in range(across * down):
        whole.paste(one, (place % across * side, place // across * side))
    return jpeg(whole)


@pytest.mark.parametrize(
    ("shape", "codes"),
    [((20, 10, 140), ("two_faces", "no_face")), ((4, 3, 160), ("two_faces",))],
    ids=["two hundred", "twelve"],
)
def test_a_crowd_before_the_camera_is_one_refusal(
    engine: FaceEngine, shape: tuple[int, int, int], codes: tuple[str, ...]
):
    before = engine.pid
    assert code_of(engine, crowd(*shape)) in codes
    assert engine.pid == before


def test_the_reference_bears_the_largest_picture_and_a_crowd_in_it():
    with FaceEngine(EngineSettings(engine="face_recognition", timeout=60)) as slow:
        assert code_of(slow, crowd(20, 10, 140)) == "two_faces"
        assert slow.status().starts == 1


def test_the_child_needs_no_more_memory_than_a_small_machine_has_for_it():
    with FaceEngine() as fresh:
        assert fresh.ready.wait(30)
        assert fresh.measure(pictures.frame("obama")).quality.width > 100
        status = Path(f"/proc/{fresh.pid}/status").read_text()
        assert int(status.split("VmHWM:")[1].split()[0]) < 130 * 1024


def test_the_childs_work_stands_back_behind_that_of_the_windows(engine: FaceEngine):
    assert engine.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, engine.pid) >= os.getpriority(os.PRIO_PROCESS, 0) + 5
    assert os.sched_getscheduler(engine.pid) == os.SCHED_BATCH


def test_the_largest_allowed_picture_fits_into_the_childs_memory(engine: FaceEngine):
    largest = pictures.png(Image.new("RGBA", (2000, 2000), (90, 90, 90, 255)))
    assert code_of(engine, largest) == "no_face"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_child_that_ended_is_replaced(breakable: FaceEngine, number: int):
    send(breakable, number)
    assert works_again(breakable, starts=2)
    expected = 0 if number == signal.SIGTERM else -number
    assert breakable.status().last_exit == expected


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_ends_over_a_picture_costs_that_picture_only(
    breakable: FaceEngine, number: int
):
    send(breakable, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(code_of, breakable, pictures.frame("obama"))
        assert eventually(lambda: breakable.status().is_measuring)
        send(breakable, number)
        send_if_there(breakable, signal.SIGCONT)
        assert asked.result() == "engine_failed"
    assert "请再试一次" in MESSAGES["engine_failed"]
    assert works_again(breakable, starts=2)


def send_if_there(engine: FaceEngine, number: int) -> None:
    if engine.pid is not None:
        os.kill(engine.pid, number)


def test_a_child_that_hangs_is_killed_after_the_time_limit_and_replaced(breakable: FaceEngine):
    send(breakable, signal.SIGSTOP)
    assert code_of(breakable, pictures.frame("obama"), timeout=0.2) == "engine_failed"
    assert works_again(breakable, starts=2)
    assert breakable.status().last_exit == -signal.SIGKILL


def test_who_waits_behind_a_hung_picture_is_answered_by_the_next_child(breakable: FaceEngine):
    send(breakable, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as pool:
        hung = pool.submit(code_of, breakable, pictures.frame("obama"), 0.3)
        assert eventually(lambda: breakable.status().is_measuring)
        behind = pool.submit(breakable.measure, pictures.frame("biden"), 30)
        assert hung.result() == "engine_failed"
        assert behind.result().quality.width > 100


def test_one_picture_more_than_the_queue_holds_is_told_to_try_again(breakable: FaceEngine):
    send(breakable, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(breakable.measure, pictures.frame("obama"), 30) for _ in range(2)]
        assert eventually(lambda: breakable.status().waiting == 2)
        assert code_of(breakable, pictures.frame("obama")) == "engine_busy"
        send(breakable, signal.SIGCONT)
        assert all(answer.result().quality.width > 100 for answer in waiting)


def test_many_threads_get_each_the_answer_to_their_own_picture(engine: FaceEngine):
    names = ["obama", "biden", "obama3"] * 6
    expected = {name: engine.measure(pictures.frame(name)).vector for name in set(names)}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: engine.measure(pictures.frame(name)), names))
    for name, answer in zip(names, answers, strict=True):
        assert np.allclose(answer.vector, expected[name], rtol=0, atol=1e-5)


def test_closing_ends_the_child_and_later_pictures_fail_at_once():
    engine = FaceEngine()
    assert engine.ready.wait(30)
    pid = engine.pid
    assert pid is not None
    engine.close()
    engine.close()
    assert not is_running(pid) and not engine.alive
    assert code_of(engine, pictures.frame("obama"), timeout=0.05) == "engine_failed"


def test_closing_while_the_child_is_still_starting_leaves_nothing_running():
    engine = FaceEngine()
    assert eventually(lambda: engine.status().starts == 1)
    engine.close()
    assert not engine.alive and engine.status().last_exit == -signal.SIGKILL


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_child_dies_with_the_node():
    script = (
        "import time\n"
        "from attendance.engine import FaceEngine\n"
        "engine = FaceEngine()\n"
        "assert engine.ready.wait(30)\n"
        "print(engine.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    node = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert node.stdout is not None
    with node.stdout:
        pid = int(node.stdout.readline())
    assert is_running(pid)
    node.kill()
    node.wait()
    assert eventually(lambda: not is_running(pid))


def test_ctrl_c_does_not_end_the_child(breakable: FaceEngine):
    send(breakable, signal.SIGINT)
    assert breakable.measure(pictures.frame("obama")).quality.width > 100
    assert breakable.status().starts == 1


def test_the_reference_starts_even_where_every_warning_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("ATT_ENGINE", "face_recognition")
    with FaceEngine(EngineSettings(timeout=60)) as engine:
        assert engine.measure(pictures.frame("obama")).engine_id.startswith("face_recognition/")


def test_the_model_is_named_as_the_hall_names_it_and_by_its_files_hash(engine: FaceEngine):
    with FaceEngine(EngineSettings(model_id="own")) as named:
        assert named.ready.wait(30)
        ours, usual = named.status().model_id, engine.status().model_id
    assert ours is not None and usual is not None
    assert ours.startswith("own:") and ours.split(":")[1] == usual.split(":")[1]


def test_a_child_that_cannot_start_is_tried_again_and_never_taken_for_ready(tmp_path: Path):
    broken = tmp_path / "model.dat"
    broken.write_bytes(b"not a network")
    with FaceEngine(EngineSettings(model=broken)) as engine:
        assert eventually(lambda: engine.status().starts >= 2)
        assert not engine.alive
        assert code_of(engine, pictures.frame("obama"), timeout=0.05) == "engine_failed"
        assert engine.status().last_exit == 1


def test_a_child_without_enough_memory_costs_no_more_than_an_answer():
    with FaceEngine(EngineSettings(memory=64 * 1024 * 1024)) as engine:
        assert code_of(engine, pictures.frame("obama"), timeout=0.5) == "engine_failed"
        assert not engine.alive
