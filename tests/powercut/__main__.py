"""``python -m tests.powercut``: what a power cut may do to a hall and to the center, tried out."""

from __future__ import annotations

import argparse
import sys
import time

from tests.powercut.proof import Wish, prove


def main() -> int:
    """Record, cut, start again; the last line says how many images, paths and violations."""
    parser = argparse.ArgumentParser(prog="python -m tests.powercut", description=main.__doc__)
    parser.add_argument("--images", type=int, default=10_000, help="how many disks to start over")
    parser.add_argument("--seed", type=int, default=1, help="of the random subsets")
    parser.add_argument("--path", action="append", default=[], help="only this commit path")
    parser.add_argument(
        "--synchronous",
        choices=("FULL", "NORMAL", "OFF"),
        default="FULL",
        help="of both databases; less than FULL must be found out",
    )
    asked = parser.parse_args()
    began = time.monotonic()
    proof = prove(Wish(asked.images, asked.seed, 2, asked.synchronous, asked.path))
    for label, count in proof.images.items():
        print(f"{count:7}  {label}")
    print(f"{proof.second:7}  cut again while starting over one of these")
    for violation in proof.violations:
        print(violation)
    print(f"{time.monotonic() - began:.0f} s, seed {asked.seed}")
    print(proof.summary())
    return 1 if proof.broken else 0


if __name__ == "__main__":
    sys.exit(main())
