"""Groups with codes for tests, and what holds some of them."""

from sqlalchemy import select

from distribution.codes.groups import create
from distribution.codes.intake import add
from distribution.runtime import Runtime
from storage import stock
from storage.tables import CodeState, Distribution, Message, PromoCode
from tests.conftest import NOON

BY = {"by": "U0MAYA", "now": NOON}


def group(runtime: Runtime, name: str = "Summer 10%", count: int = 0, **given: object) -> int:
    with runtime.db.write() as session:
        group_id = create(session, name, **BY, **given).id  # type: ignore[arg-type]
        if count:
            add(session, group_id, [f"{name.replace(' ', '')}-{number}" for number in range(count)], **BY)
        return group_id


def stored(runtime: Runtime) -> list[str]:
    """Every code there is, in alphabetical order."""
    with runtime.db.read() as session:
        return sorted(session.scalars(select(PromoCode.code)))


def distribution(
    runtime: Runtime, status: str, body: str = "", group_id: int | None = None, subject: str = "VIP"
) -> int:
    with runtime.db.write() as session:
        row = Distribution(
            status=status,
            body=body,
            group_id=group_id,
            subject=subject,
            created_by="U",
            created_at=NOON,
            updated_at=NOON,
        )
        session.add(row)
        session.flush()
        return row.id


def hold(
    runtime: Runtime, group_id: int, distribution_id: int, count: int, state: CodeState, message_id: int = 1
) -> None:
    """Bind the group's first codes to messages of a distribution, blocked or issued."""
    with runtime.db.write() as session:
        chosen = session.scalars(
            select(PromoCode).where(PromoCode.group_id == group_id, PromoCode.state == CodeState.ACTIVE).limit(count)
        )
        for number, code in enumerate(chosen.all(), message_id):
            session.add(Message(id=number, distribution_id=distribution_id, customer_id=number))
            code.state, code.customer_id, code.message_id = state, number, number
            code.issued_at = NOON if state is CodeState.ISSUED else None
        stock.move(session, group_id, active=-count, **{state.name.lower(): count})
