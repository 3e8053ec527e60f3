"""`/promo distributions`, and the one message of each distribution in its channel."""

from sqlalchemy.orm import Session

from commands.distributions import shown
from commands.distributions.listeners import register
from commands.distributions.lists import FILTERS
from commands.verbs import Ask, Verb
from distribution.errors import Refused
from distribution.search import nearest
from storage import distributions as rows
from storage.names import fold
from storage.tables import Distribution

__all__ = ["VERB", "register"]


def _run(ask: Ask) -> None:
    """`/promo distributions [subject]`: the list, or the one that is called so (or has this number)."""
    with ask.runtime.db.read() as session:
        found = _named(session, ask.words, ask.person.user_id) if ask.words else None
        view = shown.listing(ask.runtime, session, ask.person) if found is None else {}
    if found is not None:
        shown.show(ask.runtime, ask.client, {"trigger_id": ask.trigger_id}, ask.person, found)
    else:
        ask.client.views_open(trigger_id=ask.trigger_id, view=view)


VERB = Verb("distributions", "[subject]", "What was sent, is being sent, or waits to be", _run)


def _named(session: Session, words: str, user_id: str) -> Distribution:
    """The newest distribution of that subject, or with that number; of drafts, only `user_id`'s own.

    Raises `Refused` with the nearest subject.
    """
    if words.isascii() and words.isdigit():
        found = rows.get(session, int(words))
        mine = found is not None and found.created_by == user_id
        if found is not None and found.status != "discarded" and (mine or found.status != "draft"):
            return found
    known = rows.page_for(session, user_id, FILTERS["all"].statuses, limit=200, offset=0)
    for row in known:
        if fold(row.subject) == fold(words):
            return row
    near = nearest(words, [row.subject for row in known if row.subject])
    hint = f" Did you mean '{near}'?" if near else " /promo distributions lists them all."
    raise Refused(f"No distribution is called '{words}'.{hint}")
