"""`promobot provider …`: providers without Slack. What a command needs is imported when it runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from storage.tables import Provider

providers = typer.Typer(help="SMS providers (docs/providers.md).", no_args_is_help=True)
adding = typer.Typer(help="Set up an SMS provider.", no_args_is_help=True)
providers.add_typer(adding, name="add")

ADMIN = "the command line"

Name = Annotated[str, typer.Option(help="What people will call it.")]
Rate = Annotated[float, typer.Option(help="SMS segments a second.")]
Default = Annotated[bool, typer.Option("--default", help="New distributions use it.")]
Sender = Annotated[str, typer.Option("--from", help="The number, short code or name that texts come from.")]
Validity = Annotated[str, typer.Option(help="Seconds after which a text that still waits is given up.")]
Minutes = Annotated[str, typer.Option(help="Minutes after which a text that still waits is given up.")]
Called = Annotated[str, typer.Argument(metavar="NAME", help="The provider's name.")]


def _secret(variable: str, prompt: str) -> Any:
    """The option of a secret: given, in the environment, or asked for unseen."""
    return typer.Option(
        envvar=variable, prompt=prompt, hide_input=True, help="Asked for unseen when it is not given. Stored encrypted."
    )


@adding.command("twilio")
def add_twilio(
    name: Name,
    account_sid: Annotated[str, typer.Option(help="AC…, from the Twilio Console.")],
    auth_token: Annotated[str, _secret("TWILIO_AUTH_TOKEN", "Auth token")],
    sender: Sender = "",
    messaging_service_sid: Annotated[str, typer.Option(help="MG…, instead of a sender or beside one.")] = "",
    validity: Validity = "",
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Codes as QR pictures too (MMS): US, Canada, Australia; costs more.")
    ] = False,
    rate: Rate = 10.0,
    api_base_url: Annotated[str, typer.Option(help="Another Twilio, such as a regional edge or a test double.")] = "",
    default: Default = False,
) -> None:
    """Twilio."""
    config = {
        "account_sid": account_sid,
        "from": sender,
        "messaging_service_sid": messaging_service_sid,
        "validity": validity,
        "pictures": "yes" if pictures else "no",
        "api_base_url": api_base_url,
    }
    _add("twilio", name, config, {"auth_token": auth_token}, rate, default)


@adding.command("kannel")
def add_kannel(
    name: Name,
    api_base_url: Annotated[str, typer.Option(help="Where its smsbox is, such as http://127.0.0.1:13013.")],
    username: Annotated[str, typer.Option(help="Of the sendsms-user group.")],
    password: Annotated[str, _secret("KANNEL_PASSWORD", "Password")],
    sender: Sender = "",
    smsc: Annotated[str, typer.Option(help="The smsc-id of one carrier; else Kannel's own routing.")] = "",
    validity: Minutes = "",
    rate: Rate = 10.0,
    default: Default = False,
) -> None:
    """A Kannel of your own, for carriers that speak SMPP."""
    config = {"api_base_url": api_base_url, "username": username, "from": sender, "smsc": smsc, "validity": validity}
    _add("kannel", name, config, {"password": password}, rate, default)


@adding.command("http")
def add_http(
    name: Name,
    api_base_url: Annotated[str, typer.Option(help="The address that texts are posted to.")],
    key: Annotated[str, _secret("PROMOBOT_SIGNING_KEY", "Signing key")],
    sender: Sender = "",
    look_up: Annotated[bool, typer.Option("--look-up", help="It can be asked whether it has a text.")] = False,
    validity: Validity = "",
    rate: Rate = 10.0,
    default: Default = False,
) -> None:
    """Any other gateway, through a webhook that takes signed JSON."""
    config = {
        "api_base_url": api_base_url,
        "from": sender,
        "look_up": "yes" if look_up else "no",
        "validity": validity,
    }
    _add("http", name, config, {"key": key}, rate, default)


@adding.command("sandbox")
def add_sandbox(
    name: Name,
    base_url: Annotated[str, typer.Option(help="Where the sandbox is, such as http://127.0.0.1:8080.")],
    sender: Sender = "",
    rate: Rate = 10.0,
    default: Default = False,
) -> None:
    """The sandbox's phone."""
    _add("sandbox", name, {"base_url": base_url, "sender": sender}, {}, rate, default)


def _add(
    kind: str, name: str, config: Mapping[str, str], secret: Mapping[str, str], rate: float, default: bool
) -> None:
    """Store a provider and say where it may call us."""
    from bot.cli import _runtime
    from distribution.providers import registry

    runtime = _runtime(new=True)
    with runtime.db.write() as session:
        row = registry.add(
            session,
            runtime.vault,
            name=name,
            kind=kind,
            config=config,
            secret=secret,
            rate=rate,
            default=default,
            by=ADMIN,
            now=runtime.clock.now(),
        )
        name, callback = row.name, runtime.links.callback(row.id)
    typer.echo(f"Provider '{name}' is there. It may tell us about texts and replies at\n  {callback}")


@providers.command("edit")
def edit(
    name: Called,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    rate: Annotated[float | None, typer.Option(help="SMS segments a second.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="field=value, such as --set from=+15550100200; an empty value forgets it. May repeat."
        ),
    ] = None,
    secret: Annotated[bool, typer.Option("--secret", help="Ask, unseen, for its secret again.")] = False,
) -> None:
    """Change a provider; what is not given stays as it is."""
    from bot.cli import _runtime
    from distribution.errors import Refused
    from distribution.providers import registry

    runtime = _runtime()
    with runtime.db.read() as session:
        row = registry.by_name(session, name)
    fields = registry.kind_of(row.kind).fields
    plain = [field.key for field in fields if not field.secret]
    config = dict(row.config)
    for given in set_ or []:
        key, _, value = given.partition("=")
        key = key.strip().replace("-", "_")
        if key not in plain:
            raise Refused(f"There is no field '{key}'. There are: {', '.join(plain)}. Secrets: --secret.")
        config[key] = value
    asked = [field for field in fields if field.secret] if secret else []
    secrets = {field.key: typer.prompt(field.label, hide_input=True) for field in asked}
    with runtime.db.write() as session:
        registry.edit(
            session,
            runtime.vault,
            row.id,
            name=row.name if new_name is None else new_name,
            config=config,
            secret=secrets,
            rate=row.rate if rate is None else rate,
        )
    typer.echo(f"Provider '{new_name or row.name}' is changed.")


@providers.command("default")
def make_default(name: Called) -> None:
    """Let new distributions use a provider."""
    _change(name, "default")


@providers.command("enable")
def enable(name: Called) -> None:
    """Enable a provider: what waits for it goes on."""
    _change(name, "enabled")


@providers.command("disable")
def disable(name: Called) -> None:
    """Disable a provider: what is sent through it waits."""
    _change(name, "disabled")


@providers.command("delete")
def delete(name: Called) -> None:
    """Delete a provider and forget its secret; refused while a distribution needs it."""
    _change(name, "deleted")


def _change(name: str, what: str) -> None:
    """Make a provider what it is to be, and say so."""
    from bot.cli import _runtime
    from distribution.providers import registry

    with _runtime().db.write() as session:
        row = registry.by_name(session, name)
        called = row.name
        if what == "default":
            registry.make_default(session, row.id)
        elif what == "deleted":
            registry.delete(session, row.id)
        else:
            registry.enable(session, row.id, what == "enabled")
    typer.echo(f"Provider '{called}' is {'the ' if what == 'default' else ''}{what} now.")


@providers.command("test")
def test(
    name: Called,
    number: Annotated[str, typer.Argument(help="Your own number.")],
    text: Annotated[str, typer.Option(help="What to send.")] = "A test from promobot.",
) -> None:
    """Send one text, outside of any distribution."""
    from bot.cli import _runtime
    from distribution import settings
    from distribution.customers import phone
    from distribution.providers import registry

    runtime = _runtime()
    with runtime.db.read() as session:
        row = registry.by_name(session, name)
        parsed = phone.parse(number, settings.get(session, "region.default"))
    registry.send_test(runtime, row.id, parsed, text)
    typer.echo(f"'{row.name}' took the text for {phone.pretty(parsed)}.")


@providers.command("list")
def list_providers() -> None:
    """The providers that are set up."""
    from rich.console import Console
    from rich.table import Table

    from bot.cli import _runtime
    from distribution.providers import registry

    runtime = _runtime()
    with runtime.db.read() as session:
        rows = registry.listing(session)
    if not rows:
        typer.echo("There is no provider yet. Add one: promobot provider add --help")
        return
    table = Table("Provider", "Kind", "Segments a second", "Last text taken", "Last failure", "Callback link", box=None)
    for row in rows:
        name = f"{row.name}{' (default)' if row.is_default else ''}{'' if row.enabled else ' (disabled)'}"
        link = runtime.links.callback(row.id)
        table.add_row(name, row.kind, f"{row.rate:g}", _when(row.last_success_at), _failure(row), link)
    Console(soft_wrap=True).print(table)


def _when(at: "datetime | None") -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "–"


def _failure(row: "Provider") -> str:
    from distribution.reasons import words

    return f"{_when(row.last_failure_at)}: {words(row.last_failure or '')}" if row.last_failure_at else "–"
