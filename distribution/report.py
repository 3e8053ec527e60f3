"""What became of a distribution, in numbers that add up (DESIGN §5.6): progress while it runs, the report after."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Integer, case, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from distribution import steps
from distribution.clock import Clock, SystemClock
from distribution.errors import Refused
from distribution.sending import evidence, retrying
from distribution.steps import Step
from storage import belonging, leaving_now, planned_counts, tally
from storage.belonging import messages_of
from storage.bulk import among, seconds_between
from storage.planned_counts import Counts
from storage.tables import (
    CodeState,
    Distribution,
    Message,
    MessageState,
    Planned,
    PromoCode,
    PromoCodeGroup,
    PromoCodeRepeat,
    Reply,
    UnknownAttempt,
)

S = MessageState
# Batches that say how fast it goes now, and how old they may be.
RECENT_BATCHES = 40
RECENT = timedelta(minutes=2)
POINTS = 20  # of a chart: as many categories as Slack's takes


@dataclass(frozen=True)
class Numbers:
    """Where the messages of a distribution stand. audience = excluded + sent + failed + unknown + cancelled + pending.

    `sent` were taken by the provider and not said to have failed; `delivered` of them were said to have arrived.
    `failed` were refused, or taken and then not delivered (`undelivered`). `cancelled` were stopped before they left.
    """

    audience: int
    excluded: int
    sent: int
    delivered: int
    failed: int
    undelivered: int
    unknown: int
    cancelled: int
    pending: int

    @property
    def to_text(self) -> int:
        """The audience without those left out."""
        return self.audience - self.excluded

    @property
    def settled(self) -> int:
        """Messages that are not pending any more, without those left out."""
        return self.to_text - self.pending

    @property
    def balance_error(self) -> str | None:
        """What does not add up, in numbers; None as it should be."""
        total = self.excluded + self.sent + self.failed + self.unknown + self.cancelled + self.pending
        if total == self.audience:
            return None
        return (
            f"{self.audience:,} in the audience, but {self.excluded:,} left out + {self.sent:,} sent + "
            f"{self.failed:,} failed + {self.unknown:,} unknown + {self.cancelled:,} stopped + "
            f"{self.pending:,} still to send = {total:,}"
        )


@dataclass(frozen=True)
class Progress:
    """How far a distribution is. `rate`: messages a second lately; `seconds_left`: None while nobody can say."""

    distribution_id: int
    subject: str
    status: str
    reason: str | None
    numbers: Numbers
    rate: float
    seconds_left: float | None


@dataclass(frozen=True)
class GroupCodes:
    """What became of the codes that a distribution took from one group; `held` are still blocked.

    Of those `issued`, `redeemed` were used, `expired` were not and cannot be any more, and `kept` are their customers'
    though no text of theirs counts as sent: only a person said that it did not arrive.
    """

    group_id: int
    group: str
    issued: int
    returned: int
    held: int
    redeemed: int = 0
    expired: int = 0
    kept: int = 0


@dataclass(frozen=True)
class Series:
    """Messages over time: each number belongs to the `width` that begins at the time in its place."""

    times: tuple[datetime, ...]
    width: timedelta
    sent: tuple[int, ...]
    delivered: tuple[int, ...]
    failed: tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """Everything that a report shows."""

    distribution_id: int
    subject: str
    status: str
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    numbers: Numbers
    excluded: Mapping[str, int] = field(default_factory=dict)  # by reason (`distribution.reasons`), most first
    failures: Mapping[str, int] = field(default_factory=dict)  # by reason, most first
    unknowns: Mapping[str, int] = field(default_factory=dict)  # likewise: what became of the requests
    codes: tuple[GroupCodes, ...] = ()
    repeated: int = 0  # codes sent again that their customers had
    without_code: int = 0  # texts sent as the one that needs no code, as none was left
    redeemed: int = 0  # of the codes that it issued, or sent again
    segments: int = 0  # SMS segments that the provider counted
    pictures: int = 0  # picture messages, which have none
    opted_out: int = 0  # customers who answered STOP
    to_settle: int = 0  # unknown ones whose provider cannot be asked: a person decides
    retryable: int = 0  # failed ones that may be sent again
    planned: Counts = field(default_factory=Counts)  # texts that were not made (yet): beside the balance
    steps: tuple[Step, ...] = ()  # where there are reminders: a line for each text
    series: Series | None = None

    @property
    def balance_error(self) -> str | None:
        """What does not add up; None as it should be."""
        return self.numbers.balance_error


def progress(session: Session, distribution_id: int, *, machine: Clock | None = None) -> Progress:
    """How far a distribution is; cheap, whatever its size. Raises `Refused` when it does not exist.

    `machine`: the sender's clock. The speed is that of the real world, whatever the business clock says.
    """
    now = (machine or SystemClock()).now()
    row = found(session, distribution_id)
    counted = numbers(session, row)
    speed = _rate(session, row.id, now)
    left = counted.pending / speed if speed and row.status == "sending" else None
    return Progress(row.id, row.subject, row.status, row.status_reason, counted, speed, left)


def numbers(session: Session, row: Distribution) -> Numbers:
    """Where its messages stand. The audience is its ids and what was planned, the rest the tally: two witnesses."""
    n = tally.read(session, row.id)
    return Numbers(
        audience=belonging.audience(session, row),
        excluded=n[S.EXCLUDED],
        sent=n[S.ACCEPTED] + n[S.DELIVERED],
        delivered=n[S.DELIVERED],
        failed=n[S.REJECTED] + n[S.UNDELIVERED],
        undelivered=n[S.UNDELIVERED],
        unknown=n[S.UNKNOWN],
        cancelled=n[S.CANCELLED],
        pending=n[S.QUEUED],
    )


def _rate(session: Session, distribution_id: int, now: datetime) -> float:
    """Messages a second, over the latest batches."""
    recent = [
        (at, size)
        for at, size in leaving_now.latest_dispatched(session, distribution_id, RECENT_BATCHES)
        if at > now - RECENT
    ]
    if not recent:
        return 0.0
    seconds = max((now - recent[-1][0]).total_seconds(), 1.0)
    return sum(size for _, size in recent) / seconds


def report(session: Session, distribution_id: int, *, chart: bool = True, now: datetime | None = None) -> Report:
    """The report of a distribution that was launched. Raises `Refused` when it does not exist.

    `chart`: with what its chart is drawn from (`series`); `now`: by the business clock, for what may be sent again.
    It counts rows: about a second for a million messages, so it is for the end, not for every look.
    """
    row = found(session, distribution_id)
    counted = numbers(session, row)
    planned = planned_counts.of(session, row.id) if belonging.has_planned(row) else Counts()
    sizes = select(func.coalesce(func.sum(Message.segments), 0), func.count(case((Message.segments == 0, 1))))
    segments, pictures = session.execute(sizes.where(messages_of(row))).one()
    return Report(
        row.id,
        row.subject,
        row.status,
        row.status_reason,
        row.started_at,
        row.finished_at,
        counted,
        excluded=_by_reason(session, row, [S.EXCLUDED]) if counted.excluded else {},
        failures=_by_reason(session, row, [S.REJECTED, S.UNDELIVERED]) if counted.failed else {},
        unknowns=_by_reason(session, row, [S.UNKNOWN]) if counted.unknown else {},
        codes=_codes(session, row, now or SystemClock().now()),
        repeated=_repeated(session, row),
        without_code=_without_code(session, row),
        redeemed=redeemed(session, row),
        segments=segments or 0,
        pictures=pictures,
        opted_out=opted_out(session, row.id),
        to_settle=evidence.count(session, row.id) if counted.unknown else 0,
        retryable=retrying.count(session, row, now or SystemClock().now()) if counted.failed else 0,
        planned=planned,
        steps=steps.of(session, row, planned),
        series=_series(session, row) if chart else None,
    )


def found(session: Session, distribution_id: int) -> Distribution:
    """A distribution by id. Raises `Refused`."""
    row = session.get(Distribution, distribution_id)
    if row is None:
        raise Refused(f"Distribution {distribution_id} does not exist.")
    return row


def _by_reason(session: Session, row: Distribution, states: list[MessageState]) -> dict[str, int]:
    """How many messages in those states, by reason, the most first."""
    found = session.execute(
        select(Message.reason, func.count()).where(messages_of(row), Message.state.in_(states)).group_by(Message.reason)
    )
    counted: Counter[str] = Counter()
    for reason, n in found:
        counted[reason or "refused"] += n
    return dict(counted.most_common())


def _codes(session: Session, row: Distribution, now: datetime) -> tuple[GroupCodes, ...]:
    """What became of its codes at `now`, group by group."""
    if not row.codes_taken:
        return ()
    expiry = func.coalesce(PromoCode.expires_at, PromoCodeGroup.expires_at)
    over = (PromoCode.state == CodeState.ISSUED) & PromoCode.redeemed_at.is_(None) & (expiry <= now)
    bound = {
        group_id: tuple(counts)
        for group_id, *counts in session.execute(
            select(
                PromoCode.group_id,
                func.count(),
                func.count(case((PromoCode.state == CodeState.BLOCKED, 1))),
                func.count(PromoCode.redeemed_at),
                func.count(case((over, 1))),
            )
            .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
            .where(belonging.carried_by(row, PromoCode.message_id))
            .group_by(PromoCode.group_id)
        )
    }
    kept = _kept(session, row)
    lines = []
    for key, taken in sorted(row.codes_taken.items(), key=lambda pair: int(pair[0])):
        group = session.get(PromoCodeGroup, int(key))
        # Revoked and expired ones were issued before.
        n, held, used, expired = bound.get(int(key), (0, 0, 0, 0))
        name, issued, stay = group.name if group else "", n - held, kept.get(int(key), 0)
        lines.append(GroupCodes(int(key), name, issued, taken - n, held, used, expired, stay))
    return tuple(lines)


def _kept(session: Session, row: Distribution) -> dict[int, int]:
    """How many codes of each group stay with customers whose text does not count as sent, and may have arrived."""
    unsent = (MessageState.EXCLUDED, MessageState.REJECTED, MessageState.CANCELLED)
    said = select(UnknownAttempt.message_id).where(
        UnknownAttempt.distribution_id == row.id, UnknownAttempt.outcome == "person"
    )
    doubtful = set(session.scalars(said))
    if not doubtful:
        return {}
    query = (
        select(PromoCode.group_id, func.count())
        .join(Message, Message.id == PromoCode.message_id)
        .where(among(session, Message.id, doubtful), Message.state.in_(unsent), PromoCode.state != CodeState.BLOCKED)
        .group_by(PromoCode.group_id)
    )
    return dict(session.execute(query).all())


def opted_out(session: Session, distribution_id: int) -> int:
    """How many customers answered STOP to it."""
    stopped = select(func.count(Reply.customer_id.distinct()))
    return session.scalar(stopped.where(Reply.distribution_id == distribution_id, Reply.meaning == "stop")) or 0


def redeemed(session: Session, row: Distribution) -> int:
    """How many of the codes that it sent were used since: those that it issued, and those that it sent again."""
    issued = select(func.count()).where(
        belonging.carried_by(row, PromoCode.message_id), PromoCode.redeemed_at.is_not(None)
    )
    again = (
        select(func.count(PromoCode.id.distinct()))
        .select_from(PromoCodeRepeat)
        .join(PromoCode, PromoCode.id == PromoCodeRepeat.code_id)
        .where(
            belonging.carried_by(row, PromoCodeRepeat.message_id),
            PromoCode.redeemed_at >= PromoCodeRepeat.issued_at,
            *_not_its_own(row),
        )
    )
    return sum(session.scalar(query) or 0 for query in (issued, again))


def _not_its_own(row: Distribution) -> list[ColumnElement[bool]]:
    """Where reminders repeat codes: that they are not those that the distribution itself issued."""
    own = belonging.carried_by(row, PromoCode.message_id)
    return [PromoCode.message_id.is_(None) | ~own] if belonging.has_planned(row) else []


def _repeated(session: Session, row: Distribution) -> int:
    again = belonging.carried_by(row, PromoCodeRepeat.message_id)
    return session.scalar(select(func.count()).where(again, PromoCodeRepeat.issued_at.is_not(None))) or 0


def _without_code(session: Session, row: Distribution) -> int:
    """How many texts were sent as the one for when no code is left."""
    if not row.fallback_body:
        return 0
    sent = select(func.count()).select_from(Planned).join(Message, Message.id == Planned.message_id)
    mine = (Planned.distribution_id == row.id, Planned.fallback, Message.state.in_([S.ACCEPTED, S.DELIVERED]))
    return session.scalar(sent.where(*mine)) or 0


def _series(session: Session, row: Distribution) -> Series | None:
    """Sent, delivered and failed over the time it took, in at most `POINTS` steps; None where nothing was sent."""
    start = row.started_at
    if start is None:
        return None
    last = session.scalar(
        select(func.max(func.coalesce(Message.delivered_at, Message.settled_at))).where(
            messages_of(row), Message.state.not_in([S.EXCLUDED, S.CANCELLED])
        )
    )
    if last is None:
        return None
    last = last if isinstance(last, datetime) else datetime.fromisoformat(str(last))
    last = last if last.tzinfo else last.replace(tzinfo=start.tzinfo)
    start = min(start, last)  # a clock that was set back, or a hold that was cut short
    width = _width((last - start).total_seconds())
    points = max(
        1, min(POINTS, int((last - start).total_seconds() / width) + 1)
    )  # what left before counts as the first
    sent = _over_time(session, row, Message.settled_at, [S.ACCEPTED, S.DELIVERED], start, width, points)
    arrived = _over_time(session, row, Message.delivered_at, [S.DELIVERED], start, width, points)
    failed = _over_time(session, row, Message.settled_at, [S.REJECTED, S.UNDELIVERED], start, width, points)
    times = tuple(start + timedelta(seconds=width * step) for step in range(points))
    return Series(times, timedelta(seconds=width), sent, arrived, failed)


def _width(seconds: float) -> float:
    """The least round step that covers `seconds` in `POINTS`."""
    steps = (1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    return float(next((step for step in steps if step * POINTS > seconds), seconds / (POINTS - 1)))


def _over_time(
    session: Session,
    row: Distribution,
    at: InstrumentedAttribute[datetime | None],
    states: list[MessageState],
    start: datetime,
    width: float,
    points: int,
) -> tuple[int, ...]:
    """How many messages in those states have their time `at` in each step; those outside count at the ends."""
    step = cast(func.floor(seconds_between(session, start, at) / width), Integer).label("step")
    found = session.execute(
        select(step, func.count()).where(messages_of(row), Message.state.in_(states), at.is_not(None)).group_by(step)
    )
    counts = [0] * points
    for place, n in found:
        counts[min(max(int(place), 0), points - 1)] += n
    return tuple(counts)
