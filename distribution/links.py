"""Public links that nobody can guess: `/q/{token}` shows a promo code, `/callbacks/{token}` takes a provider's news."""

import hashlib
import hmac

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MAC_BYTES = 10  # 80 bits: a million guesses a second for a million codes take a thousand years
MAC_LENGTH = 14  # 80 bits in base 62


class Links:
    """Makes and reads links under `public_url`. Nothing is stored: a token is the code's id and a MAC of it."""

    def __init__(self, public_url: str, key: bytes) -> None:
        self.public_url = public_url.rstrip("/")
        self._key = key

    def qr(self, code_id: int) -> str:
        """The link to the QR page of a promo code."""
        return f"{self.public_url}/q/{self.token(code_id)}"

    @staticmethod
    def picture(link: str) -> str:
        """The address of the very picture that the page of a `qr` link shows, as PNG."""
        return f"{link}.png"

    def token(self, code_id: int) -> str:
        """The token of a promo code: its id and the MAC, both in base 62."""
        return f"{_base62(self._mac(code_id)).rjust(MAC_LENGTH, '0')}{_base62(code_id)}"

    def code_id(self, token: str) -> int | None:
        """The promo code's id that a token names, or None when it was not made by `token`."""
        head, tail = token[:MAC_LENGTH], token[MAC_LENGTH:]
        if not tail or len(tail) > 12 or any(char not in ALPHABET for char in token):
            return None
        code_id = 0
        for char in tail:
            code_id = code_id * 62 + ALPHABET.index(char)
        return code_id if hmac.compare_digest(self.token(code_id), head + tail) else None

    def callback(self, provider_id: int) -> str:
        """Where a provider posts status and replies. Whoever does not know it cannot pretend to be the provider."""
        return f"{self.public_url}/callbacks/{provider_id}-{_base62(self._mac(f'callback {provider_id}'))}"

    def provider_id(self, token: str) -> int | None:
        """The provider whose callback link ends in `token`, or None when it was not made by `callback`."""
        head = token.partition("-")[0]
        if not (head.isascii() and head.isdigit() and len(head) < 10):
            return None
        made = self.callback(int(head)).rpartition("/")[2]
        return int(head) if hmac.compare_digest(made.encode(), token.encode()) else None

    def _mac(self, what: int | str) -> int:
        digest = hmac.new(self._key, str(what).encode(), hashlib.sha256).digest()
        return int.from_bytes(digest[:MAC_BYTES])


def _base62(number: int) -> str:
    """A non-negative integer in base 62, most significant digit first."""
    digits = ""
    while True:
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
        if not number:
            return digits
