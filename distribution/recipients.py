"""Loading what messages say about their customers: a few set-based queries for hundreds of recipients.

The sender renders with it, and so does the review, which has no messages and no codes yet.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, case, literal, select
from sqlalchemy.orm import Session

from distribution.automatic.texts import FIRST, body_of
from distribution.codes.taking import SAME
from distribution.links import Links
from distribution.templates import render
from distribution.templates.render import CodeText, Recipient
from distribution.templates.values import as_text, clean
from storage import groups
from storage.bulk import among, fetch, ids_as, ids_given
from storage.database import is_sqlite
from storage.last_codes import latest
from storage.planned_reading import Told, of_messages
from storage.tables import CodeState, Customer, Distribution, Message, PromoCode, PromoCodeRepeat, Promotion

CUSTOMER, MESSAGE, CODE = Customer.__table__.c, Message.__table__.c, PromoCode.__table__.c
REPEAT = PromoCodeRepeat.__table__.c

# Columns of more than one shape: checked by the tests, not by types.
Query = Select[*tuple[Any, ...]]
Line = Row[*tuple[Any, ...]]


class Addressed(NamedTuple):
    """A message, the number that it goes to, what it says about its customer, and the text that says it.

    `made_at`: when it was made, of one that came of what was planned.
    """

    message_id: int
    phone: str
    recipient: Recipient
    template: render.Template
    made_at: datetime | None


class Loader:
    """Loads recipients of one distribution within one session."""

    def __init__(
        self, session: Session, distribution: Distribution, links: Links, *, step: int = FIRST, fallback: bool = False
    ) -> None:
        """Compiles the body: of the first text, else of another one. Raises `Refused` (field "body") when it cannot."""
        self.session = session
        self.links = links
        self.distribution = distribution
        self.template = render.compile(body_of(distribution, step, fallback=fallback))
        self.group_keys = group_keys(session, distribution, self.template)
        self.promotion = _promotion(session, distribution)
        self.same = distribution.code_policy == SAME and bool(self.template.issues_from)
        # Whether its texts may repeat codes that their customers have.
        self.repeats = self.same or bool(self.template.repeats_from)
        # Whether a code that it loaded could be worth nothing soon: one that expires by itself, or was sent before.
        self.may_be_stale = False
        # Whose codes the texts carry that it loaded.
        self.group_ids = set(self.group_keys)

    def for_messages(self, message_ids: Collection[int]) -> list[Addressed]:
        """The recipients of messages, in the order of their ids, with the codes that are bound to each message.

        Where none of a group is, `client.promocode` is the one that the message repeats. A message without a number
        (left out) is skipped. Each message has the text that was planned for it: a reminder's, the one without a code.
        """
        told = self._told(message_ids)
        if not told:
            return self._of_this_text(message_ids, told)
        by_text: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for message_id in message_ids:
            what = told.get(message_id)
            by_text[(what.step, what.fallback) if what else (FIRST, False)].append(message_id)
        found: list[Addressed] = []
        for (step, fallback), ids in by_text.items():
            first = (step, fallback) == (FIRST, False)
            loader = (
                self if first else Loader(self.session, self.distribution, self.links, step=step, fallback=fallback)
            )
            found += loader._of_this_text(ids, told)
            self.group_ids |= loader.group_ids
            self.repeats, self.may_be_stale = self.repeats or loader.repeats, self.may_be_stale or loader.may_be_stale
        return sorted(found, key=itemgetter(0))

    def _told(self, message_ids: Collection[int]) -> dict[int, Told]:
        """What was planned of messages; the first texts of a manual distribution are known by their range of ids."""
        row = self.distribution
        if row.mode == "manual":
            if not row.reminders:
                return {}
            first, last = row.first_message_id or 0, row.last_message_id or 0
            if all(first <= message_id <= last for message_id in message_ids):
                return {}
        return of_messages(self.session, message_ids)

    def _of_this_text(self, message_ids: Collection[int], told: Mapping[int, Told]) -> list[Addressed]:
        """The recipients of messages that all have the text of this loader."""
        sqlite = is_sqlite(self.session)
        given = ids_as(sqlite, message_ids)
        rows = fetch(self.session, _addressed(sqlite, bool(self.template.attributes)), given)
        codes = self._by_message(_codes(sqlite), given) if self.template.issues_from else {}
        last = self._by_message(_repeats(sqlite), given) if self.repeats else {}
        if self.same:
            for message_id, repeated in last.items():
                codes[message_id] = {**repeated, **codes.get(message_id, {})}
        found = []
        for row in sorted(rows, key=itemgetter(3)):
            what = told.get(row[3])
            recipient = self._recipient(row, codes.get(row[3], {}), last.get(row[3], {}))
            if what is not None and self.template.event:
                recipient.event = {name: as_text(what.properties.get(name)) for name in self.template.event}
            found.append(Addressed(row[3], row[4], recipient, self.template, what.made_at if what else None))
        return found

    def for_customers(self, customer_ids: Collection[int], now: datetime) -> list[tuple[int, Recipient]]:
        """Customers as recipients, in the order of their ids, with their last codes and without new ones."""
        rows = self.session.execute(
            self._columns().where(among(self.session, Customer.id, customer_ids)).order_by(Customer.id)
        ).all()
        return self.dressed(rows, now)

    def customers(self, *more: Any) -> Query:
        """A query of the columns that `dressed` needs, and `more`; narrow it down."""
        return self._columns(*more)

    def dressed(self, rows: Iterable[Line], now: datetime) -> list[tuple[int, Recipient]]:
        """Rows of `customers()` as (customer id, recipient)."""
        rows = list(rows)
        wanted = {group_id: key for group_id, key in self.group_keys.items() if key in self.template.repeats_from}
        last: dict[int, dict[str, CodeText]] = defaultdict(dict)
        for (customer_id, group_id), found in latest(self.session, wanted, [row[0] for row in rows], now).items():
            last[customer_id][wanted[group_id]] = self._text(found.code_id, found.code)
        return [(row[0], self._recipient(row, {}, last.get(row[0], {}))) for row in rows]

    def _columns(self, *more: Any) -> Query:
        """Customers' columns that the body needs, then `more`."""
        attributes = Customer.attributes if self.template.attributes else Customer.id
        return select(Customer.id, Customer.name, attributes, *more, Customer.phone.label("number")).select_from(
            Customer
        )

    def _recipient(self, row: Sequence[Any], codes: dict[str, CodeText], last: dict[str, CodeText]) -> Recipient:
        """One row of `_columns`, with codes."""
        wanted = self.template.attributes
        values = {name: as_text(row[2].get(name)) for name in wanted} if wanted else {}
        return Recipient(clean(row[1]), row[-1] or "", values, codes, last, self.promotion)

    def _by_message(self, query: Query, given: Mapping[str, Any]) -> dict[int, dict[str, CodeText]]:
        """By message: a code of each group that `query` finds (message, group, code's id, code, may be stale)."""
        found: dict[int, dict[str, CodeText]] = defaultdict(dict)
        keys, text = self.group_keys, self._text
        for message_id, group_id, code_id, code, stale in fetch(self.session, query, given):
            if stale:
                self.may_be_stale = True
            if group_id in keys:
                found[message_id][keys[group_id]] = text(code_id, code)
        return found

    def _text(self, code_id: int, code: str) -> CodeText:
        """A code as a message shows it; the link only where one is used (it costs a MAC)."""
        return CodeText(code, self.links.qr(code_id) if self.template.uses_qr else "")


@lru_cache(4)
def _addressed(sqlite: bool, attributes: bool) -> Query:
    """Messages `ids` that have a number, with their customers: as `Loader.customers(message's id, its number)`."""
    return (
        select(CUSTOMER.id, CUSTOMER.name, CUSTOMER.attributes if attributes else CUSTOMER.id.label("unused"))
        .add_columns(MESSAGE.id.label("message_id"), MESSAGE.phone, CUSTOMER.phone.label("number"))
        .select_from(Message.__table__.join(Customer.__table__, CUSTOMER.id == MESSAGE.customer_id))
        .where(ids_given(sqlite, MESSAGE.id), MESSAGE.phone.is_not(None))
    )


@lru_cache(2)
def _codes(sqlite: bool) -> Query:
    """The codes that are blocked for messages `ids` or were issued with them."""
    new = (CODE.state == int(CodeState.BLOCKED)) & CODE.expires_at.is_(None)
    stale = case((new, 0), else_=1).label("stale")
    return select(CODE.message_id, CODE.group_id, CODE.id, CODE.code, stale).where(ids_given(sqlite, CODE.message_id))


@lru_cache(2)
def _repeats(sqlite: bool) -> Query:
    """The codes that were planned to be sent again with messages `ids`."""
    return (
        select(REPEAT.message_id, CODE.group_id, CODE.id, CODE.code, literal(1).label("stale"))
        .select_from(PromoCodeRepeat.__table__.join(PromoCode.__table__, CODE.id == REPEAT.code_id))
        .where(ids_given(sqlite, REPEAT.message_id))
    )


def for_messages(
    session: Session, distribution: Distribution, message_ids: Collection[int], links: Links
) -> list[Addressed]:
    """The recipients of a few hundred messages of a distribution; see `Loader.for_messages`."""
    return Loader(session, distribution, links).for_messages(message_ids)


def group_keys(session: Session, distribution: Distribution, template: render.Template) -> dict[int, str]:
    """By id of a group: the folded name under which the body calls it.

    Once sealed, the names stand for the groups that they stood for then: one that is renamed while texts go out must
    not leave holes in them.
    """
    wanted = {*template.issues_from, *template.repeats_from}
    sealed = {group["key"]: group["id"] for group in distribution.sealed.get("groups", [])} if distribution.seal else {}
    missing = wanted - set(sealed)
    if missing:
        sealed.update({key: group.id for key, group in groups.by_keys(session, missing).items()})
    return {group_id: key for key, group_id in sealed.items() if key in wanted}


def _promotion(session: Session, distribution: Distribution) -> dict[str, str]:
    """What `promotion.…` says; once sealed, what it said then, though somebody edits it while texts go out."""
    sealed = distribution.sealed.get("promotion") if distribution.seal else None
    if sealed:
        return {"name": clean(sealed["name"]), "terms": clean(sealed["terms"])}
    promotion = session.get(Promotion, distribution.promotion_id) if distribution.promotion_id else None
    return {"name": clean(promotion.name), "terms": clean(promotion.terms)} if promotion else {}
