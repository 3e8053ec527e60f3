"""Where somebody is named in words: numbers however they are written, ids and names in JSON. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import phonenumbers

from storage.customers import fold
from storage.erasing import ERASED

# What people and files put between the digits of a number.
BETWEEN = r"[ \u00a0\u202f().,/\-\u2010-\u2014]{0,3}"

# Keys under which objects say who somebody is, or what they were written.
TELLING = frozenset({"name", "customer", "audience", "text", "phone", "source_id", "reason"})


@dataclass(frozen=True)
class Person:
    """Who is to be found: by id, and by what they were called."""

    customer_id: int
    phone: str | None
    source_id: str | None
    name: str

    @cached_property
    def _number(self) -> re.Pattern[str] | None:
        """The number with its country code or without, with anything usual between its digits."""
        if self.phone is None:
            return None
        parsed = phonenumbers.parse(self.phone)
        national = BETWEEN.join(phonenumbers.national_significant_number(parsed))
        code = BETWEEN.join(str(parsed.country_code))
        return re.compile(rf"(?<!\d)(?:(?:00|\+)?{code}{BETWEEN}|0{BETWEEN})?{national}(?!\d)")

    @cached_property
    def _words(self) -> str:
        """Their name as it is searched, where it has two words or more: one alone is other people's name too."""
        folded = fold(self.name)
        return folded if " " in folded else ""

    def is_in(self, text: str) -> bool:
        """Whether a line or a cell names them: their number in it, their name in it, or just their id."""
        if self._number and self._number.search(text):
            return True
        if self.source_id and text.strip() == self.source_id:
            return True
        return bool(self._words) and f" {self._words} " in f" {fold(text)} "

    def without(self, value: Any, key: str = "") -> Any:
        """A JSON value without them: lines that name them, and what an object with their id says of them.

        `key`: under which the value stands in its object.
        """
        if isinstance(value, str):
            return ERASED if value and value == self.name and key in TELLING else self._text(value)
        if isinstance(value, Mapping):
            theirs = value.get("customer_id") == self.customer_id
            return {
                name: ERASED if theirs and name in TELLING and item else self.without(item, name)
                for name, item in value.items()
            }
        return [self.without(item, key) for item in value] if isinstance(value, list) else value

    def _text(self, text: str) -> str:
        """A text without the lines that name them."""
        return "\n".join(ERASED if self.is_in(line) else line for line in text.split("\n"))
