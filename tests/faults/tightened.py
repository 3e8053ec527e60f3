"""`promobot` with the patience of a test instead of that of a gateway, and with a safeguard taken out where asked.

    python -m tests.faults.tightened [--remove fence|looking] run --roles sender

The same program otherwise: its own command line, in a process of its own. What is unknown is asked about after some
seven seconds, where production waits for a minute.
"""

import sys
from datetime import timedelta
from functools import partial

from bot import cli
from distribution.providers import connections
from distribution.providers.sandbox import SandboxProvider
from distribution.sending import settle, worker
from distribution.sending.options import Options
from tests.faults import removed

WINDOW, REQUEST, MARGIN, LISTED = 3.0, 2.0, 1.5, 0.5
# Until what somebody had dispatched is theirs no more.
TAKEN_OVER = WINDOW + REQUEST + MARGIN


def tighten() -> None:
    """Shorten every wait that is there for slow networks and clocks that differ."""
    connections.REQUEST_TIMEOUT = REQUEST
    SandboxProvider.listed_within = LISTED
    settle.CLAIM = timedelta(seconds=6)
    worker.Options = partial(  # type: ignore[misc, assignment]
        Options,
        concurrency=50,
        batch=100,
        most=100,
        lease=timedelta(seconds=2),
        window=WINDOW,
        request=REQUEST,
        margin=MARGIN,
        flush=0.05,
        idle=0.1,
        chores=0.1,
        shutdown=1.0,
    )


if __name__ == "__main__":
    if sys.argv[1] == "--remove":
        removed.REMOVED[sys.argv[2]](setattr)
        del sys.argv[1:3]
    tighten()
    cli.main()
