"""The sample shop at the size of a large one: many groups, a year of distributions, every state that a code can be in.

Played through the engine, ten million codes would take hours; so rows are written as the engine would have left them,
in bulk, and `promobot check` must find nothing wrong with them. Everything follows from the seed, but for the times,
which count back from now.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.sample import past
from bot.sample.past import Held, People
from bot.sample.size import BASE_GROUPS, Say, Size
from distribution.codes import groups
from distribution.codes.format import Format
from distribution.runtime import Runtime
from storage import bulk, stock
from storage import groups as group_rows
from storage.sequences import take
from storage.tables import (
    CodeState,
    PromoCode,
    PromoCodeChange,
    PromoCodeGroup,
    PromoCodePace,
    PromoCodeStock,
    Provider,
    Redemption,
)

ADMIN = "U0ADA"
CHUNK = 50_000

# Thirty-two characters that nobody takes for one another: a random byte gives one of them without bias.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
DRAWN = 10
_TABLE = bytes(ord(ALPHABET[byte % 32]) for byte in range(256))
FORMAT = f"{{string('A-HJ-NP-Z2-9', {DRAWN})}}"

OCCASIONS = ("Birthday", "Loyalty", "News", "Win-back", "Partner", "Referral", "Spring", "Autumn", "Winter", "App")
PERCENTS = (5, 10, 12, 15, 20, 25, 30, 40, 50)

# Of a group's codes so many of a hundred were sent, group by group; nearly all of every seventeenth group's.
SENT = (20, 35, 50, 65, 30, 5, 45)
# No customer was texted more often than this for one group.
TIMES = 3
# One issued code in so many was redeemed, and one was revoked.
REDEEMED, REVOKED = 6, 101
# Every so manieth group has a distribution that is paused half-way, and one that repeated its codes.
PAUSED_EVERY, REPEATED_EVERY = 13, 8

COLUMNS = (
    "id",
    "code",
    "group_id",
    "lot_id",
    "state",
    "customer_id",
    "message_id",
    "issued_at",
    "redeemed_at",
    "expires_at",
)
REDEMPTIONS = ("code_id", "customer_id", "source_id", "at", "place", "recorded_at", "recorded_by", "rolled_back_why")

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Plan:
    """What one group is to be."""

    number: int
    name: str
    prefix: str
    codes: int
    sent: int  # messages that are to take a code
    uploaded: bool  # its codes came in a file, with an expiry of their own
    expired: bool
    validity_days: int | None


def plans(size: Size) -> list[Plan]:
    """The groups beside the base shop's, the largest first; their codes add up to those of `size`."""
    count = size.groups - BASE_GROUPS
    weights = [1 / (rank + 5) for rank in range(count)]
    found, given = [], 0
    for number in range(count):
        upto = round(size.codes * sum(weights[: number + 1]) / sum(weights)) if number < count - 1 else size.codes
        codes, given = upto - given, upto
        share = 99 if number % 17 == 3 else SENT[number % len(SENT)]
        occasion, percent = OCCASIONS[number % len(OCCASIONS)], PERCENTS[number // len(OCCASIONS) % len(PERCENTS)]
        series = number // (len(OCCASIONS) * len(PERCENTS))
        found.append(
            Plan(
                number,
                f"{occasion} {percent}%{f' no. {series + 1}' if series else ''}",
                f"{occasion[:4].upper().strip('-')}{percent:02}{chr(65 + series % 26)}-",
                codes,
                min(codes * share // 100, TIMES * size.customers),
                uploaded=number % 10 == 7,
                expired=number % 12 == 5,
                validity_days=30 if number % 9 == 4 else None,
            )
        )
    return found


def grow(runtime: Runtime, size: Size, *, say: Say) -> None:
    """Add the further groups of `size`, with their codes and distributions. The customers are there already."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        people = People(session)
        provider_id = _provider(session, now)
    done = 0
    for plan in plans(size):
        chance = random.Random(f"{size.seed}/{plan.number}")  # noqa: S311 - the same at every run, nothing secret
        one = _OneGroup(runtime, plan, people, provider_id, chance, now)
        for added in one.make():
            done += added
            say("promo codes", done, size.codes)


def _provider(session: Session, now: datetime) -> int:
    """What the texts of the past went through: the provider there is, else one that is switched off."""
    found = session.scalars(select(Provider.id).order_by(Provider.id).limit(1)).first()
    if found is not None:
        return found
    name = "Gateway of the sample data"
    row = Provider(
        name=name,
        name_key=name.lower(),
        kind="sandbox",
        config={"base_url": "http://127.0.0.1:9"},
        enabled=False,
        created_at=now,
        created_by=ADMIN,
    )
    session.add(row)
    session.flush()
    return row.id


class _OneGroup:
    """A group with its codes, and the distributions that took codes from it."""

    def __init__(
        self, runtime: Runtime, plan: Plan, people: People, provider_id: int, chance: random.Random, now: datetime
    ) -> None:
        self.runtime, self.plan, self.people, self.chance, self.now = runtime, plan, people, chance, now
        self.provider_id = provider_id
        self.held = Held()

    def make(self) -> Iterator[int]:
        """Everything, in transactions of some ten thousand rows; yields how many codes each added."""
        with self.runtime.db.write() as session:
            group = self._group(session)
            self._send(session, group.id)
            lot_id = self._lot(session, group)
            first = take(session, "promo_code", self.plan.codes)
        codes = self._codes()
        for start in range(0, len(codes), CHUNK):
            with self.runtime.db.write() as session:
                self._store(session, group.id, lot_id, first, codes, start)
            yield len(codes[start : start + CHUNK])
        with self.runtime.db.write() as session:
            self._repeat(session, first)
            for hour, issued in self.held.pace.items():
                session.add(PromoCodePace(group_id=group.id, hour=hour, issued=issued))
            stocked = session.get_one(PromoCodeStock, group.id)
            group = session.get_one(PromoCodeGroup, group.id)
            if stocked.active < group.low_stock_level and not self.plan.expired:
                group.low_since, group.low_shown = self.now - timedelta(days=2), "sample"

    def _group(self, session: Session) -> PromoCodeGroup:
        plan = self.plan
        formats = () if plan.uploaded else (Format.parse(f"{plan.prefix}{FORMAT}"),)
        low = plan.codes // 50
        group = groups.create(session, plan.name, formats=formats, low_stock_level=low, by=ADMIN, now=self.now)
        group.created_at = self.now - timedelta(days=400)
        group.validity_days = plan.validity_days
        group.expires_at = self.now - timedelta(days=20) if plan.expired else None
        return group

    def _lot(self, session: Session, group: PromoCodeGroup) -> int:
        method = "generate"
        detail: dict[str, Any] = {"formats": group.formats}
        if self.plan.uploaded:
            method, detail = "file", {"file": f"{self.plan.prefix.lower()}codes.csv", "column": 0}
        lot = group_rows.add_lot(session, group.id, method, detail, by=ADMIN, now=group.created_at)
        lot.inserted = self.plan.codes
        session.flush()
        return lot.id

    def _send(self, session: Session, group_id: int) -> None:
        """As many distributions as it takes to send `plan.sent` codes; the last one may stand paused."""
        plan, left, days = self.plan, self.plan.sent, 330 - self.plan.number % 89
        while left > 0:
            size = min(left, len(self.people.ids))
            left -= size
            paused = left == 0 and plan.number % PAUSED_EVERY == 2 and not plan.expired
            body = (
                f"Hi {{{{ client.first_name | default('there') }}}}, {plan.name} for you: "
                f"{{{{ client.promocode('{plan.name}') }}}}. Reply STOP to opt out."
            )
            past.send(
                session,
                plan.name,
                body,
                self.people,
                past.window(self.people, size, self.chance),
                self.now - timedelta(days=3 if paused else days),
                self.held,
                group_id=group_id,
                provider_id=self.provider_id,
                paused=paused,
            )
            days -= 90

    def _codes(self) -> list[str]:
        """The codes in the order to hand them out in: ranges of sorted ones (`storage.codes` says why)."""
        found: set[str] = set()
        while len(found) < self.plan.codes:
            count = self.plan.codes - len(found)
            text = self.chance.randbytes(count * DRAWN).translate(_TABLE).decode()
            found.update([self.plan.prefix + text[at : at + DRAWN] for at in range(0, count * DRAWN, DRAWN)])
        codes = sorted(found)
        for start in range(0, len(codes), 4_000):
            part = codes[start : start + 4_000]
            self.chance.shuffle(part)
            codes[start : start + 4_000] = part
        return codes

    def _store(self, session: Session, group_id: int, lot_id: int, first: int, codes: list[str], start: int) -> None:
        """One chunk of codes, with what was done to them."""
        row = self._rows(group_id, lot_id, first, bulk.moments(session))
        rows = [row(place, code) for place, code in enumerate(codes[start : start + CHUNK], start)]
        bulk.load(session, PromoCode, COLUMNS, rows)
        states = Counter(CodeState(row[4]).name.lower() for row in rows)
        redeemed = [row for row in rows if row[8] is not None]
        stock.move(session, group_id, total=len(rows), redeemed=len(redeemed), **states)
        uses = [
            (row[0], row[5], f"order-{row[0]}", row[8], f"Shop {row[0] % 40 + 1}", row[8], "api:tills", "")
            for row in redeemed
        ]
        bulk.load(session, Redemption, REDEMPTIONS, uses)
        at = self.now - timedelta(days=1)
        session.add_all(
            PromoCodeChange(code_id=row[0], kind="revoked", reason="sent by mistake", at=at, by=ADMIN)
            for row in rows
            if row[4] == CodeState.REVOKED
        )

    def _rows(self, group_id: int, lot_id: int, first: int, moment: bulk.Moment) -> Callable[[int, str], Row]:
        """What makes the row of the code at a place: the first codes are those of the messages, in their order."""
        plan, held = self.plan, self.held
        own = moment(self.now + timedelta(days=45)) if plan.uploaded else None
        validity = timedelta(days=plan.validity_days) if plan.validity_days else None
        free = int(CodeState.EXPIRED if plan.expired else CodeState.ACTIVE)

        def row(place: int, code: str) -> Row:
            begins = (first + place, code, group_id, lot_id)
            if place >= len(held.message_ids):
                return (*begins, free, None, None, None, None, own)
            whose = (held.customer_ids[place], held.message_ids[place])
            at = held.issued_at(place)
            if at is None:
                return (*begins, int(CodeState.BLOCKED), *whose, None, None, own)
            until = moment(at + validity) if validity else own
            if place % REVOKED == REVOKED - 1:
                return (*begins, int(CodeState.REVOKED), *whose, moment(at), None, until)
            used = moment(at + timedelta(days=1, hours=place % 60)) if place % REDEEMED == 0 else None
            return (*begins, int(CodeState.ISSUED), *whose, moment(at), used, until)

        return row

    def _repeat(self, session: Session, first: int) -> None:
        """Some days later, the same codes again to half of those who had not used theirs."""
        if self.plan.number % REPEATED_EVERY != 1:
            return
        place_of = {customer_id: place for place, customer_id in enumerate(self.people.ids)}
        waiting = {
            customer_id: place
            for place, customer_id in enumerate(self.held.customer_ids)
            if place % 2 and place % REVOKED != REVOKED - 1 and self.held.issued_at(place) is not None
        }
        ids = sorted(waiting)
        again = Held()
        past.send(
            session,
            f"{self.plan.name}, once more",
            f"Your code still waits: {{{{ client.last_promocode('{self.plan.name}') }}}}. Reply STOP to opt out.",
            self.people,
            [place_of[customer_id] for customer_id in ids],
            self.now - timedelta(days=5),
            again,
            group_id=None,
            provider_id=self.provider_id,
        )
        past.repeat(session, again, [first + waiting[customer_id] for customer_id in again.customer_ids])
