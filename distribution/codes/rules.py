"""What a promo code may be, wherever it comes from: typed, uploaded, or made by a format."""

import re
from collections.abc import Sequence
from datetime import timedelta

# A code must fit a text beside its words (an SMS segment holds 160 characters) and a QR picture that still scans.
CODE_MAX = 64

# How many codes one transaction stores: a third of a second or so, and 4 MB.
CHUNK = 50_000
# How many a listener adds by itself, well within Slack's three seconds; more is a job.
INLINE = 10_000
# How long a file is kept that nobody went on with, and an export for Slack to take.
UPLOAD_KEPT = timedelta(days=1)
# The most that one request generates.
GENERATE_MAX = 5_000_000

_PLAIN = re.compile(rf"[!-+\--:<-~]{{1,{CODE_MAX}}}")


# Every byte that a code may have: what `_PLAIN` takes.
_PLAIN_BYTES = bytes(byte for byte in range(33, 127) if chr(byte) not in ",;")


def all_plain(codes: Sequence[str]) -> bool:
    """Whether `problem` finds none in any of them, a hundred times as fast as asking it of each; False: look closer."""
    joined = "\n".join(codes)
    return (
        joined.isascii()
        and "\n\n" not in f"\n{joined}\n"  # none is empty
        and joined.encode().translate(None, _PLAIN_BYTES) == b"\n" * (len(codes) - 1)
        and max(map(len, codes)) <= CODE_MAX
    )


def problem(code: str) -> str | None:
    """Why `code` (spaces around it removed, not empty) cannot be one, in words; None when it can.

    A code is 1 to 64 visible characters, no spaces, commas or semicolons (they stand between codes, so one inside is
    two codes on a line). Capital and small letters differ. Nothing is normalised: a shop compares byte by byte.
    """
    if _PLAIN.fullmatch(code):
        return None
    if len(code) > CODE_MAX:
        return f"{len(code)} characters; a code has up to {CODE_MAX}"
    if any(char.isspace() for char in code):
        return "a space inside"
    if "," in code or ";" in code:
        return "a comma or semicolon inside; one code goes on each line"
    if not code.isprintable():
        return "an invisible character inside"
    return None
