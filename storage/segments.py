"""Segments: rules compiled to one SQL expression over `customer`, alike on both databases; and their rows."""

import operator
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Double,
    Text,
    and_,
    case,
    cast,
    collate,
    false,
    func,
    not_,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.bulk import values
from storage.customers import LAST, fold, texts
from storage.database import is_sqlite
from storage.rules import COUNTS, NEGATIVE, Condition, Rules
from storage.tables import Customer, PromoCode, Segment, SegmentMember

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}

COLUMNS: dict[str, InstrumentedAttribute[str | None]] = {
    "phone": Customer.phone,
    "region": Customer.region,
    "locale": Customer.locale,
    "time_zone": Customer.time_zone,
}

ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

DAY_GLOB = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
DAY_REGEX = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def matching(
    session: Session, rules: Rules, *, zone: str = "UTC", customer_id: int | None = None
) -> ColumnElement[bool]:
    """Whether a `Customer` row matches `rules`, as an expression for WHERE. Never NULL where it is negated.

    `zone`: where the days of `created` begin. `customer_id`: the only customer asked about, so that counting codes
    looks at theirs alone; give the same id to the statement.
    """
    return _Compiler(session, zone, customer_id).group(rules)


def ascii_lower(text: str) -> str:
    """`text` with A–Z made small: what "is" and "contains" compare, the same on both databases (no locale's rules)."""
    return text.translate(ASCII_LOWER)


class _Compiler:
    """Rules to SQL for one database. In a positive place NULL counts as no; `_not` makes it no before turning it."""

    def __init__(self, session: Session, zone: str, customer_id: int | None) -> None:
        self.session = session
        self.sqlite = is_sqlite(session)
        self.zone = ZoneInfo(zone)
        self.customer_id = customer_id

    def group(self, rules: Rules) -> ColumnElement[bool]:
        """All or any of the parts."""
        parts = [self.group(part) if isinstance(part, Rules) else self.condition(part) for part in rules.parts]
        if not parts:
            return true()
        joined = and_(*parts) if rules.match == "all" else or_(*parts)
        return _not(joined) if rules.negate else joined

    def condition(self, condition: Condition) -> ColumnElement[bool]:
        """One row, a negative operator as the negation of its positive one."""
        positive = NEGATIVE.get(condition.op)
        if positive is None:
            return self.positive(condition, condition.op)
        return _not(self.positive(condition, positive))

    def positive(self, condition: Condition, op: str) -> ColumnElement[bool]:
        """One row whose operator is not a negation."""
        if condition.field in COUNTS:
            return self.codes(condition, op)
        if condition.field == "created":
            return self.created(op, condition.value)
        if condition.field == "name":
            return self.name(op, condition.value)
        if condition.field == "consent":
            return self.text(Customer.consent, op, condition.value)
        if condition.field == "attribute":
            return self.attribute(condition, op)
        column = COLUMNS[condition.field]
        return column.is_not(None) if op == "set" else self.text(column, op, condition.value)

    def text(self, column: ColumnElement[Any] | InstrumentedAttribute[Any], op: str, value: Any) -> ColumnElement[bool]:
        """Comparisons of text with no character special."""
        if op == "is":
            return type_coerce(column == value, _BOOLEAN)
        if op == "one_of":
            return column.in_(select(texts(self.session, value).c.value))
        position = func.instr(column, value) if self.sqlite else func.strpos(column, value)
        if op == "contains":
            return position > 0
        if op == "starts_with":
            return position == 1
        raise ValueError(f"no such operator for text: {op!r}")

    def name(self, op: str, value: Any) -> ColumnElement[bool]:
        """Names are compared as they are searched: capitals, accents and punctuation do not count."""
        if op == "set":
            return Customer.name != ""
        if op == "one_of":
            return self.text(Customer.search, op, [fold(name) for name in value])
        folded = fold(value)
        if op == "starts_with":
            return and_(Customer.search >= folded, Customer.search < folded + LAST)
        return self.text(Customer.search, op, folded)

    def created(self, op: str, value: str) -> ColumnElement[bool]:
        """A day is from midnight to midnight in the workspace's zone."""
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

    def attribute(self, condition: Condition, op: str) -> ColumnElement[bool]:
        """A value counts only where it is of the type that the row asks about: no text is ever read as a number."""
        name, value = condition.attribute or "", condition.value
        if not name.isidentifier():  # it becomes part of a JSON path
            raise ValueError(f"not an attribute's name: {name!r}")
        kind, plain = self.json_type(name), self.json_text(name)
        if op == "set":
            return func.coalesce(kind, "null") != "null"
        if condition.type == "boolean":
            return self.boolean(kind, plain, op)
        if condition.type == "number":
            number: ColumnElement[Any] = case((kind.in_(("integer", "real", "number")), cast(plain, Double)))
            if op == "one_of":
                given = values(self.session, {"value": Double()}, [(float(each),) for each in value])
                return number.in_(select(given.c.value))
            return type_coerce(COMPARE[op](number, float(value)), _BOOLEAN)
        text = case((kind.in_(("text", "string")), plain))
        if condition.type == "date":
            days = text.bool_op("GLOB")(DAY_GLOB) if self.sqlite else text.bool_op("~")(DAY_REGEX)
            compare = {"before": operator.lt, "after": operator.gt, "on": operator.eq}[op]
            return and_(days, compare(text, value))
        lowered = func.lower(text)
        if op == "one_of":
            return self.text(lowered, op, [ascii_lower(each) for each in value])
        return self.text(lowered, op, ascii_lower(value))

    def boolean(self, kind: ColumnElement[Any], plain: ColumnElement[Any], op: str) -> ColumnElement[bool]:
        """True or false in JSON: SQLite tells them apart by type, PostgreSQL by text."""
        wanted = {"yes": "true", "no": "false"}[op]
        return kind == wanted if self.sqlite else case((kind == "boolean", plain)) == wanted

    def json_type(self, name: str) -> ColumnElement[Any]:
        """The JSON type of an attribute, NULL where it is not there."""
        if self.sqlite:
            return func.json_type(Customer.attributes, f'$."{name}"')
        return func.jsonb_typeof(Customer.attributes.op("->")(name))

    def json_text(self, name: str) -> ColumnElement[Any]:
        """The value of an attribute as text (a number as itself on SQLite), compared byte by byte."""
        if self.sqlite:
            return type_coerce(func.json_extract(Customer.attributes, f'$."{name}"'), Text())
        return collate(type_coerce(Customer.attributes.op("->>")(name), Text()), "C")

    def codes(self, condition: Condition, op: str) -> ColumnElement[bool]:
        """How many codes were issued to the customer (sent to them once or more), all or of one group.

        On SQLite one pass over the codes gives a set of ids that is probed. PostgreSQL would go over such a set for
        each customer where it does not fit `work_mem`, so there each customer's codes are counted through their index.
        """
        count, wanted = func.count(), COMPARE[op]
        codes = select(PromoCode.customer_id).where(
            PromoCode.customer_id.is_not(None), PromoCode.issued_at.is_not(None)
        )
        if condition.group_id is not None:
            codes = codes.where(PromoCode.group_id == condition.group_id)
        if condition.field == "codes_redeemed":
            codes = codes.where(PromoCode.redeemed_at.is_not(None))
        if condition.field == "codes_unredeemed":
            codes = codes.where(PromoCode.redeemed_at.is_(None))
        if self.customer_id is not None or not self.sqlite:
            mine = codes.with_only_columns(count).where(PromoCode.customer_id == Customer.id)
            return type_coerce(wanted(mine.correlate(Customer).scalar_subquery(), condition.value), _BOOLEAN)
        grouped = codes.group_by(PromoCode.customer_id)
        if wanted(0, condition.value):  # those without codes are in it, so ask who is not
            return Customer.id.not_in(grouped.having(not_(wanted(count, condition.value))))
        return Customer.id.in_(grouped.having(wanted(count, condition.value)))


_BOOLEAN = false().type


def _not(expression: ColumnElement[bool]) -> ColumnElement[bool]:
    """The opposite, where NULL is no."""
    return not_(func.coalesce(expression, false()))


def live(session: Session) -> list[Segment]:
    """Every segment that has a name and was not deleted, by name."""
    named = select(Segment).where(Segment.name_key.is_not(None), Segment.deleted_at.is_(None))
    return list(session.scalars(named.order_by(Segment.name_key)))


def listed(session: Session, prefix_key: str, limit: int) -> list[Segment]:
    """Up to `limit` named segments whose folded name contains `prefix_key`, by name."""
    position = func.instr if is_sqlite(session) else func.strpos
    named = select(Segment).where(Segment.name_key.is_not(None), Segment.deleted_at.is_(None))
    if prefix_key:
        named = named.where(position(Segment.name_key, prefix_key) > 0)
    return list(session.scalars(named.order_by(Segment.name_key).limit(limit)))


def by_name_key(session: Session, name_key: str) -> Segment | None:
    """The segment of this folded name."""
    return session.scalars(select(Segment).where(Segment.name_key == name_key)).one_or_none()


def static_of(session: Session, customer_id: int) -> set[int]:
    """Ids of the static segments and lists that a customer is on."""
    mine = select(SegmentMember.segment_id).where(SegmentMember.customer_id == customer_id)
    return set(session.scalars(mine))
