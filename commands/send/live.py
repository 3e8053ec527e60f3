"""What is known of a message while it is being written: its size for a typical customer, and what is wrong with it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from commands.send.views.message import Live
from distribution import audience, promotions, sms, suited
from distribution.automatic import foresight
from distribution.automatic import trigger as triggers
from distribution.codes.recipe import Recipe
from distribution.customers.phone import country_name
from distribution.errors import Refused
from distribution.providers import registry
from distribution.runtime import Runtime
from distribution.templates import render
from distribution.templates.values import as_text, clean
from storage.names import fold
from storage.patience import TooSlow, at_most
from storage.tables import Customer, Distribution, PromoCodeGroup

# Stands for a code where its group has neither a format nor codes, and for a QR link's id: of a common length.
SOME_CODE, SOME_ID = "CODE-12345678", 1_000_000

# Seconds that finding a customer may take while somebody writes: for a small segment, all may have to be looked at.
PATIENCE = 0.3


def measure(runtime: Runtime, session: Session, draft: Distribution, body: str) -> Live:
    """Measure `body` as the first customer of the draft's audience would get it."""
    if not body.strip():
        return Live()
    analysis = suited.analysed(session, draft, body)
    if analysis.problems:
        return Live(problems=[str(problem) for problem in analysis.problems])
    codes = {
        fold(analysis.called[group.id]): _code(runtime, group)
        for group in (*analysis.issues_from, *analysis.repeats_from)
    }
    text = render.compile(analysis.body).render(_recipient(session, draft, codes, runtime.clock.now()))
    size = sms.measure(text)
    return Live(
        characters=size.characters,
        segments=size.segments,
        encoding=size.encoding,
        with_code=bool(analysis.tags),
        pictures=_pictures(session, draft, body),
        offenders=sms.measure(analysis.reading.plain).offenders,
        problems=_unsuited(session, draft, body),
    )


def _pictures(session: Session, draft: Distribution, body: str) -> tuple[str, ...]:
    """Where codes of a body leave as pictures too: the countries' names; none where it has none, or they do not."""
    if not render.compile(body).uses_qr:
        return ()
    return tuple(sorted(country_name(region) for region in registry.pictures_of(session, draft.provider_id)))


def _unsuited(session: Session, draft: Distribution, body: str) -> list[str]:
    """Why a body without faults does not suit the purpose that was chosen."""
    try:
        suited.body(session, draft, body)
    except Refused as refusal:
        return [str(refusal)]
    return []


def _code(runtime: Runtime, group: PromoCodeGroup) -> render.CodeText:
    """A code such as the group gives, which is nobody's."""
    formats = Recipe.of(group).formats
    code = formats[0].example() if formats else SOME_CODE
    return render.CodeText(code, runtime.links.qr(SOME_ID))


def _event(session: Session, draft: Distribution, now: datetime) -> dict[str, str]:
    """What an event could say that sets an automatic one off."""
    if draft.mode != "automatic" or not draft.trigger:
        return {}
    return foresight.made_up_event(session, triggers.parse(draft.trigger), now)


def _recipient(
    session: Session, draft: Distribution, codes: dict[str, render.CodeText], now: datetime
) -> render.Recipient:
    """The first customer of the audience; somebody typical where it is not chosen yet, or they are not found soon."""
    told = {}
    try:
        if draft.promotion_id:
            promotion = promotions.get(session, draft.promotion_id)
            told = {"name": clean(promotion.name), "terms": clean(promotion.terms)}
        chosen = select(Customer).where(audience.where(session, draft.audience, now)).order_by(Customer.id).limit(1)
        with at_most(session, PATIENCE):
            found = session.scalars(chosen).first()
    except (Refused, TooSlow):
        found = None
    if found is None:
        return render.Recipient("Anna Kowalska", "+48512345678", {}, codes, codes, told, _event(session, draft, now))
    attributes = {name: as_text(value) for name, value in found.attributes.items()}
    return render.Recipient(clean(found.name), found.phone or "", attributes, codes, codes, told)
