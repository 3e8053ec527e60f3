"""A segment's rules as one SQL expression over `customer`, with one meaning on SQLite and PostgreSQL.

It is for the WHERE of a statement that reads `customer`. Rules about codes, events and messages can be asked in two
ways: as the set of all customers who have such rows, found in one pass over them; or as a look at the rows of each
customer who is left after the other rules. Where all of several rules must hold, one that few rows answer leads, as a
set, and the others look at whom it leaves (docs/decisions/segments-compile-to-one-statement.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select, true, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage import histories
from storage.customers import LAST, fold
from storage.database import is_sqlite
from storage.histories import History
from storage.json_values import BOOLEAN, COMPARE, compare, compare_text, opposite
from storage.rules import COUNTS, NEGATIVE, Condition, Rules
from storage.tables import Customer

COLUMNS: dict[str, InstrumentedAttribute[str | None]] = {
    "phone": Customer.phone,
    "region": Customer.region,
    "locale": Customer.locale,
    "time_zone": Customer.time_zone,
}

# As many rows as are quicker found in one pass than one customer after another.
MANY = 150_000

# Up to so many rows of one customer are looked at one by one, rather than counted.
FEW = 100

# What is asked of rows in other tables.
HISTORIES = (*COUNTS, "event", "received", "texted", "last_text")

# Which of them is tried first as the one to begin with: those that tend to be few.
LEADING = ("segment", "received", "last_text", "event", *COUNTS, "texted")


@dataclass(frozen=True)
class Asked:
    """As of when, and about whom.

    `zone`: where days begin. `included`: the segments that rules ask about, directly or through others: their rules,
    None for static ones. `few`: the statement names the customers whom it asks about, and they are few, so that theirs
    alone is looked at.
    """

    now: datetime
    zone: str = "UTC"
    included: Mapping[int, Rules | None] = field(default_factory=dict)
    few: bool = False


def matching(session: Session, rules: Rules, asked: Asked) -> ColumnElement[bool]:
    """Whether a `Customer` row matches `rules`, as an expression for WHERE. Never NULL where it is negated.

    Raises `KeyError` for a segment that `asked` does not include.
    """
    place = _Place(joined=True, alone=asked.few)
    return _Compiler(session, asked).group(flat(rules, asked.included), place)


def flat(rules: Rules, included: Mapping[int, Rules | None]) -> Rules:
    """The same rules; what must hold in groups, or in segments, that must hold stands beside the rest."""
    if rules.match != "all" and len(rules.parts) > 1:
        return rules
    parts: list[Condition | Rules] = []
    for part in rules.parts:
        is_in = isinstance(part, Condition) and part.field == "segment" and part.op == "in"
        inner = included[part.segment_id or 0] if isinstance(part, Condition) and is_in else part
        if isinstance(inner, Rules) and not inner.negate and (inner.match == "all" or len(inner.parts) == 1):
            parts.extend(flat(inner, included).parts)
        else:
            parts.append(part)
    return Rules("all", rules.negate, tuple(parts))


@dataclass(frozen=True)
class _Place:
    """Where in the statement an expression stands.

    `joined`: it and others must all hold, so that the database may join what it reads. `alone`: few customers are left
    when it is asked, so their own rows are looked at. `leads`: it is asked first, and few rows answer.
    """

    joined: bool
    alone: bool
    leads: bool = False


class _Compiler:
    """Rules to SQL for one database. In a positive place NULL counts as no; `opposite` makes it no and turns it."""

    def __init__(self, session: Session, asked: Asked) -> None:
        self.session = session
        self.sqlite = is_sqlite(session)
        self.asked = asked
        self.zone = ZoneInfo(asked.zone)
        self.today = asked.now.astimezone(self.zone).date()

    def group(self, rules: Rules, place: _Place) -> ColumnElement[bool]:
        """All or any of the parts."""
        if not rules.parts:
            return false() if rules.negate else true()
        all_of = rules.match == "all" or len(rules.parts) == 1
        inside = replace(place, joined=place.joined and all_of and not rules.negate)
        leads = self.leading(rules.parts) if inside.joined and not inside.alone else None
        after = inside if leads is None else replace(inside, alone=True)
        parts = [
            self.group(part, after)
            if isinstance(part, Rules)
            else self.condition(part, replace(inside, leads=True) if part is leads else after)
            for part in rules.parts
        ]
        joined = and_(*parts) if rules.match == "all" else or_(*parts)
        return opposite(joined) if rules.negate else joined

    def condition(self, condition: Condition, place: _Place) -> ColumnElement[bool]:
        """One row, a negative operator as the negation of its positive one."""
        if condition.field in HISTORIES:
            return self.history(condition, place)
        if condition.field == "segment":
            return self.segment(condition, place)
        positive = NEGATIVE.get(condition.op)
        if positive is None:
            return self.profile(condition, condition.op)
        return opposite(self.profile(condition, positive))

    def leading(self, parts: Sequence[Condition | Rules]) -> Condition | None:
        """The rule to begin with: one that few rows answer, where there are others to ask of whom it leaves."""
        asked = [part for part in parts if isinstance(part, Condition) and part.field in (*HISTORIES, "segment")]
        if len(parts) < 2 or (len(asked) < 2 and not any(isinstance(part, Rules) for part in parts)):
            return None
        narrowing = sorted((each for each in asked if self.narrows(each)), key=lambda each: LEADING.index(each.field))
        for each in narrowing:
            rows = (
                self.rows(replace(each, where=())).rows.limit(MANY).subquery()
            )  # properties would cost a look at each
            if (self.session.scalar(select(func.count()).select_from(rows)) or 0) < MANY:
                return each
        return None

    def narrows(self, condition: Condition) -> bool:
        """Whether only customers who have rows match it."""
        if condition.field == "segment":
            return condition.op == "in" and self.included(condition) is None
        if condition.op in COMPARE:
            return not COMPARE[condition.op](0, condition.value)
        return condition.op in ("did", "ever", "last_days", "failed")

    def rows(self, condition: Condition) -> History:
        """The rows that a condition is about."""
        if condition.field == "segment":
            return histories.members(condition.segment_id or 0)
        return histories.of(self.session, condition, self.asked.now, self.today)

    def profile(self, condition: Condition, op: str) -> ColumnElement[bool]:
        """What stands on the customer's own row; `op` is not a negation."""
        value = condition.value
        if condition.field == "created":
            return self.created(op, value)
        if condition.field == "name":
            return self.name(op, value)
        if condition.field == "consent":
            return compare_text(self.session, Customer.consent, op, value)
        if condition.field == "attribute":
            return compare(self.session, Customer.attributes, condition, op, self.today)
        column = COLUMNS[condition.field]
        return column.is_not(None) if op == "set" else compare_text(self.session, column, op, value)

    def name(self, op: str, value: Any) -> ColumnElement[bool]:
        """Names are compared as they are searched: capitals, accents and punctuation do not count."""
        if op == "set":
            return Customer.name != ""
        if op == "one_of":
            return compare_text(self.session, Customer.search, op, [fold(name) for name in value])
        folded = fold(value)
        if op == "starts_with":
            return and_(Customer.search >= folded, Customer.search < folded + LAST)
        return compare_text(self.session, Customer.search, op, folded)

    def created(self, op: str, value: Any) -> ColumnElement[bool]:
        """A day is from midnight to midnight in the workspace's zone; days ago are 24 hours each."""
        if op in ("last_days", "older_days"):
            begins = self.asked.now - timedelta(days=value)
            return Customer.created_at >= begins if op == "last_days" else Customer.created_at < begins
        day = date.fromisoformat(value)
        begins, ends = self.midnight(day), self.midnight(day + timedelta(days=1))
        if op == "before":
            return Customer.created_at < begins
        if op == "after":
            return Customer.created_at >= ends
        if op == "on":
            return and_(Customer.created_at >= begins, Customer.created_at < ends)
        raise ValueError(f"no such operator for a day: {op!r}")

    def midnight(self, day: date) -> datetime:
        """The moment at which `day` begins."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def segment(self, condition: Condition, place: _Place) -> ColumnElement[bool]:
        """Membership of another segment: its rules on the same row, or its list."""
        rules = self.included(condition)
        is_in = condition.op == "in"
        if rules is not None:
            return self.group(rules, place) if is_in else opposite(self.group(rules, replace(place, joined=False)))
        return self.count(self.rows(condition), "ge" if is_in else "lt", 1, place)

    def included(self, condition: Condition) -> Rules | None:
        """The rules of the segment that is asked about, None for a static one."""
        return self.asked.included[condition.segment_id or 0]

    def history(self, condition: Condition, place: _Place) -> ColumnElement[bool]:
        """What is asked of the customer's codes, events or messages."""
        found = self.rows(condition)
        if condition.op in ("did", "ever", "last_days", "failed"):
            return self.count(found, "ge", 1, place)
        if condition.op in ("did_not", "never", "not_last_days", "not_failed"):
            return self.count(found, "lt", 1, place)
        if condition.op == "older_days":
            ever = histories.messages("texted", None, None)
            return and_(self.count(ever, "ge", 1, place), self.count(found, "lt", 1, place))
        op, value = ("eq", condition.value) if condition.op == "ne" else (condition.op, condition.value)
        counted = self.count(found, op, value, place)
        return not_(counted) if condition.op == "ne" else counted

    def count(self, history: History, op: str, number: int, place: _Place) -> ColumnElement[bool]:
        """Whether the customer has a number of rows that compares so with `number`; never NULL."""
        some, none = (op, number) in (("ge", 1), ("gt", 0)), (op, number) in (("lt", 1), ("le", 0), ("eq", 0))
        own = history.rows.where(history.customer == Customer.id).correlate(Customer)
        if place.alone or not (self.sqlite or place.joined):
            if some or none:
                found = exists(own.with_only_columns(history.customer))
                return found if some else not_(found)
            least = number if op == "ge" else number + 1 if op == "gt" else 0
            if 1 < least <= FEW:  # no further than it takes
                return exists(own.with_only_columns(history.customer).limit(1).offset(least - 1))
            most = number if op == "le" else number - 1 if op == "lt" else FEW
            if 0 < most < FEW:
                return not_(exists(own.with_only_columns(history.customer).limit(1).offset(most)))
            counted = own.with_only_columns(func.count()).scalar_subquery()
            return type_coerce(COMPARE[op](counted, number), BOOLEAN)
        if some:
            return self.among(history.rows, history.customer, place)
        if none:
            return self.absent(history)
        grouped, compared = history.rows.group_by(history.customer), COMPARE[op](func.count(), number)
        if COMPARE[op](0, number):  # those without any are in it, so ask who is not
            return self.absent(History(grouped.having(not_(compared)), history.customer))
        return self.among(grouped.having(compared), history.customer, place)

    def among(self, rows: Select[Any], by: InstrumentedAttribute[Any], place: _Place) -> ColumnElement[bool]:
        """Whether the customer is among `rows`. PostgreSQL finds customers twice as fast in the order of their ids."""
        if place.leads and not self.sqlite:
            rows = rows.distinct().order_by(by)
        return Customer.id.in_(rows)

    def absent(self, history: History) -> ColumnElement[bool]:
        """Whether the customer is not among those of `history`: in the words that the database joins by."""
        if self.sqlite:
            return Customer.id.not_in(history.rows)
        found = history.rows.subquery()
        return not_(exists(select(1).select_from(found).where(found.c.customer_id == Customer.id)))
