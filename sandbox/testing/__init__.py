"""Driving the sandbox from a test, as the people in it would: through the same HTTP calls as the page.

    with Sandbox() as sandbox:
        stage = Stage(sandbox.url)
        stage.maya.command("/promo send", channel="#marketing")
        stage.maya.view("Send promo codes").fill("Subject", "Summer thank-you").submit()
        stage.lee.message("#promo-approvals", "Approval requested").click("Approve")
        assert stage.phone.wait_for_texts("+48732100218")[0].body.startswith("Hi Anna")

Whatever a test waits for is waited for on a condition, and a failure says what was on the screen instead.
"""

from sandbox.testing.client import NotOnScreen, Refused
from sandbox.testing.person import Person
from sandbox.testing.phone import Phone, Text
from sandbox.testing.screen import FieldErrors, HomeScreen, MessageScreen, Screen, ViewScreen
from sandbox.testing.stage import Clock, Stage

__all__ = [
    "Clock",
    "FieldErrors",
    "HomeScreen",
    "MessageScreen",
    "NotOnScreen",
    "Person",
    "Phone",
    "Refused",
    "Screen",
    "Stage",
    "Text",
    "ViewScreen",
]
