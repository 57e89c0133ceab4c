"""A server that settles keeps what stands out of the collector's way."""

import subprocess
import sys

SETTLED = """
import gc, threading
from web.memory import few_pools, settle
few_pools()
kept = [[] for _ in range(1000)]
settle()
assert gc.get_freeze_count() > 1000

def hold():
    return [bytes(60_000) for _ in range(200)]

threads = [threading.Thread(target=hold) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert gc.isenabled()
"""


def test_what_stands_at_the_start_is_left_alone_and_the_collector_goes_on():
    done = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
