"""What of the attacks is run: a sample that changes from run to run, or all of them.

`FAULTS=long` in the environment: all, and each of them longer. `FAULTS_SEED=7`: what another run with that seed did.
"""

import os
import random
import zlib

LONG = os.environ.get("FAULTS") == "long"
# The processes of one pytest run must choose alike.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID")
SEED = int(os.environ.get("FAULTS_SEED") or (zlib.crc32(_RUN.encode()) if _RUN else random.randrange(1_000_000)))
