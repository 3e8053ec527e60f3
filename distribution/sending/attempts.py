"""Attempt ids, and the addresses that providers call back.

An attempt is a batch and a message; both exist before the socket is opened, so its id does too. The address that a
provider calls carries the id and a MAC of it: nobody else can say what became of an attempt.
"""

import hmac

from distribution.runtime import Runtime

MAC_LENGTH = 24  # hex digits: 96 bits
INBOUND = "inbound"


def attempt_id(batch_id: int, message_id: int) -> str:
    """The id of the one attempt that a batch makes at a message."""
    return f"{batch_id}-{message_id}"


def parts(attempt: str) -> tuple[int, int] | None:
    """Batch id and message id of an attempt id, or None when it is not one."""
    batch, _, message = attempt.partition("-")
    if batch.isascii() and batch.isdigit() and message.isascii() and message.isdigit():
        return int(batch), int(message)
    return None


class Addresses:
    """Where one provider calls back: `{public_url}/callbacks/{provider_id}/{attempt id or "inbound"}/{MAC}`."""

    def __init__(self, runtime: Runtime, provider_id: int) -> None:
        self._prefix = f"{runtime.links.public_url}/callbacks/{provider_id}/"
        self._key = runtime.vault.derive(f"callbacks of provider {provider_id}")

    def status(self, attempt: str) -> str:
        """The address for what becomes of an attempt."""
        return f"{self._prefix}{attempt}/{self._mac(attempt)}"

    def inbound(self) -> str:
        """The address for customers' own texts; typed into the provider's console."""
        return f"{self._prefix}{INBOUND}/{self._mac(INBOUND)}"

    def genuine(self, subject: str, mac: str) -> bool:
        """Whether `mac` was made by `status` or `inbound` for this subject."""
        return mac.isascii() and hmac.compare_digest(self._mac(subject), mac)

    def _mac(self, subject: str) -> str:
        return hmac.digest(self._key, subject.encode(), "sha256").hex()[:MAC_LENGTH]
