"""What is done with a distribution: sent or set live, put before an approver, called back, paused, stopped, and on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.call import Answer, Asked, Call, allowed
from bot.web.api.describing import PREFIX, problems, takes
from bot.web.api.distribution_bodies import Distribution, shown
from bot.web.api.distributions import Id, seen, unfitting
from bot.web.api.problems import Problem, of_refusal
from distribution import unattended
from distribution.automatic import outage
from distribution.errors import Refused
from distribution.requests import Unfit
from distribution.sending import control
from storage.tables import Distribution as Row

routes = APIRouter(tags=["Distributions"])

Writing = Annotated[Call, allowed("distributions:write")]
Sending = Annotated[Call, allowed("distributions:send")]

# What to do next, by the reason of a refusal.
NEXT = {
    "approval_required": " Ask for it: POST {path}/request-approval, and somebody decides in Slack. Without Slack "
    "nobody can: then whoever runs promobot may say promobot settings set approvals.required never (or above:N).",
    "approval_not_needed": " Send it: POST {path}/send.",
    "no_approver": " Choose an approvals channel in Slack (/promo settings). Without Slack, whoever runs promobot may "
    "say promobot settings set approvals.required never (or above:N).",
    "codes_missing": " When they are there, send this one again.",
    "left": " Stop it: POST {path}/stop.",
    "nobody": " When somebody can be texted, send this one again.",
}
STATUSES = {"not_yours": 403}


class Nothing(Asked):
    """An empty body: what is to be done is in the path."""


class Resume(Asked):
    """How a paused distribution goes on."""

    piled: Literal["send", "drop"] = Field(
        default="send",
        description="What becomes of what fell due meanwhile; `drop`: only what comes from now on is sent.",
    )


class Late(Asked):
    """What becomes of what fell due while promobot was not running."""

    then: Literal["send", "reschedule", "cancel"]
    at: AwareDatetime | None = Field(default=None, description="When, with reschedule.")


class Retried(Distribution):
    """A distribution whose failed texts are sent again."""

    retried: int = Field(description="How many are sent again; 0 where they are under way already.")


@routes.post(
    "/distributions/{id:int}/send",
    status_code=202,
    response_model=Distribution,
    summary="Send a distribution, or set it live",
    response_description="It is on its way: its audience is reviewed and fixed, codes are blocked, texts are sent; "
    "an automatic one is live.",
    responses=problems(400, 404, 409, 413, 415),
)
def send(call: Sending, id: Id) -> Response:
    """Reviews it as it is now, then sends it at once, or at its `send_at`. Sent twice, it goes out once.

    409, and nothing is sent, where a second person must approve it (`reason` approval_required), where codes are
    missing (codes_missing), nobody can be texted (nobody), or a text would be empty or too long (texts): for these its
    status is `refused`, and it may be sent again. Above 5,000 recipients it is `reviewing` first: look until it is not.
    """
    return _go_on(call, id, lambda session: unattended.send(session, call.runtime, id, by=call.by))


@routes.post(
    "/distributions/{id:int}/request-approval",
    status_code=202,
    response_model=Distribution,
    summary="Request a distribution's approval",
    response_description="It waits for an approver in Slack; approved, it goes out by itself.",
    responses=problems(400, 404, 409, 413, 415),
)
def request_approval(call: Writing, id: Id) -> Response:
    """Reviews it and asks in Slack, in the token's name. A token approves nothing: an approver there decides.

    409 where none is needed (`reason` approval_not_needed), where nobody could approve (no_approver), and as for send.
    """
    return _go_on(call, id, lambda session: unattended.request_approval(session, call.runtime, id, by=call.by))


@routes.post(
    "/distributions/{id:int}/call-back",
    response_model=Distribution,
    summary="Call a distribution back",
    response_description="Nothing has left, its codes are active again, and it is a draft.",
    responses=problems(400, 404, 409, 413, 415),
)
def call_back(call: Sending, id: Id) -> Response:
    """While it is reviewed, waits for its approval or its time, or is held (`held_until`). 409 when texts have left."""

    def work(session: Session) -> Row:
        called = f"The system '{call.token.name}'"
        return unattended.call_back(session, call.runtime, id, by=call.by, called=called, now=call.now)

    return _control(call, id, work)


@routes.post(
    "/distributions/{id:int}/pause",
    response_model=Distribution,
    summary="Pause a distribution",
    response_description="What was posted is posted; nothing more is until it is resumed.",
    responses=problems(400, 404, 409, 413, 415),
)
def pause(call: Sending, id: Id) -> Response:
    """Holds a distribution that is being sent. Paused twice, it is paused."""
    return _control(call, id, lambda session: control.pause(session, id, by=_name(call), now=call.now))


@routes.post(
    "/distributions/{id:int}/resume",
    response_model=Distribution,
    summary="Resume a distribution",
    response_description="It goes on.",
    responses=problems(400, 404, 409, 413, 415),
    openapi_extra=takes(Resume, {"piled": "drop"}, required=False),
)
def resume(call: Sending, id: Id) -> Response:
    """Goes on with a paused distribution, also with one that paused by itself: `reason` says why it did.

    An automatic one fires while it is paused, and reminders come up: `{"piled": "drop"}` leaves those out, and
    what came in while it could not go on.
    """
    piled = call.json(Resume, empty=True).piled
    return _control(
        call,
        id,
        lambda session: control.resume(session, call.runtime, id, by=_name(call), now=call.now, piled=piled),
        empty=False,
    )


@routes.post(
    "/distributions/{id:int}/stop",
    response_model=Distribution,
    summary="Stop a distribution",
    response_description="It has ended for good; the codes of texts that had not left go back.",
    responses=problems(400, 404, 409, 413, 415),
)
def stop(call: Sending, id: Id) -> Response:
    """Ends it: what has not left does not. Stopped twice, it is stopped. The report has those left out as `stopped`."""
    return _control(call, id, lambda session: control.stop(session, call.runtime, id, by=_name(call), now=call.now))


@routes.post(
    "/distributions/{id:int}/retry",
    response_model=Retried,
    summary="Retry a distribution's failed texts",
    response_description="They are sent again, to those who may be texted now.",
    responses=problems(400, 404, 409, 413, 415),
)
def retry(call: Sending, id: Id) -> Response:
    """When it is done, or live: a text that had left keeps its code, a refused one gets a new one. Up to 5,000 a time.

    Who opted out since, or has used the code, is left alone. 409 where nothing failed that could be sent again.
    """
    call.json(Nothing, empty=True)

    def work(session: Session) -> Answer:
        with _conflicts(session, call, id) as row:
            again = control.retry_failed(session, id, by=_name(call), now=call.now)
        return Answer(Retried(**shown(session, row).model_dump(), retried=again))

    return call.write(work)


@routes.post(
    "/distributions/{id:int}/late",
    response_model=Distribution,
    summary="Decide about what is late",
    response_description="It goes now, at another time, or not at all.",
    responses=problems(400, 404, 409, 413, 415),
    openapi_extra=takes(Late, {"then": "cancel"}),
)
def decide_late(call: Sending, id: Id) -> Response:
    """What fell due while promobot was not running, longer than `clock.late_after` ago, waits for this word, or for a
    click in Slack: `late_since` of what was scheduled, `planned.late` in the report of what was to go by itself.

    409, `reason` not_late, where nothing waits.
    """
    asked = call.json(Late)
    if (asked.at is not None) != (asked.then == "reschedule"):
        raise Problem(422, "Say at which time with reschedule, and only then.", field="at")

    def work(session: Session) -> Row:
        if asked.then == "cancel":
            found = outage.cancel(session, call.runtime, id, by=_name(call), now=call.now)
        elif asked.at is not None:
            found = outage.reschedule(session, call.runtime, id, asked.at, by=_name(call), now=call.now)
        else:
            found = outage.send_now(session, call.runtime, id, by=_name(call), now=call.now)
        row = seen(session, call, id)
        if found is None:
            raise Refused(f"Nothing of '{row.subject}' is late.", reason="not_late")
        return row

    return _control(call, id, work, empty=False)


def _go_on(call: Call, distribution_id: int, work: Callable[[Session], unattended.Gone]) -> Response:
    """Send a distribution on. What its review refuses is kept as its status, and answered as a problem."""
    call.json(Nothing, empty=True)

    def done(session: Session) -> Answer:
        with _conflicts(session, call, distribution_id):
            gone = work(session)
        if gone.refusal is not None:
            return Answer(_conflict(gone.refusal, gone.distribution))
        return Answer(shown(session, gone.distribution), 202)

    return call.write(done)


def _control(call: Call, distribution_id: int, work: Callable[[Session], Row], *, empty: bool = True) -> Response:
    """Do something with a distribution, and answer how it is then. `empty`: its body says nothing."""
    if empty:
        call.json(Nothing, empty=True)

    def done(session: Session) -> Answer:
        with _conflicts(session, call, distribution_id):
            row = work(session)
        return Answer(shown(session, row))

    return call.write(done)


@contextmanager
def _conflicts(session: Session, call: Call, distribution_id: int) -> Iterator[Row]:
    """The distribution that the path names; what the block refuses is its present status's fault (409).

    Raises `Problem`, 404 where there is none.
    """
    row = seen(session, call, distribution_id)
    try:
        yield row
    except Unfit as unfit:
        raise unfitting(unfit) from None
    except Refused as refusal:
        if refusal.field == "at":  # the one thing that a body says, and may say wrong
            raise of_refusal(refusal) from None
        raise _conflict(refusal, row) from None


def _conflict(refusal: Refused, row: Row) -> Problem:
    """What is answered to a refusal, with what to do next."""
    reason = refusal.reason or row.status
    following = NEXT.get(reason, "").format(path=f"{PREFIX}/distributions/{row.id}")
    return Problem(STATUSES.get(reason, 409), f"{refusal}{following}", reason=reason)


def _name(call: Call) -> str:
    """Who did it, as people read it: "Paused by the system 'checkout'."."""
    return f"the system '{call.token.name}'"
