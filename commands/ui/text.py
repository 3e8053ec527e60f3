"""Words and numbers as people read them."""

from datetime import datetime
from zoneinfo import ZoneInfo

# Slack reads these three in mrkdwn (docs.slack.dev, "Escaping text"); `*_~` only style the text, and are defused below.
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

# A word joiner before a styling character keeps it from pairing up, and is not seen.
STYLE = str.maketrans({char: f"\u2060{char}" for char in "*_~`"})


def escape(text: str) -> str:
    """Text that a person typed, or a customer is called, for mrkdwn: it mentions nobody and styles nothing."""
    return text.translate(ENTITIES).translate(STYLE)


def mask(phone: str) -> str:
    """A phone number for a channel: country and last three digits ("+48 ••• ••• 218")."""
    import phonenumbers

    try:
        country = f"+{phonenumbers.parse(phone).country_code}"
    except phonenumbers.NumberParseException:
        country = phone[:2]
    return f"{country} ••• ••• {phone[-3:]}"


def number(value: int) -> str:
    """1234567 → "1,234,567"."""
    return f"{value:,}"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """2, "customer" → "2 customers"; the plural is the noun and an s unless given."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def when(moment: datetime, time_zone: str, *, now: datetime) -> str:
    """A moment as its reader would say it: "14:02" today, "3 Nov, 14:02" this year, "3 Nov 2025, 14:02" before."""
    zone = ZoneInfo(time_zone)
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    day = f"{local.day} {local:%b}"
    return f"{day}, {local:%H:%M}" if local.year == today.year else f"{day} {local.year}, {local:%H:%M}"


def clip(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
