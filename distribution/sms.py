"""How a text travels as SMS: its encoding, how many segments it takes, and which characters make it dearer.

Rules: 3GPP TS 23.038 (the GSM 7-bit default alphabet, its extension table, UCS-2) and TS 23.040 (concatenation).
A text whose characters are all in GSM-7 has 160 septets in one segment, or 153 in each of several; a character of the
extension table takes two. Any other text is sent as UCS-2 with 70 code units in one segment, or 67 in each of several.
Neither the two septets of an extension character nor the two halves of a surrogate pair are split over segments.
"""

import unicodedata
from typing import Literal, NamedTuple

Encoding = Literal["GSM-7", "UCS-2"]

# What gateways take in one message: more is cut or refused by carriers (10 × 153 characters).
MOST_SEGMENTS = 10

# TS 23.038 §6.2.1, in the order of the table (0x1B, the escape, left out).
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# TS 23.038 §6.2.1.1: two septets each, an escape and a character.
EXTENSION = frozenset("\f^{}\\[~]|€")

GSM_SINGLE, GSM_PART = 160, 153
UCS_SINGLE, UCS_PART = 70, 67

# What the quick way deletes: characters of one septet that Latin-1 has as the same single byte.
_ONE_SEPTET = bytes(ord(char) for char in BASIC if ord(char) < 256)

# Characters that word processors, phones and web pages put in, and what people typed or meant.
_REPLACEMENTS = {
    **dict.fromkeys("’‘‚‛′´`ʼ＇", "'"),
    **dict.fromkeys("“”„‟″«»＂", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys(
        "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t", " "
    ),
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\ufe0e\ufe0f", ""),
    **dict.fromkeys("•·●▪", "*"),
    **dict.fromkeys("‹", "<"),
    **dict.fromkeys("›", ">"),
    "…": "...",
    "×": "x",
    "™": "(TM)",
    "®": "(R)",
    "©": "(C)",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
    "œ": "oe",
    "Œ": "OE",
    "ẞ": "ß",
    "→": "->",
    "←": "<-",
    "\u2028": "\n",
    "\u2029": "\n",
}


class Measure(NamedTuple):
    """What a text costs to send.

    `characters` is what counts against the limit: septets in GSM-7 (an extension character is two), UTF-16 code units
    in UCS-2 (most emoji are two). `room` is how many more fit before another segment begins. `offenders` are the
    different characters that keep the text out of GSM-7, in the order in which they appear.
    """

    encoding: Encoding
    characters: int
    segments: int
    room: int
    offenders: tuple[str, ...] = ()


def measure(text: str) -> Measure:
    """The encoding, length and segments of `text`. An empty text has no segment."""
    try:
        odd = text.encode("latin-1").translate(None, _ONE_SEPTET)
    except UnicodeEncodeError:
        return _walk(text)
    if odd:
        return _walk(text)
    length = len(text)
    if length <= GSM_SINGLE:
        return Measure("GSM-7", length, 1 if length else 0, GSM_SINGLE - length)
    segments = -(-length // GSM_PART)
    return Measure("GSM-7", length, segments, segments * GSM_PART - length)


def segments_of(text: str) -> int:
    """Only the number of segments: the same as `measure(text).segments`."""
    return measure(text).segments


def replacement(char: str) -> str | None:
    """What could stand for an offender without leaving GSM-7 ("’" → "'"), or None where nothing could (an emoji)."""
    found = _REPLACEMENTS.get(char)
    if found is None:
        # "ą" is "a" and an ogonek; the letter alone is what people write when they text without accents.
        found = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
        if not found:
            return "" if unicodedata.combining(char) else None
    return found if all(part in BASIC or part in EXTENSION for part in found) else None


def in_gsm(text: str) -> str:
    """`text` with every offender that has a replacement replaced; the others stay."""
    offenders = measure(text).offenders
    return text.translate({ord(char): new for char in offenders if (new := replacement(char)) is not None})


def _walk(text: str) -> Measure:
    """The exact count, character by character."""
    offenders = tuple(dict.fromkeys(char for char in text if char not in BASIC and char not in EXTENSION))
    if offenders:
        widths = [2 if ord(char) > 0xFFFF else 1 for char in text]
        return _fill("UCS-2", widths, UCS_SINGLE, UCS_PART, offenders)
    widths = [2 if char in EXTENSION else 1 for char in text]
    return _fill("GSM-7", widths, GSM_SINGLE, GSM_PART, ())


def _fill(encoding: Encoding, widths: list[int], single: int, part: int, offenders: tuple[str, ...]) -> Measure:
    """Lay characters of 1 or 2 units into segments; one of 2 that would be split begins the next segment."""
    total = sum(widths)
    if total <= single:
        return Measure(encoding, total, 1 if total else 0, single - total, offenders)
    segments, used = 1, 0
    for width in widths:
        if used + width > part:
            segments, used = segments + 1, 0
        used += width
    return Measure(encoding, total, segments, part - used, offenders)
