"""What a gateway says that it took, held against what we have written down: `promobot check --gateway-log FILE`.

    problems = compare(db, links, lines)      # [] when the two agree

The log is the gateway's own: JSON, a line for each text that it took, `{"to", "body", "reference", "time"}`. The
reference is the attempt's id, as the gateway got it with the text or in the address of its callback; a text without one
is known by its number and the codes in it. While texts are sent the two are never quite the same: compare when none is.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.links import Links
from distribution.sending.attempts import parts
from storage.bulk import among
from storage.database import Database
from storage.tables import (
    Batch,
    BatchState,
    CodeState,
    Message,
    MessageState,
    PromoCode,
    PromoCodeRepeat,
    Reply,
    UnknownAttempt,
)

T = TypeVar("T")

AT_ONCE = 2_000
SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)
LINK = re.compile(r"/q/([0-9A-Za-z]+)")
MARKS = "\"'.:!?()[]<>«»„”“’…"  # what may stand beside a code in a text
TEST, ANSWER = "test-", "reply-"


class Line(NamedTuple):
    """A text in the gateway's log; `attempt`: batch and message."""

    number: int
    to: str
    body: str
    reference: str
    attempt: tuple[int, int] | None

    def __str__(self) -> str:
        return f"line {self.number}"


@dataclass
class Ledger:
    """What we have written down about the messages of the log."""

    messages: dict[int, Row[int, int, int, MessageState, str | None, int | None]] = field(default_factory=dict)
    carried: dict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))  # issued with a message
    known: dict[str, Row[int, str, int | None, CodeState]] = field(default_factory=dict)  # codes, by their text
    by_id: dict[int, Row[int, str, int | None, CodeState]] = field(default_factory=dict)
    dispatching: set[int] = field(default_factory=set)  # batches that may be in flight
    by_person: set[tuple[int, int]] = field(default_factory=set)  # attempts that a person judged


def compare(db: Database, links: Links, log: Iterable[str]) -> list[tuple[str, list[str]]]:
    """What does not agree: what is wrong, and where. Raises `Refused` for a line that is not a text."""
    texts = list(_read(log))
    with db.read() as session:
        texts = _known_by_words(session, texts)
        ledger = _ledger(session, links, texts)
        lost = _lost(session, ledger, texts)
        answers = _answers(session, [text for text in texts if text.reference.startswith(ANSWER)])
    ours = [text for text in texts if not text.reference.startswith((ANSWER, TEST))]
    found = [*_twice(ledger, ours), *_nobodys(ledger, ours), *_unknown(ledger, ours), *_codes(ledger, links, ours)]
    return [(says, where) for says, where in [*found, lost, *answers] if where]


def _read(log: Iterable[str]) -> Iterator[Line]:
    for number, line in enumerate(log, 1):
        if not line.strip():
            continue
        try:
            said: dict[str, Any] = json.loads(line)
            reference = str(said.get("reference") or "")
            yield Line(number, str(said["to"]), str(said["body"]), reference, parts(reference))
        except (ValueError, KeyError, AttributeError):
            raise Refused(
                f"Line {number} of the gateway's log is not a text. Each line is JSON with to, body and reference."
            ) from None


def _known_by_words(session: Session, texts: Sequence[Line]) -> list[Line]:
    """Texts whose gateway does not know our attempts: of those to their number, the message whose codes they carry."""
    bare = {text.to for text in texts if not text.reference}
    if not bare:
        return list(texts)
    found: dict[tuple[str, str], int] = {}
    query = select(Message.phone, PromoCode.code, Message.id).join(PromoCode, PromoCode.message_id == Message.id)
    again = (
        select(Message.phone, PromoCode.code, Message.id)
        .join(PromoCodeRepeat, PromoCodeRepeat.message_id == Message.id)
        .join(PromoCode, PromoCode.id == PromoCodeRepeat.code_id)
    )
    for part in _parts(sorted(bare)):
        for phone, code, message_id in [
            *session.execute(again.where(Message.phone.in_(part))),
            *session.execute(query.where(Message.phone.in_(part))),
        ]:
            found[phone or "", code] = message_id
    return [text if text.reference else _by_words(text, found) for text in texts]


def _by_words(text: Line, found: dict[tuple[str, str], int]) -> Line:
    ids = {found[text.to, word] for word in _words(text.body) if (text.to, word) in found}
    return text._replace(attempt=(0, ids.pop())) if len(ids) == 1 else text


def _ledger(session: Session, links: Links, texts: Sequence[Line]) -> Ledger:
    ledger = Ledger()
    ids = sorted({text.attempt[1] for text in texts if text.attempt})
    for part in _parts(ids):
        about = select(
            Message.id,
            Message.customer_id,
            Message.distribution_id,
            Message.state,
            Message.phone,
            Message.retried_after,
        )
        for row in session.execute(about.where(among(session, Message.id, part))):
            ledger.messages[row[0]] = row
        first = select(PromoCode.message_id, PromoCode.id, PromoCode.code).where(
            among(session, PromoCode.message_id, part), PromoCode.issued_at.is_not(None)
        )
        again = (
            select(PromoCodeRepeat.message_id, PromoCode.id, PromoCode.code)
            .join(PromoCode, PromoCode.id == PromoCodeRepeat.code_id)
            .where(among(session, PromoCodeRepeat.message_id, part), PromoCodeRepeat.issued_at.is_not(None))
        )
        for message_id, code_id, code in [*session.execute(first), *session.execute(again)]:
            ledger.carried[message_id or 0][code_id] = code
        judged = select(UnknownAttempt.batch_id, UnknownAttempt.message_id).where(
            among(session, UnknownAttempt.message_id, part), UnknownAttempt.outcome == "person"
        )
        ledger.by_person.update((batch_id, message_id) for batch_id, message_id in session.execute(judged))
    batches = sorted({text.attempt[0] for text in texts if text.attempt})
    for part in _parts(batches):
        going = select(Batch.id).where(among(session, Batch.id, part), Batch.state == BatchState.DISPATCHING)
        ledger.dispatching.update(session.scalars(going))
    for words in _parts(sorted({word for text in texts for word in _words(text.body)})):
        _remember(session, ledger, PromoCode.code.in_(words))
    linked = {code_id for text in texts for code_id in _linked(links, text.body)} - set(ledger.by_id)
    for part in _parts(sorted(linked)):
        _remember(session, ledger, among(session, PromoCode.id, part))
    return ledger


def _remember(session: Session, ledger: Ledger, where: ColumnElement[bool]) -> None:
    for row in session.execute(
        select(PromoCode.id, PromoCode.code, PromoCode.customer_id, PromoCode.state).where(where)
    ):
        ledger.by_id[row[0]] = ledger.known[row[1]] = row


def _counts(ledger: Ledger, text: Line) -> bool:
    """Whether a text is of a message's present life: not of one before a person's word had it sent again."""
    if text.attempt is None or text.attempt[1] not in ledger.messages:
        return False
    retried_after = ledger.messages[text.attempt[1]][5] or 0
    return text.attempt not in ledger.by_person and (not text.attempt[0] or text.attempt[0] > retried_after)


def _twice(ledger: Ledger, texts: Sequence[Line]) -> Iterator[tuple[str, list[str]]]:
    """Nobody is texted twice for one message (invariant 4), and no attempt is made twice."""
    times = Counter(text.attempt[1] for text in texts if text.attempt and _counts(ledger, text))
    yield "a message was texted twice", [str(message_id) for message_id, n in times.items() if n > 1]
    attempts = Counter(text.reference for text in texts if text.reference)
    yield "an attempt was made twice", [reference for reference, n in attempts.items() if n > 1]


def _nobodys(ledger: Ledger, texts: Sequence[Line]) -> Iterator[tuple[str, list[str]]]:
    """Nobody is texted who has no message."""
    strays = [text for text in texts if text.attempt is None or text.attempt[1] not in ledger.messages]
    yield "a text is of no message of ours", [str(text) for text in strays]
    astray = []
    for text in texts:
        if text.attempt and _counts(ledger, text):
            phone = ledger.messages[text.attempt[1]][4]
            if phone is not None and phone != text.to:  # None: they were erased since
                astray.append(str(text))
    yield "a text went to another number than its message's", astray


def _unknown(ledger: Ledger, texts: Sequence[Line]) -> Iterator[tuple[str, list[str]]]:
    """Every text that the gateway took is known here, or is a question that is still open."""
    missed = []
    for text in texts:
        if text.attempt and _counts(ledger, text):
            state = ledger.messages[text.attempt[1]][3]
            asked = state is MessageState.UNKNOWN or (
                state is MessageState.QUEUED and text.attempt[0] in ledger.dispatching
            )
            if state not in SENT and not asked:
                missed.append(f"{text} ({state.name.lower()})")
    yield "the gateway took a text that counts as not sent", missed


def _lost(session: Session, ledger: Ledger, texts: Sequence[Line]) -> tuple[str, list[str]]:
    """Of the distributions in the log: what counts as sent, and never reached the gateway."""
    there = {text.attempt[1] for text in texts if text.attempt}
    distributions = sorted({row[2] for row in ledger.messages.values()})
    sent = session.scalars(
        select(Message.id).where(among(session, Message.distribution_id, distributions), Message.state.in_(SENT))
    )
    lost = [message_id for message_id in sent if message_id not in there]
    excused = select(UnknownAttempt.message_id).where(
        among(session, UnknownAttempt.message_id, lost), UnknownAttempt.outcome == "person"
    )
    said = set(session.scalars(excused)) if lost else set()
    return "a message counts as sent, and the gateway never had it", [str(each) for each in lost if each not in said]


def _codes(ledger: Ledger, links: Links, texts: Sequence[Line]) -> Iterator[tuple[str, list[str]]]:
    """The codes in a text are those that were issued to its customer with it."""
    foreign, free, lacking = [], [], []
    for text in texts:
        if text.attempt is None or text.attempt[1] not in ledger.messages:
            continue
        message_id, customer_id, _, state, _, _ = ledger.messages[text.attempt[1]]
        words = _words(text.body)
        linked = _linked(links, text.body)
        inside = [ledger.known[word] for word in words if word in ledger.known]
        inside += [ledger.by_id[code_id] for code_id in linked if code_id in ledger.by_id]
        foreign += [f"{text} ({row[1]})" for row in inside if row[2] != customer_id]
        if _counts(ledger, text) and state in SENT:
            held = (CodeState.ACTIVE, CodeState.BLOCKED)
            free += [f"{text} ({row[1]})" for row in inside if row[2] == customer_id and row[3] in held]
            carried = ledger.carried.get(message_id, {}).items()
            lacking += [f"{text} ({code})" for code_id, code in carried if code not in words and code_id not in linked]
    yield "a text carries a promo code that is not its customer's", foreign
    yield "a text was sent with a promo code that is not issued", free
    yield "a promo code was issued with a text that does not carry it", lacking


def _answers(session: Session, texts: Sequence[Line]) -> Iterator[tuple[str, list[str]]]:
    """An answer to a reply leaves once, and is known to have left or to be in question."""
    times = Counter(text.reference for text in texts)
    yield "a reply was answered twice", [reference for reference, n in times.items() if n > 1]
    of = {int(digits): text for text in texts if (digits := text.reference.removeprefix(ANSWER)).isdigit()}
    known: set[int] = set()
    for part in _parts(sorted(of)):
        left = select(Reply.id).where(
            among(session, Reply.id, part), Reply.answer_state.in_(("dispatching", "sent", "unknown"))
        )
        known.update(session.scalars(left))
    yield "an answer left that counts as not sent", [str(text) for key, text in of.items() if key not in known]


def _words(body: str) -> set[str]:
    """Everything in a text that may be a code: its words, with and without the marks beside them."""
    words = re.split(r"[\s,;]+", body)
    return {form for word in words for form in (word, word.strip(MARKS)) if form}


def _linked(links: Links, body: str) -> set[int]:
    """The codes that a text links to."""
    return {code_id for token in LINK.findall(body) if (code_id := links.code_id(token)) is not None}


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
