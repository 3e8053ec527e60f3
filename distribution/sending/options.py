"""How the sender goes about it: sizes and times, in one place."""

from dataclasses import dataclass
from datetime import timedelta

from distribution.providers.connections import REQUEST_TIMEOUT


@dataclass(frozen=True)
class Options:
    """What a test or a benchmark may want otherwise.

    A worker that dies is replaced within `lease` for what it had not dispatched, and within `window` + `request` +
    `margin` for what it had (45 s and about a minute by default; see docs/decisions/sending.md).
    """

    concurrency: int = 100  # requests in flight for each provider
    batch: int = 500  # messages that one commit intends, at most
    most: int = 4000  # the same once they leave so fast that `batch` of them are gone in less than `brisk`
    brisk: float = 0.5  # seconds
    lease: timedelta = timedelta(seconds=20)
    window: float = 20.0  # seconds after intent in which a request may still start
    request: float = REQUEST_TIMEOUT  # seconds that a request may take
    margin: float = 10.0  # seconds by which the clocks of two machines may differ
    ahead: float = 2.0  # seconds of the provider's rate that one batch may take, and be reserved ahead
    flush: float = 0.2  # seconds that a result may wait to be recorded
    idle: float = 0.5  # seconds between looks for work, where there was none
    chores: float = 0.5  # seconds between looks at callbacks, unknown attempts and providers' setups
    shutdown: float = 10.0  # seconds that requests in flight are waited for when the sender stops

    @property
    def ended_after(self) -> timedelta:
        """How long after its intent every request of a batch must have ended."""
        return timedelta(seconds=self.window + self.request + self.margin)


# Account failures in a row that pause a distribution.
ACCOUNT_FAILURES = 3
# Of the last `HEALTH_WINDOW` outcomes of a distribution, this many failures pause it.
HEALTH_WINDOW = 50
HEALTH_FAILURES = 25
# A message that could not be handed over this many times pauses its distribution (about ten minutes of trying).
MAX_TRIES = 10
LONGEST_WAIT = 120.0


def backoff(tries: int) -> float:
    """Seconds to wait before the next try after `tries` of them."""
    return float(min(LONGEST_WAIT, 2 ** min(tries, 10)))
