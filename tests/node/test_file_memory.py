"""However large the files are, neither side holds one whole in memory: measured in a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# An intake works in chunks. Pieces of a megabyte are in both programs of this one process, several
# times each; a file held whole would be twenty more.
MOST_OF_INTAKE_MIB, MOST_OF_LINE_MIB = 8, 40

# Six files of nearly the largest size, attached by the page, sent, fetched back and opened.
PROGRAM = """
import io, random, sys
from pathlib import Path
from node.safekeeping import archives
from standards.records.files import MAX_PLAIN_BYTES
from sync.files.sealed_files import Scratch
from tests.independent.center import listening
from tests.node.filed import filed

def most():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) // 1024

def plain(seed, size):
    room, chance = Scratch(), random.Random(seed)
    for _ in range(size // 65536):
        room.write(chance.randbytes(65536))
    room.seek(0)
    return room

folder = Path(sys.argv[1])
with listening(folder / "center") as office, filed(folder / "hall", office) as town:
    town.attach(b"%PDF- one small file first, so that everything is loaded")
    town.hand_over(b"%PDF- another")
    town.sync()
    town.move()
    before = most()
    for seed in range(3):
        with plain(seed, MAX_PLAIN_BYTES) as room:
            town.attach_from(room)
        with plain(10 + seed, MAX_PLAIN_BYTES) as room:
            down = town.hand_over_from(room)
    taken_in = most() - before
    town.sync()
    town.move()
    assert town.path(down.name).exists()
    opened = sum(len(part) for part in archives.archive_of(town.hall).read(down.name, down.key))
    assert opened == MAX_PLAIN_BYTES
    print(taken_in, most() - before)
"""


def test_however_large_files_are_the_memory_of_both_sides_stays_bounded(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    intake, line = map(int, done.stdout.split()[-2:])
    assert intake < MOST_OF_INTAKE_MIB
    assert line < MOST_OF_LINE_MIB
