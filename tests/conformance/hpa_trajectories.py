"""Run files of random cases and closed-loop recordings.

``python -m tests.conformance.hpa_trajectories FILE.json``.

The same harness as ``tests.conformance.hpa``: a file says with its sections what it holds.
"""

import sys

from tests.conformance.hpa import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
