"""What people do in step 3 of an automatic distribution: rows of conditions, and the events to choose from."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands.send import conditions, triggering
from commands.send.views import conditions as rows
from commands.send.views import trigger
from commands.ui import blocks as ui
from commands.ui import choose
from distribution.runtime import Runtime

if TYPE_CHECKING:
    from commands.send.listeners import Wizard


class Automatic:
    """The listeners, beside those of the wizard."""

    def __init__(self, runtime: Runtime, wizard: "Wizard") -> None:
        self.runtime = runtime
        self._wizard = wizard

    def register(self, app: App) -> None:
        """Everything that is only in step 3 of an automatic one."""
        app.options(trigger.EVENT)(self.events)
        app.options(trigger.UNLESS)(self.events)
        app.action(rows.ADD)(self.added)
        app.action(re.compile(rf"^{re.escape(rows.REMOVE)}:\d+$"))(self.removed)
        app.options(rows.UNKNOWN)(self.properties)
        app.action(rows.PROPERTY)(self._wizard.chosen)
        app.action(rows.UNKNOWN)(self._wizard.chosen)
        app.action(re.compile(rf"^{re.escape(rows.OP)}:\w+$"))(self._wizard.chosen)

    def events(self, ack: Ack, payload: dict[str, Any]) -> None:
        """Events that came in, and what is typed: nobody has to wait for the first one."""
        with self.runtime.db.read() as session:
            names = triggering.event_names(session, str(payload.get("value") or ""))
        ack(options=[ui.option(name, name).to_dict() for name in names[: choose.MOST]])

    def properties(self, ack: Ack, payload: dict[str, Any]) -> None:
        """A property of an event that never came in, by its typed name: once for each type that it may have."""
        offered = conditions.keys(str(payload.get("value") or ""))
        ack(options=[ui.option(label, key).to_dict() for key, label in offered])

    def added(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """One condition more."""
        ack()

        def more(found: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
            with self.runtime.db.read() as session:
                return conditions.added(event, found, triggering.known_events(session))

        self._changed(client, body, action, more)

    def removed(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """One condition less."""
        ack()
        row_id = int(action["action_id"].rpartition(":")[2])
        self._changed(client, body, action, lambda found, _: conditions.removed(found, row_id))

    def _changed(
        self,
        client: WebClient,
        body: dict[str, Any],
        action: dict[str, Any],
        change: Callable[[list[dict[str, Any]], str], list[dict[str, Any]]],
    ) -> None:
        """Change the rows of the event that was pressed below: `change` gets them, and the event's name."""
        view, name = body["view"], rows.whose(action["block_id"])
        typed = self._wizard.typed(view)
        event = str(typed.get(conditions.ROWS[name]) or "")
        here = self._wizard.keep(client, body, view, {name: change(typed.get(name) or [], event)})
        self._wizard.update(client, body, here.anew())
