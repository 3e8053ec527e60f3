"""When sending must not go on by itself: the account fails, or most texts do."""

from collections import Counter, deque
from dataclasses import dataclass, field

from distribution.providers.port import Kind, Outcome
from distribution.reasons import words
from distribution.sending.options import ACCOUNT_FAILURES, HEALTH_FAILURES, HEALTH_WINDOW


@dataclass
class Health:
    """The latest outcomes of one distribution, as one worker saw them."""

    account_failures: int = 0
    broken: bool = False  # its body cannot be compiled any more: a bug, but one that must not spin
    latest: deque[str | None] = field(default_factory=lambda: deque(maxlen=HEALTH_WINDOW))

    def add(self, outcome: Outcome) -> None:
        """Count an outcome. What was merely put off says nothing about the texts."""
        if outcome.kind is Kind.ACCOUNT:
            self.account_failures += 1
        elif outcome.kind is Kind.ACCEPTED:
            self.account_failures = 0
            self.latest.append(None)
        elif outcome.kind in (Kind.REJECTED, Kind.UNKNOWN):
            self.latest.append(outcome.reason or outcome.kind.value)

    def verdict(self, provider_name: str) -> str | None:
        """Why the distribution should be paused, in words for the channel; None while all is well."""
        if self.broken:
            return "Its message cannot be read any more. Stop it, and send a new one."
        if self.account_failures >= ACCOUNT_FAILURES:
            return (
                f"'{provider_name}' refuses our account. Check its credentials, credit and address, then resume. "
                "Nothing is lost: what was refused waits."
            )
        failed = Counter(reason for reason in self.latest if reason is not None)
        if failed.total() >= HEALTH_FAILURES:
            why = ", ".join(f"{n} {words(reason)}" for reason, n in failed.most_common(3))
            return f"{failed.total()} of the last {len(self.latest)} texts failed: {why}. Look into it, then resume."
        return None
