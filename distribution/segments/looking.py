"""Who matches rules that somebody is looking at: how many, how many of them can be texted, and the first few.

It may take seconds at a million customers, so it can be stopped, from any thread.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from storage.customers import exclusion, here
from storage.patience import unless
from storage.tables import Customer

# Seconds after which a look gives up: a rule that takes longer is not one to wait for in a modal.
LONGEST = 60.0


@dataclass(frozen=True)
class Look:
    """How many match, how many customers there are (those who were erased left out), how many who match can be texted,
    and the first who match."""

    size: int
    of_all: int
    textable: int
    members: Sequence[Customer]


def look(
    session: Session,
    where: ColumnElement[bool],
    stopped: threading.Event,
    *,
    members: int = 10,
    seconds: float = LONGEST,
) -> Look:
    """Look who matches. Raises `storage.patience.TooSlow` after `seconds`, and once `stopped` is set."""
    can_be_texted = func.count(case((exclusion().is_(None), 1)))
    with unless(session, stopped, seconds):
        extent = (func.count(), can_be_texted, func.min(Customer.id), func.max(Customer.id))
        size, textable, least, most = session.execute(select(*extent).select_from(Customer).where(where)).one()
        of_all = session.scalar(select(func.count()).select_from(Customer).where(here(session))) or 0
        first: Sequence[Customer] = []
        if size:  # what the count has found out already need not be gone through again
            between = Customer.id.between(least, most)
            first = session.scalars(select(Customer).where(where, between).order_by(Customer.id).limit(members)).all()
    return Look(size, of_all, textable, first)


def page(
    session: Session,
    where: ColumnElement[bool],
    stopped: threading.Event,
    *,
    after: int,
    limit: int,
    seconds: float = LONGEST,
) -> Sequence[Customer]:
    """Some of who match, in the order that they were added: those after a customer's id (0: from the first).

    Raises `storage.patience.TooSlow` as `look` does.
    """
    chosen = select(Customer).where(where, Customer.id > after).order_by(Customer.id).limit(limit)
    with unless(session, stopped, seconds):
        return session.scalars(chosen).all()
