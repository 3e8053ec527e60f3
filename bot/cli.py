"""`promobot`: the command line. What a command needs is imported when it runs, so that `--help` answers at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli_providers import providers
from bot.cli_worker import worker

if TYPE_CHECKING:
    from distribution.runtime import Runtime

app = typer.Typer(
    name="promobot",
    help="Hand out promo codes by SMS from Slack.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
database = typer.Typer(help="The database.", no_args_is_help=True)
tokens = typer.Typer(help="Bearer tokens: which systems may use the HTTP API.", no_args_is_help=True)
workspace = typer.Typer(help="The workspace's settings.", no_args_is_help=True)
app.command()(worker)
app.add_typer(database, name="db")
app.add_typer(providers, name="provider")
app.add_typer(tokens, name="token")
app.add_typer(workspace, name="settings")

ALL_ROLES = "slack,web,clock,sender"
ADMIN = "the command line"


@app.command()
def run(
    roles: Annotated[
        str,
        typer.Option(help="The parts that this process runs, by commas: slack, web, clock (and jobs), jobs, sender."),
    ] = ALL_ROLES,
) -> None:
    """Run promobot in a real workspace, until Ctrl-C."""
    from bot import log, runner
    from bot.settings import Settings, parse_roles

    settings = Settings()
    log.configure(settings.log_level, settings.log_format)
    try:
        wanted = parse_roles(roles)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--roles") from None
    runner.run(settings, wanted)


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(envvar="PORT", help="The page's port; the QR pages get the one after it.")
    ] = 8080,
    reset: Annotated[bool, typer.Option("--reset", help="Forget everything and start afresh.")] = False,
) -> None:
    """Try all of it on this machine: a Slack-like workspace and a phone, no account, no network."""
    from bot import demo

    demo.run(port, reset=reset)


@database.command()
def upgrade() -> None:
    """Bring the database to this version's schema."""
    from bot import wiring
    from storage.schema import Standing

    runtime = _runtime(migrated=False)
    runtime.db.upgrade()
    wiring.fit(runtime.db)
    if runtime.db.standing() is Standing.AHEAD:
        typer.echo("The database has a newer version's schema already: there is nothing to do.")
        return
    typer.echo(f"The database is at this version's schema: {runtime.db.url.render_as_string()}")


@app.command("sample")
def load_sample(
    customers: Annotated[int, typer.Option(min=1, max=5_000_000, help="How many customers.")] = 420,
    codes: Annotated[
        int, typer.Option(min=1, max=50_000_000, help="How many promo codes: in the largest group, or in all --groups.")
    ] = 1000,
    groups: Annotated[
        int,
        typer.Option(min=3, max=5000, help="How many groups. From 4 on, with a year of past distributions."),
    ] = 3,
    events: Annotated[int, typer.Option(min=0, max=100_000_000, help="How many events, in the last year.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed gives other codes and events.")] = 20260615,
) -> None:
    """Fill an empty database with customers who do not exist: a small shop, or one as large as you like."""
    from bot import sample
    from bot.sample.size import Size
    from bot.sample.telling import Telling

    runtime = _runtime(new=True)
    with Telling() as say:
        sample.load(runtime, Size(customers, codes, groups, events, seed), say=say)
    typer.echo(f"{customers:,} customers, {groups:,} promo code groups, 2 segments and a promotion are there now.")


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="The system that will use it, such as checkout.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do, such as codes:write; again for more. None: everything.")
    ] = None,
) -> None:
    """Make a token and print it, once: only its hash is kept."""
    from distribution import tokens

    runtime = _runtime(new=True)
    with runtime.db.write() as session:
        made, text = tokens.create(session, name, scope or (), by=ADMIN, now=runtime.clock.now())
    typer.echo(f"Token '{made.name}' may: {', '.join(made.scopes)}.\nKeep it now, it is not shown again:", err=True)
    typer.echo(text)


@tokens.command("list")
def list_tokens() -> None:
    """The tokens that may be used; of each only its last characters are known."""
    from rich.console import Console
    from rich.table import Table

    from distribution import tokens

    runtime = _runtime()
    with runtime.db.read() as session:
        rows = tokens.listing(session)
    if not rows:
        typer.echo("There is no token yet. Make one: promobot token create checkout")
        return
    table = Table("Token", "Ends in", "Made", "Last used", "May", box=None)
    for row in rows:
        used = f"{row.last_used_at:%Y-%m-%d %H:%M} UTC" if row.last_used_at else "never"
        may = "everything" if set(row.scopes) == set(tokens.SCOPES) else ", ".join(row.scopes)
        table.add_row(row.name, f"…{row.hint}", f"{row.created_at:%Y-%m-%d}", used, may)
    Console(soft_wrap=True).print(table)


@tokens.command("revoke")
def revoke_token(name: str) -> None:
    """Let a token open nothing from now on."""
    from distribution import tokens

    runtime = _runtime()
    with runtime.db.write() as session:
        gone = tokens.revoke(session, name, now=runtime.clock.now())
    typer.echo(f"Token '{gone.name}' (…{gone.hint}) opens nothing any more.")


@workspace.command("list")
def list_settings() -> None:
    """Every setting, what it is now, and what it does."""
    from rich.console import Console
    from rich.table import Table

    from distribution import settings

    runtime = _runtime()
    table = Table("Setting", "Value", "What it does", box=None)
    with runtime.db.read() as session:
        for key, known in settings.SETTINGS.items():
            table.add_row(key, str(settings.get(session, key)), known.about)
    Console().print(table)


@workspace.command("get")
def get_setting(key: str) -> None:
    """One setting's value."""
    from distribution import settings
    from distribution.errors import Refused

    runtime = _runtime()
    if key not in settings.SETTINGS:
        raise Refused(f"There is no setting '{key}'. There are: {', '.join(sorted(settings.SETTINGS))}.")
    with runtime.db.read() as session:
        typer.echo(settings.get(session, key))


@workspace.command("set")
def set_setting(key: str, value: str) -> None:
    """Change a setting."""
    from distribution import settings

    runtime = _runtime(new=True)
    with runtime.db.write() as session:
        stored = settings.put(session, key, value)
    typer.echo(f"{key} = {stored}")


@app.command()
def check(
    gateway_log: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help='What a gateway says it took, to hold against what is written down: JSON lines, {"to", "body", '
            '"reference", "time"}. While nothing is being sent.',
        ),
    ] = None,
) -> None:
    """Look for anything in the database that should not be possible; exit code 1 when there is."""
    from distribution.check import check

    runtime = _runtime()
    if gateway_log is None:
        found = check(runtime.db)
    else:
        with gateway_log.open(encoding="utf-8") as lines:
            found = check(runtime.db, runtime.links, lines)
    for violation in found:
        typer.echo(violation)
    if found:
        raise typer.Exit(1)
    typer.echo("All is as it should be.")


@app.command()
def version() -> None:
    """The version of promobot."""
    from importlib.metadata import version

    typer.echo(f"promobot {version('promobot')}")


def _runtime(*, migrated: bool = True, new: bool = False) -> "Runtime":
    """The runtime of the environment's settings.

    `migrated`: refuse a database without this version's schema; `new`: but make it where the database is empty, for
    what an installation may begin with.
    """
    from bot import log, wiring
    from bot.settings import Settings

    settings = Settings()
    log.configure("WARNING")
    runtime = wiring.build(settings)
    if migrated:
        wiring.fit(runtime.db, new=new)
    return runtime


def main() -> None:
    """Run the command line; what cannot be done is said in words, with exit code 2, never as a stack trace."""
    import sys

    from distribution.errors import Refused

    try:
        app()
    except Refused as refusal:
        typer.echo(str(refusal), err=True)
        sys.exit(2)
    except Exception as error:
        said = _in_words(error)
        if said is None:
            raise
        typer.echo(said, err=True)
        sys.exit(2)


def _in_words(error: Exception) -> str | None:
    """What to say about an error that is the environment's and not ours; None for a bug."""
    import errno

    from pydantic import ValidationError
    from sqlalchemy.exc import ArgumentError, OperationalError

    from bot.settings import Unset

    if isinstance(error, Unset):
        return str(error)
    if isinstance(error, ValidationError):
        return "\n".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
    if isinstance(error, OperationalError):
        return f"The database cannot be reached: {error.orig}\n  DATABASE_URL says where it is."
    if isinstance(error, ArgumentError):
        return f"DATABASE_URL cannot be read: {error}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "The port is taken. Choose another: PORT=8001"
    return None
