"""Numbers of people who opted out and were then erased: kept as keyed hashes, so that no later file texts them.

The key is made at random at first use and kept in the database, not derived from `SECRET_KEY`: were that changed, every
hash would quietly match nothing. `docs/decisions/erasing.md` has the rest of the reasons.
"""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.customers import texts
from storage.database import is_sqlite
from storage.tables import Setting, Suppression

KEY = "suppression.key"


def add(session: Session, phone: str, at: datetime) -> None:
    """Remember that the owner of a number (E.164) opted out."""
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(Suppression)
    session.execute(into.values(hash=_hash(_key(session), phone), at=at).on_conflict_do_nothing())


def remove(session: Session, phones: Sequence[str]) -> None:
    """Forget numbers: their owners agreed again, or are customers whose own row says it now."""
    if phones and session.scalar(select(exists(select(Suppression.hash)))):
        key = _key(session)
        hashes = texts(session, [_hash(key, phone) for phone in phones])
        session.execute(delete(Suppression).where(Suppression.hash.in_(select(hashes.c.value))))


def among(session: Session, phones: Sequence[str]) -> set[str]:
    """Those of `phones` whose owners opted out and were erased. One look where there are none at all."""
    if not phones or not session.scalar(select(exists(select(Suppression.hash)))):
        return set()
    key = _key(session)
    by_hash = {_hash(key, phone): phone for phone in phones}
    given = texts(session, list(by_hash))
    found = session.scalars(select(Suppression.hash).join(given, Suppression.hash == given.c.value))
    return {by_hash[hashed] for hashed in found}


def _key(session: Session) -> bytes:
    """The key, made when it is first asked for."""
    wanted = select(Setting.value).where(Setting.key == KEY)
    if (value := session.scalar(wanted)) is None:
        into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(Setting)
        session.execute(into.values(key=KEY, value=secrets.token_hex(32)).on_conflict_do_nothing())
        value = session.scalar(wanted)
    return bytes.fromhex(str(value))


def _hash(key: bytes, phone: str) -> str:
    return hmac.digest(key, phone.encode(), "sha256").hex()
