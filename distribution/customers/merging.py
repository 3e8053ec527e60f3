"""Rows of a file and the customers there are, made one: by source id first, then by number.

All in memory for one chunk of rows, read and written in a handful of statements.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from distribution.automatic import watching
from distribution.customers import phone
from distribution.customers.columns import Record
from distribution.customers.consent import OPTED_OUT_BEFORE
from distribution.errors import Refused
from storage import customer_writes, customers, suppressions
from storage.customer_writes import Profile


class Outcome(NamedTuple):
    """What became of one row: created, updated, unchanged or refused; whom it means (none where it was refused)."""

    status: str
    profile: Profile | None = None
    refusal: Refused | None = None


@dataclass
class Merge:
    """One chunk: who is there, who changed, and how many rows did what.

    `tally` counts created, updated, unchanged, refused; and kept_opt_out, rows that would have opted somebody in again.
    """

    session: Session
    now: datetime
    tally: Counter[str] = field(default_factory=Counter)
    _by_phone: dict[str, Profile] = field(default_factory=dict)
    _by_source: dict[str, Profile] = field(default_factory=dict)
    _before: dict[int, Profile] = field(default_factory=dict)  # by id, as the database has it
    _touched: dict[int, Profile] = field(default_factory=dict)  # by `id()`
    _freed: set[str] = field(default_factory=set)  # numbers given up in memory, and still taken in the database
    _suppressed: set[str] = field(default_factory=set)  # numbers of people who opted out and were erased

    def take(self, records: Sequence[Record], consent: str | None, source: str) -> list[Outcome]:
        """Apply `records` in their order. `consent`: for those whose row says nothing; `source`: on whose word.

        Returns what became of each; the ids of new customers are there.
        """
        self._load(records)
        outcomes: list[Outcome] = []
        for record in records:
            try:
                outcomes.append(self._apply(record, consent, source))
            except Refused as refusal:
                outcomes.append(Outcome("refused", refusal=refusal))
        self._write(last=True)
        self.tally.update(outcome.status for outcome in outcomes)
        changed = {each.profile.id or 0 for each in outcomes if each.profile and each.status != "unchanged"}
        watching.touch(self.session, "profile", changed)
        return outcomes

    def _load(self, records: Sequence[Record]) -> None:
        """Fetch whoever the rows may mean."""
        phones = sorted({record.phone for record in records if record.phone})
        sources = sorted({record.source_id for record in records if record.source_id})
        for row in customers.held_by(self.session, phones, sources):
            profile = Profile(
                row.id,
                row.phone,
                row.source_id,
                row.name,
                row.region,
                row.locale,
                row.time_zone,
                row.consent,
                dict(row.attributes),
            )
            self._before[row.id] = profile.copy()
            self._index(profile)
        self._suppressed = suppressions.among(self.session, [each for each in phones if each not in self._by_phone])

    def _apply(self, record: Record, consent: str | None, source: str) -> Outcome:
        """Make one row true. Raises `Refused` where it means two people at once; nothing is changed then."""
        profile = self._find(record)
        if record.phone and record.phone in self._freed:
            self._write()
        created = profile is None
        profile = profile or Profile()
        was = None if created else profile.copy()
        self._identify(profile, record)
        for name, value in record.profile.items():
            setattr(profile, name, value)
        for name, value in record.attributes.items():
            if value is None:
                profile.attributes.pop(name, None)
            else:
                profile.attributes[name] = value
        self._agree(profile, record.consent or consent, source)
        if profile == was:
            return Outcome("unchanged", profile)
        self._touched[id(profile)] = profile
        self._index(profile)
        return Outcome("created" if created else "updated", profile)

    def _find(self, record: Record) -> Profile | None:
        """Whom a row means. Raises `Refused` where its source id and its number are of different people."""
        by_source = self._by_source.get(record.source_id or "")
        by_phone = self._by_phone.get(record.phone or "")
        if by_source and by_phone and by_source is not by_phone:
            raise Refused(f"{record.phone} is the number of another customer{_known_as(by_phone)}.", field="phone")
        if by_phone and not by_source and record.source_id and by_phone.source_id:
            raise Refused(f"{record.phone} is the number of another customer{_known_as(by_phone)}.", field="phone")
        return by_source or by_phone

    def _identify(self, profile: Profile, record: Record) -> None:
        """Number and source id, and what the number tells where nobody said otherwise."""
        if record.source_id:
            profile.source_id = record.source_id
        if (record.phone or record.without_phone) and record.phone != profile.phone:
            if profile.phone:
                self._by_phone.pop(profile.phone, None)
                self._freed.add(profile.phone)
            if profile.phone and record.phone:
                _forget_what_it_told(profile, profile.phone)
            profile.phone = record.phone
            if record.phone in self._suppressed and profile.consent != "opted_out":
                profile.consent, profile.source = "opted_out", OPTED_OUT_BEFORE
        if profile.phone:
            profile.region = profile.region or phone.region_of(profile.phone)
            profile.time_zone = profile.time_zone or phone.time_zone_of(profile.phone)

    def _agree(self, profile: Profile, consent: str | None, source: str) -> None:
        """Consent, on the word of `source`. Nobody who opted out is opted in again by a file."""
        if consent is None or consent == profile.consent:
            return
        if consent == "given" and profile.consent == "opted_out":
            self.tally["kept_opt_out"] += 1
            return
        profile.consent, profile.source = consent, source

    def _index(self, profile: Profile) -> None:
        """Let later rows find them."""
        if profile.phone:
            self._by_phone[profile.phone] = profile
        if profile.source_id:
            self._by_source[profile.source_id] = profile

    def _write(self, *, last: bool = False) -> None:
        """Write what changed so far; `last`: nothing comes after it."""
        profiles = list(self._touched.values())
        consents = [
            each for each in profiles if each.consent != (self._before[each.id].consent if each.id else "unknown")
        ]
        changed = [each for each in profiles if each.id and each != self._before[each.id]]
        customer_writes.change(self.session, sorted(changed, key=lambda each: each.id or 0), self.now)
        customer_writes.add(self.session, [each for each in profiles if each.id is None], self.now)
        customer_writes.note_consents(self.session, consents, self.now)
        suppressions.remove(self.session, sorted(self._suppressed & {each.phone for each in profiles if each.phone}))
        if last:
            return
        for each in profiles:
            self._before[each.id or 0] = each.copy()
        self._touched.clear()
        self._freed.clear()


def _known_as(profile: Profile) -> str:
    """How somebody else is called, for a reason: their source id, else their name."""
    if profile.source_id:
        return f", whose source id is '{profile.source_id}'"
    return f", {profile.name}" if profile.name else ""


def _forget_what_it_told(profile: Profile, number: str) -> None:
    """A number is another's from now on: the country and the time zone that it told are the new one's to tell.

    Where somebody had said just the same, nobody knows that any more.
    """
    if profile.region == phone.region_of(number):
        profile.region = None
    if profile.time_zone == phone.time_zone_of(number):
        profile.time_zone = None
