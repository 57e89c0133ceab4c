"""Every commit path there is."""

from __future__ import annotations

from tests.powercut.carried import CARRIED
from tests.powercut.commit_paths import PATHS
from tests.powercut.rare import RARE
from tests.powercut.scans import FILED

EVERY_PATH = (*PATHS, *CARRIED, *FILED, *RARE)
