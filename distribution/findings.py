"""What a review finds: plain data that the review step and the approval card show, and that a draft keeps as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from distribution.outlook import NOTHING, Outlook
from distribution.sms import MOST_SEGMENTS


@dataclass(frozen=True)
class GroupNeed:
    """A group that the message takes codes from: how many new ones it needs, and how many are active now.

    `kept`: recipients who get the code that they have, by "the same code until it is redeemed".
    """

    group_id: int
    name: str
    needed: int
    active: int
    can_generate: bool
    kept: int = 0

    @property
    def missing(self) -> int:
        """How many codes are missing."""
        return max(0, self.needed - self.active)


@dataclass(frozen=True)
class LastCodes:
    """A group whose last code is repeated: `without` recipients never got one, so the tag is empty for them."""

    group_id: int
    name: str
    without: int


@dataclass(frozen=True)
class Offender:
    """A character that makes texts Unicode: in how many, where from ("" is the message), what could replace it."""

    char: str
    where: str
    texts: int
    replacement: str | None


@dataclass(frozen=True)
class Sample:
    """What one real customer would get, codes masked. `note` says why it is shown, "" for a typical one."""

    customer_id: int
    customer: str
    text: str
    encoding: str
    characters: int
    segments: int
    note: str
    reminders: tuple[str, ...] = ()  # what follows, codes masked
    fallback: str = ""  # what they get instead where there is no code
    picture: bool = False  # it goes as a picture message


@dataclass(frozen=True)
class Foreseen:
    """What an automatic distribution would have done in the last `days`, by what is known today.

    `made`: how many first texts; None where nobody can tell in time; `more`: at least so many. `called_off` and
    `held_back` (by re-entry or a ceiling) are events that led to none. `members`: how many of its segment can be texted
    today, who get it `at_once` when it is set live or not; `begins`: how many of these do, within its ceilings.
    `made_up`: there was nobody to show a text of.
    """

    days: int
    made: int | None = None
    called_off: int = 0
    held_back: int = 0
    more: bool = False
    members: int | None = None
    at_once: bool = False
    begins: int | None = None
    made_up: bool = False
    when_dry: str = "wait"


@dataclass(frozen=True)
class Review:
    """All that the review step and the approval card show, over *all* recipients.

    total = recipients + the sum of `left_out` (by reason: `distribution.reasons` has the words). `by_segments`: how
    many texts take so many segments. `holes`: in how many texts a tag is empty. `cost` is None where no price is set.
    """

    made_at: datetime
    audience: str
    total: int
    recipients: int
    left_out: Mapping[str, int]
    codes: tuple[GroupNeed, ...]
    last_codes: tuple[LastCodes, ...]
    segments: int
    by_segments: Mapping[int, int]
    unicode_texts: int
    cost: float | None
    currency: str
    offenders: tuple[Offender, ...]
    holes: Mapping[str, int]
    empty: int
    too_long: int
    samples: tuple[Sample, ...]
    seal: str  # of what was reviewed; another one now means that something changed since
    pictures: int = 0  # picture messages, which are not counted in segments
    unpriced: str = ""  # what of it `cost` leaves out, for it has no price
    outlook: Outlook = NOTHING  # who waits or is left out at the moment of sending
    conflicts: tuple[str, ...] = ()  # schedules that together need more codes than there are, in words
    foreseen: Foreseen | None = None  # of an automatic one: then `recipients` are those who would have had it
    hints: tuple[str, ...] = ()  # what may keep a reminder from ever being sent, in words
    further_too_long: int = 0  # reminders and fallback texts among the samples that are longer than may be sent

    def sample(self, place: int) -> Sample | None:
        """One of the samples, counted round and round."""
        return self.samples[place % len(self.samples)] if self.samples else None

    @property
    def refusals(self) -> list[str]:
        """Why it cannot go on, in words; empty when it can."""
        found = []
        if not self.recipients and self.foreseen is None:
            found.append(f"Nobody in '{self.audience}' can be texted. Choose another audience.")
        for need in self.codes:
            if need.missing and self.foreseen is None:
                codes = "1 code is" if need.missing == 1 else f"{need.missing:,} codes are"
                found.append(f"{codes} missing in '{need.name}': add more or choose another group.")
        if self.empty:
            found.append(f"{_texts(self.empty)} would be empty. Write something that is there for everybody.")
        if self.too_long:
            long = f"{_texts(self.too_long)} {'is' if self.too_long == 1 else 'are'} longer than"
            found.append(f"{long} {MOST_SEGMENTS} SMS segments. Shorten the message.")
        if self.further_too_long:
            found.append(f"A reminder is longer than {MOST_SEGMENTS} SMS segments. Shorten it.")
        return found

    @property
    def warnings(self) -> list[str]:
        """What one should know before going on, in words."""
        found = [f"{{{{ {tag} }}}} is empty in {_texts(texts)}." for tag, texts in self.holes.items()]
        together: dict[tuple[str, int], list[str]] = {}
        for offender in self.offenders:
            together.setdefault((offender.where, offender.texts), []).append(f"“{offender.char}”")
        for (where, texts), chars in together.items():
            source = f"in {{{{ {where} }}}}" if where else "in the message"
            turn = f"{_texts(texts)} {'turns' if texts == 1 else 'turn'}"
            found.append(f"{turn} Unicode because of {', '.join(chars)} {source}.")
        return [*found, *self.hints, *self._ahead, *self.conflicts]

    @property
    def _ahead(self) -> list[str]:
        """Who would wait, or not be texted, at the moment of sending."""
        ahead, found = self.outlook, []
        if ahead.asleep:
            wait = "quiet hours then, and waits" if ahead.asleep == 1 else "quiet hours then, and wait"
            have = "has" if ahead.asleep == 1 else "have"
            found.append(f"{_customers(ahead.asleep)} {have} {wait} until {ahead.until} by their own clock.")
        if ahead.resting:
            have, wait = ("has", "waits") if ahead.resting == 1 else ("have", "wait")
            found.append(
                f"{_customers(ahead.resting)} {have} a holiday then ({ahead.holiday}), and {wait} for its end."
            )
        if ahead.given_up:
            is_ = "is" if ahead.given_up == 1 else "are"
            found.append(f"{_texts(ahead.given_up)} of these {is_} given up before that. Allow more time in step 5.")
        if ahead.capped:
            has, gets = ("has", "gets") if ahead.capped == 1 else ("have", "get")
            texts, _, days = ahead.cap.partition(" in ")
            found.append(
                f"{_customers(ahead.capped)} {has} had {texts} {'text' if texts == '1' else 'texts'} in {days}, "
                f"as many as anybody may, and {gets} none."
            )
        return found


def _customers(n: int) -> str:
    """ "1 customer", "1,204 customers"."""
    return "1 customer" if n == 1 else f"{n:,} customers"


def _texts(n: int) -> str:
    """ "1 text", "1,204 texts"."""
    return "1 text" if n == 1 else f"{n:,} texts"


@dataclass(frozen=True)
class Running:
    """A review that is still counting: `done` of `total` texts."""

    job_id: int
    done: int
    total: int


def dump(found: Review) -> dict[str, Any]:
    """A review as JSON."""
    return {**asdict(found), "made_at": found.made_at.isoformat()}


def load(kept: Mapping[str, Any]) -> Review:
    """What `dump` made."""
    return Review(
        **{
            **kept,
            "made_at": datetime.fromisoformat(kept["made_at"]),
            "by_segments": {int(number): texts for number, texts in kept["by_segments"].items()},
            "codes": tuple(GroupNeed(**need) for need in kept["codes"]),
            "last_codes": tuple(LastCodes(**last) for last in kept["last_codes"]),
            "offenders": tuple(Offender(**offender) for offender in kept["offenders"]),
            "outlook": Outlook(*kept.get("outlook", ())),
            "conflicts": tuple(kept.get("conflicts", ())),
            "hints": tuple(kept.get("hints", ())),
            "samples": tuple(
                Sample(**{**sample, "reminders": tuple(sample.get("reminders", ()))}) for sample in kept["samples"]
            ),
            "foreseen": Foreseen(**kept["foreseen"]) if kept.get("foreseen") else None,
        }
    )
