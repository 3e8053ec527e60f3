"""A shop at which nearly everything goes by the clock, and what each of its customers is owed, whoever looked when."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import combinations, count, product
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import seal, settings
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage import customers as customer_rows
from storage.batches import lock
from storage.tables import Customer, Distribution, Event, EventName, Message, MessageState, Planned, PromoCodeGroup
from tests.sending import make_customers, make_distribution, make_group, make_provider
from tests.unit.automatic.lively import make_live, sealed
from tests.unit.automatic.living import segment

CUSTOMERS = 6
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DELAY = 30 * MINUTE
ZONES = ("Europe/Warsaw", "UTC")
CODE = "{{{{ event.n }}}} new code {{{{ client.promocode('{}') }}}}"
STILL = {"after": 1440, "body": "Still yours: {{ client.last_promocode('Summer 10%') }}"}
ARRIVED = (MessageState.ACCEPTED, MessageState.DELIVERED)

Told = dict[str, Any]


class Shop:
    """Its distributions, and a book of what its customers did."""

    def __init__(self, runtime: Runtime, gateway: str, now: datetime, *, until: date) -> None:
        """`until`: the last day of what is sent every day."""
        self._runtime, self._first, self._until = runtime, now, until
        with runtime.db.write() as session:
            for key, value in (("sending.hold", "0"), ("trigger.oldest", "720"), ("sending.lifetime", "168")):
                settings.put(session, key, value)
            customer_rows.add_attribute(session, "vip", "boolean", at=now)
            for name in ("cart_abandoned", "looked", "bought", "wanted", "visited"):
                session.add(EventName(name=name, properties={}, first_at=now, created_at=now))
        self.customers = make_customers(runtime, CUSTOMERS)
        with runtime.db.read() as session:
            self._phones = {each: session.get_one(Customer, each).phone for each in self.customers}
        self._provider = make_provider(runtime, gateway)
        make_group(runtime, "Summer 10%", 2000)
        self.few, scarce, made = (make_group(runtime, name, 1) for name in ("Few", "Scarce", "Made"))
        make_group(runtime, "Too few", 2)
        with runtime.db.write() as session:
            for group, letter in ((self.few, "F"), (scarce, "C"), (made, "M")):
                session.get_one(PromoCodeGroup, group).formats = [letter + "-{string('0-9', 8)}"]
        self._book: dict[str, list[tuple[str, int]]] = defaultdict(list)  # (source id, customer), by what it sets off
        self._latest: dict[str | None, int] = {}  # what fired carts when an event was told
        self._numbers = count(1)
        self._visitors = iter(self.customers)
        self._vips: set[int] = set()
        self._turns, self._visited = Counter[int](), Counter[int]()
        self._zone = 0
        self._launches()

    def _launches(self) -> None:
        ends = self._first + 30 * DAY
        cart, wanted = {"kind": "event", "event": "cart_abandoned"}, {"kind": "event", "event": "wanted"}

        def make(trigger: Told, body: str, **more: Any) -> int:
            return make_live(self._runtime, self._provider, trigger, body=body, ends_at=ends, **more)

        self.family = [make(cart | {"delay": 30}, CODE.format("Summer 10%"), reminders=[STILL])]
        self._once = make(cart | {"reentry": "once"}, "Once {{ event.n }}")
        self._apart = make(cart | {"reentry": "days", "days": 2}, "Rarely {{ event.n }}")
        looked = {"kind": "event", "event": "looked", "delay": 120, "unless": {"event": "bought"}}
        self._unless = make(looked, "Looked {{ event.n }}")
        self._dry = {
            how: make(wanted, CODE.format(group), when_dry=how, fallback_body="None left, {{ event.n }}")
            for how, group in (("wait", "Few"), ("fallback", "Scarce"), ("top_up", "Made"))
        }
        visited: Told = {"field": "event", "event": "visited"}
        with self._runtime.db.write() as session:
            is_vip = {"field": "attribute", "attribute": "vip", "type": "boolean", "op": "yes"}
            vips = segment(session, is_vip, name="Vips")
            quiet = segment(session, visited | {"op": "did"}, visited | {"op": "did_not", "days": 2}, name="Away")
            all_ = segment(session, {"field": "consent", "op": "is", "value": "given"}, name="All")
            vips_id, quiet_id, self._all = vips.id, quiet.id, all_.id
        self.vips = [make({"kind": "segment", "segment_id": vips_id, "members": "new"}, "You are a VIP")]
        self._away = make({"kind": "segment", "segment_id": quiet_id, "members": "new"}, "We have not seen you")
        self._short: list[tuple[int, str]] = []
        self._refused: list[int] = []
        self._planned = self._scheduled(self._first + 20 * timedelta(hours=1), {}, "Planned new code {}")
        tomorrow = self._first.replace(hour=9) + DAY
        self.daily = self._scheduled(
            tomorrow, {"every": "day", "at": "09:00", "until": self._until.isoformat()}, "Daily new code {}"
        )

    def _scheduled(self, at: datetime, repeat: Told, body: str) -> int:
        body = body.format("{{ client.promocode('Summer 10%') }}")
        distribution = make_distribution(self._runtime, self._provider, self.customers, body=body)
        with self._runtime.db.write() as session:
            row = lock(session, distribution)
            row.status, row.send_at, row.reminders, row.repeat = "scheduled", at, [STILL], repeat
            seal.put(session, row)
        return distribution

    def carts(self, who: Iterable[int], now: datetime) -> list[Told]:
        """They abandon a cart."""
        return [self._event("cart_abandoned", each, now) for each in who]

    def wants(self, who: Iterable[int], now: datetime) -> list[Told]:
        """They want what there is little of."""
        return [self._event("wanted", each, now) for each in who]

    def looks(self, customer: int, now: datetime, *, buys: bool) -> list[Told]:
        """A customer looked around a while ago, and bought something soon after, or not."""
        at = max(now - 40 * MINUTE, self._first)  # since it is live
        looked = self._event("looked", customer, at, book="bought" if buys else "looked")
        return [looked, self._event("bought", customer, max(now - 10 * MINUTE, at), book="")] if buys else [looked]

    def visits(self, now: datetime) -> Told | None:
        """A customer who has not yet visits, and stays away from then on; None where all have."""
        customer = next(self._visitors, None)
        if customer is None:
            return None
        self._visited[customer] += 1
        return self._event("visited", customer, now, book="")

    def turns(self, customer: int) -> tuple[str, bool]:
        """A customer comes into the segment, or leaves it: their number, and whether they are in it."""
        self._vips ^= {customer}
        self._turns[customer] += customer in self._vips
        return self._phones[customer] or "", customer in self._vips

    def watches_all(self, members: str, now: datetime, ends: datetime) -> int:
        """One that watches everybody, to be set live."""
        self._at(now)
        watch = {"kind": "segment", "segment_id": self._all, "members": members}
        body = f"Everybody {len(self._short)}"
        self._short.append((sealed(self._runtime, self._provider, watch, body=body, ends_at=ends), members))
        return self._short[-1][0]

    def too_few(self, now: datetime) -> int:
        """One for which there are too few codes, to be launched."""
        self._at(now)
        body = "new code {{ client.promocode('Too few') }}"
        self._refused.append(make_distribution(self._runtime, self._provider, self.customers, body=body))
        return self._refused[-1]

    def other_zone(self) -> str:
        """The workspace's zone from now on."""
        self._zone += 1
        return ZONES[(self._zone - 1) % 2]

    def days(self) -> list[date]:
        """The days of what is sent every day."""
        return [self._first.date() + n * DAY for n in range(1, (self._until - self._first.date()).days + 1)]

    def _at(self, now: datetime) -> None:
        clock = self._runtime.clock
        assert isinstance(clock, ManualClock)
        clock.advance(now - clock.now())

    def _event(self, name: str, customer: int, at: datetime, *, book: str | None = None) -> Told:
        source = f"E{next(self._numbers)}"
        self._book[name if book is None else book].append((source, customer))
        self._latest[source] = self.family[-1]
        told = {"source_id": source, "customer": self._phones[customer], "name": name, "at": at.isoformat()}
        return told | {"properties": {"n": source}}

    def right(self, session: Session) -> None:
        """What everybody is owed has arrived, once, and nothing else has."""
        once = {(customer, 0): 1 for _, customer in self._book["cart_abandoned"]}
        _same("carts", self._by_event(session, *self.family), self._told("cart_abandoned"))
        self._reminded(session)
        self._with_the_latest_text(session)
        _same("once", self._arrived(session, self._once), once)
        self._kept_apart(session)
        _same("looked", self._by_event(session, self._unless), self._told("looked"))
        for how, distribution in self._dry.items():
            _same(how, self._by_event(session, distribution), self._told("wanted"))
        _same("vips", self._arrived(session, *self.vips), _owed(self._turns))
        _same("away", self._arrived(session, self._away), _owed(self._visited))
        for distribution, members in self._short:
            owed = self._everybody((0,) if members == "all" else ())
            _same(f"everybody, {members}", self._arrived(session, distribution), owed)
        for distribution in self._refused:
            _same("too few", session.get_one(Distribution, distribution).status, "refused")
        copies = session.scalars(select(Distribution.id).where(Distribution.repeats_id == self.daily)).all()
        for distribution in (self._planned, *copies):
            _same(f"scheduled {distribution}", self._arrived(session, distribution), self._everybody((0, 1)))

    def _told(self, what: str) -> dict[str | None, int]:
        """One text for each event that was told of."""
        return dict.fromkeys((source for source, _ in self._book[what]), 1)

    def _everybody(self, steps: Sequence[int]) -> dict[tuple[int, int], int]:
        return dict.fromkeys(product(self.customers, steps), 1)

    @staticmethod
    def _arrived(session: Session, *distributions: int) -> dict[tuple[int, int], int]:
        """How many texts of distributions arrived, by customer and step."""
        mine = (Message.distribution_id.in_(distributions), Message.state.in_(ARRIVED))
        rows = session.execute(select(Message.customer_id, Message.step).where(*mine))
        return dict(Counter((customer, step) for customer, step in rows))

    @staticmethod
    def _by_event(session: Session, *distributions: int) -> dict[str | None, int]:
        """How many first texts arrived, by the event that they tell of."""
        rows = (
            select(Event.source_id)
            .join(Planned, Planned.event_id == Event.id)
            .join(Message, Message.id == Planned.message_id)
            .where(Planned.distribution_id.in_(distributions), Planned.step == 0, Message.state.in_(ARRIVED))
        )
        return dict(Counter(session.scalars(rows)))

    def _with_the_latest_text(self, session: Session) -> None:
        """What was told of once an edit was live is in its words."""
        rows = select(Event.source_id, Planned.distribution_id).join(Planned, Planned.event_id == Event.id)
        for source, distribution in session.execute(rows.where(Planned.distribution_id.in_(self.family))):
            assert distribution >= self._latest[source], f"{source} has the words of {distribution}"

    def _reminded(self, session: Session) -> None:
        """Each text about a cart was followed by one reminder."""
        mine = (Message.distribution_id.in_(self.family), Message.state.in_(ARRIVED))
        key = (Message.distribution_id, Message.customer_id, Message.occurrence)
        steps: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for *of, step in session.execute(select(*key, Message.step).where(*mine).order_by(Message.step)):
            steps[tuple(of)].append(step)
        assert all(found == [0, 1] for found in steps.values()), steps

    def _kept_apart(self, session: Session) -> None:
        """At most every two days, and none was left out for another reason."""
        fired: dict[int, list[datetime]] = defaultdict(list)
        rows = select(Planned.customer_id, Planned.fired_at).where(Planned.distribution_id == self._apart)
        for customer, at in session.execute(rows):
            fired[customer].append(at)
        for times in fired.values():
            assert all(abs(one - other) >= 2 * DAY for one, other in combinations(times, 2)), times
        for customer, at in session.execute(select(Event.customer_id, Event.at).where(Event.name == "cart_abandoned")):
            assert any(abs(at - one) < 2 * DAY for one in fired[customer]), f"{customer} was skipped at {at}"
        assert self._arrived(session, self._apart) == {(customer, 0): len(times) for customer, times in fired.items()}


def _owed(times: Counter[int]) -> dict[tuple[int, int], int]:
    """So many first texts each."""
    return {(customer, 0): n for customer, n in times.items() if n}


def _same(what: str, found: object, owed: object) -> None:
    """Fail where what arrived is not what was owed."""
    assert found == owed, f"{what}: arrived {found}, owed {owed}"
