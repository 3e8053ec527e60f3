"""Words and numbers as people read them."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from distribution.team import is_system

# Slack reads these three in mrkdwn (docs.slack.dev, "Escaping text"); `*_~` only style the text, and are defused below.
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

# mrkdwn has no escape for its marks. A mark that a space follows opens nothing, one that a space precedes closes
# nothing (not even the bold that a sentence of ours puts around a name), and a zero-width space is not seen;
# a backtick opens code all the same, so it gives way to its look-alike.
STYLE = str.maketrans({mark: f"\u200b{mark}\u200b" for mark in "*_~"} | {"`": "ˋ"})


def escape(text: str) -> str:
    """Text that a person typed, or a customer is called, for mrkdwn: it mentions nobody and styles nothing."""
    return text.translate(ENTITIES).translate(STYLE)


def code(text: str) -> str:
    """Text in a fixed width, whole and copyable; one that holds a backtick cannot be shown so."""
    if "`" in text or not text.strip():
        return escape(text)
    return f"`{text.translate(ENTITIES)}`"


def plain(text: str) -> str:
    """What was typed after a slash command: Slack sends `& < >` as entities there, and nowhere else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def is_person(by: str) -> bool:
    """Whether who did something is somebody in Slack, who can be written to: no system, file or command line."""
    return re.fullmatch(r"[UW][A-Z0-9]+", by) is not None


def who(by: str) -> str:
    """Who did something, in mrkdwn: a person, a system with a token, a file that a person imported."""
    if is_person(by):
        return f"<@{by}>"
    if is_system(by):
        return f"the system “{escape(by.removeprefix('api:'))}”"
    file, _, person = by.rpartition(" by ")
    return f"{escape(file)} by {who(person)}" if file and is_person(person) else escape(by)


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


def roughly(moment: datetime, time_zone: str, *, now: datetime) -> str:
    """A moment that nobody knows to the minute: "today 14:00", "Thursday 14:00" within six days, then "3 Dec"."""
    zone = ZoneInfo(time_zone)
    local, today = (moment + timedelta(minutes=30)).astimezone(zone), now.astimezone(zone).date()
    days = (local.date() - today).days
    if days <= 6:
        return f"{'today' if days <= 0 else 'tomorrow' if days == 1 else format(local, '%A')} {local:%H}:00"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}"


def clip(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def moment(at: datetime) -> str:
    """A moment for mrkdwn that many people read: Slack shows it in each reader's own zone.

    docs.slack.dev/messaging/formatting-message-text, "Date formatting"; the part after the bar is for old clients.
    """
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def duration(seconds: float) -> str:
    """A length of time as people say it: "40 s", "2 min 11 s", "3 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def percent(part: int, whole: int) -> str:
    """371, 395 → "94%": never 100% unless it is all, never 0% unless it is nothing."""
    if not whole:
        return "0%"
    share = round(100 * part / whole)
    if 0 < part < whole:
        share = min(99, max(1, share))
    return f"{share}%"
