"""Modals and home tabs: each person's stack of open modals, hashes, and the state that inputs hold."""

from __future__ import annotations

import secrets
from typing import Any

from sandbox import people
from sandbox.blocks import Json, Values, merged_state, with_ids
from sandbox.knobs import VIEW_STACK
from sandbox.workspace import Workspace, new_id


class ViewError(Exception):
    """A view call that Slack refuses; `name` is Slack's error name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Views:
    """The modals on people's screens. A stack holds at most three, the last on top."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stacks: dict[str, list[Json]] = {}
        self._version = 0

    def stack(self, user: str) -> list[Json]:
        """The modals that a person has open, the top one last."""
        return self._stacks.get(user, [])

    def shown(self, user: str) -> Json:
        """A person's stack for their page, with its version: an answer and a push may overtake each other."""
        return {"views": self.stack(user), "version": self._version}

    def open(self, user: str, payload: Json, *, on_top: bool) -> Json:
        """Show a modal: above those that are open, or in place of them.

        Raises ViewError: push_limit_reached, duplicate_external_id.
        """
        below = self.stack(user) if on_top else []
        if len(below) >= VIEW_STACK:
            raise ViewError("push_limit_reached")
        self._check_external_id(payload, None)
        view = self._built(payload, new_id("V"), below[-1] if below else None, {})
        self._set(user, [*below, view])
        return view

    def update(self, current: Json, user: str, payload: Json, sent_hash: str | None) -> Json:
        """Replace the content of an open modal. Raises ViewError: hash_conflict, duplicate_external_id."""
        if sent_hash and sent_hash != current["hash"]:
            raise ViewError("hash_conflict")
        self._check_external_id(payload, current["id"])
        view = self._built(payload, current["id"], None, current["state"]["values"])
        view |= {key: current[key] for key in ("root_view_id", "previous_view_id")}
        self._set(user, [view if v["id"] == current["id"] else v for v in self.stack(user)])
        return view

    def publish(self, user: str, payload: Json, sent_hash: str | None) -> Json:
        """Replace a person's home tab. Raises ViewError: hash_conflict."""
        current = self._workspace.homes.get(user)
        if current and sent_hash and sent_hash != current["hash"]:
            raise ViewError("hash_conflict")
        held = current["state"]["values"] if current else {}
        view = self._built(payload, current["id"] if current else new_id("V"), None, held)
        self._workspace.set_home(user, view)
        return view

    def find(self, *, view_id: str | None = None, external_id: str | None = None) -> tuple[str, Json] | None:
        """An open modal and whose it is, by view id or by external id."""
        for user, stack in self._stacks.items():
            for view in stack:
                if (view_id and view["id"] == view_id) or (external_id and view["external_id"] == external_id):
                    return user, view
        return None

    def hold(self, user: str, view: Json, sent: Values) -> Json:
        """Keep what a person has typed or chosen so far in a modal or home tab; returns the view with it."""
        values = merged_state(view["blocks"], view["state"]["values"], sent)
        held = {**view, "state": {"values": values}}
        if view["type"] == "home":
            self._workspace.homes[user] = held
        else:
            self._stacks[user] = [held if v["id"] == view["id"] else v for v in self.stack(user)]
        return held

    def close(self, user: str, view_id: str | None = None) -> list[Json]:
        """Take a modal and those above it off the screen, or all without `view_id`; returns them, the top one first."""
        stack = self.stack(user)
        ids = [view["id"] for view in stack]
        if view_id is not None and view_id not in ids:
            return []  # closed meanwhile, by the person or on another page
        keep = ids.index(view_id) if view_id else 0
        self._set(user, stack[:keep])
        return stack[keep:][::-1]

    def _set(self, user: str, stack: list[Json]) -> None:
        self._stacks[user] = stack
        self._version += 1
        self._workspace.hub.push({"type": "view", **self.shown(user)}, user=user)

    def _check_external_id(self, payload: Json, own_id: str | None) -> None:
        external_id = payload.get("external_id")
        found = self.find(external_id=external_id) if external_id else None
        if found and found[1]["id"] != own_id:
            raise ViewError("duplicate_external_id")

    def _built(self, payload: Json, view_id: str, below: Json | None, held: Values) -> Json:
        """The view object that Slack keeps and shows to the bot."""
        blocks = with_ids(payload["blocks"])
        view: dict[str, Any] = {
            "id": view_id,
            "team_id": people.TEAM_ID,
            "type": payload["type"],
            "blocks": blocks,
            "private_metadata": payload.get("private_metadata", ""),
            "callback_id": payload.get("callback_id", ""),
            "state": {"values": merged_state(blocks, held)},
            "hash": f"{self._workspace.clock.time():.0f}.{secrets.token_hex(4)}",
            "title": payload.get("title"),
            "clear_on_close": payload.get("clear_on_close", False),
            "notify_on_close": payload.get("notify_on_close", False),
            "close": payload.get("close"),
            "submit": payload.get("submit"),
            "submit_disabled": payload.get("submit_disabled", False),
            "previous_view_id": below["id"] if below else None,
            "root_view_id": below["root_view_id"] if below else view_id,
            "app_id": people.APP_ID,
            "external_id": payload.get("external_id", ""),
            "app_installed_team_id": people.TEAM_ID,
            "bot_id": people.BOT_ID,
        }
        if payload["type"] == "home":
            view["title"] = {"type": "plain_text", "text": "View Title", "emoji": True}
        return view
