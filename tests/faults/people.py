"""What people and other systems do at the shop of `tests.faults.shop`, in one transaction, and again if need be."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.orm import Session

from distribution import events, seal, settings
from distribution.automatic import live, outage
from distribution.codes import generate
from distribution.customers.upsert import upsert
from distribution.errors import Refused
from distribution.launch import launch
from distribution.runtime import Runtime

BY = "U0MAYA"
# What `person.…` is struck at: the verbs.
VERBS = ("events", "customer", "codes", "edit", "set live", "zone", "send now")


def tell(runtime: Runtime, session: Session, told: Sequence[Mapping[str, Any]]) -> None:
    """A system tells of events, as over the API."""
    answers = events.record(session, told, now=runtime.clock.now())
    assert {each.status for each in answers} <= {"recorded", "again"}, answers


def change(runtime: Runtime, session: Session, phone: str, vip: bool) -> None:
    """A system tells of a customer."""
    row = {"phone": phone, "attributes": {"vip": vip}}
    (answer,) = upsert(session, [row], by=BY, source="API", now=runtime.clock.now(), region=None)
    assert answer.status in ("updated", "unchanged"), answer


def add_codes(runtime: Runtime, session: Session, group: int, count: int) -> None:
    """More codes."""
    generate.generate_into(session, group, count, by=BY, now=runtime.clock.now())


def edit(runtime: Runtime, session: Session, distribution: int, body: str) -> None:
    """Another text for a live one; who is too late was quicker before."""
    with suppress(Refused):
        draft = live.edit(session, distribution, by=BY, now=runtime.clock.now())
        draft.body = body
        seal.put(session, draft)
        launch(session, runtime, draft.id)


def set_live(runtime: Runtime, session: Session, distribution: int) -> None:
    """Set live, or launch."""
    launch(session, runtime, distribution)


def put(runtime: Runtime, session: Session, key: str, value: str) -> None:
    """A setting."""
    settings.put(session, key, value)


def send_now(runtime: Runtime, session: Session, distribution: int) -> None:
    """A word on what is late."""
    outage.send_now(session, runtime, distribution, by="Maya", now=runtime.clock.now())


def new_codes(text: str) -> list[str]:
    """The codes that a text gives for the first time."""
    return re.findall(r"new code (\S+)", text)
