"""Named points at which a test may end the process, as a power cut would: ``fp("push.sent")``.

Inert: a point compares two texts and goes on. Only a process that was started with the variable
``ONEHALL_FAILPOINT`` naming this very point ends there, by SIGKILL, so that nothing is written,
closed or answered any more. It can do no more harm than pulling the plug, which every point is
there to prove harmless; whoever may set a process's environment may end it anyway. It is read once,
at the start: no page, request or setting reaches it.

``tests/failpoints`` finds every point in the source and ends a real process at each of them.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "ONEHALL_FAILPOINT"
_armed = os.environ.get(VARIABLE, "")


def fp(name: str) -> None:
    """Go on; or end this process here, when this point is armed."""
    if name == _armed:
        os.write(2, f"ended at {name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
