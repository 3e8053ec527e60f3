"""Providers as they are set up: kinds, adding, editing, the default, and opening one to send through it.

`config` keeps what a kind's fields say, and `GUARDED` where an address was typed in Slack
(`distribution.providers.addresses`). Secrets are locked away; nothing here returns or logs one.
"""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from distribution import settings
from distribution.errors import Refused
from distribution.providers import addresses, health, http
from distribution.providers.kannel import KannelKind
from distribution.providers.port import NOWHERE, Kind, Outcome, Outgoing, Provider, ProviderKind
from distribution.providers.sandbox import SandboxKind
from distribution.providers.twilio import TwilioKind
from distribution.providers.webhook import HttpKind
from distribution.reasons import words
from distribution.runtime import Runtime
from distribution.search import nearest
from distribution.vault import Vault
from storage import providers as rows
from storage.names import fold
from storage.tables import Provider as Row

KINDS: dict[str, ProviderKind] = {
    "twilio": TwilioKind(),
    "kannel": KannelKind(),
    "http": HttpKind(),
    "sandbox": SandboxKind(),
}
GUARDED = "guarded"

LONGEST_NAME = 60
HIGHEST_RATE = 100_000.0  # SMS segments a second


def kind_of(kind: str) -> ProviderKind:
    """A kind of provider by its key. Raises `Refused`, field "kind"."""
    if kind not in KINDS:
        raise Refused(f"There is no kind of provider '{kind}'. There are: {', '.join(sorted(KINDS))}.", field="kind")
    return KINDS[kind]


def add(
    session: Session,
    vault: Vault,
    *,
    name: str,
    kind: str,
    config: Mapping[str, Any],
    secret: Mapping[str, Any] | None = None,
    rate: float = 10.0,
    default: bool = False,
    guarded: bool = False,
    by: str,
    now: datetime,
) -> Row:
    """Set up a provider. The first one is the default. Raises `Refused` at its field.

    `rate`: SMS segments a second; `guarded`: the addresses in `config` were typed in Slack, not by an operator.
    """
    name = _name(session, name)
    config, secret = _config(kind, config), _given(secret)
    _check(session, kind, config, secret, guarded=guarded)
    row = Row(
        name=name,
        name_key=fold(name),
        kind=kind,
        config={**config, GUARDED: True} if guarded else config,
        secret=vault.lock(secret) if secret else None,
        rate=_rate(rate),
        created_at=now,
        created_by=by,
    )
    first = not rows.all_of(session)
    session.add(row)
    session.flush()
    if default or first:
        make_default(session, row.id)
    return row


def edit(
    session: Session,
    vault: Vault,
    provider_id: int,
    *,
    name: str,
    config: Mapping[str, Any],
    secret: Mapping[str, Any] | None = None,
    rate: float,
    guarded: bool = False,
) -> Row:
    """Change a provider; a secret that is not given again stays. Raises `Refused` at its field.

    Except where an address changes: a kept secret would be sent to whoever is there now. `guarded`: as for `add`; an
    address that stays as it is keeps the word of whoever set it.
    """
    row = get(session, provider_id)
    name = _name(session, name, but=row.id)
    config, secret = _config(row.kind, config), _given(secret)
    moved = _addresses(row.kind, config) != _addresses(row.kind, row.config)
    missing = [field for field in kind_of(row.kind).fields if field.secret and field.key not in secret]
    if moved and missing and row.secret:
        raise Refused(
            f"The address changes, so give the {missing[0].label.lower()} again: it would be sent there.",
            field=missing[0].key,
        )
    whole = {**_secret(vault, row), **secret} if missing else secret
    guards = guarded if moved else bool(row.config.get(GUARDED))
    _check(session, row.kind, config, whole, guarded=guarded and moved)
    row.name, row.name_key, row.rate = name, fold(name), _rate(rate)
    row.config = {**config, GUARDED: True} if guards else config
    if secret:
        row.secret = vault.lock(whole)
    session.flush()
    return row


def get(session: Session, provider_id: int) -> Row:
    """A provider that was not deleted. Raises `Refused`, field "provider"."""
    row = session.get(Row, provider_id)
    if row is None or row.name_key is None:
        raise Refused("This provider does not exist any more. Choose another.", field="provider")
    return row


def by_name(session: Session, name: str) -> Row:
    """The provider of a name. Raises `Refused`, field "provider", and suggests the nearest name."""
    row = rows.named(session, name)
    if row is None:
        near = nearest(name, [other.name for other in rows.all_of(session)])
        hint = f" Did you mean '{near}'?" if near else ""
        raise Refused(f"Provider '{name}' does not exist.{hint}", field="provider")
    return row


def listing(session: Session) -> list[Row]:
    """Every provider, the default one first, then by name."""
    return rows.all_of(session)


def default(session: Session) -> Row | None:
    """The provider that new distributions get, if there is one."""
    return rows.default(session)


def make_default(session: Session, provider_id: int) -> None:
    """New distributions get this one. Raises `Refused` when it is gone or disabled."""
    row = get(session, provider_id)
    if not row.enabled:
        raise Refused(f"'{row.name}' is disabled. Enable it first.", field="provider")
    session.execute(update(Row).where(Row.is_default).values(is_default=False))
    row.is_default = True
    session.flush()


def enable(session: Session, provider_id: int, enabled: bool) -> Row:
    """Enable or disable. What waits for a disabled provider waits until it is enabled again."""
    row = get(session, provider_id)
    row.enabled = enabled
    if not enabled:
        row.is_default = False
    session.flush()
    return row


def delete(session: Session, provider_id: int) -> None:
    """Delete a provider and forget its secret. Raises `Refused` while a distribution needs it."""
    row = get(session, provider_id)
    subject = rows.in_use(session, row.id)
    if subject is not None:
        raise Refused(f"'{row.name}' cannot be deleted: '{subject}' is sent through it. Stop or finish that first.")
    row.name_key, row.secret, row.enabled, row.is_default = None, None, False, False
    session.flush()


def opened(vault: Vault, row: Row) -> Provider:
    """A provider ready to send. Raises `Refused` when its secret was stored under another key."""
    return kind_of(row.kind).open(row.config, _secret(vault, row))


def pictures_of(session: Session, provider_id: int | None) -> frozenset[str]:
    """Regions (two letters) to whose numbers a provider sends picture messages; none without a provider."""
    row = session.get(Row, provider_id) if provider_id else None
    return kind_of(row.kind).capabilities(row.config).pictures if row else NOWHERE


def is_guarded(session: Session, row: Row) -> bool:
    """Whether a provider's requests may go to the public internet only."""
    return bool(row.config.get(GUARDED)) and not settings.get(session, addresses.SETTING)


def send_test(runtime: Runtime, provider_id: int, phone: str, text: str) -> Outcome:
    """Send one text now, outside of any distribution, and wait for the provider's answer.

    Raises `Refused` with what the provider said unless it was accepted. No transaction may be open: this takes as long
    as the provider does (30 seconds at most).
    """
    with runtime.db.read() as session:
        row = get(session, provider_id)
        guarded = is_guarded(session, row)
    if not row.enabled:
        raise Refused(f"'{row.name}' is disabled. Enable it first.", field="provider")
    provider = opened(runtime.vault, row)
    body = provider.encode(Outgoing(f"test-{uuid.uuid4().hex}", phone, text))

    async def post() -> Outcome:
        async with http.open_session(guarded=guarded) as session:
            return await provider.send(session, body)

    outcome = asyncio.run(post())
    with runtime.db.write() as session:
        health.note(session, provider_id, [outcome], runtime.clock.now())
    if outcome.kind is Kind.UNKNOWN:
        raise Refused(f"'{row.name}' did not answer plainly ({words(outcome.reason or '')}): the test may have left.")
    if outcome.kind is not Kind.ACCEPTED:
        raise Refused(f"'{row.name}' did not take the test: {words(outcome.reason or 'refused')}.", field="phone")
    return outcome


def _name(session: Session, name: str, *, but: int | None = None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused("Give the provider a name.", field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(f"The name has {len(name)} characters. It may have {LONGEST_NAME}.", field="name")
    other = rows.named(session, name)
    if other is not None and other.id != but:
        raise Refused(f"There is a provider '{other.name}' already. Choose another name.", field="name")
    return name


def _config(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a kind has fields for, without spaces around it and without what is empty."""
    given = {field.key: str(config.get(field.key) or "").strip() for field in kind_of(kind).fields if not field.secret}
    return {key: value for key, value in given.items() if value}


def _given(secret: Mapping[str, Any] | None) -> dict[str, str]:
    """The secrets that were given; an empty one was not."""
    return {key: str(value).strip() for key, value in (secret or {}).items() if str(value or "").strip()}


def _addresses(kind: str, config: Mapping[str, Any]) -> list[str]:
    return [str(config.get(field.key) or "").strip() for field in kind_of(kind).fields if field.address]


def _check(session: Session, kind: str, config: Mapping[str, Any], secret: Mapping[str, Any], *, guarded: bool) -> None:
    """Raise `Refused` at what cannot work, or may not be."""
    kind_of(kind).check(config, secret)
    if guarded and not settings.get(session, addresses.SETTING):
        for field in kind_of(kind).fields:
            if field.address and config.get(field.key):
                addresses.check(str(config[field.key]), field.key, guarded=True)


def _rate(rate: float) -> float:
    if not 0.1 <= rate <= HIGHEST_RATE:
        raise Refused(f"The rate must be 0.1 to {HIGHEST_RATE:,.0f} SMS segments a second.", field="rate")
    return float(rate)


def _secret(vault: Vault, row: Row) -> dict[str, Any]:
    return vault.unlock(row.secret) if row.secret else {}
