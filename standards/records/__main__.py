"""``python -m standards.records`` prints docs/records.md."""

import sys

from standards.records import RECORDS
from standards.records.reference import page

if __name__ == "__main__":
    sys.stdout.buffer.write(page(RECORDS).encode())
