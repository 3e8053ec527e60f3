"""How the engine refuses: in words for the person who asked, and at the field where they typed."""

import time


class Refused(Exception):
    """Something that a person asked for cannot be done as asked.

    `str(error)` is a sentence or two for that person: what is wrong, where, what to do next. `field` names the input
    it belongs to, in the engine's own words ("name", "formats", "body"), or is None where no single one is to blame;
    the Slack side maps it to a block, the API to a pointer. `reason` is the same as a word that a program can compare
    ("taken": the name is another's; "redeemed"), where one is worth telling apart; it never changes.
    """

    def __init__(self, message: str, *, field: str | None = None, reason: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason


def mark() -> str:
    """A number for an error of ours: what a person is told, and what the log says beside the stack trace."""
    return f"{time.time_ns() // 1_000_000 % 100_000_000:08d}"
