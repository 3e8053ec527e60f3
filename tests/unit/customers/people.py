"""Customers for tests."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from storage.customers import search_keys
from storage.tables import Customer


def customer(session: Session, now: datetime, **given: Any) -> Customer:
    """A customer who agreed to texts, with what is `given` changed."""
    given = {"name": "", "consent": "given", "attributes": {}, "created_at": now, "updated_at": now} | given
    search, search_last = search_keys(given["name"])
    found = Customer(search=search, search_last=search_last, **given)
    session.add(found)
    session.flush()
    return found
