"""The face engine's own process: one picture in, one answer out, until the node is gone.

Started by ``attendance.engine`` and by nobody else. It holds the decoders and dlib, has a bounded
memory, writes no file, leaves no core file (a picture could be in it), ignores Ctrl-C and dies
with the node. It keeps nothing of a picture after the answer.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from attendance import exchange
from attendance.errors import FaceError

NICE: Final = 5
"""A third of the share of whoever works at a window, where both want the processor."""
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def main() -> None:
    """Run on the socket whose number is the only argument; the rest comes from ATT_ settings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _bind_to_parent()
    _limit_memory(int(os.environ["ATT_MEMORY"]))
    line = socket.socket(fileno=int(sys.argv[1]))
    try:
        _measure_until_closed(line)
    except exchange.ExchangeEnded:
        sys.exit(0)


def _bind_to_parent() -> None:
    """Die when the thread that started this process ends (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _step_back() -> None:
    """Let windows go first: whoever takes a case in must not wait for a face, but for its disk."""
    with suppress(OSError):
        os.nice(NICE)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _limit_memory(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _measure_until_closed(line: socket.socket) -> None:
    # Imported after the limits, so that they hold for everything that dlib allocates.
    from attendance.agreement import open_meter

    model = os.environ.get("ATT_MODEL")
    meter, refused = open_meter(
        os.environ["ATT_ENGINE"],
        Path(model) if model else None,
        eyes=os.environ.get("ATT_EYES") == "1",
    )
    network = meter.network.named(os.environ.get("ATT_MODEL_ID", ""))
    meter = meter.with_network(network)
    ready = exchange.Ready(network.model_id, network.engine_id, refused)
    _step_back()
    exchange.say(line, msgspec.msgpack.encode(ready))
    while True:
        picture = exchange.hear(line)
        try:
            answer = exchange.answer_of(meter.measure(picture))
        except FaceError as error:
            answer = exchange.Answer(refused=error.code)
        exchange.say(line, msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
