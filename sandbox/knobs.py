"""What tests can make go wrong on the Slack side (`PUT /sandbox/behaviour`), and the protocol's time limits."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

ACK_SECONDS = 3.0
TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60
RESPONSE_URL_USES = 5
VIEW_STACK = 3


@dataclass
class Knobs:
    """Everything well-behaved by default."""

    duplicate_events: bool = False
    """Deliver every event and interaction twice, the second marked as a retry."""
    rate_limit_next: int = 0
    """Answer this many coming Web API calls with 429 and `Retry-After: 1`."""
    rate_limit_methods: dict[str, int] = field(default_factory=dict)
    """The same for one method: {"chat.update": 3}."""
    chat_update_per_second: int | None = None
    """Answer 429 to more edits of one message in a second than this; None sets no limit."""
    slow_ack_ms: int = 0
    """Take every ack this much later than it came; 3000 or more and the person sees a timeout."""
    retry_seconds: tuple[float, ...] = (0.0, 60.0, 300.0)
    """When an event that was not acked is sent again (Slack: at once, after 1 minute, after 5)."""
    refuse_blocks: list[str] = field(default_factory=list)
    """Block types that this workspace refuses (`invalid_blocks`), such as data_visualization on an old plan."""

    def update(self, change: dict[str, Any]) -> None:
        """Set the knobs that `change` names. Raises ValueError for one that does not exist or has a wrong type."""
        known = {f.name for f in fields(self)}
        for name, value in change.items():
            if name not in known:
                raise ValueError(f"There is no knob '{name}'. There are: {', '.join(sorted(known))}.")
            current = getattr(self, name)
            if isinstance(current, tuple) and isinstance(value, list):
                value = tuple(value)
            optional = name == "chat_update_per_second" and (value is None or isinstance(value, int))
            if not optional and not isinstance(value, type(current)):
                raise ValueError(f"Knob '{name}' takes {type(current).__name__}, not {type(value).__name__}.")
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """All knobs and where they stand."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
