"""Customers' own texts: STOP, START and HELP words change consent and are answered once; the others are kept.

The words are those that carriers and gateways agree on (CTIA Messaging Principles §5.1.3; Twilio's default keywords).
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from distribution.customers import consent
from distribution.providers.connections import Client
from distribution.providers.port import InboundNews, Kind, Meaning, Outcome, Outgoing, Provider
from storage import suppressions
from storage.database import Database, is_sqlite
from storage.tables import Customer, Message, MessageState, Reply

log = structlog.get_logger(__name__)

STOP = frozenset({"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out"})
START = frozenset({"start", "unstop", "yes"})
HELP = frozenset({"help", "info"})

ANSWERS: dict[Meaning, str] = {
    "stop": "You will get no more texts from us. Reply START to get them again.",
    "start": "You will get our texts again. Reply STOP to end them.",
    "help": "We text promo codes to customers who agreed to it. Reply STOP to end, START to begin again.",
}
LEFT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED, MessageState.UNKNOWN)


def meaning(body: str) -> Meaning:
    """What a text asks for. Only a text that is nothing but the word counts; case and closing marks do not."""
    words = " ".join(body.casefold().replace("-", " ").split()).strip(" .!?\"'")
    if words in STOP:
        return "stop"
    if words in START:
        return "start"
    return "help" if words in HELP else "other"


def take(session: Session, provider_id: int, news: InboundNews, now: datetime) -> None:
    """Keep a customer's text, once; a STOP or START holds from this transaction on."""
    customer_id = session.scalar(select(Customer.id).where(Customer.phone == news.phone))
    asked = news.meaning or meaning(news.body)
    answer = None if news.answered else ANSWERS.get(asked)
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(Reply)
    new = session.scalar(
        into.values(
            provider_id=provider_id,
            provider_ref=news.provider_ref,
            phone=news.phone,
            customer_id=customer_id,
            distribution_id=_last_distribution(session, customer_id),
            body=news.body[:2000],
            meaning=asked,
            received_at=now,
            answer=answer,
            answer_state="queued" if answer else None,
        )
        .on_conflict_do_nothing()
        .returning(Reply.id)
    )
    if new is None:
        return
    if customer_id is None:  # nobody we know, or somebody who was erased: what they want holds for whoever they become
        if asked == "stop":
            suppressions.add(session, news.phone, now)
        elif asked == "start":
            suppressions.remove(session, [news.phone])
        return
    if asked in ("stop", "start"):
        becomes = "opted_out" if asked == "stop" else "given"
        consent.change(session, customer_id, becomes, f"{asked.upper()} reply", now)


def _last_distribution(session: Session, customer_id: int | None) -> int | None:
    """The distribution that texted a customer last: what they most likely reply to."""
    if customer_id is None:
        return None
    return session.scalar(
        select(Message.distribution_id)
        .where(Message.customer_id == customer_id, Message.state.in_(LEFT))
        .order_by(Message.settled_at.desc(), Message.id.desc())
        .limit(1)
    )


class Answer(NamedTuple):
    """An answer whose intent is committed."""

    reply_id: int
    provider_id: int
    phone: str
    text: str


def intend_answers(db: Database, provider_ids: set[int], limit: int = 50) -> list[Answer]:
    """Commit that the next answers leave now. One that was intended before is never sent again: at most once."""
    queued = (
        select(Reply)
        .where(Reply.answer_state == "queued", Reply.provider_id.in_(sorted(provider_ids)))
        .order_by(Reply.id)
        .limit(limit)
    )
    with db.read() as session:
        if session.scalar(queued) is None:
            return []
    with db.write() as session:
        rows = session.scalars(queued if is_sqlite(session) else queued.with_for_update(skip_locked=True)).all()
        for row in rows:
            row.answer_state = "dispatching"
        return [Answer(row.id, row.provider_id, row.phone, row.answer or "") for row in rows]


async def post_answers(
    answers: list[Answer], providers: Mapping[int, tuple[Provider, Client]]
) -> list[tuple[Answer, Outcome]]:
    """Post intended answers; what each came to."""

    async def post(answer: Answer) -> Outcome:
        provider, http = providers[answer.provider_id]
        try:
            text = Outgoing(f"reply-{answer.reply_id}", answer.phone, answer.text)
            return await provider.send(http, provider.encode(text))
        except Exception:
            log.exception("an answer failed in our own code", reply=answer.reply_id)
            return Outcome(Kind.UNKNOWN, "server_error")

    return list(zip(answers, await asyncio.gather(*map(post, answers)), strict=True))


def record_answers(db: Database, posted: list[tuple[Answer, Outcome]]) -> None:
    """Write down what became of answers. One that was certainly not processed is tried again."""
    states = {Kind.ACCEPTED: "sent", Kind.UNKNOWN: "unknown", Kind.LATER: "queued"}
    with db.write() as session:
        for answer, outcome in posted:
            state = states.get(outcome.kind, "failed")
            session.execute(update(Reply).where(Reply.id == answer.reply_id).values(answer_state=state))
