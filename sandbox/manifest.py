"""The app's manifest, as far as a workspace goes by it: commands, scopes, events, the home tab.

docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Manifest:
    """What the app may do and receive. Empty `scopes` means: not checked (no manifest was given)."""

    commands: tuple[dict[str, str], ...]
    scopes: frozenset[str]
    events: frozenset[str]
    home_tab: bool

    @property
    def is_given(self) -> bool:
        """Whether this came from a file, so that scopes are held."""
        return bool(self.scopes)


DEFAULT = Manifest(
    commands=(
        {
            "command": "/promo",
            "description": "Hand out promo codes by text message",
            "usage_hint": "send · groups · customers · segments · help",
        },
    ),
    scopes=frozenset(),
    events=frozenset({"app_home_opened", "app_mention", "message.im"}),
    home_tab=True,
)


def read(path: Path) -> Manifest:
    """Read a manifest (YAML or JSON). Raises ValueError that says what is missing in it."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{path}: the manifest is not a mapping.")
    features = _part(path, data, "features")
    settings = _part(path, data, "settings")
    if not settings.get("socket_mode_enabled"):
        raise ValueError(f"{path}: settings.socket_mode_enabled must be true, the sandbox speaks Socket Mode.")
    if not settings.get("interactivity", {}).get("is_enabled"):
        raise ValueError(f"{path}: settings.interactivity.is_enabled must be true, else no button works.")
    scopes = data.get("oauth_config", {}).get("scopes", {}).get("bot", [])
    if not scopes:
        raise ValueError(f"{path}: oauth_config.scopes.bot names no scope.")
    commands = tuple(
        {key: str(command.get(key, "")) for key in ("command", "description", "usage_hint")}
        for command in features.get("slash_commands", [])
    )
    events = settings.get("event_subscriptions", {}).get("bot_events", [])
    home_tab = bool(features.get("app_home", {}).get("home_tab_enabled", False))
    return Manifest(commands, frozenset(scopes), frozenset(events), home_tab)


def _part(path: Path, data: dict[str, Any], key: str) -> dict[str, Any]:
    part = data.get(key)
    if not isinstance(part, dict):
        raise ValueError(f"{path}: the manifest has no '{key}'.")
    return part
