"""`promobot check`: the invariants of DESIGN §5 as queries, each of which must find nothing.

violations = check(db)      # [] when every invariant holds

With a gateway's own log, what it took is held against what is written down here (`distribution.gateway_log`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from distribution import gateway_log as gateway_log_
from distribution.links import Links
from distribution.report import numbers
from storage.database import Database, is_sqlite
from storage.tables import Batch, BatchState, Distribution, Message, MessageState

SHOWN = 5  # examples in a line


@dataclass(frozen=True)
class Rule:
    """An invariant: `query` gives one row for each violation, its first column naming the culprit."""

    says: str
    query: str


# States: messages 0 queued, 1 excluded, 2 accepted, 3 delivered, 4 undelivered, 5 rejected, 6 unknown, 7 cancelled;
# codes 0 active, 1 blocked, 2 issued, 3 revoked, 4 expired; batches 0 leased, 1 dispatching, 2 done, 3 waiting;
# planned 0 waiting, 1 dry, 2 late, 3 made, 4 dropped.
RULES = (
    Rule(
        "a promo code's stock is not what its group's codes add up to",
        """
        SELECT s.group_id FROM promo_code_stock s LEFT JOIN (
            SELECT group_id, count(*) AS total,
                   sum(CASE WHEN state = 0 THEN 1 ELSE 0 END) AS active,
                   sum(CASE WHEN state = 1 THEN 1 ELSE 0 END) AS blocked,
                   sum(CASE WHEN state = 2 THEN 1 ELSE 0 END) AS issued,
                   sum(CASE WHEN state = 3 THEN 1 ELSE 0 END) AS revoked,
                   sum(CASE WHEN state = 4 THEN 1 ELSE 0 END) AS expired,
                   sum(CASE WHEN redeemed_at IS NOT NULL THEN 1 ELSE 0 END) AS redeemed
            FROM promo_code GROUP BY group_id
        ) c ON c.group_id = s.group_id
        WHERE s.total <> coalesce(c.total, 0) OR s.active <> coalesce(c.active, 0)
           OR s.blocked <> coalesce(c.blocked, 0) OR s.issued <> coalesce(c.issued, 0)
           OR s.revoked <> coalesce(c.revoked, 0) OR s.expired <> coalesce(c.expired, 0)
           OR s.redeemed <> coalesce(c.redeemed, 0)
        """,
    ),
    Rule(
        "a promo code belongs to a group that does not exist, or has no stock",
        """
        SELECT DISTINCT c.group_id FROM promo_code c LEFT JOIN promo_code_stock s ON s.group_id = c.group_id
        WHERE s.group_id IS NULL
        """,
    ),
    Rule(
        "a promo code is bound to another customer than its message",
        """
        SELECT c.id FROM promo_code c JOIN message m ON m.id = c.message_id WHERE m.customer_id <> c.customer_id
        """,
    ),
    Rule(
        "a promo code is bound to a message or a customer that does not exist",
        """
        SELECT c.id FROM promo_code c
        LEFT JOIN message m ON m.id = c.message_id LEFT JOIN customer p ON p.id = c.customer_id
        WHERE (c.message_id IS NOT NULL AND m.id IS NULL) OR (c.customer_id IS NOT NULL AND p.id IS NULL)
        """,
    ),
    Rule(
        "a message has two codes of one group",
        """
        SELECT message_id FROM promo_code WHERE message_id IS NOT NULL
        GROUP BY message_id, group_id HAVING count(*) > 1
        """,
    ),
    Rule(
        "a promo code is blocked, and no message that waits or is unknown carries it",
        """
        SELECT c.id FROM promo_code c JOIN message m ON m.id = c.message_id
        WHERE c.state = 1 AND m.state NOT IN (0, 6) AND NOT EXISTS (
            SELECT 1 FROM promo_code_repeat r JOIN message a ON a.id = r.message_id
            WHERE r.customer_id = c.customer_id AND r.code_id = c.id AND a.state IN (0, 6))
        """,
    ),
    Rule(
        "a promo code went back although its provider never said that its text did not leave: only a person did",
        """
        SELECT DISTINCT m.id FROM unknown_attempt u
        JOIN message m ON m.id = u.message_id JOIN distribution d ON d.id = m.distribution_id
        WHERE u.outcome = 'person' AND m.state IN (1, 5, 7) AND m.step = 0 AND CAST(d.codes_taken AS TEXT) <> '{}'
          AND NOT EXISTS (SELECT 1 FROM promo_code c WHERE c.message_id = m.id AND c.state <> 0)
          AND NOT EXISTS (SELECT 1 FROM promo_code_repeat r JOIN promo_code c ON c.id = r.code_id
                          WHERE r.message_id = m.id AND c.state <> 0)
          AND NOT EXISTS (SELECT 1 FROM planned p WHERE p.message_id = m.id AND p.fallback)
        """,
    ),
    Rule(
        "an issued promo code has no time of issue",
        "SELECT id FROM promo_code WHERE state = 2 AND message_id IS NOT NULL AND issued_at IS NULL",
    ),
    Rule(
        "a promo code was issued without a message, and nobody gave it",
        """
        SELECT c.id FROM promo_code c WHERE c.state = 2 AND c.message_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM promo_code_change h WHERE h.code_id = c.id AND h.kind IN ('given', 'replacing'))
        """,
    ),
    Rule(
        "a promo code was revoked, and nobody did it",
        """
        SELECT c.id FROM promo_code c WHERE c.state = 3 AND NOT EXISTS (
            SELECT 1 FROM promo_code_change h WHERE h.code_id = c.id AND h.kind IN ('revoked', 'replaced'))
        """,
    ),
    Rule(
        "a promo code was revoked or replaced, and is not",
        """
        SELECT h.code_id FROM promo_code_change h JOIN promo_code c ON c.id = h.code_id
        WHERE h.kind IN ('revoked', 'replaced') AND c.state <> 3
        """,
    ),
    Rule(
        "a promo code stands in the place of one that says nothing of it, or is another group's or customer's",
        """
        SELECT h.code_id FROM promo_code_change h
        JOIN promo_code c ON c.id = h.code_id LEFT JOIN promo_code o ON o.id = h.other_code_id
        WHERE h.kind IN ('replaced', 'replacing') AND (
            o.id IS NULL OR o.group_id <> c.group_id OR o.customer_id <> c.customer_id OR NOT EXISTS (
                SELECT 1 FROM promo_code_change b WHERE b.code_id = o.id AND b.other_code_id = c.id
                AND b.kind = CASE h.kind WHEN 'replaced' THEN 'replacing' ELSE 'replaced' END))
        """,
    ),
    Rule(
        "a redemption stands that its promo code does not know of",
        """
        SELECT r.id FROM redemption r LEFT JOIN promo_code c ON c.id = r.code_id
        WHERE r.rolled_back_at IS NULL AND (c.redeemed_at IS NULL OR c.redeemed_at <> r.at)
        """,
    ),
    Rule(
        "a promo code was redeemed, and no redemption of it stands",
        """
        SELECT c.id FROM promo_code c WHERE c.redeemed_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM redemption r WHERE r.code_id = c.id AND r.rolled_back_at IS NULL)
        """,
    ),
    Rule(
        "a promo code was redeemed that nobody had, or that was revoked",
        "SELECT id FROM promo_code WHERE redeemed_at IS NOT NULL AND state IN (0, 1, 3)",
    ),
    Rule(
        "a code is repeated to another customer than its own",
        """
        SELECT r.code_id FROM promo_code_repeat r JOIN promo_code c ON c.id = r.code_id
        WHERE c.customer_id IS NULL OR c.customer_id <> r.customer_id
        """,
    ),
    Rule(
        "a message that was sent repeats a code that does not say so",
        """
        SELECT r.message_id FROM promo_code_repeat r JOIN message m ON m.id = r.message_id
        WHERE m.state IN (2, 3, 4) AND r.issued_at IS NULL
        """,
    ),
    Rule(
        "a distribution's tally is not what its messages add up to",
        """
        SELECT coalesce(t.distribution_id, m.distribution_id) FROM
            (SELECT distribution_id, state, n FROM distribution_tally WHERE n <> 0) t
            FULL JOIN (SELECT distribution_id, state, count(*) AS n FROM message GROUP BY distribution_id, state) m
            ON m.distribution_id = t.distribution_id AND m.state = t.state
        WHERE t.n IS NULL OR m.n IS NULL OR t.n <> m.n
        """,
    ),
    Rule(
        "a message belongs to a distribution or a customer that does not exist",
        """
        SELECT m.id FROM message m
        LEFT JOIN distribution d ON d.id = m.distribution_id LEFT JOIN customer c ON c.id = m.customer_id
        WHERE d.id IS NULL OR c.id IS NULL
        """,
    ),
    Rule(
        "a message keeps the number of a customer who was erased",
        """
        SELECT m.id FROM message m JOIN customer p ON p.id = m.customer_id
        WHERE p.erased_at IS NOT NULL AND m.phone IS NOT NULL
        """,
    ),
    Rule(
        "a message lies outside its distribution's range",
        """
        SELECT m.id FROM message m JOIN distribution d ON d.id = m.distribution_id
        WHERE m.step = 0 AND d.mode = 'manual'
          AND (d.first_message_id IS NULL OR m.id < d.first_message_id OR m.id > d.last_message_id)
        """,
    ),
    Rule(
        "a planned text was made, and its message is not there or another customer's",
        """
        SELECT p.id FROM planned p LEFT JOIN message m ON m.id = p.message_id
        WHERE p.state = 3 AND (m.id IS NULL OR m.distribution_id <> p.distribution_id
          OR m.customer_id <> p.customer_id OR m.step <> p.step OR m.occurrence <> p.occurrence)
        """,
    ),
    Rule(
        "a message of an automatic distribution, or a reminder, was made that nothing had planned",
        """
        SELECT m.id FROM message m JOIN distribution d ON d.id = m.distribution_id
        WHERE (m.step > 0 OR d.mode = 'automatic')
          AND NOT EXISTS (SELECT 1 FROM planned p WHERE p.message_id = m.id AND p.state = 3)
        """,
    ),
    Rule(
        "a planned text was not made, and has a message",
        "SELECT id FROM planned WHERE state <> 3 AND message_id IS NOT NULL",
    ),
    Rule(
        "a planned text was dropped, and nothing says why or when",
        "SELECT id FROM planned WHERE state = 4 AND (reason IS NULL OR settled_at IS NULL)",
    ),
    Rule(
        "a reminder was made before its first text was known to be sent",
        # A first text that a person had sent again since may have any outcome.
        """
        SELECT p.id FROM planned p LEFT JOIN message f ON f.distribution_id = p.distribution_id
          AND f.customer_id = p.customer_id AND f.occurrence = p.occurrence AND f.step = 0
        WHERE p.step > 0 AND p.state = 3 AND (f.id IS NULL OR (f.retried_after IS NULL
          AND (f.state NOT IN (2, 3, 4) OR f.settled_at > p.settled_at)))
        """,
    ),
    Rule(
        "a text is planned of a distribution that is not sent any more",
        """
        SELECT p.id FROM planned p JOIN distribution d ON d.id = p.distribution_id
        WHERE p.state IN (0, 1, 2) AND (d.status IN ('draft', 'pending', 'refused', 'discarded')
          OR (d.status = 'stopped' AND d.finished_at IS NOT NULL))
        """,
    ),
    Rule(
        "a distribution is done although a message of it waits",
        """
        SELECT DISTINCT d.id FROM distribution d JOIN message m ON m.distribution_id = d.id
        WHERE d.status = 'done' AND m.state = 0
        """,
    ),
    Rule(
        "a distribution that came to nothing has messages or held codes",
        """
        SELECT DISTINCT d.id FROM distribution d JOIN message m ON m.distribution_id = d.id
        WHERE d.status IN ('draft', 'pending', 'scheduled', 'refused', 'discarded') AND d.finished_at IS NOT NULL
        """,
    ),
    Rule(
        "an unknown message has no open question",
        """
        SELECT m.id FROM message m WHERE m.state = 6 AND NOT EXISTS (
            SELECT 1 FROM unknown_attempt u WHERE u.message_id = m.id AND u.outcome IS NULL)
        """,
    ),
    Rule(
        "a question is open about a message that is not unknown",
        """
        SELECT u.message_id FROM unknown_attempt u JOIN message m ON m.id = u.message_id
        WHERE u.outcome IS NULL AND m.state <> 6
        """,
    ),
    Rule(
        "a distribution was sent without a seal",
        """
        SELECT id FROM distribution WHERE seal IS NULL AND status IN ('sending', 'paused', 'done')
        """,
    ),
    Rule(
        "a distribution was sent with another seal than was approved",
        """
        SELECT d.id FROM distribution d JOIN approval a ON a.distribution_id = d.id
        WHERE d.status IN ('blocking', 'sending', 'paused', 'done', 'stopped') AND a.state = 'approved'
          AND a.seal <> d.seal
        """,
    ),
    Rule(
        "somebody decided on a request of their own",
        "SELECT id FROM approval WHERE decided_by = requested_by",
    ),
)

# SQLite has FULL JOIN from 3.39 on; Debian 11 has 3.34.
_TALLY_WITHOUT_FULL_JOIN = """
    SELECT t.distribution_id FROM distribution_tally t WHERE t.n <> (
        SELECT count(*) FROM message m WHERE m.distribution_id = t.distribution_id AND m.state = t.state)
    UNION SELECT m.distribution_id FROM message m WHERE NOT EXISTS (
        SELECT 1 FROM distribution_tally t WHERE t.distribution_id = m.distribution_id AND t.state = m.state)
"""


def check(db: Database, links: Links | None = None, gateway_log: Iterable[str] = ()) -> list[str]:
    """Violations, in words, each with a few of the ids concerned; empty when every invariant holds.

    One snapshot of the database, so it may run while texts are sent. Reads every row of the large tables.
    `gateway_log`: the lines of a gateway's log, and `links` to know the links in its texts; nothing may be being sent
    then. Raises `Refused` for a log that cannot be read.
    """
    found: list[str] = []
    with db.read() as session:
        for rule in RULES:
            query = rule.query
            if "FULL JOIN" in query and is_sqlite(session):
                query = _TALLY_WITHOUT_FULL_JOIN
            found += _line(rule.says, (row[0] for row in session.execute(text(query))))
        for special in (_balanced, _held_once):
            found += special(session)
    if links is not None:
        for says, where in gateway_log_.compare(db, links, gateway_log):
            found += _line(says, where)
    return found


def _line(says: str, culprits: Iterable[object]) -> list[str]:
    """One violation in words, or none."""
    ids = [str(culprit) for culprit in culprits]
    if not ids:
        return []
    more = f" and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else ""
    return [f"{says}: {', '.join(ids[:SHOWN])}{more}"]


def _balanced(session: Session) -> list[str]:
    """Every report balances."""
    lines = []
    launched = or_(Distribution.first_message_id.is_not(None), Distribution.started_at.is_not(None))
    for row in session.scalars(select(Distribution).where(launched)):
        error = numbers(session, row).balance_error
        if error is not None:
            lines.append(f"the report of distribution {row.id} does not add up: {error}")
    return lines


def _held_once(session: Session) -> list[str]:
    """A message that waits is beyond `claimed_to` or in exactly one open batch; no open batch holds what is sent."""
    lines: list[str] = []
    for row in session.scalars(select(Distribution).where(Distribution.status.in_(("sending", "paused", "stopped")))):
        seen: dict[int, int] = {}
        for batch in session.scalars(
            select(Batch).where(Batch.distribution_id == row.id, Batch.state != BatchState.DONE)
        ):
            for message_id in batch.message_ids:
                seen[message_id] = seen.get(message_id, 0) + 1
        lines += _line("a message is in two open batches", (key for key, n in seen.items() if n > 1))
        lines += _line(
            "a message that no batch ever had is in an open one",
            (key for key in seen if row.claimed_to is not None and row.claimed_to < key <= (row.last_message_id or 0)),
        )
        waiting = session.scalars(
            select(Message.id).where(
                Message.distribution_id == row.id,
                Message.state == MessageState.QUEUED,
                or_(Message.id <= (row.claimed_to or 0), Message.id > (row.last_message_id or 0)),
            )
        )
        lost = [message_id for message_id in waiting if message_id not in seen]
        lines += _line("a message that waits is in no batch", lost)
    return lines
