"""Closing the socket to Slack: it ends, whatever slack_sdk's thread is at."""

import threading
from types import SimpleNamespace

from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.builtin.connection import ConnectionState

from bot import slack


class Beginning:
    """A connection of which somebody begins to read in the very moment in which it is closed."""

    sock = None
    session_id = "s1"

    def __init__(self) -> None:
        self.looked_at, self.closed = threading.Event(), threading.Event()

    def is_active(self) -> bool:
        self.looked_at.set()
        return self.closed.wait(10)

    def run_until_completion(self, state: ConnectionState) -> None:
        while not state.terminated:
            self.looked_at.wait(0.01)

    def close(self) -> None:
        self.closed.set()


def test_who_begins_to_read_as_it_is_closed_is_not_waited_for_in_vain() -> None:
    """As where the demo is stopped in the second in which it started: it never ended."""
    client, connection = SocketModeClient(app_token="xapp-1"), Beginning()
    client.current_session = connection  # type: ignore[assignment]  # as much of one as is read of
    assert connection.looked_at.wait(10)
    closing = threading.Thread(
        target=slack.close, args=(SimpleNamespace(client=client, close=client.close),), daemon=True
    )
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
