"""Picture messages: which texts have a code's QR picture with them, and where that picture is.

The text keeps its link: it opens on phones that show no pictures, and a provider's list is searched for it.
"""

from functools import lru_cache

import phonenumbers

from distribution.links import Links
from distribution.templates.render import Recipient


def pictures(regions: frozenset[str], phone: str, recipient: Recipient, text: str) -> tuple[str, ...]:
    """The addresses of the pictures that go with a text: of each code whose link is in it, in the order of the links.

    None where its number is of none of `regions` (two letters), to which the provider sends picture messages.
    """
    if not regions:
        return ()
    codes = [*recipient.codes.values(), *recipient.last_codes.values()]
    links = dict.fromkeys(code.link for code in codes if code.link and code.link in text)
    if not links or _region(phone) not in regions:
        return ()
    return tuple(Links.picture(link) for link in sorted(links, key=text.index))


@lru_cache(10_000)
def _region(phone: str) -> str | None:
    """The region of an E.164 number: "US" and "CA" share +1 with islands that take no picture messages."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
