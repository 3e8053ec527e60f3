"""A message's own words without the characters that make it Unicode; its tags stay as they are."""

import re

from distribution import sms

# A tag, a statement or a comment of a template: what is inside is not text that is sent.
_TAG = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)


def in_gsm(body: str) -> str:
    """`body` with every character that has a plain replacement replaced, outside of tags."""
    return "".join(part if at % 2 else sms.in_gsm(part) for at, part in enumerate(_TAG.split(body)))
