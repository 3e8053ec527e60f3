"""Attempt ids: a batch and a message, which both exist before the socket is opened."""

LONGEST = 18  # digits of an id


def attempt_id(batch_id: int, message_id: int) -> str:
    """The id of the one attempt that a batch makes at a message."""
    return f"{batch_id}-{message_id}"


def parts(attempt: str) -> tuple[int, int] | None:
    """Batch id and message id of an attempt id, or None when it is not one."""
    batch, _, message = attempt.partition("-")
    if not (batch.isascii() and batch.isdigit() and message.isascii() and message.isdigit()):
        return None
    # No longer than an id that a column can hold: somebody else's would fail the query of all the others.
    return (int(batch), int(message)) if len(batch) <= LONGEST and len(message) <= LONGEST else None
