"""Bearer tokens: made once, kept as a hash, limited, revoked."""

from datetime import timedelta

import pytest

from distribution import tokens
from distribution.clock import ManualClock
from distribution.errors import Refused
from storage.database import Database
from storage.tables import ApiToken


def make(db: Database, name: str, *scopes: str, clock: ManualClock) -> str:
    with db.write() as session:
        return tokens.create(session, name, scopes, by="U0ADA", now=clock.now())[1]


def opens(db: Database, text: str) -> bool:
    with db.read() as session:
        return tokens.check(session, text) is not None


def test_a_token_opens_until_it_is_revoked_and_the_database_does_not_know_it(db: Database, clock: ManualClock) -> None:
    text = make(db, "checkout", clock=clock)
    assert len(text) > 50 and opens(db, text)
    assert not opens(db, text[:-1]) and not opens(db, text + "x") and not opens(db, "")
    with db.read() as session:
        row = session.get_one(ApiToken, 1)
    assert text not in (row.hash, row.hint) and text.endswith(row.hint)
    with db.write() as session:
        tokens.revoke(session, "Checkout", now=clock.now())
    assert not opens(db, text)


def test_two_tokens_never_have_one_name_but_a_revoked_ones_is_free(db: Database, clock: ManualClock) -> None:
    first = make(db, "Shop 1", clock=clock)
    with pytest.raises(Refused, match="'Shop 1' already") as refusal:
        make(db, "shop  1", clock=clock)
    assert refusal.value.field == "name" and refusal.value.reason == "taken"
    with db.write() as session:
        tokens.revoke(session, "shop 1", now=clock.now())
    assert make(db, "Shop 1", clock=clock) != first


@pytest.mark.parametrize(
    ("name", "scopes", "field", "said"),
    [
        ("", (), "name", "Name the token"),
        ("x" * 61, (), "name", "1 to 60"),
        ("a\x00b", (), "name", "Name the token"),
        ("shop", ("codes:raed",), "scope", "Did you mean 'codes:read'"),
    ],
)
def test_what_is_no_name_or_no_scope_is_refused(
    db: Database, clock: ManualClock, name: str, scopes: tuple[str, ...], field: str, said: str
) -> None:
    with pytest.raises(Refused, match=said) as refusal:
        make(db, name, *scopes, clock=clock)
    assert refusal.value.field == field


def test_revoking_what_there_is_not_names_the_nearest(db: Database, clock: ManualClock) -> None:
    make(db, "checkout", clock=clock)
    with db.write() as session, pytest.raises(Refused, match="Did you mean 'checkout'"):
        tokens.revoke(session, "chekout", now=clock.now())


def test_without_scopes_a_token_may_do_everything(db: Database, clock: ManualClock) -> None:
    make(db, "all", clock=clock)
    make(db, "few", "events:write", "codes:read", clock=clock)
    with db.read() as session:
        scopes = {token.name: token.scopes for token in tokens.listing(session)}
    assert scopes == {"all": list(tokens.SCOPES), "few": ["codes:read", "events:write"]}


def test_its_use_is_recorded_once_a_minute(db: Database, clock: ManualClock) -> None:
    make(db, "checkout", clock=clock)
    used = []
    for _ in range(5):
        clock.advance(timedelta(seconds=25))
        with db.write() as session:
            tokens.note_use(session, 1, now=clock.now())
        with db.read() as session:
            used.append(session.get_one(ApiToken, 1).last_used_at)
    assert len(set(used)) == 2
