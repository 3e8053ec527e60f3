"""What a process is told by its environment (or a `.env` file), and what it says when something is missing."""

import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

ROLES = ("slack", "web", "clock", "jobs", "sender")
RUN_ROLES = ("slack", "web", "clock", "sender")  # where nothing else is said; a clock runs jobs too

APPS = "https://api.slack.com/apps"
BOT_TOKEN_FROM = f"{APPS} → your app → OAuth & Permissions → Bot User OAuth Token"
APP_TOKEN_FROM = f"{APPS} → your app → Basic Information → App-Level Tokens (scope connections:write)"
NEW_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class Unset(Exception):
    """The environment lacks something; `str(error)` says what, and where to get it."""


class Settings(BaseSettings):
    """One process's settings; each is read from the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    database_url: str = "sqlite:///var/promobot.db"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str | None = None  # where customers reach `host:port`
    secret_key: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @property
    def links_url(self) -> str:
        """The start of every public link."""
        return self.public_url or f"http://localhost:{self.port}"

    def require(self, roles: set[str]) -> None:
        """Raise `Unset` when a process of these roles lacks something or has it wrong, naming all of it at once."""
        problems = []
        if "slack" in roles:
            problems += _token_problem("SLACK_BOT_TOKEN", "xoxb-", self.slack_bot_token, BOT_TOKEN_FROM)
            problems += _token_problem("SLACK_APP_TOKEN", "xapp-", self.slack_app_token, APP_TOKEN_FROM)
        if self.secret_key is None and self.database_file is None:
            problems.append(
                "SECRET_KEY is missing. It encrypts provider secrets and signs QR links, and every process needs the "
                f"same one.\n  Make one and keep it: {NEW_KEY}"
            )
        elif self.secret_key is not None and len(self.secret_key.get_secret_value()) < 16:
            problems.append(f"SECRET_KEY is shorter than 16 characters.\n  Make one and keep it: {NEW_KEY}")
        if problems:
            raise Unset("\n".join(problems))

    def token(self, name: Literal["slack_bot_token", "slack_app_token"]) -> str:
        """A Slack token in clear. Raises `Unset` when there is none."""
        token: SecretStr | None = getattr(self, name)
        if token is None:
            raise Unset(f"{name.upper()} is missing.")
        return token.get_secret_value()

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        url = make_url(self.database_url)
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    def key(self) -> str:
        """SECRET_KEY; else the key in a file beside the SQLite database, made at the first start. Raises `Unset`."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        if self.database_file is None:
            self.require(set())
            raise AssertionError("unreachable: require refuses PostgreSQL without a key")
        path = self.database_file.with_suffix(".key")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Only its owner may read it, from the first byte on; O_EXCL: two first starts agree on one key.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            file.write(key := secrets.token_urlsafe(32))
        return key


def _token_problem(name: str, prefix: str, token: SecretStr | None, source: str) -> list[str]:
    """What is wrong with a Slack token, in a list of none or one."""
    if token is None:
        return [f"{name} is missing. It starts with {prefix}\n  Get it: {source}"]
    if not token.get_secret_value().startswith(prefix):
        other = "SLACK_APP_TOKEN" if prefix == "xoxb-" else "SLACK_BOT_TOKEN"
        swapped = token.get_secret_value().startswith("xapp-" if prefix == "xoxb-" else "xoxb-")
        hint = f" This one looks like {other}: are the two swapped?" if swapped else ""
        return [f"{name} must start with {prefix}.{hint}\n  Get it: {source}"]
    return []


def parse_roles(text: str, among: Collection[str] = ROLES) -> set[str]:
    """ "slack,web" → {"slack", "web"}. Raises `ValueError` that names the roles there are."""
    roles = {word.strip().lower() for word in text.split(",") if word.strip()}
    unknown = roles - set(among)
    if unknown or not roles:
        what = f"There is no role '{sorted(unknown)[0]}'" if unknown else "No role was given"
        raise ValueError(f"{what}. There are: {', '.join(among)}.")
    return roles
