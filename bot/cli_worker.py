"""`promobot worker`: one more process that does the work, on any machine that reaches the PostgreSQL database."""

from typing import Annotated

import typer


def worker(
    roles: Annotated[
        str, typer.Option(help="What it does, by commas: jobs, sender, and clock (what is due; and jobs).")
    ] = "jobs,sender",
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="How many jobs it runs at once.")] = 2,
) -> None:
    """Run jobs and send texts beside `promobot run`, until Ctrl-C. Start as many as you like; PostgreSQL only.

    Workers share the work: jobs one by one, a distribution by batches. Each needs the DATABASE_URL, SECRET_KEY and
    PUBLIC_URL of `promobot run`, and no Slack token. SIGTERM or Ctrl-C ends it within seconds and gives back what it
    holds; what a killed one held, the others take over within 25 seconds. Docs: docs/install.md, "Beyond one machine".
    """
    from bot import log, runner
    from bot.settings import Settings, Unset, parse_roles

    settings = Settings()
    log.configure(settings.log_level, settings.log_format)
    try:
        wanted = parse_roles(roles, among=("clock", "jobs", "sender"))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--roles") from None
    if settings.database_file is not None:
        raise Unset(
            "A worker needs PostgreSQL: SQLite is for one process, `promobot run`, which does all of the work itself.\n"
            '  Set DATABASE_URL, such as postgresql://user@host/name (docs/install.md, "Beyond one machine").'
        )
    runner.run(settings, wanted, jobs_at_once=concurrency)
