"""From a draft and what its review found to what the modal says, and what its button will do."""

from sqlalchemy.orm import Session

from commands.send import words
from commands.send.views import review
from commands.send.views.foreseen import Automatic
from commands.ui.text import count, duration, escape
from distribution import approvals, settings
from distribution.findings import Review
from distribution.limits import span
from distribution.sending import lifetime
from storage.tables import Distribution, Provider


def facts(session: Session, draft: Distribution, found: Review) -> review.ReviewStep:
    """What the review shows of a draft and of what was found."""
    provider = session.get(Provider, draft.provider_id)
    asks = approvals.needed(session, approvals.reach(draft, found.recipients))
    automatic = draft.mode == "automatic"
    at = words.when(session, draft)
    return review.ReviewStep(
        found,
        draft.subject,
        provider.name if provider else "",
        at or ("at once, when approved" if asks else "now"),
        f"Given up after {span(lifetime.minutes(session, draft))}",
        words.reminders(draft),
        Automatic(
            words.sets_off(session, draft),
            words.until(draft),
            words.dry(draft),
            reminders=bool(draft.reminders),
        )
        if automatic
        else None,
        bool(draft.repeat),
        _submit(draft, asks),
        _afterwards(session, draft, found, at, asks),
        {each.char: each.replacement for each in found.offenders if not each.where and each.replacement is not None},
    )


def _starting(session: Session) -> str:
    """When the first text leaves after the click, in words."""
    hold = settings.get(session, "sending.hold")
    return f"starting {duration(hold)} later: until then you can call it back" if hold else "starting at once"


def _submit(draft: Distribution, asks: bool) -> str:
    """What the button says."""
    if asks:
        return "Request approval"
    if draft.mode == "automatic":
        return "Set live"
    return "Schedule" if draft.send_at else "Send now"


def _afterwards(session: Session, draft: Distribution, found: Review, at: str, asks: bool) -> str:
    """What the button will do, in a sentence of mrkdwn."""
    replaced, different = words.replaces(session, draft)
    takes_over = f" Then it takes the place of the live *{escape(replaced)}*: {escape(different)}." if replaced else ""
    if asks:
        after = "Nobody is texted before somebody else approves it."
        if not settings.get(session, "approvals.channel"):
            after += (
                " There is no approvals channel yet, so the request is posted where you started this; "
                "an admin sets one with `/promo settings`."
            )
        return after + takes_over
    if draft.mode == "automatic":
        return f"From then on it goes out by itself. It can be paused, edited and stopped in the channel.{takes_over}"
    if draft.repeat:
        return f"{at}. Each time to whoever is in “{escape(found.audience)}” then. It can be stopped at any time."
    if draft.send_at:
        return f"Goes out {words.goes_out(session, draft)}. Codes are set aside then. It can be cancelled until then."
    return f"{count(found.recipients, 'customer')} will be texted, {_starting(session)}."
