"""Slack's documented limits on what an app sends, as one pure validator.

`check_message` and `check_view` take the plain payload and return what Slack would find wrong with it: an empty list
means that Slack takes it. The sandbox's Web API refuses by it, and every test of the project may call it.
The numbers are those of docs.slack.dev/reference/block-kit, /reference/views and /reference/methods/chat.postMessage.
"""

from sandbox.limits.composition import check_options
from sandbox.limits.payloads import check_message, check_view
from sandbox.limits.problem import Problem

__all__ = ["Problem", "check_message", "check_options", "check_view"]
