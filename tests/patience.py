"""How long tests let a bot take for what Slack gives it three seconds for.

A busy machine may stop a test's processes for longer than that, and what is asserted is what the bot does, not how
fast: the time to an ack is measured in `benchmarks/`. What is to run out of time says so with a shorter one.
"""

from __future__ import annotations

SECONDS = 20.0
