"""Provider secrets at rest, and everything else that hangs on the installation's one key."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from distribution.errors import Refused


class Vault:
    """Encrypts, and derives keys for other uses, from one secret string (`SECRET_KEY`)."""

    def __init__(self, secret_key: str) -> None:
        if len(secret_key) < 16:
            raise ValueError("the secret key needs at least 16 characters")
        self._root = secret_key.encode()
        self._fernet = Fernet(base64.urlsafe_b64encode(self.derive("provider secrets")))

    def derive(self, use: str) -> bytes:
        """32 bytes for one use; a key derived for another use tells nothing about it."""
        return hmac.new(self._root, use.encode(), hashlib.sha256).digest()

    def lock(self, secret: dict[str, Any]) -> str:
        """Encrypt a JSON object."""
        return self._fernet.encrypt(json.dumps(secret).encode()).decode()

    def unlock(self, token: str) -> dict[str, Any]:
        """Decrypt what `lock` returned. Raises `Refused` when it was locked with another key."""
        try:
            secret: dict[str, Any] = json.loads(self._fernet.decrypt(token.encode()))
        except InvalidToken:
            raise Refused(
                "A provider's secret was stored under another SECRET_KEY. "
                "Put the old key back, or enter the secret again."
            ) from None
        return secret
